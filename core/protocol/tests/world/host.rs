//! The endpoint as a link sees it.

use super::endpoint::{Endpoint, Running};
use spook_protocol::error::Code;
use spook_protocol::estp::delta::Delta;
use spook_protocol::estp::half::Violation;
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::estp::{HalfPair, Stamp};
use spook_protocol::etcp::{TicketId, TicketSecret};
use spook_protocol::link::{Host, Offer, Progress};
use spook_protocol::registry::{PairIndex, PeerIndex, Share};
use spook_protocol::value::Value;

pub struct EndpointHost<'e> {
    pub endpoint: &'e mut Endpoint,
    pub peer: PeerIndex,
    pub now: u64,
}

impl EndpointHost<'_> {
    fn running(&mut self) -> &mut Running {
        &mut self.endpoint.running
    }

    fn pair(&mut self, slot: u64) -> Option<PairIndex> {
        let peer = self.peer;
        let registry = &self.endpoint.running.registry;
        let pair = registry.in_slot(peer, slot)?;
        (!self.endpoint.declined.contains(&registry.pair_id(pair))).then_some(pair)
    }

    /// Shares a Pair, and makes that durable before anybody hears of it.
    fn share(&mut self, pair: PairIndex, ticket: TicketId) -> Result<u64, Code> {
        let peer = self.peer;
        let id = self.running().registry.peer_id(peer);
        let running = self.running();
        let half = &mut running.halves[pair.0 as usize];
        if half.peer().is_some_and(|other| other != id) {
            return Err(Code::TicketUsed);
        }
        half.join(id);
        let slot = match running.registry.share_of(pair) {
            Some(share) => share.slot,
            None => {
                let slot = running.registry.free_slot(peer);
                let changed = running.registry.sequencer().last();
                assert!(running.registry.share(pair, Share { peer, slot }, changed));
                slot
            }
        };
        let number = running.registry.arrive(pair, Stamp::ZERO).number;
        running.halves[pair.0 as usize].joined_at(number);
        running.halves[pair.0 as usize].link_up();
        self.endpoint.tickets.get_mut(&ticket.0).unwrap().1.used_by = Some(id);
        self.endpoint.end_commit();
        self.endpoint.begin_commit();
        self.endpoint.end_commit();
        Ok(slot)
    }
}

