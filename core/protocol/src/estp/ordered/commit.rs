//! Committing: the beginning of the log becomes part of the committed state, and its verdicts final.

use super::body::Key;
use super::fold::{Folded, Scene, Touched};
use super::log::{Entry, Order};
use super::review::Remembered;
use super::verdict::{Final, Verdict};
use super::{Cells, Ordered, VOIDED};
use crate::estp::dot::VersionVector;
use crate::estp::place::Place;
use crate::estp::state::Version;
use crate::id::EndpointId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Up to where candidates are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitPoint {
    /// Everything up to this place: where stamps decide the order. Whatever is still unknown here must sort behind it.
    Place(Place),
    /// Everything up to this number of the anchor's, up to which its ledger is durable. At the other half only once that half holds all that the
    /// anchor counted up to the same number: what the anchor lost in a crash has lost its position, and word of that comes with the rest.
    Position(u64),
}

/// What a commit brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// The candidates, in order, each with its final verdict.
    pub finals: Vec<Final>,
    /// The cells with another committed version than before.
    pub cells: Vec<Arc<str>>,
    /// The cells that show something else than before: only if the fold was stale.
    pub changed: Vec<Arc<str>>,
}

impl Ordered {
    /// Commits up to a point, or to the first candidate on which a rule failed. Candidates of one stamp are committed together, since who of them
    /// wins depends on all of them. `number` is asked for an arrival number if anything is committed.
    pub fn commit_up_to<C: Cells>(&mut self, scene: &mut Scene<'_, C>, point: CommitPoint, number: impl FnOnce() -> u64) -> Committed {
        let mut committed = Committed::default();
        if self.count_up_to(point) == 0 {
            return committed;
        }
        committed.changed = self.refold_if_stale(scene);
        let count = self.log.start_of_tie(self.count_up_to(point).min(self.fold.done().len()));
        if count == 0 {
            return committed;
        }
        let mut versions = BTreeMap::new();
        for _ in 0..count {
            let (Some(entry), Some(folded)) = (self.log.remove(0), self.fold.forget_first()) else { break };
            for effect in &folded.effects {
                versions.insert(Arc::clone(&effect.path), effect.after.clone());
            }
            committed.finals.push(self.finish(entry, folded, scene));
        }
        let number = number();
        for (path, version) in &versions {
            let is_grave = version.value.is_none();
            scene.cells.commit(path, version.clone(), number);
            if is_grave {
                self.graves.insert(Arc::clone(path));
            } else {
                self.graves.remove(path);
            }
        }
        self.prune(scene.cells);
        committed.cells = versions.into_keys().collect();
        committed
    }

    /// How many of the first entries lie within the point.
    fn count_up_to(&self, point: CommitPoint) -> usize {
        let is_within = |entry: &&Entry| match point {
            CommitPoint::Place(place) => self.log.order() == Order::Stamps && entry.place <= place,
            CommitPoint::Position(last) => entry.position.is_some_and(|position| position <= last),
        };
        let count = self.log.iter().take_while(is_within).count();
        self.log.start_of_tie(count)
    }

    /// Takes leave of a candidate.
    fn finish<C: Cells>(&mut self, entry: Entry, folded: Folded, scene: &Scene<'_, C>) -> Final {
        let key = entry.body.key();
        let voided = match &entry.verdict {
            Some(Verdict::Rejected(rejection)) => Some(rejection.clone()),
            _ => None,
        };
        if let Some(rejection) = &voided {
            self.remember_voided(key, rejection.clone());
        } else if key.0 == self.me {
            self.remembered.push_back(Remembered { body: Arc::clone(&entry.body), effects: folded.effects });
            self.remembered.drain(..self.remembered.len().saturating_sub(self.limit));
        }
        match self.log.order() {
            Order::Stamps => self.committed = Some(entry.place),
            Order::Anchor { .. } => self.committed_position = entry.position.unwrap_or(self.committed_position),
        }
        if self.log.order() == (Order::Anchor { here: true }) {
            self.retained.push_back(entry);
            if self.retained.len() > self.limit
                && let Some(first) = self.retained.pop_front()
            {
                self.drop_body(&first, scene.vector.author(self.me).endpoint);
            }
        } else {
            self.drop_body(&entry, scene.vector.author(self.me).endpoint);
        }
        Final { key, voided }
    }

