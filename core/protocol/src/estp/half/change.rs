//! What observers are told.

use crate::estp::dot::{AuthorIndex, Dot};
use crate::estp::lifecycle::{self, Lifecycle};
use crate::estp::ordered::Verdict;
use crate::estp::rule::RuleFailure;
use crate::estp::state::{CellIndex, StateBlock, Version};
use crate::id::EndpointId;
use crate::value::Value;
use std::sync::Arc;

/// A leaf changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Counts the changes of this half from 1, without gaps, since it was opened.
    pub seq: u64,
    /// Where, as JSON Pointer.
    pub path: Arc<str>,
    /// What it is now; `None` if it was deleted.
    pub value: Option<Value>,
    /// Who wrote it.
    pub origin: EndpointId,
    /// The arrival number of the write or delta that it came with. Changes of one candidate share it.
    pub number: u64,
}

/// The lifecycle of the half took a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The `seq` of the last change before it.
    pub after_seq: u64,
    /// The facts before.
    pub from: Lifecycle,
    /// The facts now.
    pub to: Lifecycle,
}

impl Transition {
    /// The lifecycle names before and now; they can be equal when facts changed behind one name.
    pub fn names(&self) -> (lifecycle::Name, lifecycle::Name) {
        (self.from.name(), self.to.name())
    }
}

/// A custom rule could not say what the candidates of a cell come to.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleNotice {
    /// Where, as JSON Pointer.
    pub path: String,
    /// The rule, as the schema writes it.
    pub rule: String,
    /// Why not.
    pub failure: RuleFailure,
}

/// What the collapse says of a candidate changed, or became final.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictNotice {
    /// The candidate.
    pub dot: Dot,
    /// What is said of it.
    pub verdict: Verdict,
    /// Whether that is final.
    pub committed: bool,
    /// The candidate that brought the change about, if one did.
    pub cause: Option<Dot>,
}

/// How many reports of rules wait to be taken.
const RULE_NOTICES: usize = 256;

/// Collects changes and transitions while somebody observes. Counting goes on when nobody does.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) watching: bool,
    pub(super) seq: u64,
    pub(super) changes: Vec<Change>,
    pub(super) transitions: Vec<Transition>,
    pub(super) rules: Vec<RuleNotice>,
    pub(super) verdicts: Vec<VerdictNotice>,
}

impl Observed {
    pub(super) fn transition(&mut self, from: Lifecycle, to: Lifecycle) {
        if self.watching {
            self.transitions.push(Transition { after_seq: self.seq, from, to });
        }
    }

    pub(super) fn report_rule(&mut self, notice: RuleNotice) {
        if self.rules.len() < RULE_NOTICES {
            self.rules.push(notice);
        }
    }
}

impl super::HalfPair {
    /// Whether changes and transitions are collected for [`HalfPair::take_changes`](super::HalfPair::take_changes).
    pub fn watch(&mut self, watching: bool) {
        self.observed.watching = watching;
    }

    /// Whether somebody observes.
    pub fn is_watched(&self) -> bool {
        self.observed.watching
    }

    /// The `seq` of the last change.
    pub fn seq(&self) -> u64 {
        self.observed.seq
    }

    /// The changes since the last call, in the order of their `seq`.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.observed.changes)
    }

    /// The transitions since the last call, in order.
    pub fn take_transitions(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.observed.transitions)
    }

    /// Reports a rule that could not say what it should, once for each cell until it can again.
    pub(super) fn report_rule(&mut self, cell: CellIndex, failure: &RuleFailure) {
        let mut path = String::new();
        self.state().write_path(cell, &mut path);
        let rule = self.state().path_rule(cell).rule.to_string();
        self.observed.report_rule(RuleNotice { path, rule, failure: failure.clone() });
    }

    /// What the collapse says of candidates of an ordered Pair and did not say before, since the last call.
    pub fn take_verdicts(&mut self) -> Vec<VerdictNotice> {
        std::mem::take(&mut self.observed.verdicts)
    }

    /// Counts changes at these paths, and keeps them as `view` shows them if somebody observes. What is gone altogether was `author`'s doing.
    pub(super) fn note_versions(
        &mut self,
        paths: &[Arc<str>],
        number: u64,
        author: AuthorIndex,
        view: impl for<'s> Fn(&'s StateBlock, CellIndex) -> Option<&'s Version>,
    ) {
        for path in paths {
            self.observed.seq += 1;
            if !self.observed.watching {
                continue;
            }
            let version = self.find(path).ok().flatten().and_then(|cell| view(self.state(), cell));
            let author = version.map_or(author, |version| version.author);
            let (value, origin) = (version.and_then(|version| version.value.clone()), self.vector().author(author).endpoint);
            self.observed.changes.push(Change { seq: self.observed.seq, path: Arc::clone(path), value, origin, number });
        }
    }

    /// Reports of custom rules since the last call, at most 256.
    pub fn take_rule_notices(&mut self) -> Vec<RuleNotice> {
        std::mem::take(&mut self.observed.rules)
    }
}
