//! What one cell holds.

use crate::estp::dot::AuthorIndex;
use crate::estp::stamp::Stamp;
use crate::value::Value;

/// What one candidate gave one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The value; `None` is a tombstone.
    pub value: Option<Value>,
    /// Stamp of the candidate.
    pub stamp: Stamp,
    /// Author of the candidate.
    pub author: AuthorIndex,
    /// Number of the candidate at its author.
    pub number: u64,
}

/// The candidate that first wrote a cell, and the how-manieth cell of that candidate it was. Both halves learn it together with the path, so it
/// names the path from then on, on every link, in a few bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Birth {
    /// Author of the candidate.
    pub author: AuthorIndex,
    /// Number of the candidate at its author.
    pub number: u64,
    /// The cell's place among the cells of that candidate.
    pub place: u32,
}
