//! `max` and `min`: the largest or the smallest value stands.

use super::{Rule, total_order};
use crate::value::Value;
use std::cmp::Ordering;

/// Whether `new` takes a `max` or `min` cell from `held`. Equal values do not.
pub fn takes(rule: &Rule, new: &Value, held: &Value) -> bool {
    let wanted = if *rule == Rule::Min { Ordering::Less } else { Ordering::Greater };
    total_order(new, held) == wanted
}

/// What a writer puts who sees `shown` and wants `new`: the larger of both, for `min` the smaller.
pub fn join(rule: &Rule, shown: Option<&Value>, new: Value) -> Value {
    match shown {
        Some(held) if !takes(rule, &new, held) => held.clone(),
        _ => new,
    }
}
