//! Why a schema, or a value that it governs, is refused.

use crate::error::Code;
use std::fmt;

/// Characters of a field's path in a message.
const FIELD: usize = 120;

/// Why a schema is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// The field, as a JSON Pointer into the schema.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl SchemaError {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> SchemaError {
        let mut field: String = field.into();
        // A peer may have made it: a message repeats the beginning.
        if let Some((cut, _)) = field.char_indices().nth(FIELD) {
            field.truncate(cut);
            field.push_str("...");
        }
        SchemaError { field, problem: problem.into() }
    }

    /// The permanent code.
    pub fn code(&self) -> Code {
        Code::Schema
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(out, "the schema {}", self.problem)
        } else {
            write!(out, "{:?} of the schema {}", self.field, self.problem)
        }
    }
}

/// A value that the schema does not allow where it was to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeError {
    /// Where, as a JSON Pointer below the place that was checked.
    pub path: String,
    /// What may be there.
    pub expected: String,
    /// The name of the type that came.
    pub got: &'static str,
}

impl TypeError {
    /// The same with the path of the place that was checked put before.
    #[must_use]
    pub fn below(self, path: &str) -> TypeError {
        TypeError { path: format!("{path}{}", self.path), ..self }
    }

    /// The permanent code.
    pub fn code(&self) -> Code {
        Code::Type
    }
}

impl fmt::Display for TypeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} takes {}, and a value of type {} came", self.path, self.expected, self.got)
    }
}
