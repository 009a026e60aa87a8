//! Whether a guard holds.

use super::body::{Expect, Guard};
use super::cells::{Cells, fingerprint};
use super::fold::Scene;
use super::judge::locate;
use crate::estp::rule::{Rule, set, total_order};
use crate::estp::schema::{At, Schema};
use crate::value::{Object, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// Whether a guard holds in what the cells show.
pub(super) fn holds<C: Cells>(guard: &Guard, scene: &Scene<'_, C>) -> bool {
    match &guard.expect {
        Expect::Equals(value) => read(scene, &guard.path).as_ref() == Some(value),
        Expect::Absent => scene.cells.read(&guard.path).is_none(),
        Expect::Range { min, max } => scene.cells.read(&guard.path).is_some_and(|value| lies_within(&value, min.as_ref(), max.as_ref())),
        Expect::Same(expected) => fingerprint(scene.cells, scene.vector, &guard.path) == *expected,
    }
}

/// What a program reads at a path: of a set its elements.
pub(super) fn read<C: Cells>(scene: &Scene<'_, C>, path: &str) -> Option<Value> {
    let value = scene.cells.read(path)?;
    Some(if scene.schema.is_free() { value } else { present(scene.schema, locate(scene.schema, path).0, value) })
}

fn present(schema: &Schema, at: At, value: Value) -> Value {
    match value {
        Value::Object(members) if schema.rule(at).rule == Rule::Set => set::read(members.keys().map(AsRef::as_ref)),
        Value::Object(members) if !members.is_empty() => {
            let present = |(key, member): (&Arc<str>, &Value)| (Arc::clone(key), present(schema, schema.step(at, key), member.clone()));
            Value::from(members.iter().map(present).collect::<Object>())
        }
        other => other,
    }
}

/// A value of a kind that has no range, or of another kind than a bound, lies nowhere.
fn lies_within(value: &Value, min: Option<&Value>, max: Option<&Value>) -> bool {
    let Some(value) = worth(value) else { return false };
    let is_beyond = |bound: Option<&Value>, side: Ordering| {
        bound.is_some_and(|bound| match worth(bound) {
            Some(bound) if bound.type_name() == value.type_name() || !(is_text(&bound) || is_text(&value)) => {
                total_order(&value, &bound) == side
            }
            _ => true,
        })
    };
    !is_beyond(min, Ordering::Less) && !is_beyond(max, Ordering::Greater)
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::String(_))
}

/// A number or a string; of equal numbers always the same one. A float that is a whole number becomes an integer if it fits.
fn worth(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) | Value::Uint(_) | Value::String(_) => Some(value.clone()),
        Value::Float(number) if number.fract() == 0.0 && (-(2f64.powi(63))..2f64.powi(63)).contains(number) => {
            Some(Value::Int(*number as i64))
        }
        Value::Float(number) if number.fract() == 0.0 && (0.0..2f64.powi(64)).contains(number) => Some(Value::from(*number as u64)),
        Value::Float(number) if number.is_finite() => Some(value.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_what_they_are_worth() {
        let within = |value: Value, min: Option<Value>, max: Option<Value>| lies_within(&value, min.as_ref(), max.as_ref());
        assert!(within(Value::from(5.0), Some(Value::from(5i64)), Some(Value::from(5i64))));
        assert!(within(Value::from(-0.0), Some(Value::from(0i64)), Some(Value::from(0.0))));
        assert!(within(Value::from(5i64), Some(Value::from(4.5)), Some(Value::from(u64::MAX))));
        assert!(!within(Value::from(5.5), None, Some(Value::from(5i64))));
        assert!(within(Value::from((1i64 << 53) + 1), Some(Value::from(2f64.powi(53))), None));
        assert!(!within(Value::from((1i64 << 53) + 1), None, Some(Value::from(2f64.powi(53)))));
        assert!(within(Value::from(1e300), Some(Value::from(u64::MAX)), None));
        assert!(within(Value::from("b"), Some(Value::from("a")), Some(Value::from("b"))));
        assert!(!within(Value::from("b"), Some(Value::from(1i64)), None));
        assert!(!within(Value::Null, None, None));
        assert!(!within(Value::from(1i64), Some(Value::Null), None));
    }
}
