//! What observers are told, as the named tuples of `spook/_types.py`.

use crate::found;
use crate::tuple::Class;
use pyo3::prelude::*;
use spook::{Change, Event, Happening, Notice, Transition};

static CHANGE: Class = Class::named("Change");
static GAP: Class = Class::named("Gap");
static TRANSITION: Class = Class::named("Transition");
static VERDICT: Class = Class::named("VerdictChange");
static RULE_FAILED: Class = Class::named("RuleFailure");
static CLOCK_AHEAD: Class = Class::named("ClockAhead");
static PRESENCE: Class = Class::named("PresenceChange");
static DIVERGENCE: Class = Class::named("Divergence");
static EPOCH: Class = Class::named("EpochChange");
static MISSED: Class = Class::named("Missed");

/// What an observer is told.
pub(crate) fn to_python<'py>(py: Python<'py>, notice: &Notice) -> PyResult<Bound<'py, PyAny>> {
    match notice {
        Notice::Change(change) => changed(py, change),
        Notice::Transition(transition) => stepped(py, transition),
        Notice::Event(event) => happened(py, event),
        Notice::Gap { from_seq, to_seq } => GAP.make(py, (*from_seq, *to_seq)),
    }
}

fn changed<'py>(py: Python<'py>, change: &Change) -> PyResult<Bound<'py, PyAny>> {
    let Change { seq, path, value, origin, number, state } = change;
    let content = found::content(py, value.as_ref())?;
    let state = state.map(|id| found::state_id(py, id)).transpose()?;
    CHANGE.make(py, (*seq, &**path, content, value.is_none(), origin.to_string(), *number, state))
}

fn stepped<'py>(py: Python<'py>, transition: &Transition) -> PyResult<Bound<'py, PyAny>> {
    TRANSITION.make(py, (transition.after_seq, found::lifecycle(py, transition.from)?, found::lifecycle(py, transition.to)?))
}

fn happened<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyAny>> {
    let after = event.after_seq;
    match &event.what {
        Happening::Verdict { dot, verdict, committed, cause } => {
            let (name, reason) = found::verdict_of(verdict);
            VERDICT.make(py, (after, dot.to_string(), name, reason, *committed, cause.map(|dot| dot.to_string())))
        }
        Happening::RuleFailed { path, rule, why } => RULE_FAILED.make(py, (after, &**path, &**rule, &**why)),
        Happening::ClockSuspect { ahead_ms } => CLOCK_AHEAD.make(py, (after, *ahead_ms as f64 / 1000.0)),
        Happening::Presence { key, value } => PRESENCE.make(py, (after, &**key, found::content(py, value.as_ref())?, value.is_none())),
        Happening::Failed { mine, theirs, path } => DIVERGENCE.make(py, (after, mine.to_string(), theirs.to_string(), path.as_deref())),
        Happening::EpochChanged { mine, epoch } => EPOCH.make(py, (after, *mine, *epoch)),
        Happening::Missed { events } => MISSED.make(py, (after, *events)),
    }
}
