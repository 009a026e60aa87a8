//! What calls give, as the named tuples of `spook/_types.py`.

use crate::tuple::Class;
use crate::value;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use spook::{
    Clock, Conflict, Lifecycle, LinkFact, PendingFact, PhaseFact, Reason, Resolved, RuleCandidate, Stamp, StateId, Status, Superposed,
    Traffic, Value, Verdict,
};

static STATE: Class = Class::named("StateID");
static STAMP: Class = Class::named("Stamp");
static STATUS: Class = Class::named("Status");
static LIFECYCLE: Class = Class::named("Lifecycle");
static COLLAPSE: Class = Class::named("Collapse");
static RESOLVED: Class = Class::named("Resolved");
static CONFLICT: Class = Class::named("Conflict");
static SUPERPOSED: Class = Class::named("Superposed");
static RULE_CANDIDATE: Class = Class::named("RuleCandidate");
static CLOCK: Class = Class::named("Clock");
static TRAFFIC: Class = Class::named("Traffic");

/// What is at a path, or None.
pub(crate) fn content<'py>(py: Python<'py>, value: Option<&Value>) -> PyResult<Option<Bound<'py, PyAny>>> {
    value.map(|value| value::to_python(py, value)).transpose()
}

/// A state of a Pair.
pub(crate) fn state_id(py: Python<'_>, id: StateId) -> PyResult<Bound<'_, PyAny>> {
    STATE.make(py, (id.count, id.digest.to_string()))
}

/// A place in time.
pub(crate) fn stamp(py: Python<'_>, stamp: Stamp) -> PyResult<Bound<'_, PyAny>> {
    STAMP.make(py, (stamp.ms(), stamp.counter()))
}

/// What became of a write.
pub(crate) fn status<'py>(py: Python<'py>, status: &Status) -> PyResult<Bound<'py, PyAny>> {
    match status {
        Status::Tentative { verdict, held_by_peer } => {
            let (verdict, reason) = verdict_of(verdict);
            STATUS.make(py, ("tentative", reason, verdict, *held_by_peer))
        }
        Status::Committed => STATUS.make(py, ("committed", None::<&str>, "accepted", true)),
        Status::Voided(reason) => STATUS.make(py, ("voided", &**reason, "rejected", true)),
    }
}

/// A verdict's name, and the reason if there is one.
pub(crate) fn verdict_of(verdict: &Verdict) -> (&'static str, Option<&str>) {
    match verdict {
        Verdict::Accepted => ("accepted", None),
        Verdict::Rejected(why) => ("rejected", Some(why)),
        Verdict::Undecided(why) => ("undecided", Some(why)),
    }
}

/// What a collapse found.
pub(crate) fn collapse<'py>(py: Python<'py>, found: &spook::Collapse) -> PyResult<Bound<'py, PyAny>> {
    let over = found.resolved.iter().map(|resolved| over(py, resolved)).collect::<PyResult<Vec<_>>>()?;
    let registers = PyDict::new(py);
    for (name, digest) in &found.registers {
        registers.set_item(name, digest.to_string())?;
    }
    COLLAPSE.make(py, (state_id(py, found.state)?, found.settled, over, registers))
}

fn over<'py>(py: Python<'py>, resolved: &Resolved) -> PyResult<Bound<'py, PyAny>> {
    let Resolved { path, value, candidates } = resolved;
    RESOLVED.make(py, (path, content(py, value.as_ref())?, value.is_none(), *candidates))
}

/// A cell that holds several candidates.
pub(crate) fn conflict<'py>(py: Python<'py>, conflict: &Conflict) -> PyResult<Bound<'py, PyAny>> {
    let candidates = conflict.candidates.iter().map(|candidate| superposed(py, candidate)).collect::<PyResult<Vec<_>>>()?;
    CONFLICT.make(py, (&conflict.path, candidates, conflict.failure.as_ref().map(ToString::to_string)))
}

fn superposed<'py>(py: Python<'py>, candidate: &Superposed) -> PyResult<Bound<'py, PyAny>> {
    let Superposed { value, dot, stamp: place, committed } = candidate;
    let origin = dot.author.endpoint.to_string();
    SUPERPOSED.make(py, (content(py, value.as_ref())?, value.is_none(), origin, dot.to_string(), stamp(py, *place)?, *committed))
}

/// A candidate as a rule sees it.
pub(crate) fn rule_candidate<'py>(py: Python<'py>, candidate: &RuleCandidate) -> PyResult<Bound<'py, PyAny>> {
    let RuleCandidate { value, origin, stamp: place, dot } = candidate;
    let content = content(py, value.as_ref())?;
    RULE_CANDIDATE.make(py, (content, value.is_none(), origin.to_string(), dot.to_string(), stamp(py, *place)?))
}

/// How two clocks stand to each other, in seconds.
pub(crate) fn clock(py: Python<'_>, clock: Clock) -> PyResult<Bound<'_, PyAny>> {
    let seconds = |ms: f64| ms / 1000.0;
    CLOCK.make(py, (clock.offset_ms.map(|ms| seconds(ms as f64)), clock.suspect_ms.map(|ms| seconds(ms as f64))))
}

/// Bytes and messages.
pub(crate) fn traffic(py: Python<'_>, traffic: Traffic) -> PyResult<Bound<'_, PyAny>> {
    let Traffic { bytes_sent, bytes_received, messages_sent, messages_received, handshakes } = traffic;
    TRAFFIC.make(py, (bytes_sent, bytes_received, messages_sent, messages_received, handshakes))
}

/// The three facts of a half and the name that they have together.
pub(crate) fn lifecycle(py: Python<'_>, facts: Lifecycle) -> PyResult<Bound<'_, PyAny>> {
    let (link, reason) = match facts.link {
        LinkFact::Created => ("created", None),
        LinkFact::Entangled => ("entangled", None),
        LinkFact::Decohered(reason) => ("decohered", Some(reason_name(reason))),
        LinkFact::Closed => ("closed", None),
    };
    let pending = match facts.pending {
        PendingFact::Clean => "clean",
        PendingFact::Local => "local",
        PendingFact::Remote => "remote",
        PendingFact::Dual => "dual",
    };
    let phase = match facts.phase {
        PhaseFact::Idle => "idle",
        PhaseFact::Collapsing => "collapsing",
        PhaseFact::Failed => "failed",
    };
    LIFECYCLE.make(py, (facts.name().to_string(), link, reason, pending, phase))
}

fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::PeerSilent => "peer silent",
        Reason::LinkLost => "link lost",
        Reason::PeerClosed => "peer closed",
        Reason::Refused => "refused",
        Reason::Restarted => "restarted",
    }
}
