//! What the rest of the engine sees of its I/O.

use spook_protocol::etcp::TicketId;

/// The I/O thread.
pub(crate) trait Courier: Send + Sync {
    /// Where the engine listens.
    fn addresses(&self) -> &[String];

    /// A ticket is to be redeemed: reach its issuer.
    fn redeem(&self, ticket: TicketId);

    /// Something became durable: acknowledgements may go.
    fn made_durable(&self);

    /// Ends the thread, after a farewell to the peers.
    fn close(&self);
}

/// The link to a peer, while it is up.
pub(crate) trait PeerLink: Send + Sync {
    /// Something changed that the peer lacks: sends it at once if that can be done without waiting, else leaves it to the I/O thread.
    fn flush(&self);

    /// What is shown in the Pair of a slot under a key has changed: sends it.
    fn show(&self, slot: u64, key: &str);

    /// The peer is to send all that it holds of the Pair in a slot.
    fn reseed(&self, slot: u64);

    /// Somebody waits until the peer has acknowledged what was written.
    fn hurry(&self);

    /// The smoothed round trip in µs, once one was measured.
    fn round_trip(&self) -> Option<u64>;

    /// By how many ms the peer's time of day is ahead of the one here, once that was measured.
    fn clock_offset(&self) -> Option<i64>;

    /// By how many ms the peer said that the stamps given here are ahead of its time of day.
    fn told_ahead(&self) -> Option<u64>;
}
