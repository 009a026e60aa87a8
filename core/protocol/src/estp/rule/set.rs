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
