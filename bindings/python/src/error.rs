//! The engine's errors as exceptions of Python. The classes themselves are in `spook/_errors.py`, made from the list of errors.

use pyo3::exceptions::PySystemError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use spook::{Code, Error};

static FROM_CODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static INVALID_TYPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static OUT_OF_RANGE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The exception for an error.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let from_code = import(py, &FROM_CODE, "spook._errors", "from_code");
    made(from_code.and_then(|make| make.call1((error.code().number(), error.detail()))))
}

/// The exception for an error that this crate finds.
pub(crate) fn fail(py: Python<'_>, code: Code, detail: impl Into<Box<str>>) -> PyErr {
    raise(py, &Error::new(code, detail))
}

/// `spook.InvalidType`: an object of a type that is not accepted.
pub(crate) fn invalid_type(py: Python<'_>, detail: &str) -> PyErr {
    made(import(py, &INVALID_TYPE, "spook._types", "InvalidType").and_then(|class| class.call1((detail,))))
}

/// `spook.OutOfRange`: an integer that does not fit.
pub(crate) fn out_of_range(py: Python<'_>, detail: &str) -> PyErr {
    made(import(py, &OUT_OF_RANGE, "spook._types", "OutOfRange").and_then(|class| class.call1((detail,))))
}

/// An object of the Python half of the package, looked up once.
pub(crate) fn import<'py>(py: Python<'py>, cell: &'static PyOnceLock<Py<PyAny>>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let object = cell.get_or_try_init(py, || py.import(module)?.getattr(name).map(Bound::unbind))?;
    Ok(object.bind(py).clone())
}

/// Why a handle is not pickled.
pub(crate) fn not_pickled(py: Python<'_>, class: &str) -> PyErr {
    let detail = format!(
        "a {class} belongs to this process and cannot be pickled; give the other process a ticket (pair.ticket()), and open the Pair there"
    );
    invalid_type(py, &detail)
}

fn made(exception: PyResult<Bound<'_, PyAny>>) -> PyErr {
    match exception {
        Ok(exception) => PyErr::from_value(exception),
        // Without the package around it this module says at least that much.
        Err(error) if cfg!(debug_assertions) => error,
        Err(error) => PySystemError::new_err(format!("the package spook is damaged: {error}")),
    }
}
