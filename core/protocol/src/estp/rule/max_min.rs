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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn comparable() -> impl Strategy<Value = Value> {
        prop_oneof![
            (-3i64..4).prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-8i32..8).prop_map(|number| Value::from(f64::from(number) / 2.0)),
            ".{0,3}".prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn joining_is_associative_commutative_idempotent(a in comparable(), b in comparable(), c in comparable()) {
            for rule in [Rule::Max, Rule::Min] {
                let join = |a: &Value, b: &Value| join(&rule, Some(a), b.clone());
                prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
                prop_assert_eq!(join(&a, &b), join(&b, &a));
                prop_assert_eq!(join(&a, &a), a.clone());
            }
        }
    }

    #[test]
    fn the_larger_stays_for_max_the_smaller_for_min() {
        let (small, large) = (Value::from(3i64), Value::from(3.5));
        assert_eq!(join(&Rule::Max, Some(&small), large.clone()), large);
        assert_eq!(join(&Rule::Max, Some(&large), small.clone()), large);
        assert_eq!(join(&Rule::Min, Some(&small), large.clone()), small);
        assert_eq!(join(&Rule::Min, None, large.clone()), large);
    }
}
