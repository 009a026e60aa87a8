//! A running process as a link sees it.

use crate::engine::Engine;
use crate::store::new_half;
use crate::truth::{Snapshot, Truth};
use spook_protocol::error::Code;
use spook_protocol::estp::delta::Delta;
use spook_protocol::estp::half::{HalfRecord, Violation};
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::estp::{HalfPair, Stamp};
use spook_protocol::etcp::{Ticket, TicketId, TicketSecret};
use spook_protocol::link::{Host, Offer, Progress};
use spook_protocol::registry::{PairIndex, PeerIndex, Share};

/// A running process and what surrounds it, as the link to one peer sees it.
pub struct EngineHost<'e> {
    /// The process.
    pub engine: &'e mut Engine,
    /// The other end.
    pub peer: PeerIndex,
    /// What is known from outside.
    pub truth: &'e mut Truth,
    /// What the sender had applied of every Pair when it sent what is being handled.
    pub carried: Option<Snapshot>,
    /// The tickets that the program wants to use.
    pub asks: &'e [Ticket],
    /// The wall clock.
    pub wall_ms: u64,
    /// The time.
    pub now: u64,
    /// Deltas that were applied.
    pub applied: u64,
}

impl EngineHost<'_> {
    fn in_slot(&self, slot: u64) -> Option<PairIndex> {
        self.engine.registry.in_slot(self.peer, slot)
    }

    /// Shares a Pair, and makes that durable before anybody hears of it.
    fn share(&mut self, pair: PairIndex, ticket: TicketId) -> Result<u64, Code> {
        let id = self.engine.registry.peer_id(self.peer);
        let half = &mut self.engine.core(pair).half;
        if half.peer().is_some_and(|other| other != id) {
            return Err(Code::TicketUsed);
        }
        half.join(id);
        let registry = &mut self.engine.registry;
        let slot = match registry.share_of(pair) {
            Some(share) => share.slot,
            None => {
                let slot = registry.free_slot(self.peer);
                let changed = registry.sequencer().last();
                if !registry.share(pair, Share { peer: self.peer, slot }, changed) {
                    return Err(Code::Refused);
                }
                slot
            }
        };
        let number = registry.arrive(pair, Stamp::ZERO).number;
        registry.set_refused(pair, false);
        self.engine.core(pair).half.joined_at(number);
        self.engine.tickets.get_mut(&ticket).expect("it was looked at").record.used_by = Some(id);
        self.engine.flush(self.truth, self.wall_ms, false).map_err(|error| error_code(&error))?;
        self.engine.core(pair).half.link_up();
        Ok(slot)
    }
}

fn error_code(_: &spook_ledger::LedgerError) -> Code {
    Code::Io
}

impl Host for EngineHost<'_> {
    fn with_half<R>(&mut self, slot: u64, work: impl FnOnce(&mut HalfPair) -> R) -> Option<R> {
        let pair = self.in_slot(slot)?;
        Some(work(&mut self.engine.core(pair).half))
    }

    fn changed_after(&mut self, number: u64, slots: &mut Vec<u64>) -> Option<u64> {
        let complete = self.engine.registry.changed_after(self.peer, number, slots);
        if complete.is_none() {
            self.engine.hurry_ledger(self.now);
        }
        complete
    }

    fn apply<E: From<Violation>>(&mut self, slot: u64, decode: impl FnOnce(&mut HalfPair) -> Result<Delta, E>) -> Option<Result<usize, E>> {
        let pair = self.in_slot(slot)?;
        let Engine { registry, cores, who, .. } = &mut *self.engine;
        let core = &mut cores[pair.0 as usize];
        let applied = decode(&mut core.half).and_then(|delta| Ok(core.half.apply(&delta, |latest| registry.arrive(pair, latest))?));
        if applied.is_ok()
            && let Some(at) = self.truth.find(core.id)
            && let Some(known) = self.carried.as_ref().and_then(|carried| carried.get(at))
        {
            self.truth.learned(at, *who, known, core.half.vector());
        }
        self.applied += 1;
        self.engine.settle(&[pair]);
        self.engine.touch_ledger(self.now);
        Some(applied)
    }

    fn progress(&mut self) -> Progress {
        self.engine.registry.progress(self.peer)
    }

    fn received_up_to(&mut self, mark: u64) {
        self.engine.registry.received_up_to(self.peer, mark);
        self.engine.touch_ledger(self.now);
    }

    fn acknowledged(&mut self, progress: Progress, placed: u64) {
        let pairs = self.engine.registry.acknowledged(self.peer, progress, placed);
        self.engine.settle(&pairs);
    }

    fn placed(&mut self) -> u64 {
        self.engine.registry.placed(self.peer)
    }

    fn wall_ms(&mut self) -> u64 {
        self.wall_ms
    }

    fn clock_ms(&mut self) -> u64 {
        self.engine.registry.sequencer().clock().ms()
    }

    fn clock_suspect(&mut self, ahead_ms: u64) {
        self.engine.suspect = ahead_ms;
    }

    fn redeem(&mut self, secret: TicketSecret) -> Result<Offer, Code> {
        let id = self.engine.registry.peer_id(self.peer);
        let ticket = secret.id();
        let issued = self.engine.tickets.get(&ticket).ok_or(Code::Refused)?;
        if issued.record.used_by.is_some_and(|user| user != id) {
            return Err(Code::TicketUsed);
        }
        let pair = issued.record.pair;
        let index = self.engine.registry.find_pair(pair).ok_or(Code::Refused)?;
        let slot = self.share(index, ticket)?;
        let schema = self.engine.core(index).schema.clone();
        let clock = self.engine.registry.sequencer().clock();
        Ok(Offer { slot, pair, name: "PLAIN pair".to_owned(), ticket, clock, schema })
    }

    fn offered(&mut self, offer: Offer) -> Result<(), Code> {
        if !self.asks.iter().any(|ask| ask.pair == offer.pair && ask.secret.id() == offer.ticket) {
            return Err(Code::Refused);
        }
        let share = Share { peer: self.peer, slot: offer.slot };
        if let Some(pair) = self.engine.registry.find_pair(offer.pair) {
            let fits = self.engine.registry.share_of(pair) == Some(share);
            return if fits { Ok(()) } else { Err(Code::Refused) };
        }
        let clock = offer.clock_at(self.wall_ms());
        let me = self.engine.me();
        let registry = &mut self.engine.registry;
        let peer = registry.peer_id(share.peer);
        let last = registry.sequencer().last();
        let pair = registry.add_pair(offer.pair, last, true);
        if !registry.share(pair, share, last) {
            return Err(Code::Refused);
        }
        registry.arrive(pair, clock);
        let mut half = new_half(me, HalfRecord::new(Some(peer)), &offer.schema);
        half.link_up();
        self.engine.add_core(pair, offer.pair, offer.schema, half);
        self.engine.touch_ledger(self.now);
        Ok(())
    }

    fn accepted(&mut self, slot: u64) {
        if let Some(pair) = self.in_slot(slot) {
            self.engine.registry.set_refused(pair, false);
            self.engine.core(pair).half.link_up();
        }
    }

    fn slot_refused(&mut self, slot: u64, _code: Code) {
        if let Some(pair) = self.in_slot(slot) {
            self.engine.registry.set_refused(pair, true);
            self.engine.core(pair).half.link_down(Reason::Refused);
        }
    }

    fn ticket_refused(&mut self, _ticket: TicketId, _code: Code) {
        // The program asks again: in these worlds a ticket is refused only while its Pair is being put back.
    }
}
