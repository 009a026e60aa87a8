//! The order of candidates, and the versions of a cell that stand in it.

use super::dot::Author;
use super::stamp::Stamp;
use crate::id::EndpointId;
use crate::value::Value;

/// The place of a candidate in the order of all candidates of its Pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The stamp decides first.
    pub stamp: Stamp,
    /// Equal stamps: the endpoint, then its epoch.
    pub author: Author,
    /// Candidates of one author never share a stamp; the number makes the order total whatever a peer sends.
    pub number: u64,
}

impl Place {
    /// Not after any other.
    pub const FIRST: Place =
        Place { stamp: Stamp::ZERO, author: Author { endpoint: EndpointId::from_bytes([0; 16]), epoch: 0 }, number: 0 };
}

/// A version of a cell that no other overwrote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Survivor<'a> {
    /// Where its candidate stands in the order.
    pub place: Place,
    /// What it holds; `None` is a tombstone.
    pub value: Option<&'a Value>,
}
