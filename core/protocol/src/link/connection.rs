//! A link on a stream of bytes: handshake done, messages sealed and framed, frames handed to the two directions.

use super::comparing::Comparing;
use super::frame::Frame;
use super::heartbeat::Heartbeat;
use super::hold::FUTURE_MS;
use super::host::{Host, Progress};
use super::incoming::{Around, Fault, Incoming};
use super::outgoing::Outgoing;
use super::records::{Inbox, put_message_length};
use super::resume::{Resume, Start};
use crate::error::Code;
use crate::estp::Author;
use crate::etcp::Channel;

/// Within this many µs, or twice the silence that is allowed, a message that has begun is there in full: 64 KiB at a kilobyte a second.
const MESSAGE_PATIENCE: u64 = 60_000_000;

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A message was forged or damaged on the way, or its length is out of bounds.
    Damaged,
    /// Nothing was heard for longer than the timeout.
    Silent,
    /// One side broke the protocol or closed.
    Fault(Fault),
}

/// What can be set about a link.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// After how many µs of silence the peer is suspected; long round trips stretch it.
    pub silence: u64,
    /// After how many messages of one direction its key is replaced.
    pub rekey_messages: u64,
    /// After how many bytes of one direction its key is replaced.
    pub rekey_bytes: u64,
    /// After how many µs the key of a direction in use is replaced.
    pub rekey_after: u64,
    /// A candidate whose stamp is more than this many ms ahead of the time of day is held until its time comes.
    pub future_ms: u64,
}

impl Default for Options {
    fn default() -> Options {
        let (rekey_messages, rekey_bytes, rekey_after) = (1 << 20, 1 << 30, 600_000_000);
        Options { silence: 5_000_000, rekey_messages, rekey_bytes, rekey_after, future_ms: FUTURE_MS }
    }
}

/// A link that is up.
///
/// | | methods |
/// |---|---|
/// | getters | `peer`, `round_trip`, `clock_offset_ms`, `is_at_rest`, `messages` |
/// | inputs | `prove`, `handle_bytes`, `handle_first_frames`, `handle_time` |
/// | commands | `send`, `show`, `want_prompt`, `made_durable`, `close` |
/// | polls | `poll_transmit`, `poll_deadline` |
///
/// After any input or command, `poll_transmit` is to be called until it gives nothing, then `poll_deadline`. Time must not go back.
pub struct Connection {
    channel: Channel,
    peer: Author,
    options: Options,
    outgoing: Outgoing,
    incoming: Incoming,
    heartbeat: Heartbeat,
    comparing: Comparing,
    inbox: Inbox,
    plain: Vec<u8>,
    opened: Vec<u8>,
    /// `opened` holds a message that was not handled yet.
    waiting: bool,
    /// When the last message was opened.
    opened_at: u64,
    rekeyed: u64,
    closing: bool,
    messages: (u64, u64),
}

/// The two directions before the channel is there: the side that answers a hello puts its first frames into the welcome.
#[derive(Debug)]
pub struct Directions {
    outgoing: Outgoing,
    incoming: Incoming,
    peer: Author,
    began_after: u64,
}

impl Directions {
    /// Begins where the two cursors agreed to; `mine` and `theirs` are what the two sides said.
    pub fn new(start: &Start, mine: &Resume, theirs: &Resume) -> Directions {
        let told = Progress { held: start.receive_after, durable: mine.durable };
        let heard = Progress { held: start.counts_from, durable: theirs.durable };
        Directions {
            outgoing: Outgoing::new(start, told),
            incoming: Incoming::new(start, heard),
            peer: start.ends.receiver,
            began_after: start.send_after,
        }
    }

    /// The frames that go into the welcome, at most about 48 KiB.
    pub fn first_frames(&mut self, host: &mut impl Host) -> Vec<u8> {
        let mut plain = Vec::new();
        self.outgoing.fill_first(host, &mut plain);
        plain
    }

