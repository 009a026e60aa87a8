//! What kinds of value a path may hold.

use crate::value::Value;
use std::fmt;

/// A set of kinds of value, as a schema names them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Types(u16);

/// The names of a schema and the kinds that they stand for. Single kinds come first and in the order in which messages list them.
const NAMES: [(&str, Types); 11] = [
    ("null", Types::NULL),
    ("bool", Types::BOOL),
    ("int", Types::INT),
    ("uint", Types::UINT),
    ("float", Types::FLOAT),
    ("string", Types::STRING),
    ("bytes", Types::BYTES),
    ("array", Types::ARRAY),
    ("object", Types::OBJECT),
    ("number", Types::NUMBER),
    ("any", Types::ANY),
];

impl Types {
    /// No value at all: nothing may lie here.
    pub const NONE: Types = Types(0);
    /// `null`.
    pub const NULL: Types = Types(1);
    /// `bool`.
    pub const BOOL: Types = Types(1 << 1);
    /// `int`: an integer that fits into an int64.
    pub const INT: Types = Types(1 << 2);
    /// `uint`: an integer from 0 to 2^64-1.
    pub const UINT: Types = Types(1 << 3);
    /// `float`: a float64. An integer is none.
    pub const FLOAT: Types = Types(1 << 4);
    /// `string`.
    pub const STRING: Types = Types(1 << 5);
    /// `bytes`.
    pub const BYTES: Types = Types(1 << 6);
    /// `array`.
    pub const ARRAY: Types = Types(1 << 7);
    /// `object`: members may lie below.
    pub const OBJECT: Types = Types(1 << 8);
    /// `number`: any integer or float.
    pub const NUMBER: Types = Types(Types::INT.0 | Types::UINT.0 | Types::FLOAT.0);
    /// What can be an element of a set: anything but arrays and objects.
    pub const SCALAR: Types = Types(Types::ARRAY.0 - 1);
    /// `any`.
    pub const ANY: Types = Types((1 << 9) - 1);

    /// The kinds of a schema's name.
    pub fn named(name: &str) -> Option<Types> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, types)| *types)
    }

    /// All names that a schema may use, for messages.
    pub fn known() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The kinds of either.
    #[must_use]
    pub const fn or(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    /// The kinds of both.
    #[must_use]
    pub const fn and(self, other: Types) -> Types {
        Types(self.0 & other.0)
    }

    /// Whether all kinds of `other` are among these.
    pub const fn contain(self, other: Types) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether a value is of one of these kinds. Only its own kind counts, not what it holds.
    pub fn allow(self, value: &Value) -> bool {
        let kinds = match value {
            Value::Null => Types::NULL,
            Value::Bool(_) => Types::BOOL,
            Value::Int(number) if *number >= 0 => Types::INT.or(Types::UINT),
            Value::Int(_) => Types::INT,
            Value::Uint(_) => Types::UINT,
            Value::Float(_) => Types::FLOAT,
            Value::String(_) => Types::STRING,
            Value::Bytes(_) => Types::BYTES,
            Value::Array(_) => Types::ARRAY,
            Value::Object(_) => Types::OBJECT,
        };
        self.and(kinds) != Types::NONE
    }
}

/// The names that a schema would use: `int, null`.
impl fmt::Display for Types {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Types::NONE {
            return out.write_str("nothing");
        }
        let mut left = *self;
        let mut separator = "";
        // From the end: a name for several kinds comes before the names of each.
        for (name, types) in NAMES.iter().rev().filter(|(_, types)| self.contain(*types)) {
            if left.and(*types) == *types {
                write!(out, "{separator}{name}")?;
                left = Types(left.0 & !types.0);
                separator = " or ";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Types({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_allows_its_own_kind_and_no_other() {
        let values = [
            ("null", Value::Null),
            ("bool", Value::from(false)),
            ("int", Value::from(-1i64)),
            ("uint", Value::from(u64::MAX)),
            ("float", Value::from(1.0)),
            ("string", Value::from("")),
            ("bytes", Value::from(vec![0u8])),
            ("array", Value::from(Vec::<Value>::new())),
            ("object", Value::empty_object()),
        ];
        for (name, value) in &values {
            for (other, _) in &values {
                assert_eq!(Types::named(other).unwrap().allow(value), name == other, "{value} as {other}");
            }
            assert!(Types::ANY.allow(value));
            assert_eq!(Types::SCALAR.allow(value), !matches!(*name, "array" | "object"));
        }
        assert!(Types::UINT.allow(&Value::from(1i64)));
    }

    #[test]
    fn types_print_as_a_schema_names_them() {
        assert_eq!(Types::ANY.to_string(), "any");
        assert_eq!(Types::STRING.or(Types::NULL).to_string(), "string or null");
        assert_eq!(Types::NUMBER.or(Types::STRING).to_string(), "number or string");
        assert_eq!(Types::NONE.to_string(), "nothing");
    }

    #[test]
    fn every_name_is_known() {
        assert!(Types::known().all(|name| Types::named(name).is_some()));
        assert_eq!(Types::named("integer"), None);
    }
}
