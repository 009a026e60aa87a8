//! What the tests of several modules share.

use proptest::prelude::*;
use spook_protocol::value::Value;

/// Any value that the state can hold, small and nested a few levels.
pub fn any_value() -> impl Strategy<Value = Value> {
    let key = prop_oneof![".{0,6}", "\\$*bytes", "[ab]{1,30}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-300i64..300).prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        any::<f32>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| Value::from(f64::from(number))),
        (-4096i32..4096).prop_map(|number| Value::from(f64::from(number) / 16.0)),
        ".{0,20}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(Value::object),
        ]
    })
}
