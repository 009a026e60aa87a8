//! The Pairs that somebody waits for.

use spook_protocol::registry::PairIndex;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Which Pairs callers wait for, so that whatever may end a wait is told to them, though the feeds of changes would not name these Pairs.
#[derive(Default)]
pub(crate) struct Waiters {
    counts: Mutex<BTreeMap<PairIndex, usize>>,
}

/// Somebody waits, until this is dropped.
pub(crate) struct Waiting<'a> {
    waiters: &'a Waiters,
    pair: PairIndex,
}

impl Waiters {
    /// Somebody waits for a Pair. To be entered before it is looked at for the last time before the wait.
    pub(crate) fn enter(&self, pair: PairIndex) -> Waiting<'_> {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(pair).or_default() += 1;
        Waiting { waiters: self, pair }
    }

    /// The Pairs that somebody waits for.
    pub(crate) fn pairs(&self) -> Vec<PairIndex> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut counts = self.waiters.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.pair) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.pair);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_listed_while_anybody_waits_for_it() {
        let waiters = Waiters::default();
        let first = waiters.enter(PairIndex(3));
        let second = waiters.enter(PairIndex(3));
        drop(first);
        assert_eq!(waiters.pairs(), [PairIndex(3)]);
        drop(second);
        assert!(waiters.pairs().is_empty());
    }
}
