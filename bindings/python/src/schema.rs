//! How a Pair is created: its schema and options, from the keyword arguments of create_pair.

use crate::arguments::{self, Text, Time, type_name};
use crate::{error, value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use spook::{Code, Object, PairOptions, Value};

/// The fields of a schema that are arguments of their own, too.
const FIELDS: [&str; 7] = ["rules", "consistency", "anchor", "guards", "pending", "registers", "collapse"];

/// The options of a Pair. What is None is as if it had not been given.
pub(crate) fn options(arguments: Option<&Bound<'_, PyDict>>) -> PyResult<PairOptions> {
    let mut options = PairOptions::default();
    let mut schema = Object::new();
    let mut fields = Vec::new();
    for (name, given) in arguments.into_iter().flatten() {
        let name: String = name.extract()?;
        match name.as_str() {
            "schema" | "durability" | "write_timeout" if given.is_none() => {}
            "schema" => schema = document(&given)?,
            "durability" => options.durability = arguments::durability(given.py(), &given.extract::<Text>()?)?,
            "write_timeout" => options.write_timeout = given.extract::<Time>()?.0,
            field if FIELDS.contains(&field) => fields.push((name, given)),
            _ => return Err(PyTypeError::new_err(format!("create_pair() got an unexpected keyword argument '{name}'"))),
        }
    }
    for (field, given) in fields.into_iter().filter(|(_, given)| !given.is_none()) {
        if schema.insert(field.as_str().into(), value::from_python(&given)?).is_some() {
            let detail = format!("{field:?} is in the schema and an argument beside it; give it once");
            return Err(error::fail(given.py(), Code::Schema, detail));
        }
    }
    options.schema = Value::from(schema);
    Ok(options)
}

fn document(given: &Bound<'_, PyAny>) -> PyResult<Object> {
    match value::from_python(given)? {
        Value::Object(fields) => Ok((*fields).clone()),
        _ => Err(PyTypeError::new_err(format!("argument 'schema': must be a dict, not {}", type_name(given)))),
    }
}
