//! Dots, authors and version vectors: who wrote what, and who has seen which of it.

use super::stamp::Stamp;
use crate::id::EndpointId;
use std::fmt;

/// An endpoint in one author epoch: 32 random bits, new whenever the ledger is not the one this endpoint wrote last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Author {
    /// The endpoint that writes.
    pub endpoint: EndpointId,
    /// Its author epoch.
    pub epoch: u32,
}

/// The name of a candidate: its author and the arrival number that it took at its author. Unique for ever; numbers have gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// Who wrote it.
    pub author: Author,
    /// Its arrival number there.
    pub number: u64,
}

impl fmt::Display for Dot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{:08x}:{}", self.author.endpoint, self.author.epoch, self.number)
    }
}

/// The place of an author in its Pair's table of authors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorIndex(pub u16);

/// What one half has applied of one author: everything up to `number`, the last of it stamped `stamp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who wrote it.
    pub author: Author,
    /// The largest number applied.
    pub number: u64,
    /// The stamp of the candidate with that number.
    pub stamp: Stamp,
}

/// A version vector that is also the Pair's table of authors: entries stay where they are, so that an index names an author for good.
///
/// Vectors are intervals ("everything up to n"), because deltas are applied whole and in order: no list of single dots is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionVector {
    entries: Vec<Seen>,
}

impl VersionVector {
    /// The index of an author, entered with nothing seen if it is new.
    ///
    /// Returns `None` when the table is full (65,535 authors).
    pub fn intern(&mut self, author: Author) -> Option<AuthorIndex> {
        if let Some(index) = self.index_of(author) {
            return Some(index);
        }
        let index = u16::try_from(self.entries.len()).ok()?;
        self.entries.push(Seen { author, number: 0, stamp: Stamp::ZERO });
        Some(AuthorIndex(index))
    }

    /// The index of an author that was entered before. A linear search: a Pair has few authors.
    pub fn index_of(&self, author: Author) -> Option<AuthorIndex> {
        self.entries.iter().position(|seen| seen.author == author).map(|index| AuthorIndex(index as u16))
    }

    /// The author at an index.
    ///
    /// # Panics
    /// For an index that [`VersionVector::intern`] of this table never gave.
    pub fn author(&self, index: AuthorIndex) -> Author {
        self.entries[usize::from(index.0)].author
    }

    /// What was applied of the author at an index.
    ///
    /// # Panics
    /// As [`VersionVector::author`].
    pub fn seen(&self, index: AuthorIndex) -> Seen {
        self.entries[usize::from(index.0)]
    }

    /// Notes that a candidate was applied. Never goes back.
    ///
    /// # Panics
    /// As [`VersionVector::author`].
    pub fn advance(&mut self, index: AuthorIndex, number: u64, stamp: Stamp) {
        let seen = &mut self.entries[usize::from(index.0)];
        if number > seen.number {
            seen.number = number;
            seen.stamp = seen.stamp.max(stamp);
        }
    }

    /// Forgets what was applied of an author above a number: its names above it mean nothing any more.
    ///
    /// # Panics
    /// As [`VersionVector::author`].
    pub fn rewind(&mut self, index: AuthorIndex, number: u64) {
        let seen = &mut self.entries[usize::from(index.0)];
        if seen.number > number {
            (seen.number, seen.stamp) = (number, Stamp::ZERO);
        }
    }

    /// All entries in the order of their indices.
    pub fn entries(&self) -> &[Seen] {
        &self.entries
    }
}

/// Numbers above `from` up to `to`, which were given and may have been sent, but did not reach the ledger. Empty when both are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The last number before the gap.
    pub from: u64,
    /// The last number of the gap.
    pub to: u64,
}

impl Lost {
    /// Whether a number lies in the gap.
    pub fn contains(&self, number: u64) -> bool {
        number > self.from && number <= self.to
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    /// The gap that covers this one and another.
    #[must_use]
    pub fn and(self, other: Lost) -> Lost {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other,
            (_, true) => self,
            _ => Lost { from: self.from.min(other.from), to: self.to.max(other.to) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(byte: u8, epoch: u32) -> Author {
        Author { endpoint: EndpointId::from_bytes([byte; 16]), epoch }
    }

    #[test]
    fn an_author_keeps_its_index() {
        let mut vector = VersionVector::default();
        let first = vector.intern(author(1, 7)).unwrap();
        let second = vector.intern(author(1, 8)).unwrap();
        assert_ne!(first, second);
        assert_eq!(vector.intern(author(1, 7)), Some(first));
        assert_eq!(vector.author(second), author(1, 8));
    }

    #[test]
    fn a_vector_never_goes_back() {
        let mut vector = VersionVector::default();
        let index = vector.intern(author(1, 0)).unwrap();
        vector.advance(index, 9, Stamp::new(5, 0));
        vector.advance(index, 4, Stamp::new(9, 0));
        assert_eq!((vector.seen(index).number, vector.seen(index).stamp), (9, Stamp::new(5, 0)));
    }
}
