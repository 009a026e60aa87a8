//! What a write does at its paths.

use crate::arguments::{Text, type_name};
use crate::{error, value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyInt, PyString};
use spook::{Action, Value};

static DELETE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// What stands in place of a value in a write: `spook.increment`, `spook.add` and `spook.remove` make it.
#[pyclass(frozen, eq, module = "spook")]
#[derive(PartialEq)]
pub(crate) struct Operation {
    action: Action,
}

/// Adds to a counter; a negative number takes away. For paths whose rule is "counter".
#[pyfunction]
#[pyo3(text_signature = "(by=1)", signature = (by = None))]
pub(crate) fn increment(by: Option<Bound<'_, PyAny>>) -> PyResult<Operation> {
    let Some(by) = by else { return Ok(Operation { action: Action::Increment(1) }) };
    if by.is_instance_of::<PyBool>() || !(by.is_instance_of::<PyInt>() || by.hasattr("__index__")?) {
        return Err(PyTypeError::new_err(format!("argument 'by': must be an int, not {}", type_name(&by))));
    }
    match value::from_python(&by)? {
        Value::Int(by) => Ok(Operation { action: Action::Increment(by) }),
        _ => Err(error::out_of_range(by.py(), "a counter is an integer of 64 bits: -2**63 to 2**63 - 1")),
    }
}

/// Adds an element to a set. For paths whose rule is "set".
#[pyfunction]
pub(crate) fn add(element: &Bound<'_, PyAny>) -> PyResult<Operation> {
    value::from_python(element).map(|element| Operation { action: Action::Add(element) })
}

/// Removes an element from a set: what another one adds at the same time stays. For paths whose rule is "set".
#[pyfunction]
pub(crate) fn remove(element: &Bound<'_, PyAny>) -> PyResult<Operation> {
    value::from_python(element).map(|element| Operation { action: Action::Remove(element) })
}

#[pymethods]
impl Operation {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (name, (argument,)) = self.call(py)?;
        Ok(format!("spook.{name}({})", argument.repr()?))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyAny>,))> {
        let (name, arguments) = self.call(py)?;
        Ok((py.import("spook")?.getattr(name)?, arguments))
    }
}

impl Operation {
    /// The call that makes it.
    fn call<'py>(&self, py: Python<'py>) -> PyResult<(&'static str, (Bound<'py, PyAny>,))> {
        let (name, argument) = match &self.action {
            Action::Increment(by) => ("increment", &Value::Int(*by)),
            Action::Add(element) => ("add", element),
            Action::Remove(element) => ("remove", element),
            // Nothing makes an Operation of these.
            Action::Set(value) => ("set", value),
            Action::Delete => ("delete", &Value::Null),
        };
        Ok((name, (value::to_python(py, argument)?,)))
    }
}

/// Whether it is `spook.DELETE`.
pub(crate) fn is_delete(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.is(error::import(object.py(), &DELETE, "spook._types", "DELETE")?))
}

/// What a value means in a write.
pub(crate) fn action(object: &Bound<'_, PyAny>) -> PyResult<Action> {
    if let Ok(operation) = object.cast::<Operation>() {
        return Ok(operation.get().action.clone());
    }
    if is_delete(object)? {
        return Ok(Action::Delete);
    }
    value::from_python(object).map(Action::Set)
}

/// The operations of a list of (path, value).
pub(crate) fn list(list: &Bound<'_, PyAny>) -> PyResult<Vec<(Text, Action)>> {
    if list.is_instance_of::<PyString>() || list.is_instance_of::<PyDict>() {
        let detail = format!("write_state takes a path and a value, or one list of (path, value), not one {} alone", type_name(list));
        return Err(error::invalid_type(list.py(), &detail));
    }
    let pair = |item: Bound<'_, PyAny>| match item.extract::<(Text, Bound<'_, PyAny>)>() {
        Ok((path, value)) => Ok((path, action(&value)?)),
        Err(_) => {
            Err(error::invalid_type(item.py(), &format!("an operation is (path, value), with the path as str, not {}", item.repr()?)))
        }
    };
    list.try_iter()?.map(|item| pair(item?)).collect()
}
