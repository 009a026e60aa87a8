//! What goes to the peer.

use super::Ordered;
use super::log::{Entry, Order};
use super::wire::{BodyReader, BodyWriter, Item, PutAuthor, ReadAuthor};
use crate::estp::dot::{AuthorIndex, Lost};
use crate::wire::{Malformed, Reader};

/// Which candidates go to a peer.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Those that arrived here after this number.
    pub after: u64,
    /// The receiver as an author, if it ever was one: its own candidates do not go back to it ...
    pub receiver: Option<AuthorIndex>,
    /// ... but these: it lost them when it was stopped uncleanly.
    pub receiver_lost: Lost,
}

impl Cut {
    /// Whether the receiver holds a candidate because it wrote it.
    fn is_receivers(&self, entry: &Entry) -> bool {
        Some(entry.body.author) == self.receiver && !self.receiver_lost.contains(entry.body.number)
    }
}

impl Ordered {
    /// Appends the candidates of a cut, in order, and returns how many items that are. From the anchor these are positions too, of own candidates and
    /// the receiver's alike; to the anchor go candidates of this half, and those of its own that it
    /// has lost.
    pub fn encode_after(&self, cut: Cut, put_author: &PutAuthor<'_>, out: &mut Vec<u8>) -> usize {
        let mut writer = BodyWriter::new(out, put_author);
        let mut count = 0;
        for (_, gap) in self.gaps.iter().filter(|(arrival, _)| *arrival > cut.after) {
            writer.put_gap(*gap);
            count += 1;
        }
        let late = self.retained.iter().chain(self.log.iter()).filter(|entry| entry.arrival > cut.after);
        for entry in late {
            match (self.log.order(), entry.position) {
                (Order::Anchor { here: true }, Some(position)) if cut.is_receivers(entry) => writer.put_placed(entry.body.key(), position),
                (Order::Anchor { here: true }, position) => writer.put_body(&entry.body, position),
                _ if cut.is_receivers(entry) => continue,
                // The anchor does not hold its own place for it any more, and says so with a gap.
                (Order::Anchor { here: false }, Some(_)) if Some(entry.body.author) == cut.receiver => continue,
                _ => writer.put_body(&entry.body, None),
            }
            count += 1;
        }
        count
    }

    /// Whether a peer that holds what this half counted up to `holds` lacks candidates whose bodies are gone, so that it needs a seed. `is_new`
    /// is for a peer that has just joined or lost its ledger.
    pub fn needs_seed(&self, holds: u64, is_new: bool) -> bool {
        let dropped = match self.log.order() {
            Order::Stamps => self.dropped_own,
            Order::Anchor { here: true } => self.dropped,
            // What is gone here has a position, so the anchor holds it.
            Order::Anchor { here: false } => 0,
        };
        holds < dropped || (is_new && self.dropped > 0)
    }
}

/// Reads what [`Ordered::encode_after`] appended.
///
/// # Errors
/// [`Malformed`] as `E` for bytes that it does not append, and whatever `read_author` gives.
pub fn decode<E: From<Malformed>>(bytes: &[u8], read_author: &mut ReadAuthor<'_, E>) -> Result<Vec<Item>, E> {
    let mut reader = Reader::new(bytes);
    let mut bodies = BodyReader::new(read_author);
    let mut items = Vec::new();
    while !reader.is_empty() {
        items.push(bodies.item(&mut reader)?);
    }
    Ok(items)
}
