//! What is decided about a candidate.

use super::body::Key;
use crate::estp::rule::RuleFailure;
use std::fmt;
use std::sync::Arc;

/// What the fold says about a candidate. Tentative, and then able to change, until the candidate is committed; final after that.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It counts.
    Accepted,
    /// It counts for nothing.
    Rejected(Rejection),
    /// A rule failed on it: it waits, and so does everything behind it.
    Unresolved {
        /// The path with the rule.
        path: Arc<str>,
        /// The rule's name.
        rule: Arc<str>,
        /// How it failed.
        failure: RuleFailure,
    },
    /// It waits behind one on which a rule failed.
    Waiting,
}

impl Verdict {
    /// Whether the candidate can be committed with it.
    pub fn is_decided(&self) -> bool {
        matches!(self, Verdict::Accepted | Verdict::Rejected(_))
    }
}

/// Why a candidate counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// A guard did not hold.
    Guard {
        /// Which of its guards, from 0.
        index: usize,
        /// Its path.
        path: Arc<str>,
    },
    /// A transition rule said no.
    Transition {
        /// The path with the rule.
        path: Arc<str>,
        /// What the rule said.
        why: String,
    },
    /// A counter would have left the range of an int64.
    Overflow {
        /// The counter's path.
        path: Arc<str>,
    },
    /// The schema does not allow that there.
    Schema {
        /// The path.
        path: Arc<str>,
        /// What it does not allow.
        why: String,
    },
}

impl Rejection {
    /// The path that decided.
    pub fn path(&self) -> &Arc<str> {
        match self {
            Rejection::Guard { path, .. }
            | Rejection::Transition { path, .. }
            | Rejection::Overflow { path }
            | Rejection::Schema { path, .. } => path,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::Guard { index, path } => write!(out, "guard {index} did not hold at {path:?}"),
            Rejection::Transition { path, why } => write!(out, "the transition at {path:?} was rejected: {why}"),
            Rejection::Overflow { path } => write!(out, "the counter at {path:?} would have left the range of an int64"),
            Rejection::Schema { path, why } => write!(out, "the schema does not allow it at {path:?}: {why}"),
        }
    }
}

/// How a candidate stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// Not committed yet; this is what the fold says so far.
    Tentative(Verdict),
    /// It counts, for good.
    Committed,
    /// It counts for nothing, for good.
    Voided(Rejection),
}

/// A tentative verdict changed, or a first one is not [`Verdict::Accepted`].
#[derive(Clone, Debug, PartialEq)]
pub struct Flip {
    /// Which candidate.
    pub key: Key,
    /// What the fold says now.
    pub verdict: Verdict,
    /// The candidate whose arrival brought the change about; `None` when it was something else: a rule that was registered, a seed.
    pub cause: Option<Key>,
}

/// A verdict became final.
#[derive(Clone, Debug, PartialEq)]
pub struct Final {
    /// Which candidate.
    pub key: Key,
    /// `None`: it counts.
    pub voided: Option<Rejection>,
}
