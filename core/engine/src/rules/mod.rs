//! Rules of the application: functions that decide between concurrent candidates, registered by name.
//!
//! | module | holds |
//! |---|---|
//! | `registry` | the rules of an engine by name, as the protocol asks for them |
//! | `runner` | the threads on which they run: for a limited time, with panics caught |
//! | `inside` | whether this thread is inside a rule: such a thread is refused by every call |
//!
//! A rule is the one kind of foreign code that the engine runs while it holds a lock, that of the Pair: the outcome is part of the state that is
//! being read. So a rule must be a pure function of what it is given. It runs on a thread of its own, and whoever waits for it does so for a
//! limited time; what it may not do is refused ([`Code::Reentrant`](crate::Code::Reentrant)) rather than left to hang.

mod inside;
mod registry;
mod runner;

pub(crate) use inside::is_inside;
pub(crate) use registry::Rules;

use spook_protocol::estp::{Dot, Stamp};
use spook_protocol::id::EndpointId;
use spook_protocol::value::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A candidate as a rule sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleCandidate {
    /// The value that it gives; `None` if it deletes.
    pub value: Option<Value>,
    /// Who wrote it.
    pub origin: EndpointId,
    /// Its place in time.
    pub stamp: Stamp,
    /// Its name.
    pub dot: Dot,
}

/// What a transition makes of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleStep {
    /// The new state at the path; `None` removes it.
    To(Option<Value>),
    /// The candidate is rejected, all of it, for this reason.
    Reject(String),
}

/// A function that merges: the path and the candidates in their order in, the value out; an error says why there is none.
pub type RuleFunction = dyn Fn(&str, &[RuleCandidate]) -> Result<Value, String> + Send + Sync;

/// A function that steps: the path, the state there, and one candidate in; the new state or a rejection out.
pub type RuleTransition = dyn Fn(&str, Option<&Value>, &RuleCandidate) -> Result<RuleStep, String> + Send + Sync;

/// What a rule does. Every half must come to the same result from the same arguments, so it may use nothing but its arguments.
#[derive(Clone)]
pub enum RuleKind {
    /// For `custom:NAME` in a schema: folds the concurrent candidates of a cell into one value.
    Function(Arc<RuleFunction>),
    /// For `transition:NAME` in a schema: applies candidates one by one, in order, from the committed state on.
    Transition(Arc<RuleTransition>),
}

impl RuleKind {
    /// A rule for `custom:NAME`.
    pub fn function(rule: impl Fn(&str, &[RuleCandidate]) -> Result<Value, String> + Send + Sync + 'static) -> RuleKind {
        RuleKind::Function(Arc::new(rule))
    }

    /// A rule for `transition:NAME`.
    pub fn transition(rule: impl Fn(&str, Option<&Value>, &RuleCandidate) -> Result<RuleStep, String> + Send + Sync + 'static) -> RuleKind {
        RuleKind::Transition(Arc::new(rule))
    }
}

impl fmt::Debug for RuleKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            RuleKind::Function(_) => "Function",
            RuleKind::Transition(_) => "Transition",
        })
    }
}

/// How far a rule may go before its result does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleLimits {
    /// How long one call may take; 1 s by default. The Pair waits meanwhile. A call that goes on longer is left to itself, and the rule is not
    /// called again before it has returned.
    pub time: Duration,
    /// How many bytes the result may take, as it is encoded; 1 MiB by default.
    pub bytes: usize,
}

impl Default for RuleLimits {
    fn default() -> RuleLimits {
        RuleLimits { time: Duration::from_secs(1), bytes: 1 << 20 }
    }
}
