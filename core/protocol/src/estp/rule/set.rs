//! `set`: every element is a cell of its own, under a key made of the element. Additions win over removals that have not seen them.
//!
//! | element | key |
//! |---|---|
//! | null, false, true | `n`, `f`, `t` |
//! | integer | `i` and its decimal digits |
//! | float64 | `d` and its bits in 16 hexadecimal digits |
//! | string | `s` and the text itself |
//! | bytes | `b` and base64url (RFC 4648) without padding |

use super::total_order;
use crate::limits;
use crate::value::Value;
use data_encoding::BASE64URL_NOPAD;
use std::collections::BTreeSet;
use std::fmt;

/// What the cell of an element holds.
pub const PRESENT: Value = Value::Bool(true);

/// Why a value cannot be an element of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementError {
    /// It is an array or an object.
    NotScalar {
        /// The name of its type.
        type_name: &'static str,
    },
    /// A float that is NaN or infinite.
    NotFinite,
    /// Its key would be longer than [`limits::KEY_BYTES`].
    TooLong,
}

impl fmt::Display for ElementError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ElementError::NotScalar { type_name } => write!(out, "an {type_name} cannot be an element of a set; scalars can"),
            ElementError::NotFinite => out.write_str("the float is NaN or infinite"),
            ElementError::TooLong => {
                let bytes = limits::KEY_BYTES - 1;
                write!(
                    out,
                    "as text an element of a set takes at most {bytes} bytes, '~' and '/' counted twice; as bytes {}",
                    bytes / 4 * 3
                )
            }
        }
    }
}

/// The key of an element. Equal values have equal keys, and different ones different keys.
///
/// # Errors
/// [`ElementError`] for what cannot be an element.
pub fn key(element: &Value) -> Result<String, ElementError> {
    let key = match element {
        Value::Null => "n".to_owned(),
        Value::Bool(false) => "f".to_owned(),
        Value::Bool(true) => "t".to_owned(),
        Value::Int(number) => format!("i{number}"),
        Value::Uint(number) => format!("i{number}"),
        Value::Float(number) if !number.is_finite() => return Err(ElementError::NotFinite),
        Value::Float(number) => format!("d{:016x}", number.to_bits()),
        Value::String(text) if text.len() >= limits::KEY_BYTES => return Err(ElementError::TooLong),
        Value::String(text) => format!("s{text}"),
        Value::Bytes(bytes) if bytes.len() >= limits::KEY_BYTES => return Err(ElementError::TooLong),
        Value::Bytes(bytes) => format!("b{}", BASE64URL_NOPAD.encode(bytes)),
        Value::Array(_) | Value::Object(_) => return Err(ElementError::NotScalar { type_name: element.type_name() }),
    };
    // As it is written in a path, which is how it travels.
    let escaped = key.len() + key.bytes().filter(|byte| matches!(byte, b'~' | b'/')).count();
    if escaped > limits::KEY_BYTES { Err(ElementError::TooLong) } else { Ok(key) }
}

/// The element of a key, or `None` for a key that no element has.
pub fn element(found: &str) -> Option<Value> {
    let mut chars = found.chars();
    let kind = chars.next()?;
    let rest = chars.as_str();
    let element = match kind {
        'n' => Value::Null,
        'f' => Value::Bool(false),
        't' => Value::Bool(true),
        'i' => rest.parse().map(Value::Int).or_else(|_| rest.parse().map(Value::Uint)).ok()?,
        'd' => Value::Float(f64::from_bits(u64::from_str_radix(rest, 16).ok()?)),
        's' => Value::from(rest),
        'b' => Value::from(BASE64URL_NOPAD.decode(rest.as_bytes()).ok()?),
        _ => return None,
    };
    // One element has one key: "i007" and "nil" are none.
    key(&element).is_ok_and(|key| key == found).then_some(element)
}

/// What a set reads as: its elements as an array, sorted by [`total_order`]. Keys of no element are left out.
pub fn read<'a>(keys: impl IntoIterator<Item = &'a str>) -> Value {
    let mut elements: Vec<Value> = keys.into_iter().filter_map(element).collect();
    elements.sort_by(total_order);
    Value::from(elements)
}

/// What a writer does who puts an array in the place of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacement {
    /// Keys to write, those already there included: an addition wins over a concurrent removal only if it is written again.
    pub add: BTreeSet<String>,
    /// Keys to delete: those that the writer sees and does not want.
    pub remove: BTreeSet<String>,
}

