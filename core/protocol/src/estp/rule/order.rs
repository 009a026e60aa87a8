//! One order of all values, the same on every machine.

use crate::value::Value;
use std::cmp::Ordering;

/// Compares any two values: null, bools, numbers, strings, bytes, arrays, objects, in this order of kinds.
///
/// Numbers compare by what they are worth, exactly, whatever their types. Only equal values (in the sense of `Value`'s equality) are `Equal`:
/// of the same number -0.0 comes first, then the integer, then the float.
pub fn total_order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => pairwise(a.iter().zip(b.iter())).then(a.len().cmp(&b.len())),
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().cmp(b.keys());
            keys.then_with(|| pairwise(a.values().zip(b.values())))
        }
        _ => match (Number::of(a), Number::of(b)) {
            (Some(a), Some(b)) => a.order(b),
            _ => rank(a).cmp(&rank(b)),
        },
    }
}

fn pairwise<'a>(mut pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> Ordering {
    pairs.find_map(|(a, b)| Some(total_order(a, b)).filter(|order| order.is_ne())).unwrap_or(Ordering::Equal)
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => 2,
        Value::String(_) => 3,
        Value::Bytes(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    }
}

#[derive(Clone, Copy)]
enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    fn of(value: &Value) -> Option<Number> {
        match value {
            Value::Int(number) => Some(Number::Whole((*number).into())),
            Value::Uint(number) => Some(Number::Whole((*number).into())),
            Value::Float(number) => Some(Number::Float(*number)),
            _ => None,
        }
    }

    fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Whole(a), Number::Whole(b)) => a.cmp(&b),
            (Number::Float(a), Number::Float(b)) => a.total_cmp(&b),
            (Number::Whole(a), Number::Float(b)) => whole_and_float(a, b),
            (Number::Float(a), Number::Whole(b)) => whole_and_float(b, a).reverse(),
        }
    }
}

/// Never `Equal`. The float is taken apart into its bits, so that nothing is rounded.
fn whole_and_float(whole: i128, float: f64) -> Ordering {
    let bits = float.to_bits();
    let negative = bits >> 63 == 1;
    let outside = if negative { Ordering::Greater } else { Ordering::Less };
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1075;
    let fraction = bits & ((1 << 52) - 1);
    // Subnormal numbers, and zero, have no leading one; both are less than one.
    let mantissa = if exponent == -1075 { fraction } else { fraction | 1 << 52 };
    if exponent > 11 {
        // At least 2^64, infinite, or no number: beyond every integer on its side.
        return outside;
    }
    let (floor_of_size, rest) = match exponent {
        0.. => (i128::from(mantissa) << exponent, false),
        -63..0 => (i128::from(mantissa >> -exponent), mantissa & ((1 << -exponent) - 1) != 0),
        _ => (0, mantissa != 0),
    };
    let size_of_whole = if negative { -whole } else { whole };
    let by_size = size_of_whole.cmp(&floor_of_size).then(if rest { Ordering::Less } else { Ordering::Equal });
    let by_worth = if negative { by_size.reverse() } else { by_size };
    // The same worth: the integer comes before the float, but after -0.0.
    by_worth.then(if bits == 1 << 63 { Ordering::Greater } else { Ordering::Less })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near_the_edges() -> impl Strategy<Value = Value> {
        let power = (0u32..70, -2i64..3, any::<bool>());
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            (-3i64..4).prop_map(Value::from),
            prop::sample::select(vec![-0.0, 0.0, 0.5, -0.5, 1.0, 2.5, f64::MIN_POSITIVE, -f64::from_bits(1), f64::MAX])
                .prop_map(Value::from),
            power.clone().prop_map(|(power, by, negative)| {
                let float = f64::from_bits((f64::from(power).exp2()).to_bits().wrapping_add_signed(by));
                Value::from(if negative { -float } else { float })
            }),
            power.prop_map(|(power, by, negative)| {
                let whole = (1i128 << power.min(63)) + i128::from(by);
                let whole = if negative { -whole } else { whole };
                i64::try_from(whole).map(Value::from).unwrap_or_else(|_| Value::from(whole.unsigned_abs() as u64))
            }),
            Just(Value::Null),
            ".{0,2}".prop_map(Value::from),
            prop::collection::vec((0i64..2).prop_map(Value::from), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab]".prop_map(std::sync::Arc::from), (0i64..2).prop_map(Value::from), 0..3).prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in near_the_edges(), b in near_the_edges(), c in near_the_edges()) {
            prop_assert_eq!(total_order(&a, &b), total_order(&b, &a).reverse());
            prop_assert_eq!(total_order(&a, &b).is_eq(), a == b);
            if total_order(&a, &b).is_le() && total_order(&b, &c).is_le() {
                prop_assert!(total_order(&a, &c).is_le());
            }
        }

        #[test]
        fn an_integer_and_a_float_compare_by_their_worth(whole in any::<i64>(), float in -1e19f64..1e19) {
            // The whole part of so small a float is exact as i128.
            let floor = float.floor() as i128;
            let by_floor = i128::from(whole).cmp(&floor).then(Ordering::Less);
            prop_assert_eq!(total_order(&whole.into(), &float.into()), by_floor);
        }
    }

    #[test]
    fn what_rounds_to_the_same_float_is_not_the_same() {
        let above = (1i64 << 53) + 1;
        let float = Value::from((1u64 << 53) as f64);
        assert_eq!(total_order(&Value::from(above), &float), Ordering::Greater);
        assert_eq!(total_order(&Value::from(above - 1), &float), Ordering::Less, "the integer of the same worth comes first");
        assert_eq!(total_order(&Value::from(u64::MAX), &Value::from(u64::MAX as f64)), Ordering::Less);
        assert_eq!(total_order(&Value::from(i64::MIN), &Value::from(i64::MIN as f64)), Ordering::Less);
    }

    #[test]
    fn values_in_order() {
        let ordered = [
            Value::Null,
            Value::from(false),
            Value::from(true),
            Value::from(f64::NEG_INFINITY),
            Value::from(-1e300),
            Value::from(i64::MIN),
            Value::from(-1.5),
            Value::from(-1i64),
            Value::from(-1.0),
            Value::from(-f64::from_bits(1)),
            Value::from(-0.0),
            Value::from(0i64),
            Value::from(0.0),
            Value::from(f64::from_bits(1)),
            Value::from(1i64),
            Value::from(1.0),
            Value::from(1.5),
            Value::from(u64::MAX),
            Value::from(u64::MAX as f64),
            Value::from(f64::INFINITY),
            Value::from(""),
            Value::from("a"),
            Value::from("\u{ffff}"),
            Value::from("\u{1f600}"),
            Value::from(vec![0u8]),
            Value::from(vec![Value::Null]),
            Value::empty_object(),
            Value::object([("a", 2i64)]),
            Value::object([("b", 1i64)]),
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(total_order(a, b), i.cmp(&j), "{a} and {b}");
            }
        }
    }
}
