//! What the engine tells, as the named tuples of `spook/_types.py`.

use crate::{error, value};
use pyo3::BoundObject;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use spook::{Change, Lifecycle, LinkFact, Notice, PendingFact, PhaseFact, Reason, StateId, Traffic, Transition};

/// A class of named tuples.
struct Class {
    name: &'static str,
    class: PyOnceLock<Py<PyAny>>,
}

static CHANGE: Class = Class::named("Change");
static GAP: Class = Class::named("Gap");
static TRANSITION: Class = Class::named("Transition");
static STATE: Class = Class::named("StateID");
static LIFECYCLE: Class = Class::named("Lifecycle");
static COLLAPSE: Class = Class::named("Collapse");
static TRAFFIC: Class = Class::named("Traffic");
static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

impl Class {
    const fn named(name: &'static str) -> Class {
        Class { name, class: PyOnceLock::new() }
    }

    /// One of this class. The class' own `__new__` is a function in Python; that of tuple does the same at a fraction of the time.
    fn make<'py>(&'static self, py: Python<'py>, fields: impl IntoPyObject<'py, Target = PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let class = error::import(py, &self.class, "spook._types", self.name)?;
        let new = NEW.get_or_try_init(py, || py.get_type::<PyTuple>().getattr("__new__").map(Bound::unbind))?;
        let fields = fields.into_pyobject(py).map_err(Into::into)?;
        new.bind(py).call1((class, fields.into_bound().into_any()))
    }
}

/// What an observer is told.
pub(crate) fn to_python<'py>(py: Python<'py>, notice: &Notice) -> PyResult<Bound<'py, PyAny>> {
    match notice {
        Notice::Change(change) => changed(py, change),
        Notice::Transition(transition) => stepped(py, transition),
        Notice::Event(event) => GAP.make(py, (event.after_seq, event.after_seq)),
        Notice::Gap { from_seq, to_seq } => GAP.make(py, (*from_seq, *to_seq)),
    }
}

fn changed<'py>(py: Python<'py>, change: &Change) -> PyResult<Bound<'py, PyAny>> {
    let Change { seq, path, value, origin, number, state } = change;
    let content = value.as_ref().map(|value| value::to_python(py, value)).transpose()?;
    let state = state.map(|id| state_id(py, id)).transpose()?;
    CHANGE.make(py, (*seq, &**path, content, value.is_none(), origin.to_string(), *number, state))
}

fn stepped<'py>(py: Python<'py>, transition: &Transition) -> PyResult<Bound<'py, PyAny>> {
    TRANSITION.make(py, (transition.after_seq, lifecycle(py, transition.from)?, lifecycle(py, transition.to)?))
}

fn state_id(py: Python<'_>, id: StateId) -> PyResult<Bound<'_, PyAny>> {
    STATE.make(py, (id.count, id.digest.to_string()))
}

/// What a collapse found.
pub(crate) fn collapse(py: Python<'_>, found: spook::Collapse) -> PyResult<Bound<'_, PyAny>> {
    COLLAPSE.make(py, (state_id(py, found.state)?, found.settled))
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