    pub(super) fn remember_voided(&mut self, key: Key, rejection: super::Rejection) {
        self.voided.push_back((key, rejection));
        self.voided.drain(..self.voided.len().saturating_sub(VOIDED));
    }

    /// A peer joined: what was committed without it says nothing of what may still come from it.
    pub fn peer_joined(&mut self) {
        self.committed = None;
    }

    /// The body of a committed candidate is not kept any longer.
    fn drop_body(&mut self, entry: &Entry, me: EndpointId) {
        self.removed.push(entry.body.key());
        self.dropped = self.dropped.max(entry.arrival);
        // One that was lost here and came back has another arrival number; the peer holds it.
        if entry.place.author.endpoint == me && entry.arrival == entry.body.number {
            self.dropped_own = self.dropped_own.max(entry.arrival);
        }
    }

    /// At the anchor: the peer holds durably what this half counted up to `number`. What was kept for it goes.
    pub fn release(&mut self, vector: &VersionVector, number: u64) {
        self.gaps.retain(|(arrival, _)| *arrival > number);
        while self.retained.front().is_some_and(|entry| entry.arrival <= number) {
            let Some(entry) = self.retained.pop_front() else { break };
            self.drop_body(&entry, vector.author(self.me).endpoint);
        }
    }

    /// Takes out the committed tombstones that every candidate in the log knows of: whatever comes later knows of them too. Where the anchor
    /// orders, nothing asks who knew of a tombstone.
    pub(super) fn prune<C: Cells>(&mut self, cells: &mut C) {
        let is_anchored = self.log.order() != Order::Stamps;
        let mut known = BTreeMap::new();
        let mut pruned: Vec<(Arc<str>, Key)> = Vec::new();
        for path in &self.graves {
            let Some(Version { author, number, .. }) = cells.base(path) else { continue };
            let key = (*author, *number);
            if is_anchored || *known.entry(key).or_insert_with(|| self.log.iter().all(|entry| entry.body.saw(key))) {
                pruned.push((Arc::clone(path), key));
            }
        }
        for (path, _) in &pruned {
            self.graves.remove(path);
            cells.prune(path);
        }
        // What is taken back later must not bring them back.
        let pruned: BTreeMap<Arc<str>, Key> = pruned.into_iter().collect();
        if pruned.is_empty() {
            return;
        }
        let effects = self.fold.done_mut().iter_mut().flat_map(|folded| &mut folded.effects);
        for effect in effects {
            let of_pruned = |before: &mut Version| pruned.get(&effect.path) == Some(&(before.author, before.number));
            effect.before.take_if(of_pruned);
        }
    }

    /// Replaces the committed state by that of a seed.
    pub(super) fn replace_base<C: Cells>(
        &mut self,
        cells: &mut C,
        seeded: BTreeMap<Arc<str>, Version>,
        number: u64,
        touched: &mut Touched,
    ) {
        let mut gone = Vec::new();
        let mut same = BTreeSet::new();
        cells.visit_base(&mut |path, version| match seeded.get(path) {
            None => gone.push((Arc::<str>::from(path), version.clone())),
            Some(other) if other == version => {
                same.insert(Arc::<str>::from(path));
            }
            Some(_) => {}
        });
        for (path, version) in gone {
            touched.note_shown(&path, cells);
            cells.commit(&path, Version { value: None, ..version }, number);
            cells.prune(&path);
        }
        self.graves.clear();
        for (path, version) in seeded {
            if version.value.is_none() {
                self.graves.insert(Arc::clone(&path));
            }
            if !same.contains(&path) {
                touched.note_shown(&path, cells);
                cells.commit(&path, version, number);
            }
        }
    }
}
