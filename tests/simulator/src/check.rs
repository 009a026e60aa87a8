//! What must be true at every moment.

use crate::event::NAMES;
use crate::link::State;
use crate::reference::{FIRST, Id, Known, Place};
use crate::text::{self, MARKER};
use crate::world::World;
use spook_protocol::error::Code;
use spook_protocol::estp::Author;
use spook_protocol::estp::half::Superposed;
use spook_protocol::link::Ended;
use spook_protocol::link::incoming::Fault;
use std::collections::BTreeMap;

/// A commit point as the model names it; before the first one nothing is committed.
fn place_of(point: Option<spook_protocol::estp::place::Place>) -> Place {
    point.map_or(FIRST, |point| (point.stamp, point.author, point.number))
}

impl World {
    /// Checks what may have changed.
    pub(crate) fn check(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        self.note_commits();
        for who in [0, 1] {
            self.check_reads(who);
            self.check_promises(who);
            self.check_placed(who);
        }
    }

    /// Commit points never go back while a process runs.
    fn note_commits(&mut self) {
        for machine in &mut self.machines {
            let Some(engine) = &mut machine.engine else { continue };
            for core in &mut engine.cores {
                let point = place_of(core.half.commit_point());
                // With a peer that joins it begins anew.
                let is_new = std::mem::replace(&mut core.joined, core.half.joined()) != core.half.joined();
                assert!(is_new || point >= core.point, "{} has taken a commit back in {}", NAMES[machine.who], core.id);
                core.point = point;
                if let Some(at) = self.truth.find(core.id).filter(|_| core.half.peer().is_some()) {
                    let pair = &mut self.truth.pairs[at];
                    pair.committed = pair.committed.max(point);
                }
            }
        }
    }

    /// Every half shows the fold of what it has applied: nothing in part, nothing before what it depends on, nothing lost.
    fn check_reads(&mut self, who: usize) {
        let Some(engine) = &mut self.machines[who].engine else { return };
        for core in &mut engine.cores {
            let Some(at) = self.truth.find(core.id) else { continue };
            let pair = &self.truth.pairs[at];
            let known = &pair.halves[who].known;
            let point = core.half.commit_point();
            let token = (core.half.seq(), core.half.last_change(), known.len(), point);
            if self.seen[who].insert(at, token) == Some(token) {
                continue;
            }
            let name = NAMES[who];
            let shown = core.half.read_tentative("").expect("the root is a path").unwrap_or_default();
            let right = pair.model.show(known);
            assert!(shown == right, "{name} shows {} in Pair {at}, where {} is right", text::show(&shown), text::show(&right));
            let committed = pair.model.up_to(known, place_of(point));
            for path in pair.model.settled_paths(known, &committed) {
                let shown = core.half.read_committed(path).expect("a path");
                let right = pair.model.show_at(&committed, path);
                assert!(shown == right, "{name} shows {shown:?} as committed at {path} in Pair {at}, where {right:?} is right");
            }
            // Tombstones that the one half has pruned never come to the other, whose old ledger knows nothing of them.
            if pair.halves.iter().any(|half| !half.taken_back.is_empty()) {
                continue;
            }
            let conflicts = core.half.conflicts("").into_iter().map(|conflict| {
                let named = |superposed: &Superposed| (superposed.dot.author, superposed.dot.number);
                (conflict.path, conflict.candidates.iter().map(named).collect::<Vec<_>>())
            });
            let mut conflicts: BTreeMap<String, Vec<(Author, u64)>> = conflicts.collect();
            let mut right = pair.model.superposed(known);
            // What the other half has committed comes from there as one value.
            let over = pair.model.up_to(known, pair.committed.max(place_of(point)));
            let is_over = |path: &str| right.get(path).is_none_or(|survivors| survivors.iter().all(|id| over.contains(id)));
            conflicts.retain(|path, _| !right.contains_key(path) || !is_over(path));
            right.retain(|_, survivors| survivors.iter().any(|id| !over.contains(id)));
            let named = |id: &Id| (pair.model.get(*id).author, pair.model.get(*id).number);
            let right: BTreeMap<String, Vec<(Author, u64)>> =
                right.iter().map(|(path, ids)| (path.clone(), ids.iter().map(named).collect())).collect();
            assert!(conflicts == right, "{name} has the conflicts {conflicts:?} in Pair {at}, where {right:?} is right");
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
            // Who has lost a Pair before it was durable acknowledges nothing of it, and joins again.
            let is_there = core.half.joined() <= held && !promised.is_empty();
            let point = core.half.commit_point().filter(|_| core.half.peer().is_some());
            for id in known.iter().filter(|id| !promised.contains(id)) {
                let candidate = pair.model.get(*id);
                let is_acknowledged = is_there && candidate.author == engine.me() && candidate.number <= held;
                // What was committed before there was a peer, is.
                let is_older = candidate.author == engine.me() && candidate.number < core.half.joined() && !is_there;
                let is_back = pair.halves[holder].taken_back.contains(id);
                let is_committed = point.is_some() && !is_older && !is_back && pair.model.place(*id) <= place_of(point);
                if (is_acknowledged || is_committed) && pair.model.survives(known, *id) {
                    let what = if is_committed { "committed" } else { "acknowledged" };
                    let (name, cells) = (NAMES[who], candidate.cells.keys());
                    panic!("{} in Pair {at} is {what} for {name} and not durable at {}: {cells:?}", candidate.number, NAMES[holder]);
                }
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
            let is_placed = |id: &&u32| {
                let candidate = pair.model.get(**id);
                candidate.author == engine.me() && candidate.number <= placed && there.contains(*id) && !candidate.cells.is_empty()
            };
            let Some(last) = here.iter().rfind(is_placed) else { continue };
            for id in there.difference(here) {
                let late = pair.model.get(*id);
                let is_late =
                    late.author.endpoint != engine.me().endpoint && !late.context.contains(last) && pair.model.survives(there, *id);
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
