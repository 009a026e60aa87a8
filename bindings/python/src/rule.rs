//! Rules of the application: functions of Python that decide between candidates.

use crate::{call, ending, found, operation, value};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;
use spook::{RuleKind, RuleStep, Value};

static REJECTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// For `custom:NAME`: `function(path, candidates)` gives the value.
pub(crate) fn function(function: Py<PyAny>) -> RuleKind {
    let function = Callable(Some(function));
    RuleKind::function(move |path, candidates| {
        function.ask(|py, function| {
            let candidates = candidates.iter().map(|candidate| found::rule_candidate(py, candidate)).collect::<PyResult<Vec<_>>>()?;
            value::from_python(&ending::call(function, &(path, PyList::new(py, candidates)?).into_pyobject(py)?)?)
        })
    })
}

/// For `transition:NAME`: `function(path, state, candidate)` gives the new state, spook.DELETE, or spook.reject(reason).
pub(crate) fn transition(function: Py<PyAny>) -> RuleKind {
    let function = Callable(Some(function));
    RuleKind::transition(move |path, state: Option<&Value>, candidate| {
        function.ask(|py, function| {
            let arguments = (path, found::content(py, state)?, found::rule_candidate(py, candidate)?).into_pyobject(py)?;
            step(&ending::call(function, &arguments)?)
        })
    })
}

/// What a transition gave.
fn step(given: &Bound<'_, PyAny>) -> PyResult<RuleStep> {
    let rejection = crate::error::import(given.py(), &REJECTION, "spook._types", "Rejection")?;
    if given.is_instance(&rejection)? {
        return Ok(RuleStep::Reject(given.getattr("reason")?.extract()?));
    }
    if operation::is_delete(given)? {
        return Ok(RuleStep::To(None));
    }
    value::from_python(given).map(|state| RuleStep::To(Some(state)))
}

/// A function of Python that the engine calls on its threads for rules.
struct Callable(Option<Py<PyAny>>);

impl Callable {
    /// Enters the interpreter for one call. What it raises is the reason why there is no result.
    fn ask<T>(&self, work: impl FnOnce(Python<'_>, &Bound<'_, PyAny>) -> PyResult<T>) -> Result<T, String> {
        let Some(function) = self.0.as_ref().filter(|_| !ending::is_exiting()) else {
            return Err("the process is ending".to_owned());
        };
        let ask = |py: Python<'_>| call::inside_rule(|| work(py, function.bind(py))).map_err(|error| error.to_string());
        Python::try_attach(ask).unwrap_or_else(|| Err("the interpreter is ending".to_owned()))
    }
}

impl Drop for Callable {
    fn drop(&mut self) {
        let mut function = self.0.take();
        if !ending::is_exiting() {
            Python::try_attach(|_| drop(function.take()));
        }
        std::mem::forget(function);
    }
}