impl Host for EndpointHost<'_> {
    fn with_half<R>(&mut self, slot: u64, work: impl FnOnce(&mut HalfPair) -> R) -> Option<R> {
        let pair = self.pair(slot)?;
        Some(work(&mut self.running().halves[pair.0 as usize]))
    }

    fn changed_after(&mut self, number: u64, slots: &mut Vec<u64>) -> Option<u64> {
        let peer = self.peer;
        self.running().registry.changed_after(peer, number, slots)
    }

    fn apply<E: From<Violation>>(&mut self, slot: u64, decode: impl FnOnce(&mut HalfPair) -> Result<Delta, E>) -> Option<Result<usize, E>> {
        let pair = self.pair(slot)?;
        let Endpoint { running: Running { registry, halves, .. }, applied: log, .. } = &mut *self.endpoint;
        let half = &mut halves[pair.0 as usize];
        let applied = decode(half).and_then(|delta| {
            let named: Vec<_> = delta.cells.iter().map(|cell| (half.vector().author(cell.version.author), cell.version.number)).collect();
            let count = half.apply(&delta, |latest| registry.arrive(pair, latest))?;
            let number = half.last_change();
            let id = *registry.pair_id(pair).as_bytes();
            for (author, of_author) in named {
                log.entry((id, *author.endpoint.as_bytes(), author.epoch, of_author)).or_insert(number);
            }
            Ok(count)
        });
        self.running().settle(&[pair]);
        Some(applied)
    }

    fn progress(&mut self) -> Progress {
        let peer = self.peer;
        self.running().registry.progress(peer)
    }

    fn received_up_to(&mut self, mark: u64) {
        let peer = self.peer;
        self.running().registry.received_up_to(peer, mark);
    }

    fn acknowledged(&mut self, progress: Progress, placed: u64) {
        let peer = self.peer;
        let pairs = self.running().registry.acknowledged(peer, progress, placed);
        self.running().settle(&pairs);
    }

    fn placed(&mut self) -> u64 {
        self.endpoint.running.registry.placed(self.peer)
    }

    fn wall_ms(&mut self) -> u64 {
        self.endpoint.wall_ms(self.now)
    }

    fn clock_ms(&mut self) -> u64 {
        self.running().registry.sequencer().clock().ms()
    }

    fn clock_suspect(&mut self, ahead_ms: u64) {
        self.endpoint.suspected.push(ahead_ms);
    }

    fn shown(&mut self, slot: u64, key: &str) -> Option<Value> {
        let pair = self.pair(slot)?;
        self.endpoint.presence.get(&pair)?.shown(key).cloned()
    }

    fn all_shown(&mut self) -> Vec<(u64, String)> {
        let Endpoint { running, presence, .. } = &*self.endpoint;
        let slot = |pair| running.registry.share_of(pair).filter(|share| share.peer == self.peer).map(|share| share.slot);
        presence
            .iter()
            .filter_map(|(pair, shown)| Some((slot(*pair)?, shown)))
            .flat_map(|(slot, shown)| shown.keys().map(move |key| (slot, key.to_owned())))
            .collect()
    }

    fn told_presence(&mut self, slot: u64, key: String, value: Option<Value>) {
        if let Some(pair) = self.pair(slot) {
            self.endpoint.presence.entry(pair).or_default().told(&key, value);
        }
    }

    fn redeem(&mut self, secret: TicketSecret) -> Result<Offer, Code> {
        let peer = self.peer;
        let id = self.running().registry.peer_id(peer);
        let ticket = secret.id();
        let wall = self.endpoint.wall_ms(self.now);
        let (_, record) = self.endpoint.tickets.get(&ticket.0).ok_or(Code::Refused)?;
        if record.used_by.is_some_and(|user| user != id) {
            return Err(Code::TicketUsed);
        }
        if record.used_by.is_none() && record.expires != 0 && wall / 1000 >= record.expires {
            return Err(Code::TicketExpired);
        }
        let pair = record.pair;
        let index = self.running().registry.find_pair(pair).ok_or(Code::Refused)?;
        let slot = self.share(index, ticket)?;
        let clock = self.running().registry.sequencer().clock();
        Ok(Offer { slot, pair, name: "pair".to_owned(), ticket, clock, schema: Value::empty_object() })
    }

    fn offered(&mut self, offer: Offer) -> Result<(), Code> {
        let asked = self.endpoint.redeeming.iter().any(|ticket| ticket.pair == offer.pair && ticket.secret.id() == offer.ticket);
        let share = Share { peer: self.peer, slot: offer.slot };
        if let Some(pair) = self.running().registry.find_pair(offer.pair) {
            let fits = self.running().registry.share_of(pair) == Some(share);
            return if fits { Ok(()) } else { Err(Code::Refused) };
        }
        if !asked {
            return Err(Code::Refused);
        }
        let clock = offer.clock_at(self.endpoint.wall_ms(self.now));
        let (me, schema) = (self.endpoint.me(), self.endpoint.config.schema());
        let Running { registry, halves, .. } = self.running();
        let last = registry.sequencer().last();
        let pair = registry.add_pair(offer.pair, last, true);
        assert!(registry.share(pair, share, last));
        let mut half = HalfPair::new(me, Some(registry.peer_id(share.peer)), 0);
        half.set_schema(schema);
        half.link_up();
        halves.push(half);
        registry.arrive(pair, clock);
        Ok(())
    }

    fn accepted(&mut self, slot: u64) {
        let peer = self.peer;
        if let Some(pair) = self.running().registry.in_slot(peer, slot) {
            self.running().halves[pair.0 as usize].link_up();
        }
    }

    fn slot_refused(&mut self, slot: u64, _code: Code) {
        if let Some(pair) = self.pair(slot) {
            self.running().halves[pair.0 as usize].link_down(Reason::Refused);
        }
    }

    fn ticket_refused(&mut self, ticket: TicketId, code: Code) {
        self.endpoint.redeeming.retain(|asked| asked.secret.id() != ticket);
        self.endpoint.refused.push((ticket, code.name()));
    }
}
