//! A link that is up: its connection, its stream, and what waits to be written.

use crate::courier::PeerLink;
use crate::io::host::EngineHost;
use crate::io::{Command, Mail};
use crate::observe::Wakes;
use crate::shared::{Counters, Shared};
use spook_protocol::error::Code;
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::etcp::TicketId;
use spook_protocol::link::frame::Frame;
use spook_protocol::link::incoming::Fault;
use spook_protocol::link::{Connection, Ended};
use spook_protocol::registry::PeerIndex;
use spook_transport::Stream;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Bytes that are sealed ahead of what the socket has taken.
const AHEAD: usize = 64 << 10;
/// How many bytes one read takes.
const READ: usize = 64 << 10;
/// How many reads are done before other links get their turn.
const READS: usize = 32;
/// A caller sends for itself when nothing was sent for this long, in µs; within it, writes gather for the thread and share a message.
const PAUSE: u64 = 20;

/// How often a peer may ask for the Pair of one ticket over one link. It asks once.
const ASKS: u32 = 8;

/// A link that is up, as all threads know it.
pub(crate) struct LinkHandle {
    pub(crate) peer: PeerIndex,
    pub(crate) key: usize,
    /// For callers who send, and for the thread that they leave it to.
    shared: Arc<Shared>,
    mail: Mail,
    this: Weak<LinkHandle>,
    live: Mutex<Live>,
    /// How often the peer asked for the Pair of each ticket over this link.
    asked: Mutex<BTreeMap<TicketId, u32>>,
    dirty: AtomicBool,
    flushed: AtomicU64,
    /// When the I/O thread will look at the link's timers.
    scheduled: AtomicU64,
    /// By how many ms the peer said that the stamps given here are ahead; 0 if it did not.
    ahead: AtomicU64,
}

pub(crate) struct Live {
    pub(crate) connection: Connection,
    stream: Stream,
    out: Vec<u8>,
    at: usize,
}

/// What became of a link.
pub(crate) enum Outcome {
    Goes,
    /// There is more to read than one turn takes.
    Again,
    Over(Reason),
}

