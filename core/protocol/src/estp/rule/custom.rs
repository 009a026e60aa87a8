//! Rules that the application brings.

use crate::estp::place::Survivor;
use crate::value::Value;
use std::fmt;

/// The functions behind `custom:NAME` and `transition:NAME`.
///
/// They are pure: the same arguments give the same result at every half, for ever. Whoever implements this trait enforces limits of time and
/// size, and catches panics; both come back as [`RuleFailure`].
pub trait CustomRules: Send + Sync {
    /// One value for several concurrent ones, which come in the order of their places. There are at least two, and none is a tombstone.
    ///
    /// # Errors
    /// [`RuleFailure`]; the cell stays superposed.
    fn resolve(&self, name: &str, path: &str, survivors: &[Survivor<'_>]) -> Result<Value, RuleFailure>;

    /// The state at `path` after a candidate; `None` is a path without value.
    ///
    /// # Errors
    /// [`RuleFailure`]; the candidate and all after it stay tentative.
    fn transition(&self, name: &str, path: &str, state: Option<&Value>, candidate: &Survivor<'_>) -> Result<Transition, RuleFailure>;
}

/// What a transition decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Transition {
    /// The new state; `None` removes the value.
    To(Option<Value>),
    /// The candidate is void, all of it, for this reason.
    Reject(String),
}

/// Why a rule did not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleFailure {
    /// No function of that name was registered.
    Missing,
    /// It failed, panicked or gave what cannot be a value of the path.
    Failed(String),
    /// It took more time or space than it may.
    OverLimit(String),
}

impl fmt::Display for RuleFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleFailure::Missing => out.write_str("no rule of that name is registered"),
            RuleFailure::Failed(why) => write!(out, "the rule failed: {why}"),
            RuleFailure::OverLimit(what) => write!(out, "the rule exceeded its limit: {what}"),
        }
    }
}

/// For a Pair whose schema names no functions, and for programs that register none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCustomRules;

impl CustomRules for NoCustomRules {
    fn resolve(&self, _name: &str, _path: &str, _survivors: &[Survivor<'_>]) -> Result<Value, RuleFailure> {
        Err(RuleFailure::Missing)
    }

    fn transition(&self, _name: &str, _path: &str, _state: Option<&Value>, _candidate: &Survivor<'_>) -> Result<Transition, RuleFailure> {
        Err(RuleFailure::Missing)
    }
}
