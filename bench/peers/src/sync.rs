//! P6: two replicas of one document change apart from each other and come together again.

use crate::document::{Document, Sync, key};
use std::time::{Duration, Instant};

/// How many keys there are, and how many each side changes.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Keys of the document.
    pub keys: usize,
    /// Keys that each side changes, no key twice.
    pub changes: usize,
}

/// The cases of row P6.
pub const CASES: [Case; 4] = [
    Case { keys: 10_000, changes: 0 },
    Case { keys: 10_000, changes: 10 },
    Case { keys: 10_000, changes: 1_000 },
    Case { keys: 1_000_000, changes: 10 },
];

/// What one case took.
pub struct Outcome {
    /// Bytes and messages.
    pub sync: Sync,
    /// From the first message to the last one applied.
    pub time: Duration,
}

impl Case {
    /// In words, as the table names it.
    pub fn name(self) -> String {
        format!("{0} + {0} of {1}", self.changes, self.keys)
    }

    /// Builds, diverges, synchronises, and checks that both sides then hold the same.
    pub fn run<D: Document>(self) -> Outcome {
        let mut one = D::new();
        one.fill(self.keys, 1_000.min(self.keys / 10));
        let mut other = D::load(&one.save());
        let mut meeting = D::meet(&mut one, &mut other);
        for change in 0..self.changes {
            let [mine, theirs] = self.changed(change);
            one.set(&mine, -1 - change as i64);
            other.set(&theirs, -1 - change as i64);
        }
        let begin = Instant::now();
        let sync = D::sync(&mut one, &mut other, &mut meeting);
        let time = begin.elapsed();
        for change in 0..self.changes {
            for changed in self.changed(change) {
                assert_eq!(one.get(&changed), Some(-1 - change as i64), "{changed} was lost");
                assert_eq!(other.get(&changed), Some(-1 - change as i64), "{changed} did not arrive");
            }
        }
        Outcome { sync, time }
    }

    /// The keys that the two sides change: scattered over the document.
    fn changed(self, change: usize) -> [String; 2] {
        let number = change * (self.keys / self.changes);
        [key(number), key(number + 1)]
    }
}
