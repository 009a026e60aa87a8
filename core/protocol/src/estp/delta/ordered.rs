//! Deltas of ordered Pairs: candidates as they are, or a seed, in the place of cells. They build on nothing that the link remembers.
//!
//! The first byte tells them from a delta of cells, whose first byte has the kind of a value in its low bits: there is no value of kind 15.

use super::decode::{DeltaError, enter_author};
use super::encode::Cut;
use super::head::{put_author, read_author};
use super::{Delta, Ends};
use crate::estp::dot::AuthorIndex;
use crate::estp::half::HalfPair;
use crate::estp::ordered::{self, Item, Ordered, Seed};
use crate::estp::stamp::Stamp;
use crate::wire::{Malformed, Reader};

/// Behind it come candidates.
const ITEMS: u8 = 0x0f;
/// Behind it comes a seed.
const SEED: u8 = 0x1f;

/// What came for the log of an ordered Pair.
#[derive(Clone, Debug)]
pub enum OrderedDelta {
    /// Candidates and positions.
    Items(Vec<Item>),
    /// The committed state and the log as a whole.
    Seed(Box<Seed>),
}

impl OrderedDelta {
    fn items(&self) -> &[Item] {
        match self {
            OrderedDelta::Items(items) => items,
            OrderedDelta::Seed(seed) => &seed.items,
        }
    }

    /// The largest stamp in it.
    pub fn latest(&self) -> Stamp {
        self.stamps().map(|(_, stamp)| stamp).max().unwrap_or(Stamp::ZERO)
    }

    /// The authors and stamps of its candidates, and of those that a seed says it holds.
    pub fn stamps(&self) -> impl Iterator<Item = (AuthorIndex, Stamp)> {
        let seen = if let OrderedDelta::Seed(seed) = self { &seed.vector[..] } else { &[] };
        let of_items = |item: &Item| if let Item::Body { body, .. } = item { Some((body.author, body.stamp)) } else { None };
        self.items().iter().filter_map(of_items).chain(seen.iter().map(|(author, _, stamp)| (*author, *stamp)))
    }
}

/// Appends what the receiver lacks of the log, and returns how many items that is.
pub(super) fn encode(log: &Ordered, half: &HalfPair, ends: Ends, cut: Cut, out: &mut Vec<u8>) -> usize {
    let at = out.len();
    let put = |out: &mut Vec<u8>, author: AuthorIndex| put_author(out, ends.shorten(half.vector().author(author)), &ends);
    if log.needs_seed(cut.after, cut.after == 0) {
        out.push(SEED);
        log.encode_seed(half.state(), half.vector(), &put, out);
        return 1;
    }
    out.push(ITEMS);
    let receiver = half.vector().index_of(ends.receiver);
    let cut = ordered::Cut { after: cut.after, receiver, receiver_lost: cut.receiver_lost };
    let count = log.encode_after(cut, &put, out);
    if count == 0 {
        out.truncate(at);
    }
    count
}

/// Whether a delta is one of these.
pub(super) fn is_ordered(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(&(ITEMS | SEED)))
}

/// Reads such a delta; `None` if it is one of cells.
///
/// # Errors
/// [`DeltaError`], also for a delta of the kind that the Pair does not have.
pub(super) fn decode(bytes: &[u8], half: &mut HalfPair, ends: Ends) -> Result<Option<Delta>, DeltaError> {
    if is_ordered(bytes) != half.is_ordered() {
        return if bytes.is_empty() { Ok(None) } else { Err(Malformed("kind of delta").into()) };
    }
    let Some((head, rest)) = bytes.split_first().filter(|_| half.is_ordered()) else { return Ok(None) };
    let mut read = |reader: &mut Reader<'_>| -> Result<AuthorIndex, DeltaError> {
        let author = read_author(reader, &ends)?;
        enter_author(half, ends, author)
    };
    let delta = match *head {
        SEED => OrderedDelta::Seed(Box::new(Seed::decode(rest, &mut read)?)),
        _ => OrderedDelta::Items(ordered::decode(rest, &mut read)?),
    };
    Ok(Some(Delta { ordered: Some(delta), ..Delta::default() }))
}
