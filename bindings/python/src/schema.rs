//! The schema of a Pair, from the keyword arguments of create_pair.

use crate::arguments::type_name;
use crate::{error, value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use spook::{Code, Object, Value};

/// The fields that are arguments of their own, too.
const FIELDS: [&str; 7] = ["rules", "consistency", "anchor", "guards", "pending", "registers", "collapse"];

/// A document with the fields that were given beside it. None is as if it had not been given.
pub(crate) fn document(schema: Option<&Bound<'_, PyAny>>, fields: Option<&Bound<'_, PyDict>>) -> PyResult<Value> {
    let mut document = match schema {
        None => Object::new(),
        Some(given) => match value::from_python(given)? {
            Value::Object(fields) => (*fields).clone(),
            _ => return Err(PyTypeError::new_err(format!("argument 'schema': must be a dict, not {}", type_name(given)))),
        },
    };
    for (field, given) in fields.into_iter().flatten() {
        let field: String = field.extract()?;
        if !FIELDS.contains(&field.as_str()) {
            return Err(PyTypeError::new_err(format!("create_pair() got an unexpected keyword argument '{field}'")));
        }
        if !given.is_none() && document.insert(field.as_str().into(), value::from_python(&given)?).is_some() {
            let detail = format!("{field:?} is in the schema and an argument beside it; give it once");
            return Err(error::fail(given.py(), Code::Schema, detail));
        }
    }
    Ok(Value::from(document))
}
