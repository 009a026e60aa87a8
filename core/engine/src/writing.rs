//! What a write is, and what becomes of it.

use crate::error::Error;
use crate::observe::Verdict;
use spook_protocol::error::Code;
use spook_protocol::estp::candidate::{self, Operation};
use spook_protocol::estp::ordered;
use spook_protocol::value::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One atomic write: everywhere, all of it counts or nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Write<'a> {
    /// What it does. No two touch the same cells.
    pub operations: &'a [Operation<'a>],
    /// What must hold before it, judged in the order of all candidates, alike at both halves. For Pairs with guards.
    pub guards: &'a [Guard<'a>],
}

/// A condition on the state before a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard<'a> {
    /// Where, as JSON Pointer.
    pub path: &'a str,
    /// What must be there.
    pub expect: Expect,
}

/// What a guard expects at its path.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// This value, as a read of the path gives it.
    Equals(Value),
    /// Nothing.
    Absent,
    /// A number or a string from `min` to `max`, both included. Numbers are compared by what they are worth, strings by their bytes.
    Range {
        /// The least; `None` is any.
        min: Option<Value>,
        /// The greatest; `None` is any.
        max: Option<Value>,
    },
    /// That nothing was written at or below the path since the fingerprint was taken.
    Unchanged(Fingerprint),
}

/// Names the versions at and below a path at some moment: see [`Pair::fingerprint`](crate::Pair::fingerprint).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u128);

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

impl<'a> Guard<'a> {
    /// The path has this value.
    pub fn equals(path: &'a str, value: impl Into<Value>) -> Guard<'a> {
        Guard { path, expect: Expect::Equals(value.into()) }
    }

    /// There is nothing at the path.
    pub fn absent(path: &'a str) -> Guard<'a> {
        Guard { path, expect: Expect::Absent }
    }

    /// The path has at least this value.
    pub fn at_least(path: &'a str, min: impl Into<Value>) -> Guard<'a> {
        Guard { path, expect: Expect::Range { min: Some(min.into()), max: None } }
    }

    /// The path has at most this value.
    pub fn at_most(path: &'a str, max: impl Into<Value>) -> Guard<'a> {
        Guard { path, expect: Expect::Range { min: None, max: Some(max.into()) } }
    }

    /// Nothing was written at or below the path in between.
    pub fn unchanged(path: &'a str, since: Fingerprint) -> Guard<'a> {
        Guard { path, expect: Expect::Unchanged(since) }
    }

    /// The same for the protocol.
    pub(crate) fn check(&self) -> Result<ordered::Guard, Error> {
        candidate::check(&Operation::delete(self.path))?;
        let refused = |what: String| Error::new(Code::Guard, format!("the guard at {:?} {what}", self.path));
        let expect = match &self.expect {
            Expect::Equals(value) => {
                candidate::check(&Operation::set(self.path, value.clone()))?;
                ordered::Expect::Equals(value.clone())
            }
            Expect::Absent => ordered::Expect::Absent,
            Expect::Range { min: None, max: None } => return Err(refused("has no bound".to_owned())),
            Expect::Range { min, max } => {
                if let Some(bound) = min.iter().chain(max).find(|bound| !is_ordinal(bound)) {
                    return Err(refused(format!("has a {} for a bound, which must be a number or a string", bound.type_name())));
                }
                ordered::Expect::Range { min: min.clone(), max: max.clone() }
            }
            Expect::Unchanged(Fingerprint(print)) => ordered::Expect::Same(*print),
        };
        Ok(ordered::Guard { path: self.path.into(), expect })
    }
}

fn is_ordinal(value: &Value) -> bool {
    match value {
        Value::Int(_) | Value::Uint(_) | Value::String(_) => true,
        Value::Float(number) => number.is_finite(),
        _ => false,
    }
}

/// How a write is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Whether it waits for its outcome.
    pub wait: Wait,
}

/// Whether a write waits for its outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// As the consistency of the Pair has it: in a strong Pair for the Pair's write timeout, in any other not at all.
    #[default]
    AsAgreed,
    /// It returns when it is written.
    No,
    /// It returns when it is committed or voided, or after this time.
    Committed(Duration),
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is not final yet.
    Tentative {
        /// What the collapse says of it so far. It may still change.
        verdict: Verdict,
        /// Whether the peer holds it durably: pending before, resolving from then on.
        held_by_peer: bool,
    },
    /// It counts, for good, at both halves.
    Committed,
    /// It counts for nothing, for good, at both halves, for this reason.
    Voided(Arc<str>),
}

impl Status {
    /// Whether it cannot change any more.
    pub fn is_final(&self) -> bool {
        !matches!(self, Status::Tentative { .. })
    }
}
