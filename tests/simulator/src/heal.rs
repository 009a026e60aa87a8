//! The end of every run: the faults stop, and everything has to come to rest, the same on both sides.

use crate::event::{Event, NAMES};
use crate::reference::Act;
use crate::world::{Way, World};
use spook_protocol::estp::lifecycle::PendingFact;
use spook_protocol::value::Value;

/// By then everything has come to rest, µs after the faults have stopped.
const PATIENCE: u64 = 300_000_000;

impl World {
    /// The faults stop. Everything comes to rest, and both sides hold the same.
    ///
    /// # Panics
    /// If they do not.
    pub fn heal(&mut self) {
        self.ways = [Way::default(), Way::default()];
        self.set_clocks_right();
        for who in [0, 1] {
            let machine = &mut self.machines[who];
            machine.disk.limit(None);
            machine.disk.heal();
            (machine.fuse, machine.commit_fuse, machine.suspended_until) = (None, None, 0);
            if machine.engine.as_ref().is_some_and(|engine| engine.failed) {
                self.power_loss(who, crate::disk::Fate::Lost);
            }
            self.start(who);
            assert!(self.machines[who].engine.is_some(), "{} does not start on a disk that works", NAMES[who]);
        }
        self.come_to_rest();
        self.check_agreement();
        self.check_quiet();
    }

    /// What one side writes goes to the other and does not come back.
    fn check_quiet(&mut self) {
        let Some(pair) = self.truth.pairs.iter().position(|pair| !pair.orphaned) else { return };
        for who in [0, 1] {
            let links = |world: &World| [0, 1].map(|who| world.machines[who].engine.as_ref().and_then(|engine| engine.link));
            let (before, links_before) = (self.applied[who], links(self));
            self.play(&Event::Write(who, pair, vec![Act::Set("/quiet".to_owned(), Value::from("PLAIN quiet"))]));
            self.run_until(self.now + 1_000_000);
            self.come_to_rest();
            // A stream that was given up may still bring what it was given, and a new link what the old one had not acknowledged.
            assert!(self.applied[who] == before || links(self) != links_before, "what {} wrote came back to it", NAMES[who]);
        }
    }

    fn come_to_rest(&mut self) {
        let (until, mut patience) = (self.now + PATIENCE, self.now + PATIENCE / 2);
        while let Some(obstacle) = self.unrest() {
            assert!(self.now < until, "no progress: {obstacle}");
            if self.now > patience {
                // What was stamped by a clock that was ahead is held until its time comes.
                patience = until;
                let last = [0, 1].map(|who| self.truth.last_stamp(who)).into_iter().max().map_or(0, |stamp| stamp.ms());
                let now = self.now;
                self.machines
                    .iter_mut()
                    .filter(|machine| machine.clock.read(now) < last)
                    .for_each(|machine| machine.clock.set(now, last as i64));
            }
            self.run_until(self.now + 200_000);
        }
    }

    /// Why the world is not at rest.
    fn unrest(&self) -> Option<String> {
        for who in [0, 1] {
            let name = NAMES[who];
            let Some(engine) = &self.machines[who].engine else { return Some(format!("{name} does not run")) };
            if engine.link.is_none() && !self.truth.pairs.is_empty() {
                return Some(format!("{name} has no link"));
            }
            for (at, pair) in self.truth.pairs.iter().enumerate().filter(|(_, pair)| !pair.orphaned) {
                let Some(core) = engine.cores.iter().find(|core| core.id == pair.id) else {
                    return Some(format!("{name} has no Pair {at}"));
                };
                if core.half.peer().is_none() || core.half.lifecycle().pending != PendingFact::Clean {
                    let horizon = engine.registry.find_pair(core.id).map(|pair| engine.registry.horizon(pair));
                    let (facts, joined) = (core.half.lifecycle(), core.half.joined());
                    return Some(format!("Pair {at} of {name} does not settle: {facts:?}, joined {joined}, {horizon:?}"));
                }
                if pair.halves[who].known.iter().any(|id| !pair.halves[1 - who].known.contains(id)) && !self.is_same(at) {
                    return Some(format!("Pair {at} of {name} has what the other lacks"));
                }
            }
        }
        None
    }

    fn is_same(&self, at: usize) -> bool {
        let pair = &self.truth.pairs[at];
        let [one, other] = [0, 1].map(|who| pair.model.show(&pair.halves[who].known));
        one == other
    }

    /// Both halves hold the same.
    fn check_agreement(&mut self) {
        for (at, pair) in self.truth.pairs.iter().enumerate().filter(|(_, pair)| !pair.orphaned) {
            let mut found = Vec::new();
            for machine in &mut self.machines {
                let core = machine.engine.as_mut().and_then(|engine| engine.cores.iter_mut().find(|core| core.id == pair.id));
                let Some(core) = core else { continue };
                found.push((core.half.read("").expect("the root is a path"), core.half.state_id().digest));
            }
            assert!(found[0].0 == found[1].0, "the halves of Pair {at} differ: {:?} and {:?}", found[0].0, found[1].0);
            assert!(found[0].1 == found[1].1, "the digests of Pair {at} differ: {} and {}", found[0].1, found[1].1);
        }
    }
}
