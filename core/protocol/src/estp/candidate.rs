//! What a write asks for, and why it may be refused.

use super::schema::TypeError;
use super::state::Obstacle;
use crate::error::Code;
use crate::pointer::{self, PointerError};
use crate::value::Value;
use crate::{limits, wire};
use std::fmt;

/// One operation of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation<'a> {
    /// Where, as JSON Pointer.
    pub path: &'a str,
    /// What.
    pub action: Action,
}

/// What an operation does at its path.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Puts a value there. An object sets its leaves and removes the leaves that the writer could see there and did not write
    /// (observed-replace); a leaf that another half adds at the same time survives.
    Set(Value),
    /// Removes whatever the writer can see there.
    Delete,
    /// Adds to a counter; a negative number takes away.
    Increment(i64),
    /// Adds an element to a set.
    Add(Value),
    /// Removes an element from a set: the additions of it that the writer could see.
    Remove(Value),
}

impl<'a> Operation<'a> {
    /// Sets a value.
    pub fn set(path: &'a str, value: impl Into<Value>) -> Operation<'a> {
        Operation { path, action: Action::Set(value.into()) }
    }

    /// Adds to a counter.
    pub fn increment(path: &'a str, by: i64) -> Operation<'a> {
        Operation { path, action: Action::Increment(by) }
    }

    /// Adds an element to a set.
    pub fn add(path: &'a str, element: impl Into<Value>) -> Operation<'a> {
        Operation { path, action: Action::Add(element.into()) }
    }

    /// Removes an element from a set.
    pub fn remove(path: &'a str, element: impl Into<Value>) -> Operation<'a> {
        Operation { path, action: Action::Remove(element.into()) }
    }

    /// Removes what is there.
    pub fn delete(path: &'a str) -> Operation<'a> {
        Operation { path, action: Action::Delete }
    }
}

/// Why a write was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteError {
    /// The path is not a JSON Pointer.
    Pointer {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        error: PointerError,
    },
    /// The path leads through a value that has no members.
    Obstacle {
        /// The path as given.
        path: String,
        /// What stands in the way.
        obstacle: Obstacle,
    },
    /// There is nothing to delete.
    NothingThere {
        /// The path as given.
        path: String,
    },
    /// A float is NaN or infinite.
    NotFinite {
        /// Where it was to be put.
        path: String,
    },
    /// A value is larger or more deeply nested than [`limits`] allows.
    TooLarge {
        /// Where it was to be put.
        path: String,
        /// Which limit.
        limit: &'static str,
    },
    /// Two operations of one candidate touch the same cells.
    Overlap {
        /// The one.
        path: String,
        /// The other, at or below it.
        other: String,
    },
    /// The value is not of a type that the schema allows there.
    Type(TypeError),
    /// The operation needs a rule that the schema does not give the path.
    Rule {
        /// The path as given.
        path: String,
        /// What was asked for.
        operation: &'static str,
        /// The rule that it needs.
        needs: &'static str,
        /// The rule that the path has.
        has: String,
    },
    /// A counter's total would leave the range of int64.
    Overflow {
        /// The path as given.
        path: String,
    },
    /// Guards in a Pair that keeps no candidates whole.
    Guards,
    /// A candidate without operations.
    Empty,
    /// As many candidates wait to be committed as the Pair allows.
    Backpressure {
        /// How many.
        pending: usize,
    },
    /// The half takes no writes: it is closed or failed.
    NotOpen {
        /// Its lifecycle name.
        state: &'static str,
    },
}

impl WriteError {
    /// The permanent code.
    pub fn code(&self) -> Code {
        match self {
            WriteError::Pointer { .. } => Code::Pointer,
            WriteError::Obstacle { .. } => Code::Type,
            WriteError::NothingThere { .. } => Code::NotFound,
            WriteError::NotFinite { .. } => Code::Nan,
            WriteError::TooLarge { .. } => Code::TooLarge,
            WriteError::Type(error) => error.code(),
            WriteError::Rule { .. } => Code::Type,
            WriteError::Overflow { .. } => Code::TooLarge,
            WriteError::Overlap { .. } | WriteError::Empty => Code::Invalid,
            WriteError::Guards => Code::Guard,
            WriteError::Backpressure { .. } => Code::Backpressure,
            WriteError::NotOpen { state: "failed" } => Code::Failed,
            WriteError::NotOpen { .. } => Code::Closed,
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Pointer { path, error } => write!(out, "{path:?} is no path: {error}"),
            WriteError::Obstacle { path, obstacle } => {
                write!(out, "{path:?} leads through {:?}, which holds a {} and has no members", obstacle.path, obstacle.type_name)
            }
            WriteError::NothingThere { path } => write!(out, "there is nothing at {path:?} to delete"),
            WriteError::NotFinite { path } => write!(out, "the float for {path:?} is NaN or infinite"),
            WriteError::TooLarge { path, limit } => write!(out, "the value for {path:?} exceeds the limit of {limit}"),
            WriteError::Overlap { path, other } => {
                write!(out, "one candidate writes both {path:?} and {other:?}, which lies at or below it")
            }
            WriteError::Type(error) => error.fmt(out),
            WriteError::Rule { path, operation, needs, has } => {
                write!(out, "{operation} at {path:?} needs the rule {needs}; the schema gives it {has}")
            }
            WriteError::Overflow { path } => {
                write!(out, "the total that this endpoint adds to the counter at {path:?} would leave the range of int64")
            }
            WriteError::Guards => out.write_str("this Pair was created without guards"),
            WriteError::Empty => out.write_str("the list of operations is empty"),
            WriteError::Backpressure { pending } => write!(out, "{pending} candidates wait to be committed already"),
            WriteError::NotOpen { state } => write!(out, "the Pair is {state}"),
        }
    }
}

/// Checks what can be checked without the state: the path, and the size, depth and floats of the value.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(operation: &Operation<'_>) -> Result<(), WriteError> {
    let path = operation.path;
    let mut depth = 0;
    let no_pointer = |error| WriteError::Pointer { path: path.to_owned(), error };
    for key in pointer::keys(path).map_err(no_pointer)? {
        key.map_err(no_pointer)?;
        depth += 1;
    }
    match &operation.action {
        Action::Delete | Action::Increment(_) => Ok(()),
        Action::Set(value) | Action::Add(value) | Action::Remove(value) => check_value(value, path, path.len(), depth),
    }
}

fn check_value(value: &Value, path: &str, path_bytes: usize, depth: usize) -> Result<(), WriteError> {
    let too_large = |limit| Err(WriteError::TooLarge { path: path.to_owned(), limit });
    if depth > limits::DEPTH || path_bytes > limits::PATH_BYTES {
        return too_large("64 levels or 4096 bytes of path");
    }
    match value {
        Value::Array(_) | Value::Object(_) if depth == limits::DEPTH => too_large("64 levels"),
        Value::Float(number) if !number.is_finite() => Err(WriteError::NotFinite { path: path.to_owned() }),
        Value::String(text) if text.len() > limits::LEAF_BYTES => too_large("64 MiB a leaf"),
        Value::Bytes(bytes) if bytes.len() > limits::LEAF_BYTES => too_large("64 MiB a leaf"),
        Value::Array(items) => {
            items.iter().try_for_each(|item| check_value(item, path, path_bytes, depth + 1))?;
            if encoded_len(value) > limits::LEAF_BYTES { too_large("64 MiB a leaf") } else { Ok(()) }
        }
        Value::Object(members) => members.iter().try_for_each(|(key, member)| {
            // As it is written in a path, which is how it travels.
            let key_bytes = key.len() + key.bytes().filter(|byte| matches!(byte, b'~' | b'/')).count();
            if key_bytes > limits::KEY_BYTES {
                return too_large("1024 bytes a key");
            }
            check_value(member, path, path_bytes + 1 + key_bytes, depth + 1)
        }),
        _ => Ok(()),
    }
}

fn encoded_len(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 5,
        Value::Bytes(bytes) => bytes.len() + 5,
        Value::Array(items) => items.iter().map(encoded_len).sum::<usize>() + 5,
        Value::Object(members) => members.iter().map(|(key, member)| key.len() + 5 + encoded_len(member)).sum::<usize>() + 5,
        Value::Int(number) => wire::varint_len(number.unsigned_abs()) + 1,
        _ => 11,
    }
}

/// Refuses operations that touch the same cells, so that their order within the candidate means nothing.
///
/// # Errors
/// [`WriteError::Overlap`] with the two paths.
pub fn check_apart(operations: &[Operation<'_>]) -> Result<(), WriteError> {
    let mut paths: Vec<&str> = operations.iter().map(|operation| operation.path).collect();
    // By keys, not by bytes: a '/' sorts before whatever else may follow a common prefix.
    paths.sort_unstable_by(|a, b| a.split('/').cmp(b.split('/')));
    for pair in paths.windows(2) {
        if pointer::is_within(pair[1], pair[0]) {
            return Err(WriteError::Overlap { path: pair[0].to_owned(), other: pair[1].to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_the_state_cannot_hold_are_refused() {
        assert_eq!(check(&Operation::set("/a", f64::NAN)).unwrap_err().code(), Code::Nan);
        assert_eq!(check(&Operation::set("/a", vec![Value::from(f64::INFINITY)])).unwrap_err().code(), Code::Nan);
        assert_eq!(check(&Operation::set("a", 1i64)).unwrap_err().code(), Code::Pointer);
        let deep = (0..70).fold(Value::Null, |inner, _| Value::object([("k", inner)]));
        assert_eq!(check(&Operation::set("", deep)).unwrap_err().code(), Code::TooLarge);
        let long_key = Value::object([("k".repeat(limits::KEY_BYTES + 1), 1i64)]);
        assert_eq!(check(&Operation::set("", long_key)).unwrap_err().code(), Code::TooLarge);
        assert_eq!(check(&Operation::set("/a", vec![0u8; limits::LEAF_BYTES + 1])).unwrap_err().code(), Code::TooLarge);
    }

    #[test]
    fn operations_of_one_candidate_must_be_apart() {
        let overlap = |paths: &[&str]| {
            let operations: Vec<_> = paths.iter().map(|path| Operation::set(path, 1i64)).collect();
            check_apart(&operations).is_err()
        };
        assert!(overlap(&["/a", "/a"]));
        assert!(overlap(&["/a/b", "/a-b", "/a"]));
        assert!(overlap(&["", "/x"]));
        assert!(!overlap(&["/a", "/ab", "/a-b", "/b/a"]));
    }
}
