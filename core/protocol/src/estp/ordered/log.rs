//! The candidates that are not committed, in the order in which they are folded.

use super::body::{Body, Key};
use super::verdict::Verdict;
use crate::estp::place::Place;
use std::collections::VecDeque;
use std::sync::Arc;

/// What decides the order of the candidates of a Pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Their places: stamp, author, number.
    Stamps,
    /// Their arrival at the anchor.
    Anchor {
        /// This half is the anchor.
        here: bool,
    },
}

/// A candidate in the log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The candidate.
    pub body: Arc<Body>,
    /// Its place in the order by stamps.
    pub place: Place,
    /// The number that it took here when it was written or arrived.
    pub arrival: u64,
    /// Its place in the order of the anchor, once it has one: the number that it took there.
    pub position: Option<u64>,
    /// The number here of the last change of `position`, or `arrival`: after it, the ledger has to store the entry again.
    pub changed: u64,
    /// What the last fold said; `None` before the first one.
    pub verdict: Option<Verdict>,
}

/// The log. Entries with a position come first, in the order of their positions (and places, where these are equal); the others follow in the order
/// of their places.
#[derive(Clone, Debug)]
pub(super) struct Log {
    order: Order,
    entries: VecDeque<Entry>,
    /// How many entries have a position.
    placed: usize,
}

impl Log {
    pub(super) fn new(order: Order) -> Log {
        Log { order, entries: VecDeque::new(), placed: 0 }
    }

    pub(super) fn order(&self) -> Order {
        self.order
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Entry> {
        self.entries.get(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Entry> {
        self.entries.get_mut(at)
    }

    pub(super) fn placed(&self) -> usize {
        self.placed
    }

    /// Where a candidate stands.
    pub(super) fn find(&self, key: Key) -> Option<usize> {
        self.entries.iter().rposition(|entry| entry.body.key() == key)
    }

    /// Where a candidate of that place and position would stand.
    pub(super) fn slot(&self, place: Place, position: Option<u64>) -> usize {
        match position {
            // Candidates of one delta have one position: they stand in the order of their places, here and at the peer and after a restart.
            Some(_) => {
                let is_behind = |entry: &&Entry| entry.position == position && entry.place > place;
                self.placed - self.entries.range(..self.placed).rev().take_while(is_behind).count()
            }
            // Nearly always the last.
            None => self.entries.len() - self.entries.range(self.placed..).rev().take_while(|entry| entry.place > place).count(),
        }
    }

    /// Puts an entry where it belongs and returns where that is.
    pub(super) fn insert(&mut self, entry: Entry) -> usize {
        let at = self.slot(entry.place, entry.position);
        self.placed += usize::from(entry.position.is_some());
        self.entries.insert(at, entry);
        at
    }

    pub(super) fn remove(&mut self, at: usize) -> Option<Entry> {
        let entry = self.entries.remove(at)?;
        self.placed -= usize::from(entry.position.is_some());
        Some(entry)
    }

    /// Whether the entries at `at` and before it bear one stamp, so that they are settled together.
    pub(super) fn ties_with_the_one_before(&self, at: usize) -> bool {
        self.order == Order::Stamps
            && at > 0
            && match (self.entries.get(at - 1), self.entries.get(at)) {
                (Some(before), Some(entry)) => before.body.stamp == entry.body.stamp,
                _ => false,
            }
    }

    /// The first of the entries that bear the same stamp as the one at `at`.
    pub(super) fn start_of_tie(&self, mut at: usize) -> usize {
        while self.ties_with_the_one_before(at) {
            at -= 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estp::context::Context;
    use crate::estp::dot::{Author, AuthorIndex};
    use crate::estp::stamp::Stamp;
    use crate::id::EndpointId;

    fn entry(ms: u64, position: Option<u64>) -> Entry {
        let body = Body {
            author: AuthorIndex(0),
            number: ms,
            stamp: Stamp::new(ms, 0),
            context: Context::default(),
            guards: Vec::new(),
            operations: Vec::new(),
        };
        let author = Author { endpoint: EndpointId::from_bytes([1; 16]), epoch: 0 };
        let place = Place { stamp: body.stamp, author, number: ms };
        Entry { body: Arc::new(body), place, arrival: ms, position, changed: ms, verdict: None }
    }

    fn numbers(log: &Log) -> Vec<u64> {
        log.iter().map(|entry| entry.body.number).collect()
    }

    #[test]
    fn entries_sort_by_place_behind_those_with_a_position() {
        let mut log = Log::new(Order::Anchor { here: false });
        let at: Vec<usize> =
            [(5, None), (3, None), (9, Some(1)), (4, None), (1, Some(2))].map(|(ms, position)| log.insert(entry(ms, position))).into();
        assert_eq!(at, [0, 0, 0, 2, 1]);
        assert_eq!(numbers(&log), [9, 1, 3, 4, 5]);
        assert_eq!(log.find((AuthorIndex(0), 4)), Some(3));
        assert_eq!(log.remove(0).map(|entry| entry.body.number), Some(9));
        assert_eq!((log.placed(), numbers(&log)), (1, vec![1, 3, 4, 5]));
    }
}