impl LinkHandle {
    pub(super) fn new(
        shared: &Arc<Shared>,
        mail: Mail,
        peer: PeerIndex,
        key: usize,
        connection: Connection,
        stream: Stream,
    ) -> Arc<LinkHandle> {
        let live = Live { connection, stream, out: Vec::new(), at: 0 };
        Arc::new_cyclic(|this| LinkHandle {
            peer,
            key,
            shared: Arc::clone(shared),
            mail,
            this: Weak::clone(this),
            live: Mutex::new(live),
            asked: Mutex::default(),
            dirty: AtomicBool::new(false),
            flushed: AtomicU64::new(0),
            scheduled: AtomicU64::new(0),
            ahead: AtomicU64::new(0),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the peer may ask for the Pair of a ticket once more: each time costs a commit of the ledger.
    pub(crate) fn may_ask(&self, ticket: TicketId) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(ticket).or_default();
        *times = times.saturating_add(1);
        *times <= ASKS
    }

    /// Notes that there is something to send; returns whether that is news.
    pub(crate) fn mark_dirty(&self) -> bool {
        !self.dirty.swap(true, Ordering::AcqRel)
    }

    /// The peer holds what was written here: its stamps are so many ms ahead.
    pub(crate) fn note_ahead(&self, ms: u64) {
        self.ahead.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn scheduled(&self) -> u64 {
        self.scheduled.load(Ordering::Relaxed)
    }

    pub(crate) fn set_scheduled(&self, at: u64) {
        self.scheduled.store(at, Ordering::Relaxed);
    }

    /// Sends on the caller's thread, if nothing was sent a moment ago and nobody else is at it. Returns whether it did.
    pub(crate) fn flush_directly(self: &Arc<Self>, shared: &Shared) -> bool {
        let now = shared.time.now_us();
        if now.saturating_sub(self.flushed.load(Ordering::Relaxed)) < PAUSE {
            return false;
        }
        let Ok(mut live) = self.live.try_lock() else { return false };
        let went = live.flush(self, shared).is_ok();
        self.flushed.store(shared.time.now_us(), Ordering::Relaxed);
        // A deadline that the thread does not know of yet has to be told.
        went && live.connection.poll_deadline().0 >= self.scheduled()
    }

    /// Sends what there is to send. Called by the I/O thread.
    pub(crate) fn flush_all(self: &Arc<Self>, shared: &Shared) -> Outcome {
        self.dirty.store(false, Ordering::Release);
        let flushed = self.lock().flush(self, shared);
        self.flushed.store(shared.time.now_us(), Ordering::Relaxed);
        flushed.map_or_else(Outcome::Over, |()| Outcome::Goes)
    }

    /// Reads and handles what came, and answers it.
    pub(crate) fn receive(self: &Arc<Self>, shared: &Shared, buffer: &mut Vec<u8>) -> Outcome {
        let mut wakes = Wakes::default();
        let mut live = self.lock();
        let received = live.receive(self, shared, buffer, &mut wakes);
        let flushed = live.flush(self, shared);
        drop(live);
        drop(wakes);
        match (received, flushed) {
            (Outcome::Over(reason), _) | (_, Err(reason)) => Outcome::Over(reason),
            (outcome, Ok(())) => outcome,
        }
    }

    /// Handles what was received before the link was up.
    pub(crate) fn begin(self: &Arc<Self>, shared: &Shared, first_frames: &[u8], farther: &[u8]) -> Outcome {
        let now = shared.time.now_us();
        let mut live = self.lock();
        let mut host = EngineHost { shared, peer: self.peer, link: Some(self), wakes: Wakes::default() };
        let handled = live
            .connection
            .handle_first_frames(first_frames, now, &mut host)
            .and_then(|()| live.connection.handle_bytes(farther, now, &mut host));
        match (handled, live.flush(self, shared)) {
            (Err(ended), _) => Outcome::Over(reason_of(&ended)),
            (_, Err(reason)) => Outcome::Over(reason),
            (Ok(()), Ok(())) => Outcome::Goes,
        }
    }

    /// Serves the link's timers.
    pub(crate) fn on_time(self: &Arc<Self>, shared: &Shared) -> Outcome {
        let mut live = self.lock();
        let mut host = EngineHost { shared, peer: self.peer, link: Some(self), wakes: Wakes::default() };
        let timed = live.connection.handle_time(shared.time.now_us(), &mut host);
        let wakes = std::mem::take(&mut host.wakes);
        let flushed = live.flush(self, shared);
        drop(live);
        drop(wakes);
        match (timed, flushed) {
            (Err(ended), _) => Outcome::Over(reason_of(&ended)),
            (_, Err(reason)) => Outcome::Over(reason),
            (Ok(()), Ok(())) => Outcome::Goes,
        }
    }

    pub(crate) fn send(&self, frame: Frame) {
        self.lock().connection.send(frame);
    }

    /// Ends the link without another word about the state.
    pub(crate) fn cut_off(self: &Arc<Self>, shared: &Shared) {
        let mut live = self.lock();
        live.connection.close(Code::Closed, "");
        let _ = live.flush(self, shared);
        let _ = live.stream.shutdown();
    }

    /// Parts from the peer, as far as the socket takes the farewell at once.
    pub(crate) fn farewell(self: &Arc<Self>, shared: &Shared) {
        let mut live = self.lock();
        // What was written last goes first.
        let _ = live.flush(self, shared);
        live.connection.close(Code::Closed, "");
        let _ = live.flush(self, shared);
        let _ = live.stream.shutdown();
    }
}

impl PeerLink for LinkHandle {
    fn flush(&self) {
        let Some(this) = self.this.upgrade() else { return };
        if !this.flush_directly(&self.shared) && self.mark_dirty() {
            self.mail.send(Command::Flush(this));
        }
    }

    fn show(&self, slot: u64, key: &str) {
        self.lock().connection.show(slot, key);
        self.flush();
    }

    fn reseed(&self, slot: u64) {
        self.send(Frame::Reseed(slot, false));
        self.flush();
    }

    fn hurry(&self) {
        self.lock().connection.want_prompt();
        self.flush();
    }

    fn round_trip(&self) -> Option<u64> {
        self.lock().connection.round_trip()
    }

    fn clock_offset(&self) -> Option<i64> {
        self.lock().connection.clock_offset_ms()
    }

    fn told_ahead(&self) -> Option<u64> {
        Some(self.ahead.load(Ordering::Relaxed)).filter(|ahead| *ahead > 0)
    }
}

impl Live {
    fn receive(&mut self, link: &Arc<LinkHandle>, shared: &Shared, buffer: &mut Vec<u8>, wakes: &mut Wakes) -> Outcome {
        buffer.resize(READ, 0);
        for _ in 0..READS {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Outcome::Over(Reason::LinkLost),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Outcome::Goes,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Outcome::Over(Reason::LinkLost),
            };
            Counters::add(&shared.traffic.bytes_received, count as u64);
            let before = self.connection.messages().1;
            let mut host = EngineHost { shared, peer: link.peer, link: Some(link), wakes: Wakes::default() };
            let handled = self.connection.handle_bytes(&buffer[..count], shared.time.now_us(), &mut host);
            wakes.join(host.wakes);
            Counters::add(&shared.traffic.messages_received, self.connection.messages().1 - before);
            if let Err(ended) = handled {
                return Outcome::Over(reason_of(&ended));
            }
        }
        Outcome::Again
    }

    /// Writes until there is nothing more to say or the socket is full; the poller tells when it has room again.
    fn flush(&mut self, link: &Arc<LinkHandle>, shared: &Shared) -> Result<(), Reason> {
        loop {
            while self.at < self.out.len() {
                match self.stream.write(&self.out[self.at..]) {
                    Ok(0) => return Err(Reason::LinkLost),
                    Ok(count) => {
                        self.at += count;
                        Counters::add(&shared.traffic.bytes_sent, count as u64);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => return Err(Reason::LinkLost),
                }
            }
            self.out.clear();
            self.at = 0;
            let now = shared.time.now_us();
            let mut host = EngineHost { shared, peer: link.peer, link: Some(link), wakes: Wakes::default() };
            while self.out.len() < AHEAD && self.connection.poll_transmit(now, &mut host, &mut self.out) {
                Counters::add(&shared.traffic.messages_sent, 1);
            }
            if self.out.is_empty() {
                return Ok(());
            }
        }
    }
}

fn reason_of(ended: &Ended) -> Reason {
    match ended {
        Ended::Silent => Reason::PeerSilent,
        Ended::Fault(Fault::Closed(Code::Closed, _)) => Reason::PeerClosed,
        Ended::Damaged | Ended::Fault(_) => Reason::LinkLost,
    }
}
