//! Conflicts: what stands beside what shows, and what came of it.

use super::HalfPair;
use super::superpose::Which;
use crate::estp::dot::Dot;
use crate::estp::ordered::{Contended, Contender};
use crate::estp::rule::RuleFailure;
use crate::estp::stamp::Stamp;
use crate::estp::state::{CellIndex, Version};
use crate::pointer;
use crate::value::Value;

/// How many resolved conflicts are remembered until somebody asks.
const RESOLVED: usize = 1024;

/// A cell that holds several candidates that know nothing of each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Where, as JSON Pointer.
    pub path: String,
    /// The candidates, in the order in which the rule takes them.
    pub candidates: Vec<Superposed>,
    /// Why the rule could not say what they come to; then the last one shows.
    pub failure: Option<RuleFailure>,
}

/// One of several candidates of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Superposed {
    /// What it wrote; `None` if it deleted. A counter's candidate gives its author's total.
    pub value: Option<Value>,
    /// Its name; the author's endpoint is in it.
    pub dot: Dot,
    /// Its stamp.
    pub stamp: Stamp,
    /// Whether it is committed.
    pub committed: bool,
}

/// A conflict that is over: all its candidates are committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Where, as JSON Pointer.
    pub path: String,
    /// What came of it; `None` if the cell was deleted.
    pub value: Option<Value>,
    /// How many candidates there were.
    pub candidates: usize,
}

impl Resolved {
    pub(super) fn of(half: &HalfPair, cell: CellIndex, candidates: usize) -> Resolved {
        let mut path = String::new();
        half.state.write_path(cell, &mut path);
        Resolved { path, value: half.state.live(cell).cloned(), candidates }
    }
}

impl HalfPair {
    /// The conflicts at and below a path: cells with more than one candidate, as long as one of them is not committed, and cells whose rule could
    /// not say what their candidates come to. Takes time for the cells that are not clean.
    pub fn conflicts(&mut self, prefix: &str) -> Vec<Conflict> {
        self.fold_stale();
        if let Some(log) = &self.log {
            return log.contended(prefix).into_iter().map(|contended| self.contended(contended)).collect();
        }
        let mut conflicts = Vec::new();
        for cell in self.state.waiting().chain(self.unresolved.keys().copied()) {
            let survivors = self.survivors(cell, Which::Shown);
            if survivors.len() < 2 {
                continue;
            }
            let mut path = String::new();
            self.state.write_path(cell, &mut path);
            if !pointer::is_within(&path, prefix) {
                continue;
            }
            let candidates = survivors.iter().map(|survivor| self.superposed(&survivor.version, survivor.committed)).collect();
            conflicts.push(Conflict { path, candidates, failure: self.unresolved.get(&cell).cloned() });
        }
        conflicts.sort_by(|one, other| one.path.cmp(&other.path));
        conflicts.dedup_by(|one, other| one.path == other.path);
        conflicts
    }

    fn contended(&self, Contended { path, contenders }: Contended) -> Conflict {
        let candidate = |Contender { place, value, .. }: Contender| {
            let dot = Dot { author: place.author, number: place.number };
            Superposed { value, dot, stamp: place.stamp, committed: false }
        };
        Conflict { path: path.to_string(), candidates: contenders.into_iter().map(candidate).collect(), failure: None }
    }

    fn superposed(&self, version: &Version, committed: bool) -> Superposed {
        let dot = Dot { author: self.vector.author(version.author), number: version.number };
        Superposed { value: version.value.clone(), dot, stamp: version.stamp, committed }
    }

    pub(super) fn note_resolved(&mut self, resolved: Resolved) {
        if self.resolved.len() == RESOLVED {
            self.resolved.pop_front();
        }
        self.resolved.push_back(resolved);
    }

    /// The conflicts that are over since the last call, at most the last 1,024.
    pub fn take_resolved(&mut self) -> Vec<Resolved> {
        std::mem::take(&mut self.resolved).into()
    }
}
