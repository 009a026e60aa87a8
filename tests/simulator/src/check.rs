//! What must be true at every moment.

use crate::event::NAMES;
use crate::link::State;
use crate::reference::Known;
use crate::text::MARKER;
use crate::world::World;
use spook_protocol::error::Code;
use spook_protocol::estp::lifecycle::PendingFact;
use spook_protocol::link::Ended;
use spook_protocol::link::incoming::Fault;

impl World {
    /// Checks what may have changed.
    pub(crate) fn check(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        for who in [0, 1] {
            self.check_reads(who);
            self.check_promises(who);
            self.check_placed(who);
        }
    }

    /// Every half shows the fold of what it has applied: nothing in part, nothing before what it depends on, nothing lost.
    fn check_reads(&mut self, who: usize) {
        let Some(engine) = &self.machines[who].engine else { return };
        for core in &engine.cores {
            let Some(at) = self.truth.find(core.id) else { continue };
            let pair = &self.truth.pairs[at];
            let known = &pair.halves[who].known;
            let token = (core.half.seq(), core.half.last_change(), known.len());
            if self.seen[who].insert(at, token) == Some(token) {
                continue;
            }
            let shown = core.half.read("").expect("the root is a path");
            let right = pair.model.show(known);
            assert!(shown.as_ref() == Some(&right), "{} shows {shown:?} in Pair {at}, where {right} is right", NAMES[who]);
        }
    }

    /// What an endpoint believes that its peer keeps, the peer's ledger has.
    fn check_promises(&self, who: usize) {
        let (Some(engine), Some(peer)) = (&self.machines[who].engine, self.peer_of(who)) else { return };
        let holder = 1 - who;
        // What is believed of a ledger that was put back is corrected when the two meet.
        if engine.registry.held(peer).epoch != self.machines[holder].epoch {
            return;
        }
        let held = engine.registry.peer_progress(peer).held;
        for core in &engine.cores {
            let Some(at) = self.truth.find(core.id) else { continue };
            let pair = &self.truth.pairs[at];
            let [known, promised]: [&Known; 2] = [&pair.halves[who].known, &pair.halves[holder].promised];
            let is_settled = core.half.peer().is_some() && core.half.lifecycle().pending == PendingFact::Clean;
            // Who has lost a Pair before it was durable acknowledges nothing of it, and joins again.
            let is_there = core.half.joined() <= held && !promised.is_empty();
            if !is_settled && !is_there {
                continue;
            }
            for path in pair.model.paths(known) {
                let Some(shown) = pair.model.winner(known, path) else { continue };
                let candidate = pair.model.get(shown);
                let is_acknowledged = candidate.author == engine.me() && candidate.number <= held && is_there;
                let is_kept = promised.contains(&shown);
                let name = || format!("{path} of Pair {at} with the number {} of {}", candidate.number, NAMES[who]);
                assert!(!is_acknowledged || is_kept, "{} was acknowledged ({held}) and is not durable at {}", name(), NAMES[holder]);
                let is_kept = is_kept && pair.halves[who].promised.contains(&shown);
                // What was written here in an earlier author epoch is not waited for.
                let is_old = candidate.author.endpoint == engine.me().endpoint && candidate.author != engine.me();
                let is_settled = is_settled && !is_old;
                assert!(!is_settled || is_kept, "{} is settled for {} and not durable on both sides", name(), NAMES[who]);
            }
        }
    }

    /// What is placed has its place: nothing that the peer wrote without having seen it can come any more.
    fn check_placed(&self, who: usize) {
        let (Some(engine), Some(peer)) = (&self.machines[who].engine, self.peer_of(who)) else { return };
        let other = 1 - who;
        if engine.registry.held(peer).epoch != self.machines[other].epoch {
            return;
        }
        let placed = engine.registry.placed(peer);
        for core in engine.cores.iter().filter(|core| core.half.joined() <= placed) {
            let Some(at) = self.truth.find(core.id) else { continue };
            let pair = &self.truth.pairs[at];
            let [here, there] = [who, other].map(|who| &pair.halves[who].known);
            // A candidate that lost everywhere it wrote is not sent any more.
            let is_shown = |known: &Known, id: u32| pair.model.get(id).cells.keys().any(|path| pair.model.winner(known, path) == Some(id));
            let is_placed = |id: &&u32| {
                let candidate = pair.model.get(**id);
                candidate.author == engine.me() && candidate.number <= placed && there.contains(*id) && is_shown(here, **id)
            };
            let Some(last) = here.iter().rfind(is_placed) else { continue };
            for id in there.difference(here) {
                let late = pair.model.get(*id);
                let is_late = late.author.endpoint != engine.me().endpoint && !late.context.contains(last) && is_shown(there, *id);
                let number = pair.model.get(*last).number;
                assert!(!is_late, "{number} of {} in Pair {at} is placed, and {} of its peer's is not here", NAMES[who], late.number);
            }
        }
    }

    /// Nothing that is written is seen by whoever listens, and nothing is sealed twice in the same way.
    pub(crate) fn check_sealed(&mut self, bytes: &[u8]) {
        assert!(!bytes.windows(MARKER.len()).any(|window| window == MARKER), "plaintext on the wire");
        if let Some(seal) = bytes.last_chunk::<16>() {
            assert!(self.seals.insert(*seal), "two messages bear the same seal: a nonce was used twice");
        }
    }

    /// Honest endpoints have nothing to hold against each other, and whatever was damaged on the way ends the link.
    pub(crate) fn check_ended(&self, id: u64, who: usize, ended: &Ended) {
        let damaged = self.links.get(&id).is_some_and(|link| link.ends[who].damaged);
        let is_fine = match ended {
            Ended::Silent => true,
            Ended::Damaged => damaged,
            // More came too early than is held.
            Ended::Fault(Fault::Early(_)) => true,
            Ended::Fault(fault) => matches!(fault, Fault::Closed(Code::Closed | Code::ClockSuspect, _)),
        };
        assert!(is_fine, "link {id} ended for {} with {ended:?}", NAMES[who]);
    }

    /// A message that was changed on the way is not handled.
    pub(crate) fn check_damage(&mut self, id: u64, who: usize, handled_before: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let is_damaged = link.ends[who].damaged;
        if let State::Up(connection, _) = &link.ends[who].state {
            assert!(!is_damaged || connection.messages().1 == handled_before, "a message that was changed on the way was taken");
        }
    }
}
