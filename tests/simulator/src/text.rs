//! Values and times as words of a scenario file.

use spook_protocol::value::Value;
use std::sync::Arc;

/// What no byte on the wire may show: texts and bytes that a world writes bear it.
pub const MARKER: &[u8] = b"PLAIN";

/// A value as JSON; bytes as `bytes(LENGTH)`.
pub fn show(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => format!("bytes({})", bytes.len()),
        other => to_json(other).to_string(),
    }
}

/// Reads what [`show`] wrote.
pub fn read(text: &str) -> Option<Value> {
    if let Some(length) = text.strip_prefix("bytes(").and_then(|rest| rest.strip_suffix(')')) {
        return Some(Value::Bytes(bytes(length.parse().ok()?)));
    }
    of_json(&serde_json::from_str(text).ok()?)
}

/// Bytes of that length, full of the marker.
fn bytes(length: usize) -> Arc<[u8]> {
    MARKER.iter().copied().cycle().take(length).collect()
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) => (*number).into(),
        Value::Uint(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::String(text) => serde_json::Value::String(text.to_string()),
        Value::Bytes(bytes) => serde_json::Value::String(format!("bytes({})", bytes.len())),
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Object(members) => {
            serde_json::Value::Object(members.iter().map(|(key, member)| (key.to_string(), to_json(member))).collect())
        }
    }
}

fn of_json(json: &serde_json::Value) -> Option<Value> {
    Some(match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (_, Some(number)) => Value::Uint(number),
            _ => Value::Float(number.as_f64()?),
        },
        serde_json::Value::String(text) => Value::String(text.as_str().into()),
        serde_json::Value::Array(items) => Value::Array(items.iter().map(of_json).collect::<Option<Vec<Value>>>()?.into()),
        serde_json::Value::Object(members) => {
            let members = members.iter().map(|(key, member)| Some((key.as_str(), of_json(member)?)));
            Value::object(members.collect::<Option<Vec<_>>>()?)
        }
    })
}

/// A time: `20` is milliseconds, `20us` microseconds.
pub fn micros(text: &str) -> Option<u64> {
    match text.strip_suffix("us") {
        Some(micros) => micros.parse().ok(),
        None => text.parse::<u64>().ok()?.checked_mul(1000),
    }
}
