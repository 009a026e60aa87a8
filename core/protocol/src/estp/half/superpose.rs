//! Superposition: what a candidate does to the versions that a cell holds already, and what the cell shows then.

use super::HalfPair;
use crate::canary::{self, Canary};
use crate::estp::collapse::{self, Outcome};
use crate::estp::context::Context;
use crate::estp::place::{self, Place};
use crate::estp::rule::{Rule, RuleFailure};
use crate::estp::state::{Birth, CellIndex, Layer, Survivor, Version};

/// Which versions of a cell are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// All that nothing has overwritten.
    Shown,
    /// Of the committed ones, those that no committed one has overwritten.
    Committed,
}

impl HalfPair {
    /// The place of a version in the order of candidates.
    pub(super) fn place(&self, version: &Version) -> Place {
        Place { stamp: version.stamp, author: self.vector.author(version.author), number: version.number }
    }

    /// Lets a version into a cell: it overwrites what its writer had seen and stands beside the rest. Returns whether it stays.
    ///
    /// What is committed stays below, for those who read the committed state, until the newcomer is committed, too.
    pub(super) fn admit(&mut self, cell: CellIndex, newcomer: Survivor, number: u64, birth: Birth) -> bool {
        let (stamp, place) = (newcomer.version.stamp, self.place(&newcomer.version));
        let is_counter = *self.rule(cell) == Rule::Counter;
        let was_clean = self.state.layer(cell).is_none();
        let layer = self.state.open_layer(cell);
        if is_old(layer, &newcomer, is_counter) {
            if was_clean {
                self.state.drop_layer(cell);
            }
            return false;
        }
        if let Some(base) = layer.base.take_if(|base| is_counter || !newcomer.overwrites(base)) {
            layer.survivors.push(Survivor { committed: true, ..Survivor::new(base, Context::default()) });
        }
        let is_covered = |old: &Survivor| overwrites(is_counter, &newcomer, &old.version);
        layer.survivors.retain(|old| old.committed || !is_covered(old));
        for old in layer.survivors.iter_mut().filter(|old| is_covered(old)) {
            old.covered = Some(old.covered.map_or(place, |covered| covered.min(place)));
        }
        layer.survivors.push(newcomer);
        self.state.arrive(cell, number, birth);
        self.state.wait(cell, stamp);
        true
    }

    /// Works out what a cell with a layer shows. A rule that takes work waits until somebody looks, unless the Pair collapses eagerly.
    pub(super) fn show(&mut self, cell: CellIndex) {
        if let Some([only @ Survivor { covered: None, .. }]) = self.state.layer(cell).map(|layer| layer.survivors.as_slice()) {
            let version = only.version.clone();
            self.state.show_arrived(cell, version);
            return;
        }
        let shown = self.survivors(cell, Which::Shown);
        // Whether there is anything is known at once; only what it is may wait.
        let is_plain = shown.len() < 2 || *self.rule(cell) == Rule::Lww || shown.iter().any(|survivor| survivor.version.value.is_none());
        if is_plain || self.is_eager || self.observed.watching {
            self.fold(cell);
            return;
        }
        let last = shown.last().map(|survivor| survivor.version.clone());
        let layer = self.state.open_layer(cell);
        if !std::mem::replace(&mut layer.stale, true) && !canary::sings(Canary::LazyDiffers) {
            self.stale.push(cell);
        }
        self.state.set_shown(cell, last);
    }

    /// Folds the cells that were left until somebody looks: somebody is about to.
    pub fn fold_stale(&mut self) {
        self.refold();
        while let Some(cell) = self.stale.pop() {
            if self.state.layer(cell).is_some_and(|layer| layer.stale) {
                self.fold(cell);
            }
        }
    }

    fn fold(&mut self, cell: CellIndex) {
        let (shown, failure) = self.folded(cell, Which::Shown);
        let layer = self.state.open_layer(cell);
        layer.stale = false;
        let was_unresolved = self.unresolved.contains_key(&cell);
        match failure {
            Some(failure) => {
                if !was_unresolved {
                    self.report_rule(cell, &failure);
                }
                self.unresolved.insert(cell, failure);
            }
            None if was_unresolved => {
                self.unresolved.remove(&cell);
            }
            None => {}
        }
        self.state.set_shown(cell, shown);
    }

    /// The versions of a cell that nothing has overwritten, or nothing committed, in order.
    pub(super) fn survivors(&self, cell: CellIndex, which: Which) -> Vec<&Survivor> {
        let Some(layer) = self.state.layer(cell) else { return Vec::new() };
        let stands = |survivor: &&Survivor| match which {
            Which::Shown => survivor.covered.is_none(),
            Which::Committed => survivor.committed && survivor.covered.is_none_or(|place| !self.commit.includes(place)),
        };
        let mut left: Vec<&Survivor> = layer.survivors.iter().filter(stands).collect();
        if *self.rule(cell) == Rule::Counter && left.len() > 1 {
            // A deletion has done what it does to the contributions that it has seen, and does nothing to those that have seen it.
            let has_seen =
                |deletion: &Survivor| left.iter().any(|other| other.version.value.is_some() && other.overwrites(&deletion.version));
            let counts: Vec<bool> = left.iter().map(|survivor| survivor.version.value.is_some() || !has_seen(survivor)).collect();
            let mut counts = counts.into_iter();
            left.retain(|_| counts.next().unwrap_or(true));
        }
        left.sort_by_key(|survivor| self.place(&survivor.version));
        left
    }

    /// What the cell shows by its rule, and why the rule could not say, if so: then it is the last version in order.
    pub(super) fn folded(&self, cell: CellIndex, which: Which) -> (Option<Version>, Option<RuleFailure>) {
        let survivors = self.survivors(cell, which);
        let Some(last) = survivors.last() else {
            return (self.state.layer(cell).and_then(|layer| layer.base.clone()), None);
        };
        if survivors.len() == 1 {
            return (Some(last.version.clone()), None);
        }
        let views: Vec<place::Survivor<'_>> = survivors
            .iter()
            .map(|survivor| place::Survivor { place: self.place(&survivor.version), value: survivor.version.value.as_ref() })
            .collect();
        let mut path = String::new();
        self.state.write_path(cell, &mut path);
        match collapse::collapse(self.path_rule(cell), &path, &views, &*self.rules) {
            Outcome::Winner(at) | Outcome::Deleted(at) => (Some(survivors[at].version.clone()), None),
            Outcome::Merged(value) => (Some(Version { value: Some(value), ..last.version.clone() }), None),
            Outcome::Unresolved(failure) => (Some(last.version.clone()), Some(failure)),
        }
    }
}

/// Whether the cell holds the newcomer already, or what overwrites it.
fn is_old(layer: &Layer, newcomer: &Survivor, is_counter: bool) -> bool {
    let is_later = |version: &Version| version.author == newcomer.version.author && version.number >= newcomer.version.number;
    let has = |old: &Survivor| old.version.is_same_candidate(&newcomer.version) || overwrites(is_counter, old, &newcomer.version);
    layer.base.as_ref().is_some_and(is_later) || layer.survivors.iter().any(has)
}

/// Whether one version of a cell overwrites another. Contributions to a counter stand beside each other, except the same author's earlier one,
/// and beside deletions: who does not know of the deletion must hear of it.
fn overwrites(is_counter: bool, new: &Survivor, old: &Version) -> bool {
    if is_counter && new.version.value.is_some() {
        let is_earlier = old.author == new.version.author && old.number < new.version.number;
        return old.value.is_some() && is_earlier && !canary::sings(Canary::CounterTwice);
    }
    new.overwrites(old)
}