/// Observed-replace: `wanted` stands in the place of the elements that the writer sees; elements that others add at the same time survive.
///
/// # Errors
/// [`ElementError`] for what cannot be an element.
pub fn replace<'a>(visible: impl IntoIterator<Item = &'a str>, wanted: &[Value]) -> Result<Replacement, ElementError> {
    let add = wanted.iter().map(key).collect::<Result<BTreeSet<String>, ElementError>>()?;
    let remove = visible.into_iter().filter(|visible| !add.contains(*visible)).map(str::to_owned).collect();
    Ok(Replacement { add, remove })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pointer;
    use proptest::prelude::*;

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[~/nti0-9\\x00\u{1f600}\u{10ffff}]{0,8}".prop_map(Value::from),
            prop::collection::vec(any::<u8>(), 0..64).prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn an_element_comes_back_from_its_key_and_from_its_path(value in scalar()) {
            let key = key(&value).unwrap();
            prop_assert_eq!(element(&key), Some(value.clone()));
            let mut path = String::new();
            pointer::push_key(&mut path, &key);
            let keys: Vec<_> = pointer::keys(&path).unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(keys, [key]);
        }

        #[test]
        fn different_elements_have_different_keys(a in scalar(), b in scalar()) {
            prop_assert_eq!(key(&a) == key(&b), a == b);
        }

        #[test]
        fn a_key_that_is_read_is_the_one_that_is_written(found in "[ntfidsbx]?[-+0-9a-f_=]{0,18}") {
            if let Some(value) = element(&found) {
                prop_assert_eq!(key(&value).unwrap(), found);
            }
        }

        #[test]
        fn a_set_reads_in_one_order(elements in prop::collection::vec(scalar(), 0..8)) {
            let mut keys: Vec<String> = elements.iter().map(|value| key(value).unwrap()).collect();
            let forwards = read(keys.iter().map(String::as_str));
            keys.reverse();
            prop_assert_eq!(forwards, read(keys.iter().map(String::as_str)));
        }
    }

    #[test]
    fn keys_of_some_elements() {
        let keys = [
            (Value::Null, "n"),
            (Value::from(true), "t"),
            (Value::from(-7i64), "i-7"),
            (Value::from(u64::MAX), "i18446744073709551615"),
            (Value::from(1.0), "d3ff0000000000000"),
            (Value::from(""), "s"),
            (Value::from("a/~\0\u{1f600}"), "sa/~\0\u{1f600}"),
            (Value::from(vec![255u8, 254]), "b__4"),
        ];
        for (value, expected) in keys {
            assert_eq!(key(&value).unwrap(), expected);
            assert_eq!(element(expected), Some(value));
        }
    }

    #[test]
    fn what_no_element_has_as_key_is_none() {
        for found in
            ["", "nil", "i", "i007", "i+7", "i-0", "i18446744073709551616", "d3ff", "d7ff0000000000000", "D0", "b_", "b__5", "x", "\u{e9}"]
        {
            assert_eq!(element(found), None, "{found}");
        }
    }

    #[test]
    fn what_cannot_be_an_element_is_refused() {
        assert_eq!(key(&Value::from(Vec::<Value>::new())), Err(ElementError::NotScalar { type_name: "array" }));
        assert_eq!(key(&Value::empty_object()), Err(ElementError::NotScalar { type_name: "object" }));
        assert_eq!(key(&Value::from(f64::NAN)), Err(ElementError::NotFinite));
        let text = |letter: &str, length| Value::from(letter.repeat(length));
        assert!(key(&text("a", limits::KEY_BYTES - 1)).is_ok());
        assert_eq!(key(&text("a", limits::KEY_BYTES)), Err(ElementError::TooLong));
        assert_eq!(key(&text("~", limits::KEY_BYTES / 2)), Err(ElementError::TooLong), "written as ~0 in a path");
        let most = (limits::KEY_BYTES - 1) / 4 * 3;
        assert!(key(&Value::from(vec![0u8; most])).is_ok());
        assert_eq!(key(&Value::from(vec![0u8; most + 3])), Err(ElementError::TooLong));
    }

    #[test]
    fn replacing_takes_only_what_is_seen() {
        let wanted = [Value::from("a"), Value::from(1i64), Value::from("a")];
        let replacement = replace(["sa", "sb", "n"], &wanted).unwrap();
        assert_eq!(replacement.add, BTreeSet::from(["sa".to_owned(), "i1".to_owned()]));
        assert_eq!(replacement.remove, BTreeSet::from(["sb".to_owned(), "n".to_owned()]));
        assert!(replace([], &[Value::empty_object()]).is_err());
    }
}
