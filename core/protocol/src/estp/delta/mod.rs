//! Deltas: the cells that a peer lacks, and their encoding in as few bytes as both sides' common knowledge allows.
//!
//! What the two ends of a link know in common: the numbers and stamps of what was sent before ([`Baseline`]), the paths used before on this link
//! (the dictionary), the births of cells that the receiver is known to hold, and who the two endpoints are. docs/wire-format.md has the tables.

mod decode;
mod dictionary;
mod encode;
mod head;
#[cfg(test)]
mod tests;

pub use decode::{DeltaError, decode, skip};
pub use dictionary::{ReadDictionary, WriteDictionary};
pub use encode::{Cut, Encoder, encode};

use super::dot::Author;
use super::stamp::Stamp;
use super::state::{Birth, CellIndex, Version};

/// A delta as it came, ready to be applied as one unit: the cells in the order of their arrival at the sender.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    /// The cells.
    pub cells: Vec<Incoming>,
}

/// One cell of a delta.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Which cell. One that is new to the receiver was entered, empty, when the delta was decoded.
    pub cell: CellIndex,
    /// What it holds.
    pub version: Version,
    /// The name that the sender knows it by, where the delta tells it.
    pub birth: Option<Birth>,
    /// Up to which of the receiver's numbers the author had seen its candidates, where the author is the sender.
    pub context: Option<u64>,
}

/// The two ends of a link, each with the author epoch it writes under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Who sends.
    pub sender: Author,
    /// Who receives.
    pub receiver: Author,
}

/// What the next cell is told as a difference from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Number of the last candidate.
    pub number: u64,
    /// Stamp of the last candidate.
    pub stamp: Stamp,
    /// Author of the last candidate; `None` is the sender in its current epoch.
    pub author: Option<Author>,
    /// Birth of the last cell named by birth.
    pub birth: WireBirth,
    /// Up to which of the receiver's numbers the sender had seen the last candidate's context.
    pub context: u64,
}

/// A cell's version with everything that the wire says about its candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CandidateHead {
    author: Option<Author>,
    number: u64,
    stamp: Stamp,
    context: u64,
}

impl Ends {
    /// `None` for the sender in its current epoch: the author of nearly everything that is sent.
    fn shorten(&self, author: Author) -> Option<Author> {
        (author != self.sender).then_some(author)
    }

    fn expand(&self, author: Option<Author>) -> Author {
        author.unwrap_or(self.sender)
    }
}

/// A birth with its author written out, as it travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireBirth {
    /// Author of the candidate; `None` is the sender in its current epoch.
    pub author: Option<Author>,
    /// Number of the candidate.
    pub number: u64,
    /// The cell's place among the cells of that candidate.
    pub place: u32,
}
