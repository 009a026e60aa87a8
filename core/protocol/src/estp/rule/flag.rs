//! `flag`: true wins over a concurrent false.

use crate::value::Value;

/// Whether a value raises the flag.
pub fn is_raised(value: &Value) -> bool {
    *value == Value::Bool(true)
}
