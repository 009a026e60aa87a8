//! Values of Python to values of the state and back, without a detour over text.

use crate::arguments::{surrogate, type_name};
use crate::error;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMemoryView, PyString, PyTuple};
use spook::{Code, Object, Value};
use std::sync::Arc;

/// Where the conversion stops, so that a list which contains itself ends, too. The engine's own limit is lower, and tells its number.
const DEPTH: usize = 128;

/// A value of the state.
pub(crate) fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    convert(object, DEPTH)
}

fn convert(object: &Bound<'_, PyAny>, left: usize) -> PyResult<Value> {
    if object.is_none() {
        return Ok(Value::Null);
    }
    // A bool is an int, too, so that it is asked for first.
    if let Ok(flag) = object.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if object.is_instance_of::<PyInt>() {
        return integer(object);
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(Value::Float(number.value()));
    }
    if object.is_instance_of::<PyString>() {
        return Ok(Value::String((*text(object)?).into()));
    }
    if let Some(bytes) = bytes(object)? {
        return Ok(Value::Bytes(bytes));
    }
    if left == 0 {
        let detail = format!("the value is nested more than {DEPTH} levels deep; does it contain itself?");
        return Err(error::fail(object.py(), Code::TooLarge, detail));
    }
    if let Ok(members) = object.cast::<PyDict>() {
        return dict(members, left);
    }
    if let Ok(items) = object.cast::<PyList>() {
        return items.iter().map(|item| convert(&item, left - 1)).collect::<PyResult<Vec<_>>>().map(Value::from);
    }
    if let Ok(items) = object.cast::<PyTuple>() {
        return items.iter().map(|item| convert(&item, left - 1)).collect::<PyResult<Vec<_>>>().map(Value::from);
    }
    // Integers of other libraries (numpy) say by this method that they are such.
    if object.hasattr("__index__")? {
        return integer(&object.call_method0("__index__")?);
    }
    let detail = format!(
        "{} is no value of a state; those are None, bool, int, float, str, bytes, and list, tuple and dict of them",
        type_name(object)
    );
    Err(error::invalid_type(object.py(), &detail))
}

fn integer(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(number) = object.extract::<i64>() {
        return Ok(Value::Int(number));
    }
    if let Ok(number) = object.extract::<u64>() {
        return Ok(Value::from(number));
    }
    // Its digits are not in the message: there may be any number of them.
    Err(error::out_of_range(object.py(), "the integer does not fit 64 bits: -2**63 to 2**64 - 1"))
}

fn text(object: &Bound<'_, PyAny>) -> PyResult<PyBackedStr> {
    object.extract().map_err(|error| surrogate(object.py(), error))
}

/// The content of bytes, bytearray or memoryview.
pub(crate) fn bytes(object: &Bound<'_, PyAny>) -> PyResult<Option<Arc<[u8]>>> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Some(bytes.as_bytes().into()));
    }
    if let Ok(bytes) = object.cast::<PyByteArray>() {
        return Ok(Some(bytes.to_vec().into()));
    }
    if object.is_instance_of::<PyMemoryView>() {
        let copied = object.call_method0("tobytes")?;
        return Ok(Some(copied.cast::<PyBytes>()?.as_bytes().into()));
    }
    Ok(None)
}

fn dict(members: &Bound<'_, PyDict>, left: usize) -> PyResult<Value> {
    let mut object = Object::new();
    for (key, value) in members.iter() {
        if !key.is_instance_of::<PyString>() {
            let detail = format!("the keys of a dict are str, not {}: {}", type_name(&key), key.repr()?);
            return Err(error::invalid_type(key.py(), &detail));
        }
        object.insert((*text(&key)?).into(), convert(&value, left - 1)?);
    }
    Ok(Value::from(object))
}

/// A value of Python.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Int(number) => number.into_pyobject(py)?.into_any(),
        Value::Uint(number) => number.into_pyobject(py)?.into_any(),
        Value::Float(number) => PyFloat::new(py, *number).into_any(),
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::Array(items) => {
            let items = items.iter().map(|item| to_python(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Object(members) => {
            let dict = PyDict::new(py);
            for (key, member) in members.iter() {
                dict.set_item(&**key, to_python(py, member)?)?;
            }
            dict.into_any()
        }
    })
}
