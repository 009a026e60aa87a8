//! What a write expects of the state before it.

use crate::arguments::Text;
use crate::{error, operation, value};
use pyo3::prelude::*;
use spook::{Code, Expect, Fingerprint, Value};

/// What stands in place of a value in `expect`: `spook.absent`, `spook.at_least`, `spook.at_most`, `spook.between` and `spook.unchanged_since` make it.
#[pyclass(frozen, eq, module = "spook")]
#[derive(PartialEq)]
pub(crate) struct Expectation {
    expect: Expect,
}

/// Nothing is at the path.
#[pyfunction]
pub(crate) fn absent() -> Expectation {
    Expectation { expect: Expect::Absent }
}

/// The path holds this number or string or a larger one.
#[pyfunction]
pub(crate) fn at_least(least: &Bound<'_, PyAny>) -> PyResult<Expectation> {
    range(Some(least), None)
}

/// The path holds this number or string or a smaller one.
#[pyfunction]
pub(crate) fn at_most(most: &Bound<'_, PyAny>) -> PyResult<Expectation> {
    range(None, Some(most))
}

/// The path holds a number or a string between these two; they are included.
#[pyfunction]
pub(crate) fn between(least: &Bound<'_, PyAny>, most: &Bound<'_, PyAny>) -> PyResult<Expectation> {
    range(Some(least), Some(most))
}

/// Nothing was written at or below the path since its fingerprint was taken: `pair.fingerprint(path)`.
#[pyfunction]
pub(crate) fn unchanged_since(py: Python<'_>, fingerprint: Text) -> PyResult<Expectation> {
    match u128::from_str_radix(&fingerprint, 16) {
        Ok(print) => Ok(Expectation { expect: Expect::Unchanged(Fingerprint(print)) }),
        Err(_) => Err(error::fail(py, Code::Invalid, format!("{:?} is no fingerprint; pair.fingerprint(path) gives one", &*fingerprint))),
    }
}

fn range(min: Option<&Bound<'_, PyAny>>, max: Option<&Bound<'_, PyAny>>) -> PyResult<Expectation> {
    let bound = |bound: Option<&Bound<'_, PyAny>>| bound.map(value::from_python).transpose();
    Ok(Expectation { expect: Expect::Range { min: bound(min)?, max: bound(max)? } })
}

/// The call that makes an expectation: its name and its arguments.
type Call<'py> = (&'static str, Vec<Bound<'py, PyAny>>);

impl Expectation {
    fn call<'py>(&self, py: Python<'py>) -> PyResult<Call<'py>> {
        let values = |values: &[&Value]| values.iter().map(|value| value::to_python(py, value)).collect::<PyResult<Vec<_>>>();
        Ok(match &self.expect {
            Expect::Absent => ("absent", Vec::new()),
            Expect::Range { min: Some(min), max: Some(max) } => ("between", values(&[min, max])?),
            Expect::Range { min: None, max: Some(max) } => ("at_most", values(&[max])?),
            Expect::Range { min, .. } => ("at_least", values(&[min.as_ref().unwrap_or(&Value::Null)])?),
            Expect::Unchanged(print) => ("unchanged_since", values(&[&Value::from(print.to_string())])?),
            // Nothing makes an Expectation of it.
            Expect::Equals(value) => ("equals", values(&[value])?),
        })
    }
}

#[pymethods]
impl Expectation {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (name, arguments) = self.call(py)?;
        let arguments = arguments.iter().map(|argument| Ok(argument.repr()?.to_string())).collect::<PyResult<Vec<_>>>()?;
        Ok(format!("spook.{name}({})", arguments.join(", ")))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, pyo3::types::PyTuple>)> {
        let (name, arguments) = self.call(py)?;
        Ok((py.import("spook")?.getattr(name)?, pyo3::types::PyTuple::new(py, arguments)?))
    }
}

/// The guards of a mapping from path to what is expected there.
pub(crate) fn guards(expect: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(Text, Expect)>> {
    let Some(expect) = expect else { return Ok(Vec::new()) };
    if !expect.hasattr("items")? {
        let detail = "expect is a dict from path to what is to be there: a value, spook.absent(), spook.at_least(1), and the like";
        return Err(error::invalid_type(expect.py(), detail));
    }
    let guard = |item: Bound<'_, PyAny>| {
        let (path, expected): (Text, Bound<'_, PyAny>) = item.extract()?;
        Ok((path, expectation(&expected)?))
    };
    expect.call_method0("items")?.try_iter()?.map(|item| guard(item?)).collect()
}

fn expectation(object: &Bound<'_, PyAny>) -> PyResult<Expect> {
    if let Ok(expectation) = object.cast::<Expectation>() {
        return Ok(expectation.get().expect.clone());
    }
    if operation::is_delete(object)? {
        return Err(error::invalid_type(object.py(), "a guard that expects nothing at its path is spook.absent(), not spook.DELETE"));
    }
    value::from_python(object).map(Expect::Equals)
}
