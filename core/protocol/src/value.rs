//! What a program reads and writes: a tree of values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The members of an object, sorted by key so that every half lists them alike.
pub type Object = BTreeMap<Arc<str>, Value>;

/// A value of the state.
///
/// Strings, bytes, arrays and objects are shared, so that cloning a value (into a snapshot, an observer's queue, a delta) copies no content.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Null: a value like any other; a path that holds null exists.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// An integer that fits into 64 bits with sign.
    Int(i64),
    /// An integer above `i64::MAX`. [`Value::from`] chooses between `Int` and `Uint`, so that equal numbers are equal values.
    Uint(u64),
    /// A finite float64. NaN and infinities are refused when written.
    Float(f64),
    /// Text in UTF-8.
    String(Arc<str>),
    /// Bytes of any content.
    Bytes(Arc<[u8]>),
    /// An array: one value as far as concurrent writes are concerned.
    Array(Arc<[Value]>),
    /// An object. Within the state its members are cells of their own; only an empty object is a leaf.
    Object(Arc<Object>),
}

impl Value {
    /// An empty object: what a Pair without any leaf reads as.
    pub fn empty_object() -> Value {
        Value::Object(Arc::new(Object::new()))
    }

    /// An object of the given members; of members with the same key the last one stays.
    pub fn object<K: Into<Arc<str>>, V: Into<Value>>(members: impl IntoIterator<Item = (K, V)>) -> Value {
        Value::Object(Arc::new(members.into_iter().map(|(key, value)| (key.into(), value.into())).collect()))
    }

    /// The name of the value's type in messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int64",
            Value::Uint(_) => "uint64",
            Value::Float(_) => "float64",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// The member of an object, if this is one that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members.get(key),
            _ => None,
        }
    }

    /// The number as `i64`, if this is an integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The number as `f64`, if this is an integer or a float; integers beyond 2^53 are rounded.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::Uint(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if these are bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Whether the state keeps this value in one cell: anything but an object with members.
    pub fn is_leaf(&self) -> bool {
        !matches!(self, Value::Object(members) if !members.is_empty())
    }
}

/// Equality is identity of content: floats are compared by their bits, and an integer never equals a float.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Uint(a), Value::Uint(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

/// For messages and logs: JSON, with bytes as `h'..'` as CBOR's diagnostic notation (RFC 8949) writes them.
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => out.write_str("null"),
            Value::Bool(flag) => write!(out, "{flag}"),
            Value::Int(number) => write!(out, "{number}"),
            Value::Uint(number) => write!(out, "{number}"),
            Value::Float(number) => write!(out, "{number:?}"),
            Value::String(text) => write!(out, "{text:?}"),
            Value::Bytes(bytes) => write!(out, "h'{}'", data_encoding::HEXLOWER.encode(bytes)),
            Value::Array(items) => {
                out.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(out, "{}{item}", if at == 0 { "" } else { ", " })?;
                }
                out.write_str("]")
            }
            Value::Object(members) => {
                out.write_str("{")?;
                for (at, (key, value)) in members.iter().enumerate() {
                    write!(out, "{}{key:?}: {value}", if at == 0 { "" } else { ", " })?;
                }
                out.write_str("}")
            }
        }
    }
}

macro_rules! value_from {
    ($($source:ty => $name:ident, $make:expr;)*) => {
        $(impl From<$source> for Value {
            fn from($name: $source) -> Value {
                $make
            }
        })*
    };
}

value_from! {
    bool => flag, Value::Bool(flag);
    i32 => number, Value::Int(number.into());
    i64 => number, Value::Int(number);
    u32 => number, Value::Int(number.into());
    u64 => number, i64::try_from(number).map_or(Value::Uint(number), Value::Int);
    f64 => number, Value::Float(number);
    &str => text, Value::String(text.into());
    String => text, Value::String(text.into());
    &[u8] => bytes, Value::Bytes(bytes.into());
    Vec<u8> => bytes, Value::Bytes(bytes.into());
    Vec<Value> => items, Value::Array(items.into());
    Object => members, Value::Object(Arc::new(members));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_takes_three_words() {
        assert_eq!(size_of::<Value>(), 24);
    }

    #[test]
    fn equal_numbers_are_equal_values() {
        assert_eq!(Value::from(7u64), Value::from(7i64));
        assert_ne!(Value::from(7i64), Value::from(7.0));
        assert_eq!(Value::from(u64::MAX), Value::Uint(u64::MAX));
    }

    #[test]
    fn zero_and_minus_zero_differ() {
        assert_ne!(Value::from(0.0), Value::from(-0.0));
    }

    #[test]
    fn values_print_as_json() {
        let value = Value::object([("b", Value::from(vec![1u8, 255])), ("a", Value::from(vec![Value::Null, Value::from("x\"y")]))]);
        assert_eq!(value.to_string(), r#"{"a": [null, "x\"y"], "b": h'01ff'}"#);
    }

    #[test]
    fn only_an_object_with_members_is_no_leaf() {
        assert!(Value::empty_object().is_leaf());
        assert!(!Value::object([("a", 1i64)]).is_leaf());
    }
}
