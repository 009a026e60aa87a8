//! What a link finds of the engine around it.

use crate::courier::PeerLink;
use crate::io::links;
use crate::io::live::LinkHandle;
use crate::observe::{Happening, Wakes};
use crate::options::Durability;
use crate::pair_core::{PairCore, Surroundings, Terms};
use crate::shared::Shared;
use crate::{error::Error, storage::Outfit};
use spook_protocol::error::Code;
use spook_protocol::estp::delta::Delta;
use spook_protocol::estp::half::Violation;
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::estp::schema::Schema;
use spook_protocol::estp::{HalfPair, Stamp};
use spook_protocol::etcp::{TicketId, TicketSecret};
use spook_protocol::link::{Host, Offer, Progress};
use spook_protocol::registry::{PairIndex, PeerIndex, Share};
use spook_protocol::value::Value;
use std::sync::Arc;

/// The engine as the link to one peer sees it.
pub(crate) struct EngineHost<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) peer: PeerIndex,
    /// The link, once it is up: Pairs that form are told of it.
    pub(crate) link: Option<&'a Arc<LinkHandle>>,
    /// Observers of what came over the link. They are woken once its lock is free: many answer at once, and need it.
    pub(crate) wakes: Wakes,
}

impl EngineHost<'_> {
    fn core(&self, slot: u64) -> Option<Arc<PairCore>> {
        let pair = self.shared.registry().in_slot(self.peer, slot)?;
        self.shared.pair(pair)
    }

    fn entangle(&self, core: &PairCore) {
        let mut state = core.lock();
        state.link = self.link.map(|link| Arc::clone(link) as Arc<dyn PeerLink>);
        if let Some(half) = state.half_if_awake() {
            half.link_up();
            drop(core.publish(half));
        }
    }

    /// Shares a Pair of this endpoint with the peer that holds its ticket, and makes that durable before it is offered.
    fn share(&mut self, core: &PairCore, ticket: TicketId) -> Result<u64, Code> {
        let peer = self.shared.registry().peer_id(self.peer);
        {
            let mut state = core.lock();
            let half = state.half(core, self.shared).map_err(|error| error.code())?;
            if half.peer().is_some_and(|other| other != peer) {
                return Err(Code::TicketUsed);
            }
            half.join(peer);
        }
        let mut registry = self.shared.registry();
        let slot = match registry.share_of(core.index) {
            Some(share) => share.slot,
            None => {
                let slot = registry.free_slot(self.peer);
                let changed = registry.sequencer().last();
                if !registry.share(core.index, Share { peer: self.peer, slot }, changed) {
                    return Err(Code::Refused);
                }
                slot
            }
        };
        drop(registry);
        {
            let mut state = core.lock();
            let half = state.half(core, self.shared).map_err(|error| error.code())?;
            // From this number on acknowledgements of the peer speak of this Pair, too.
            half.joined_at(self.shared.arrive(core.index, Stamp::ZERO).number);
            self.shared.registry().set_refused(core.index, false);
        }
        self.shared.forming().mark_used(ticket, peer);
        self.shared.contacts().touch(self.peer);
        self.shared.flush_ledger().map_err(|error| error.code())?;
        self.entangle(core);
        Ok(slot)
    }

    fn accept_offer(&mut self, offer: &Offer) -> Result<PairIndex, Error> {
        let shared = self.shared;
        let peer = shared.registry().peer_id(self.peer);
        let known = shared.registry().find_pair(offer.pair);
        if let Some(pair) = known {
            let fits = shared.registry().share_of(pair) == Some(Share { peer: self.peer, slot: offer.slot });
            return if fits { Ok(pair) } else { Err(Error::new(Code::Protocol, "the peer offers a Pair that is shared otherwise")) };
        }
        if shared.registry().in_slot(self.peer, offer.slot).is_some() {
            return Err(Error::new(Code::Protocol, "the peer offers a Pair in a slot that is taken"));
        }
        let schema = Arc::new(Schema::parse(&offer.schema)?);
        let core = shared.add_pair(&offer.name, true, |name, row| {
            let mut registry = shared.registry();
            let changed = registry.sequencer().last();
            let pair = registry.add_pair(offer.pair, changed, !shared.is_in_memory());
            if !registry.share(pair, Share { peer: self.peer, slot: offer.slot }, changed) {
                return Err(Error::new(Code::Protocol, "the peer offers a Pair in a slot that is taken"));
            }
            let outfit = Outfit { schema: Arc::clone(&schema), rules: shared.rules() };
            let half = outfit.new_half(registry.author(), Some(peer));
            let terms = Terms { row, id: offer.pair, name, durability: Durability::Batched, schema, write_timeout: None };
            Ok(PairCore::awake(pair, terms, half))
        })?;
        shared.arrive(core.index, offer.clock_at(shared.time.now_ms()));
        shared.notify_ledger();
        self.entangle(&core);
        Ok(core.index)
    }

    fn finish_arrived(&self, pairs: &[PairIndex]) {
        let arrived = self.shared.forming().take_arrived(pairs);
        for (pair, redeeming) in arrived {
            self.shared.forming().forget(redeeming.ticket.secret.id());
            redeeming.finish(Ok(pair));
        }
    }
}

