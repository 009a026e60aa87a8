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
