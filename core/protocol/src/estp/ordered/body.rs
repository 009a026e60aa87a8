//! The body of a candidate: what an ordered Pair keeps of it until it is committed.

use crate::estp::context::Context;
use crate::estp::dot::AuthorIndex;
use crate::estp::stamp::Stamp;
use crate::estp::state::Version;
use crate::value::Value;
use std::sync::Arc;

/// The name of a candidate within its Pair: the index of its author in the Pair's table, and its number there.
pub type Key = (AuthorIndex, u64);

/// A candidate with everything that a fold needs of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Who wrote it.
    pub author: AuthorIndex,
    /// Its number at its author.
    pub number: u64,
    /// Its stamp.
    pub stamp: Stamp,
    /// What its writer had applied.
    pub context: Context,
    /// What must hold before it, or it counts for nothing.
    pub guards: Vec<Guard>,
    /// What it does, leaf by leaf. Whatever a writer replaces or removes as a whole was spelled out when it wrote.
    pub operations: Vec<LeafOperation>,
}

impl Body {
    /// Its name within the Pair.
    pub fn key(&self) -> Key {
        (self.author, self.number)
    }

    /// Whether its writer had applied that candidate, or is its writer.
    pub fn saw(&self, (author, number): Key) -> bool {
        if author == self.author { number < self.number } else { number <= self.context.seen(author) }
    }

    /// Whether its writer had applied the candidate that a version comes from.
    pub fn saw_version(&self, version: &Version) -> bool {
        self.saw((version.author, version.number))
    }

    /// The version that it gives a cell.
    pub fn version(&self, value: Option<Value>) -> Version {
        Version { value, stamp: self.stamp, author: self.author, number: self.number }
    }
}

/// An operation on one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafOperation {
    /// The cell, as JSON Pointer.
    pub path: Arc<str>,
    /// What happens to it.
    pub action: LeafAction,
}

/// What an operation does to its cell.
#[derive(Clone, Debug, PartialEq)]
pub enum LeafAction {
    /// Gives it a value: a leaf, or, where a transition rule takes it, any value.
    Set(Value),
    /// Takes its value away.
    Delete,
    /// Adds to a counter.
    Increment(i64),
}

/// A condition on the state before a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// Where, as JSON Pointer.
    pub path: Arc<str>,
    /// What must be there.
    pub expect: Expect,
}

/// What a guard expects at its path.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// This value, as a read of the path shows it.
    Equals(Value),
    /// Nothing.
    Absent,
    /// A number or a string from `min` to `max`, both included; numbers are compared by what they are worth, strings by their bytes.
    Range {
        /// The least; `None` is any.
        min: Option<Value>,
        /// The greatest; `None` is any.
        max: Option<Value>,
    },
    /// The versions at and below the path have this [fingerprint](super::fingerprint): nothing was written there in between.
    Same(u128),
}