    /// The channel is there.
    pub fn connect(self, channel: Channel, now: u64, options: Options) -> Connection {
        let Directions { mut outgoing, incoming, peer, began_after } = self;
        outgoing.show_all();
        Connection {
            channel,
            peer,
            options,
            outgoing,
            incoming,
            heartbeat: Heartbeat::new(now, options.silence),
            comparing: Comparing::after(began_after),
            inbox: Inbox::default(),
            plain: Vec::new(),
            opened: Vec::new(),
            waiting: false,
            opened_at: now,
            rekeyed: now,
            closing: false,
            messages: (0, 0),
        }
    }
}

impl Connection {
    /// The other end, with the author epoch of this link.
    pub fn peer(&self) -> Author {
        self.peer
    }

    /// The hash of the handshake that it began with: nobody has the same.
    pub fn handshake_hash(&self) -> &[u8; 32] {
        self.channel.handshake_hash()
    }

    /// The smoothed round trip in µs, once one was measured.
    pub fn round_trip(&self) -> Option<u64> {
        self.heartbeat.round_trip()
    }

    /// By how many ms the peer's time of day is ahead of the one here, once that was measured.
    pub fn clock_offset_ms(&self) -> Option<i64> {
        self.heartbeat.clock_offset()
    }

    /// Whether nothing waits here for its time but the heartbeat: no acknowledgement that is owed, and nothing that came too early.
    pub fn is_at_rest(&self) -> bool {
        self.incoming.held_until().is_none() && self.outgoing.deadline().is_none()
    }

    /// Messages sent and received on this link, the handshake not counted.
    pub fn messages(&self) -> (u64, u64) {
        self.messages
    }

    /// Frames that came within the welcome.
    ///
    /// # Errors
    /// [`Ended`]: the link is over.
    pub fn handle_first_frames(&mut self, plain: &[u8], now: u64, host: &mut impl Host) -> Result<(), Ended> {
        let Connection { incoming, outgoing, heartbeat, options, .. } = self;
        incoming.handle(plain, &mut Around { host, outgoing, heartbeat, now, future_ms: options.future_ms }).map_err(Ended::Fault)
    }

    /// Bytes came on a link that was answered but has not proved itself yet: message 1 may have been recorded and sent again by somebody. Returns
    /// whether the first message is there and was sealed by the peer; [`Connection::handle_bytes`] handles it then.
    ///
    /// # Errors
    /// [`Ended::Damaged`]: it was not.
    pub fn prove(&mut self, bytes: &[u8], now: u64) -> Result<bool, Ended> {
        self.heartbeat.heard(now);
        self.inbox.push(bytes);
        self.open_next()
    }

    /// Bytes came from the transport, in whatever pieces.
    ///
    /// # Errors
    /// [`Ended`]: the link is over; for a fault of the peer's, [`Connection::poll_transmit`] still gives the close frame with the reason.
    pub fn handle_bytes(&mut self, bytes: &[u8], now: u64, host: &mut impl Host) -> Result<(), Ended> {
        self.heartbeat.heard(now);
        self.inbox.push(bytes);
        while self.open_next()? {
            self.waiting = false;
            self.messages.1 += 1;
            self.opened_at = now;
            let Connection { incoming, outgoing, heartbeat, opened, options, .. } = self;
            let future_ms = options.future_ms;
            let handled = incoming.handle(opened, &mut Around { host: &mut *host, outgoing, heartbeat, now, future_ms });
            self.go_on(handled)?;
            if self.incoming.take_rekey() {
                self.channel.rekey_incoming();
            }
        }
        Ok(())
    }

    /// Ends the link for a fault, and tells the peer unless it has closed the link itself.
    fn go_on(&mut self, handled: Result<(), Fault>) -> Result<(), Ended> {
        handled.map_err(|fault| {
            if !matches!(fault, Fault::Closed(Code::Closed, _)) {
                self.close(fault.code(), &fault.to_string());
            }
            Ended::Fault(fault)
        })
    }

    /// Opens the next message unless one is waiting; returns whether there is one.
    fn open_next(&mut self) -> Result<bool, Ended> {
        if !self.waiting {
            self.opened.clear();
            match self.inbox.message() {
                Err(_) => return Err(Ended::Damaged),
                Ok(None) => return Ok(false),
                Ok(Some(message)) => self.channel.open(message, &mut self.opened).map_err(|_| Ended::Damaged)?,
            }
            self.waiting = true;
        }
        Ok(true)
    }

