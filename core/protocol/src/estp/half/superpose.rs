//! Superposition: what a candidate does to the versions that a cell holds already, and what the cell shows then.

use super::HalfPair;
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
        let stamp = newcomer.version.stamp;
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
        let stays = |old: &Survivor| old.committed || !newcomer.overwrites(&old.version) || are_contributions(is_counter, old, &newcomer);
        layer.survivors.retain(stays);
        layer.survivors.push(newcomer);
        self.state.arrive(cell, number, birth);
        self.state.wait(cell, stamp);
        true
    }

    /// Works out what a cell with a layer shows. A rule that takes work waits until somebody looks, unless the Pair collapses eagerly.
    pub(super) fn show(&mut self, cell: CellIndex) {
        if let Some([only]) = self.state.layer(cell).map(|layer| layer.survivors.as_slice()) {
            let version = only.version.clone();
            self.state.show_arrived(cell, version);
            return;
        }
        let is_plain = matches!(self.rule(cell), Rule::Lww) || self.survivors(cell, Which::Shown).len() < 2;
        if is_plain || self.is_eager || self.observed.watching {
            self.fold(cell);
            return;
        }
        let shown = self.survivors(cell, Which::Shown);
        let last = shown.last().map(|survivor| survivor.version.clone());
        let layer = self.state.open_layer(cell);
        if !std::mem::replace(&mut layer.stale, true) {
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

    /// The versions of a cell that nothing among them has overwritten, in order.
    pub(super) fn survivors(&self, cell: CellIndex, which: Which) -> Vec<&Survivor> {
        let Some(layer) = self.state.layer(cell) else { return Vec::new() };
        let is_counter = *self.rule(cell) == Rule::Counter;
        let counted: Vec<&Survivor> = layer.survivors.iter().filter(|survivor| which == Which::Shown || survivor.committed).collect();
        let mut left: Vec<&Survivor> = counted
            .iter()
            .filter(|old| !counted.iter().any(|new| new.overwrites(&old.version) && !are_contributions(is_counter, old, new)))
            .copied()
            .collect();
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
    let overwrites = |old: &Survivor| old.overwrites(&newcomer.version) && !are_contributions(is_counter, old, newcomer);
    layer.base.as_ref().is_some_and(is_later) || layer.survivors.iter().any(|old| is_later(&old.version) || overwrites(old))
}

/// Two authors' contributions to a counter stand beside each other, whatever their writers had seen.
fn are_contributions(is_counter: bool, one: &Survivor, other: &Survivor) -> bool {
    is_counter && one.version.author != other.version.author && one.version.value.is_some() && other.version.value.is_some()
}
