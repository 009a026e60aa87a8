//! What a link asks of the engine that it runs in.

use super::hold::FUTURE_MS;
use crate::error::Code;
use crate::estp::delta::Delta;
use crate::estp::half::Violation;
use crate::estp::{HalfPair, Stamp};
use crate::etcp::{PairId, TicketId, TicketSecret};
use crate::value::Value;

/// A Pair that one endpoint offers to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The Pair's number between these two endpoints, given by the one that offers, for good.
    pub slot: u64,
    /// Its name for ever and everywhere.
    pub pair: PairId,
    /// What the offering side calls it.
    pub name: String,
    /// The ticket that was redeemed for it.
    pub ticket: TicketId,
    /// The clock of the offering side: whatever the other one writes into the Pair comes after all that was committed without it.
    pub clock: Stamp,
    /// Its schema, as its creator agreed to it.
    pub schema: Value,
}

impl Offer {
    /// The clock of the offering side, as the other one takes it at that time of day. One that is far ahead carries nobody away: what it stamps is
    /// held anyway.
    pub fn clock_at(&self, wall_ms: u64) -> Stamp {
        if self.clock.ms() <= wall_ms.saturating_add(FUTURE_MS) { self.clock } else { Stamp::ZERO }
    }
}

/// How far this engine has got, for acknowledgements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Up to which of the peer's numbers everything is held durably here.
    pub held: u64,
    /// Up to which of the own numbers the ledger here is durable.
    pub durable: u64,
}

/// The engine around a link: Pairs by their slot, and what is known of the peer.
pub trait Host {
    /// Runs `work` on the half in a slot; `None` if there is none.
    fn with_half<R>(&mut self, slot: u64, work: impl FnOnce(&mut HalfPair) -> R) -> Option<R>;

    /// Puts the slots of the Pairs shared with the peer that changed after `number` into `slots`, the last one first. Returns up to which number
    /// the list is complete, or `None` while nothing may leave because the durable ceilings are too low.
    fn changed_after(&mut self, number: u64, slots: &mut Vec<u64>) -> Option<u64>;

    /// Decodes and applies a delta to the half in a slot; `None` if there is none.
    fn apply<E: From<Violation>>(&mut self, slot: u64, decode: impl FnOnce(&mut HalfPair) -> Result<Delta, E>) -> Option<Result<usize, E>>;

    /// How far this engine has got.
    fn progress(&mut self) -> Progress;

    /// Everything that the peer had up to `mark` has been applied here.
    fn received_up_to(&mut self, mark: u64);

    /// The peer said how far it has got: `held` counts this engine's numbers, `durable` the peer's. Everything that the peer had issued before it
    /// applied this engine's numbers up to `placed` has come and was applied; 0 where nothing is said of that.
    fn acknowledged(&mut self, peer: Progress, placed: u64);

    /// The largest `placed` that [`Host::acknowledged`] was ever told by this peer.
    fn placed(&mut self) -> u64;

    /// The time of day here, in ms since 1970.
    fn wall_ms(&mut self) -> u64;

    /// The reading of this endpoint's own clock, in ms since 1970: it has stamped nothing that is later.
    fn clock_ms(&mut self) -> u64;

    /// The peer holds what was written here, because its stamp is so many ms ahead of the clock there.
    fn clock_suspect(&mut self, ahead_ms: u64);

    /// What is shown from here in the Pair of a slot under a key. An engine without presence shows nothing.
    fn shown(&mut self, slot: u64, key: &str) -> Option<Value> {
        let _ = (slot, key);
        None
    }

    /// All that is shown from here to the peer: slots and keys.
    fn all_shown(&mut self) -> Vec<(u64, String)> {
        Vec::new()
    }

    /// The peer shows a value in the Pair of a slot, or nothing any more. What it showed is gone when the link is.
    fn told_presence(&mut self, slot: u64, key: String, value: Option<Value>) {
        let _ = (slot, key, value);
    }

    /// The state of the half in a slot was compared with the peer's, or is about to be replaced by it: observers may have to be told.
    fn compared(&mut self, slot: u64) {
        let _ = slot;
    }

    /// The peer gives up what it holds of the Pair in a slot, and asks for all of it. As with [`Host::redeem`], a number is taken and noted with
    /// [`HalfPair::joined_at`], and durable, before this returns. Returns whether the Pair is shared.
    fn reseed(&mut self, slot: u64) -> bool {
        let _ = slot;
        false
    }

    /// The peer asks for the Pair of a ticket, perhaps not for the first time: it may have lost what it was given.
    ///
    /// The Pair is shared, a number is taken and noted with [`HalfPair::joined_at`], and all of that is durable, before this returns.
    ///
    /// # Errors
    /// The code to refuse it with.
    fn redeem(&mut self, secret: TicketSecret) -> Result<Offer, Code>;

    /// The peer offers the Pair that this engine asked for.
    ///
    /// # Errors
    /// The code to refuse it with.
    fn offered(&mut self, offer: Offer) -> Result<(), Code>;

    /// The peer took the offer: the Pair is formed. It may come after a [`Host::slot_refused`] for the same slot, which it revokes: the peer had
    /// refused deltas before it heard of the offer.
    fn accepted(&mut self, slot: u64);

    /// The peer does not share the Pair in a slot: it reads past whatever comes for it. What it acknowledges from now on says nothing of this Pair,
    /// until it joins again.
    fn slot_refused(&mut self, slot: u64, code: Code);

    /// The peer does not give the Pair of a ticket.
    fn ticket_refused(&mut self, ticket: TicketId, code: Code);
}
