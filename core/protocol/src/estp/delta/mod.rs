//! Deltas: the cells that a peer lacks, and their encoding in as few bytes as both sides' common knowledge allows.
//!
//! What the two ends of a link know in common: the numbers and stamps of what was sent before ([`Baseline`]), the paths used before on this link
//! (the dictionary), the births of cells that the receiver is known to hold, and who the two endpoints are. docs/wire-format.md has the tables.

mod decode;
mod dictionary;
mod encode;
mod head;
mod ordered;
mod plan;
#[cfg(test)]
mod tests;

pub use decode::{DeltaError, decode, skip};
pub use dictionary::{ReadDictionary, WriteDictionary};
pub use encode::{Cut, Encoder, encode};
pub use ordered::OrderedDelta;
pub use plan::Plan;

use super::context::Context;
use super::dot::Author;
use super::stamp::Stamp;
use super::state::{Birth, CellIndex, Version};

/// A delta as it came, ready to be applied as one unit: the cells in the order of their arrival at the sender.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    /// The cells.
    pub cells: Vec<Incoming>,
    /// Of an ordered Pair, instead of cells: what its log lacks.
    pub ordered: Option<OrderedDelta>,
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
    /// What its writer had applied.
    pub context: Context,
    /// It is committed at the sender, where it has overwritten whatever the context includes.
    pub is_settled: bool,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Number of the last candidate.
    pub number: u64,
    /// Stamp of the last candidate.
    pub stamp: Stamp,
    /// Author of the last candidate; `None` is the sender in its current epoch.
    pub author: Option<Author>,
    /// Birth of the last cell named by birth.
    pub birth: WireBirth,
    /// What the writer of the last candidate had applied of the other end, in the epoch of this link.
    pub context: u64,
    /// What it had applied of any other author.
    pub further: Vec<(Author, u64)>,
    /// Whether it was committed at the sender.
    pub is_settled: bool,
}

/// A cell's version with everything that the wire says about its candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CandidateHead {
    author: Option<Author>,
    number: u64,
    stamp: Stamp,
    context: u64,
    further: Vec<(Author, u64)>,
    is_settled: bool,
}

impl Ends {
    /// `None` for the sender in its current epoch: the author of nearly everything that is sent.
    fn shorten(&self, author: Author) -> Option<Author> {
        (author != self.sender).then_some(author)
    }

    /// The end that did not write the candidate.
    fn other_than(&self, author: Option<Author>) -> Author {
        if author.is_some_and(|author| author.endpoint == self.receiver.endpoint) { self.sender } else { self.receiver }
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
