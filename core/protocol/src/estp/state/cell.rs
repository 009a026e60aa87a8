//! What one cell holds.

use crate::canary::{self, Canary};
use crate::estp::context::Context;
use crate::estp::dot::AuthorIndex;
use crate::estp::place::Place;
use crate::estp::stamp::Stamp;
use crate::value::Value;

/// What one candidate gave one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The value; `None` is a tombstone. A counter's version holds its author's total.
    pub value: Option<Value>,
    /// Stamp of the candidate.
    pub stamp: Stamp,
    /// Author of the candidate.
    pub author: AuthorIndex,
    /// Number of the candidate at its author.
    pub number: u64,
}

impl Version {
    /// Whether both are of the same candidate.
    pub fn is_same_candidate(&self, other: &Version) -> bool {
        self.author == other.author && self.number == other.number
    }
}

/// A version that nothing has overwritten, with what its writer had seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Survivor {
    /// What the candidate gave the cell.
    pub version: Version,
    /// What its writer had applied.
    pub context: Context,
    /// It came from a half where it had been committed: the context includes all that it has overwritten there since.
    pub is_settled: bool,
    /// It is committed, and stays only because another survivor is not.
    pub committed: bool,
    /// The place of the first candidate that has overwritten it: it stays only for those who read the committed state, until that one is
    /// committed.
    pub covered: Option<Place>,
}

impl Survivor {
    /// A survivor that is not committed.
    pub fn new(version: Version, context: Context) -> Survivor {
        Survivor { version, context, is_settled: false, committed: false, covered: None }
    }

    /// Whether it overwrites `other`: it is the same author's later word, or its writer had applied it.
    pub fn overwrites(&self, other: &Version) -> bool {
        let Version { author, number, .. } = self.version;
        if author == other.author {
            number > other.number
        } else {
            self.context.seen(other.author) >= other.number || canary::sings(Canary::ContextIgnored)
        }
    }
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

/// A cell as the ledger keeps it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredCell {
    /// Its arrival number.
    pub arrival: u64,
    /// Its names; the first is the preferred one.
    pub births: Vec<Birth>,
    /// What is committed below the survivors; all that there is if there are none.
    pub base: Option<Version>,
    /// Versions that nothing has overwritten.
    pub survivors: Vec<Survivor>,
}
