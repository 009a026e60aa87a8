//! The causal contexts of own candidates.
//!
//! A context changes only when something of another author is applied, so the contexts of all candidates are a short list of changes: "from my
//! number n on, I had seen author a up to m". It is kept as long as a peer may lack the candidates.

use crate::estp::dot::AuthorIndex;
use std::collections::VecDeque;

/// From own candidate `from` on, the context holds `author` up to `seen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextChange {
    /// Number of the first own candidate with this context.
    pub from: u64,
    /// Of whom more had been applied.
    pub author: AuthorIndex,
    /// Up to which of the author's numbers.
    pub seen: u64,
}

/// Contexts of own candidates, as changes in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contexts {
    changes: VecDeque<ContextChange>,
}

impl Contexts {
    /// Restores the list from stored changes.
    pub fn from_changes(changes: impl IntoIterator<Item = ContextChange>) -> Contexts {
        Contexts { changes: changes.into_iter().collect() }
    }

    /// The changes, for the ledger.
    pub fn changes(&self) -> impl Iterator<Item = ContextChange> + '_ {
        self.changes.iter().copied()
    }

    /// Notes the context of a new own candidate. Cheap when nothing came in between.
    pub fn note(&mut self, from: u64, author: AuthorIndex, seen: u64) {
        if seen != self.seen_at(from, author) {
            self.changes.push_back(ContextChange { from, author, seen });
        }
    }

    /// Up to which number of `author` the own candidate `number` had seen.
    pub fn seen_at(&self, number: u64, author: AuthorIndex) -> u64 {
        let holds = |change: &&ContextChange| change.from <= number && change.author == author;
        self.changes.iter().rev().find(holds).map_or(0, |change| change.seen)
    }

    /// Forgets what only candidates up to `number` needed: the peer has these durably.
    pub fn forget_up_to(&mut self, number: u64) {
        while let [first, second, ..] = self.changes.make_contiguous()
            && first.author == second.author
            && second.from <= number
        {
            self.changes.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: AuthorIndex = AuthorIndex(1);

    #[test]
    fn a_context_holds_until_the_next_change() {
        let mut contexts = Contexts::default();
        for (from, seen) in [(5, 10), (6, 10), (9, 20), (12, 30)] {
            contexts.note(from, PEER, seen);
        }
        let seen: Vec<u64> = [4, 5, 8, 9, 11, 12, 99].map(|number| contexts.seen_at(number, PEER)).into();
        assert_eq!(seen, [0, 10, 10, 20, 20, 30, 30]);
        assert_eq!(contexts.changes().count(), 3);
        contexts.forget_up_to(11);
        assert_eq!(contexts.changes().count(), 2);
        assert_eq!(contexts.seen_at(11, PEER), 20);
        contexts.forget_up_to(u64::MAX);
        assert_eq!(contexts.changes().count(), 1);
    }
}
