//! Looking back at candidates: what reverts them, and which of them contradict each other.

use super::body::{Body, Expect, Guard, Key, LeafAction, LeafOperation};
use super::cells::version_print;
use super::judge::{Effect, locate};
use super::verdict::{Rejection, Verdict};
use super::{Draft, Ordered};
use crate::error::Code;
use crate::estp::context::Context;
use crate::estp::dot::VersionVector;
use crate::estp::place::Place;
use crate::estp::rule::Rule;
use crate::estp::schema::Schema;
use crate::pointer;
use crate::value::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// An own candidate that was committed, and what it did.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub(super) body: Arc<Body>,
    pub(super) effects: Vec<Effect>,
}

/// Why a candidate cannot be reverted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevertError {
    /// It counts for nothing, so there is nothing to take back.
    Voided(Rejection),
    /// A rule failed on it or before it: nobody can say yet what it does.
    Undecided,
    /// It is not in the log, nor among the last own candidates that were committed since the start.
    Unknown,
    /// A transition rule decided on it; only another transition leads back.
    Transition {
        /// The path with the rule.
        path: Arc<str>,
    },
    /// Everything that it set was there already.
    Nothing,
}

impl RevertError {
    /// The permanent code.
    pub fn code(&self) -> Code {
        match self {
            RevertError::Voided(_) => Code::Voided,
            RevertError::Undecided => Code::Rule,
            RevertError::Unknown => Code::NotFound,
            RevertError::Transition { .. } | RevertError::Nothing => Code::Invalid,
        }
    }
}

impl fmt::Display for RevertError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RevertError::Voided(rejection) => write!(out, "the candidate counts for nothing: {rejection}"),
            RevertError::Undecided => out.write_str("a rule has not decided on the candidate yet"),
            RevertError::Unknown => out.write_str("what the candidate did is not remembered any longer"),
            RevertError::Transition { path } => write!(out, "a transition rule decided at {path:?}: write the transition that leads back"),
            RevertError::Nothing => out.write_str("the candidate changed nothing"),
        }
    }
}

/// A path that concurrent candidates wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Contended {
    /// Where.
    pub path: Arc<str>,
    /// What each of them wrote, in order; the fold decided between them.
    pub contenders: Vec<Contender>,
}

/// One of several concurrent candidates for a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Contender {
    /// Which candidate.
    pub key: Key,
    /// Its place in the order by stamps.
    pub place: Place,
    /// What it wrote; `None` is a deletion.
    pub value: Option<Value>,
}

impl Ordered {
    /// The candidate that takes another one back: every cell that it set goes back to what it was before, on condition that its own version
    /// still stands there; what it added to counters is taken off again. The fold must not be stale. `context` is that of the new candidate.
    ///
    /// # Errors
    /// [`RevertError`].
    pub fn revert_of(&self, vector: &VersionVector, schema: &Schema, key: Key, context: Context) -> Result<Draft, RevertError> {
        if let Some((_, rejection)) = self.voided.iter().find(|(voided, _)| *voided == key) {
            return Err(RevertError::Voided(rejection.clone()));
        }
        let pending = self.log.find(key).and_then(|at| self.log.get(at));
        let (body, effects) = match pending.map(|entry| (&entry.body, &entry.verdict)) {
            Some((_, Some(Verdict::Rejected(rejection)))) => return Err(RevertError::Voided(rejection.clone())),
            Some((body, _)) => {
                let folded = self.fold.done().iter().find(|folded| folded.key == key).ok_or(RevertError::Undecided)?;
                (body, &folded.effects)
            }
            None => {
                let remembered = self.remembered.iter().find(|remembered| remembered.body.key() == key).ok_or(RevertError::Unknown)?;
                (&remembered.body, &remembered.effects)
            }
        };
        let mut draft = Draft { context, ..Draft::default() };
        for effect in effects {
            let (_, above) = locate(schema, &effect.path);
            if above.is_some() || matches!(schema.rule(locate(schema, &effect.path).0).rule, Rule::Transition(_)) {
                return Err(RevertError::Transition { path: Arc::clone(&effect.path) });
            }
            take_back(vector, body, effect, &mut draft);
        }
        if draft.operations.is_empty() { Err(RevertError::Nothing) } else { Ok(draft) }
    }

    /// The paths at and below `prefix` that several candidates of the log wrote, none of which knew of the other, with all of these. What
    /// increments a counter contradicts nothing.
    pub fn contended(&self, prefix: &str) -> Vec<Contended> {
        let mut writes: BTreeMap<&Arc<str>, Vec<(Contender, &Body)>> = BTreeMap::new();
        let accepted = self.log.iter().filter(|entry| matches!(entry.verdict, Some(Verdict::Accepted)));
        for entry in accepted {
            for operation in &entry.body.operations {
                let value = match &operation.action {
                    LeafAction::Set(value) => Some(value.clone()),
                    LeafAction::Delete => None,
                    LeafAction::Increment(_) => continue,
                };
                if pointer::is_within(&operation.path, prefix) {
                    let writes = writes.entry(&operation.path).or_default();
                    writes.retain(|(other, _)| !entry.body.saw(other.key));
                    writes.push((Contender { key: entry.body.key(), place: entry.place, value }, &entry.body));
                }
            }
        }
        let is_contended = |(_, writes): &(&Arc<str>, Vec<(Contender, &Body)>)| writes.len() > 1;
        let contended = writes.into_iter().filter(is_contended).map(|(path, writes)| Contended {
            path: Arc::clone(path),
            contenders: writes.into_iter().map(|(contender, _)| contender).collect(),
        });
        contended.collect()
    }
}

/// Adds what takes one effect back.
fn take_back(vector: &VersionVector, body: &Body, effect: &Effect, draft: &mut Draft) {
    let Effect { path, before, after } = effect;
    let mut increments =
        body.operations.iter().filter(|operation| operation.path == *path).filter_map(|operation| match operation.action {
            LeafAction::Increment(number) => number.checked_neg(),
            _ => None,
        });
    if let Some(back) = increments.next() {
        draft.operations.push(LeafOperation { path: Arc::clone(path), action: LeafAction::Increment(back) });
        return;
    }
    let expect = match &after.value {
        Some(_) => Expect::Same(version_print(vector, path, after)),
        None => Expect::Absent,
    };
    let action = match before.as_ref().and_then(|version| version.value.clone()) {
        Some(value) => LeafAction::Set(value),
        None => LeafAction::Delete,
    };
    draft.guards.push(Guard { path: Arc::clone(path), expect });
    draft.operations.push(LeafOperation { path: Arc::clone(path), action });
}