impl Host for EngineHost<'_> {
    fn with_half<R>(&mut self, slot: u64, work: impl FnOnce(&mut HalfPair) -> R) -> Option<R> {
        let core = self.core(slot)?;
        let mut state = core.lock();
        state.half(&core, self.shared).ok().map(work)
    }

    fn changed_after(&mut self, number: u64, slots: &mut Vec<u64>) -> Option<u64> {
        let complete = self.shared.registry().changed_after(self.peer, number, slots);
        if complete.is_none() {
            self.shared.hurry_ledger();
        }
        complete
    }

    fn apply<E: From<Violation>>(&mut self, slot: u64, decode: impl FnOnce(&mut HalfPair) -> Result<Delta, E>) -> Option<Result<usize, E>> {
        let core = self.core(slot)?;
        let (applied, wakes) = {
            let mut state = core.lock();
            let half = state.half(&core, self.shared).ok()?;
            let applied = decode(half).and_then(|delta| Ok(half.apply(&delta, |latest| self.shared.arrive(core.index, latest))?));
            core.settle_half(half, self.shared);
            (applied, core.publish(half))
        };
        self.wakes.join(wakes);
        self.shared.notify_ledger();
        if applied.is_ok() {
            self.finish_arrived(&[core.index]);
        }
        Some(applied)
    }

    fn progress(&mut self) -> Progress {
        self.shared.registry().progress(self.peer)
    }

    fn received_up_to(&mut self, mark: u64) {
        self.shared.registry().received_up_to(self.peer, mark);
        self.shared.contacts().touch(self.peer);
        self.shared.notify_ledger();
        if self.shared.forming().is_awaiting() {
            let pairs: Vec<PairIndex> = self.shared.registry().shared_with(self.peer).collect();
            self.finish_arrived(&pairs);
        }
    }

    fn acknowledged(&mut self, peer: Progress, placed: u64) {
        let pairs = self.shared.registry().acknowledged(self.peer, peer, placed);
        self.shared.contacts().touch(self.peer);
        self.shared.settle(&pairs);
    }

    fn placed(&mut self) -> u64 {
        self.shared.registry().placed(self.peer)
    }

    fn wall_ms(&mut self) -> u64 {
        self.shared.time.now_ms()
    }

    fn clock_ms(&mut self) -> u64 {
        self.shared.registry().sequencer().clock().ms()
    }

    fn clock_suspect(&mut self, ahead_ms: u64) {
        if let Some(link) = self.link {
            link.note_ahead(ahead_ms);
        }
        for core in links::shared_pairs(self.shared, self.peer) {
            if let Some(half) = core.lock().half_if_awake() {
                self.wakes.join(core.tell(half, [Happening::ClockSuspect { ahead_ms }]));
            }
        }
    }

    fn shown(&mut self, slot: u64, key: &str) -> Option<Value> {
        self.core(slot)?.lock().presence.shown(key).cloned()
    }

    fn all_shown(&mut self) -> Vec<(u64, String)> {
        let mut shown = Vec::new();
        for core in links::shared_pairs(self.shared, self.peer) {
            let Some(share) = self.shared.registry().share_of(core.index) else { continue };
            shown.extend(core.lock().presence.keys().map(|key| (share.slot, key.to_owned())));
        }
        shown
    }

    fn told_presence(&mut self, slot: u64, key: String, value: Option<Value>) {
        let Some(core) = self.core(slot) else { return };
        let mut state = core.lock();
        if state.presence.told(&key, value.clone())
            && let Some(half) = state.half_if_awake()
        {
            self.wakes.join(core.tell(half, [Happening::Presence { key: key.into(), value }]));
        }
    }

    fn compared(&mut self, slot: u64) {
        if let Some(core) = self.core(slot) {
            let mut state = core.lock();
            if let Some(half) = state.half_if_awake() {
                self.wakes.join(core.publish(half));
            }
        }
        self.shared.notify_ledger();
    }

    fn reseed(&mut self, slot: u64) -> bool {
        let Some(core) = self.core(slot) else { return false };
        {
            let mut state = core.lock();
            let Ok(half) = state.half(&core, self.shared) else { return false };
            half.joined_at(self.shared.arrive(core.index, Stamp::ZERO).number);
            half.is_repaired();
            self.wakes.join(core.publish(half));
        }
        self.shared.flush_ledger().is_ok()
    }

    fn redeem(&mut self, secret: TicketSecret) -> Result<Offer, Code> {
        let ticket = secret.id();
        let peer = self.shared.registry().peer_id(self.peer);
        let pair = {
            let forming = self.shared.forming();
            let issued = forming.check(ticket, peer, self.shared.time.now_ms())?;
            if issued.secret.as_bytes() != secret.as_bytes() {
                return Err(Code::Refused);
            }
            issued.record.pair
        };
        if self.link.is_some_and(|link| !link.may_ask(ticket)) {
            return Err(Code::Refused);
        }
        let index = self.shared.registry().find_pair(pair).ok_or(Code::Refused)?;
        let core = self.shared.pair(index).ok_or(Code::Refused)?;
        let slot = self.share(&core, ticket)?;
        let clock = self.shared.registry().sequencer().clock();
        Ok(Offer { slot, pair, name: core.name.clone(), ticket, clock, schema: core.schema.to_value().clone() })
    }

    fn offered(&mut self, offer: Offer) -> Result<(), Code> {
        let asked = self.shared.forming().redeeming(offer.ticket);
        let Some(redeeming) = asked.filter(|redeeming| redeeming.ticket.pair == offer.pair) else {
            return Err(Code::Refused);
        };
        match self.accept_offer(&offer) {
            Ok(pair) => {
                self.shared.forming().offered(offer.ticket, pair);
                Ok(())
            }
            Err(error) => {
                let code = error.code();
                self.shared.forming().forget(offer.ticket);
                redeeming.finish(Err(error));
                Err(code)
            }
        }
    }

    fn accepted(&mut self, slot: u64) {
        // It was entangled when it was shared; but the peer may have refused what came of it before it was offered.
        if let Some(core) = self.core(slot) {
            self.shared.registry().set_refused(core.index, false);
            self.entangle(&core);
        }
    }

    fn slot_refused(&mut self, slot: u64, _code: Code) {
        if let Some(core) = self.core(slot) {
            self.shared.registry().set_refused(core.index, true);
            let mut state = core.lock();
            state.link = None;
            let gone = links::take_presence(&mut state);
            if let Some(half) = state.half_if_awake() {
                half.link_down(Reason::Refused);
                drop(core.tell(half, gone));
            }
        }
    }

    fn ticket_refused(&mut self, ticket: TicketId, code: Code) {
        let mut forming = self.shared.forming();
        let redeeming = forming.redeeming(ticket);
        forming.forget(ticket);
        drop(forming);
        if let Some(redeeming) = redeeming {
            redeeming.finish(Err(Error::new(code, "the issuer said so")));
        }
    }
}
