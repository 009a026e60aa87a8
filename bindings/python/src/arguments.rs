//! What Python passes in: texts, times, and what may be left out.

use crate::error;
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBool, PyString};
use spook::{Code, Durability, Wait};
use std::ops::Deref;
use std::time::Duration;

/// Longer than any program runs, and short enough to be added to any clock.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A str.
pub(crate) struct Text(Option<PyBackedStr>);

impl Text {
    pub(crate) const EMPTY: Text = Text(None);
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Text {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Text> {
        if !object.is_instance_of::<PyString>() {
            // pyo3 puts the name of the argument before it.
            return Err(PyTypeError::new_err(format!("must be a str, not {}", type_name(&object))));
        }
        object.extract().map(|text| Text(Some(text))).map_err(|error| surrogate(object.py(), error))
    }
}

/// The error of text that UTF-8 has no bytes for.
pub(crate) fn surrogate(py: Python<'_>, error: PyErr) -> PyErr {
    if error.is_instance_of::<PyUnicodeEncodeError>(py) {
        let detail = format!("the str holds a lone surrogate: {}", error.value(py));
        return error::fail(py, Code::Utf8, detail);
    }
    error
}

/// The name of an object's type.
pub(crate) fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "an object".to_owned(), |name| name.to_string())
}

/// An argument that may be left out, where None is a value.
pub(crate) enum Given<'py> {
    No,
    Yes(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Given<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Given<'py>> {
        Ok(Given::Yes(object.to_owned()))
    }
}

/// A time in seconds (int or float), or a datetime.timedelta; None is without limit.
pub(crate) struct Time(pub(crate) Option<Duration>);

impl Time {
    pub(crate) const fn seconds(seconds: u64) -> Time {
        Time(Some(Duration::from_secs(seconds)))
    }

    pub(crate) fn or_forever(self) -> Duration {
        self.0.unwrap_or(FOREVER)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Time {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Time> {
        let py = object.py();
        if object.is_none() {
            return Ok(Time(None));
        }
        let is_delta = object.hasattr("total_seconds")?;
        let number = if is_delta { object.call_method0("total_seconds")? } else { object.to_owned() };
        let seconds: Option<f64> = if number.is_instance_of::<PyBool>() { None } else { number.extract().ok() };
        let Some(seconds) = seconds else {
            let detail = format!("must be a number of seconds, a datetime.timedelta or None, not {}", type_name(&object));
            return Err(PyTypeError::new_err(detail));
        };
        if seconds.is_nan() || seconds < 0.0 {
            return Err(error::fail(py, Code::Invalid, format!("a time of {seconds} seconds")));
        }
        // What is too long to be counted is as good as for ever.
        Ok(Time(Some(Duration::try_from_secs_f64(seconds).unwrap_or(FOREVER).min(FOREVER))))
    }
}

/// How long a write of a Pair waits if it is only said that it does.
const WRITE: Duration = Duration::from_secs(10);

/// Whether a write waits for its outcome: None is as agreed, else a bool, or for how long.
pub(crate) struct Wanted(pub(crate) Wait);

impl Wanted {
    pub(crate) const AS_AGREED: Wanted = Wanted(Wait::AsAgreed);
}

impl<'a, 'py> FromPyObject<'a, 'py> for Wanted {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Wanted> {
        if object.is_none() {
            return Ok(Wanted::AS_AGREED);
        }
        if let Ok(wait) = object.cast::<PyBool>() {
            return Ok(Wanted(if wait.is_true() { Wait::Committed(WRITE) } else { Wait::No }));
        }
        object.extract::<Time>().map(|time| Wanted(Wait::Committed(time.or_forever())))
    }
}

/// The name of a durability.
pub(crate) fn durability(py: Python<'_>, name: &str) -> PyResult<Durability> {
    match name {
        "batched" => Ok(Durability::Batched),
        "memory" => Ok(Durability::Memory),
        "sync" => Ok(Durability::Sync),
        other => Err(error::fail(py, Code::Invalid, format!("durability is \"batched\", \"memory\" or \"sync\", not {other:?}"))),
    }
}