    /// Time has passed.
    ///
    /// # Errors
    /// [`Ended::Silent`] when nothing, or no whole message, was heard for too long; as [`Connection::handle_bytes`] for what was held and is handled now.
    pub fn handle_time(&mut self, now: u64, host: &mut impl Host) -> Result<(), Ended> {
        // A length that was changed on the way could have it wait long for the rest of a message that never was, with bytes coming all the time.
        let patience = MESSAGE_PATIENCE.max(2 * self.heartbeat.timeout());
        let waits_in_vain = self.inbox.is_waiting() && now.saturating_sub(self.opened_at) >= patience;
        if self.heartbeat.is_silent(now) || waits_in_vain {
            return Err(Ended::Silent);
        }
        if let Some(token) = self.heartbeat.due_ping(now) {
            self.send(Frame::Ping(token));
            // The link is idle: a moment to compare what both sides hold.
            self.comparing.speak(host, &mut self.outgoing);
        }
        let Connection { incoming, outgoing, heartbeat, options, .. } = self;
        let released = incoming.release(&mut Around { host, outgoing, heartbeat, now, future_ms: options.future_ms });
        self.go_on(released)
    }

    /// Sends a control frame with the next message.
    pub fn send(&mut self, frame: Frame) {
        // A link that has no room for one more is closed by what filled it.
        let _ = self.outgoing.control(frame);
    }

    /// What is shown in the Pair of a slot under a key has changed.
    pub fn show(&mut self, slot: u64, key: &str) {
        self.outgoing.show(slot, key.to_owned());
    }

    /// Somebody waits for what was written to be acknowledged.
    pub fn want_prompt(&mut self) {
        self.outgoing.want_prompt();
    }

    /// Something became durable: an acknowledgement that was owed may go.
    pub fn made_durable(&mut self, now: u64) {
        self.outgoing.owe_ack(now, false);
    }

    /// Ends the link with a reason, which the next poll gives to the peer.
    pub fn close(&mut self, code: Code, text: &str) {
        if !self.closing {
            self.outgoing.close(Frame::Close(code, text.to_owned()));
            self.closing = true;
        }
    }

    /// Appends the next sealed message to `out`, and returns whether there was one.
    pub fn poll_transmit(&mut self, now: u64, host: &mut impl Host, out: &mut Vec<u8>) -> bool {
        self.plain.clear();
        let rekeys = self.is_rekey_due(now);
        if rekeys {
            // In this very message, whatever waits in the queue; and only if there is a message.
            Frame::Rekey.put(&mut self.plain);
        }
        let head = self.plain.len();
        self.outgoing.fill(now, host, &mut self.plain);
        if self.plain.len() == head {
            return false;
        }
        let begin = out.len();
        put_message_length(out, self.plain.len() + crate::etcp::channel::TAG_LEN);
        if self.channel.seal(&self.plain, out).is_err() {
            out.truncate(begin);
            return false;
        }
        if rekeys {
            self.channel.rekey_outgoing();
            self.rekeyed = now;
        }
        self.messages.0 += 1;
        true
    }

    /// By messages, by bytes, and by time if anything was sent since.
    fn is_rekey_due(&self, now: u64) -> bool {
        let Options { rekey_messages, rekey_bytes, rekey_after, .. } = self.options;
        let used = self.channel.sealed_messages() > 0;
        self.channel.sealed_messages() >= rekey_messages
            || self.channel.sealed_bytes() >= rekey_bytes
            || (used && now.saturating_sub(self.rekeyed) >= rekey_after)
    }

    /// When to call [`Connection::handle_time`] and [`Connection::poll_transmit`] again if nothing else happens, in µs, and what for.
    pub fn poll_deadline(&self) -> (u64, Why) {
        let mut first = (self.heartbeat.deadline(), Why::Heartbeat);
        let others = [(self.outgoing.deadline(), Why::Acknowledgement), (self.incoming.held_until(), Why::Held)];
        for (at, why) in others {
            first = at.filter(|at| *at < first.0).map_or(first, |at| (at, why));
        }
        first
    }
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A ping is due, or the peer has been silent for too long.
    Heartbeat,
    /// An acknowledgement has waited long enough for something to ride on.
    Acknowledgement,
    /// The time of what was held may have come.
    Held,
}
