//! Pairs by last change, one list for each reader, and the counter and clock that all of them share.

use super::stamp::{Clock, Stamp};
use crate::canary::{self, Canary};

/// Which list: the ledger has one, and each peer has one of the Pairs shared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedIndex(pub u32);

/// A Pair's place in a feed: dense and given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedEntry(pub u32);

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Entry {
    changed: u64,
    older: u32,
    newer: u32,
}

/// A list of Pairs in the order of their last change. A reader that has everything up to a number finds the rest by walking its tail.
#[derive(Debug)]
pub struct Feed {
    entries: Vec<Entry>,
    newest: u32,
}

impl Default for Feed {
    fn default() -> Self {
        Feed { entries: Vec::new(), newest: NONE }
    }
}

impl Feed {
    /// Enters a Pair that last changed at `changed`, which must not be below any number in the list already.
    pub fn enter(&mut self, changed: u64) -> FeedEntry {
        let entry = self.entries.len() as u32;
        self.entries.push(Entry { changed: 0, older: NONE, newer: NONE });
        self.link_newest(entry, changed);
        FeedEntry(entry)
    }

    /// The Pair changed: it moves to the end.
    pub fn touch(&mut self, entry: FeedEntry, number: u64) {
        let entry = entry.0;
        if self.newest == entry {
            self.entries[entry as usize].changed = number;
            return;
        }
        let Entry { older, newer, .. } = self.entries[entry as usize];
        if older != NONE {
            self.entries[older as usize].newer = newer;
        }
        if newer != NONE {
            self.entries[newer as usize].older = older;
        }
        self.link_newest(entry, number);
    }

    fn link_newest(&mut self, entry: u32, number: u64) {
        let older = std::mem::replace(&mut self.newest, entry);
        self.entries[entry as usize] = Entry { changed: number, older, newer: NONE };
        if older != NONE {
            self.entries[older as usize].newer = entry;
        }
    }

    /// The Pairs that changed after `number`, the last one first.
    pub fn after(&self, number: u64) -> impl Iterator<Item = FeedEntry> {
        let mut at = self.newest;
        std::iter::from_fn(move || {
            let entry = self.entries.get(at as usize).filter(|entry| entry.changed > number)?;
            let found = FeedEntry(at);
            at = entry.older;
            Some(found)
        })
    }
}

/// What a candidate or an applied delta takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The arrival number.
    pub number: u64,
    /// The stamp; for a delta that was applied, the clock's reading.
    pub stamp: Stamp,
}

/// The arrival counter and the clock of one engine, with the feeds of all readers.
///
/// It is one short critical section: taking a number and moving the Pair to the end of its feeds happen together, so that a reader who sees
/// the counter at `n` also sees every Pair that changed up to `n`.
#[derive(Debug)]
pub struct Sequencer {
    last: u64,
    ceiling: u64,
    clock: Clock,
    feeds: Vec<Feed>,
}

impl Sequencer {
    /// Goes on above `last`: the durable ceiling of the run before, or 0 for a new ledger.
    pub fn after(last: u64, clock: Clock) -> Sequencer {
        Sequencer { last, ceiling: 0, clock, feeds: Vec::new() }
    }

    /// Adds the list of a new reader.
    pub fn add_feed(&mut self) -> FeedIndex {
        self.feeds.push(Feed::default());
        FeedIndex(self.feeds.len() as u32 - 1)
    }

    /// The list of a reader.
    ///
    /// # Panics
    /// For an index that [`Sequencer::add_feed`] never gave.
    pub fn feed(&mut self, feed: FeedIndex) -> &mut Feed {
        &mut self.feeds[feed.0 as usize]
    }

    /// A number and a stamp for a local write to the Pair that stands in these feeds.
    pub fn issue(&mut self, now_ms: u64, places: &[(FeedIndex, FeedEntry)]) -> Issue {
        let stamp = self.clock.tick(now_ms);
        Issue { number: self.arrive(places), stamp }
    }

    /// A number for a delta that is about to be applied, whose latest stamp is `latest`.
    pub fn apply(&mut self, latest: Stamp, places: &[(FeedIndex, FeedEntry)]) -> Issue {
        self.clock.observe(latest);
        Issue { number: self.arrive(places), stamp: self.clock.last() }
    }

    fn arrive(&mut self, places: &[(FeedIndex, FeedEntry)]) -> u64 {
        self.last += 1;
        for &(feed, entry) in places {
            self.feeds[feed.0 as usize].touch(entry, self.last);
        }
        self.last
    }

    /// The last number taken.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The clock's last reading.
    pub fn clock(&self) -> Stamp {
        self.clock.last()
    }

    /// By how many ms the stamps given are ahead of the time of day, where that is worth telling, once.
    pub fn take_suspicion(&mut self) -> Option<u64> {
        self.clock.take_suspicion()
    }

    /// The ceilings became durable: a restart goes on above them.
    pub fn raise_ceilings(&mut self, number: u64, stamp: Stamp) {
        self.ceiling = self.ceiling.max(number);
        self.clock.set_ceiling(stamp);
    }

    /// Whether all numbers and stamps given so far are below the durable ceilings, so that they may leave this process.
    pub fn may_leave(&self) -> bool {
        canary::sings(Canary::LeakAboveCeilings) || (self.last <= self.ceiling && self.clock.last() <= self.clock.ceiling())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_reader_finds_the_pairs_that_changed(touches in prop::collection::vec(0u32..6, 0..50), from in 0u64..60) {
            let mut sequencer = Sequencer::after(0, Clock::after(Stamp::ZERO));
            let feed = sequencer.add_feed();
            let entries: Vec<FeedEntry> = (0..6).map(|_| sequencer.feed(feed).enter(0)).collect();
            let mut model: Vec<(u32, u64)> = Vec::new();
            for pair in &touches {
                let issue = sequencer.issue(0, &[(feed, entries[*pair as usize])]);
                model.retain(|(other, _)| other != pair);
                model.push((*pair, issue.number));
            }
            let found: Vec<u32> = sequencer.feed(feed).after(from).map(|entry| entry.0).collect();
            let expected: Vec<u32> = model.iter().rev().filter(|(_, number)| *number > from).map(|(pair, _)| *pair).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn nothing_leaves_above_the_ceilings() {
        let mut sequencer = Sequencer::after(100, Clock::after(Stamp::ZERO));
        sequencer.issue(5, &[]);
        assert!(!sequencer.may_leave());
        sequencer.raise_ceilings(101, Stamp::new(5, 0));
        assert!(sequencer.may_leave());
        sequencer.issue(6, &[]);
        assert!(!sequencer.may_leave());
    }
}
