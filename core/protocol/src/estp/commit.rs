//! The commit point: up to which place in the order everything is final at both halves.
//!
//! A candidate *counts* when both halves hold it durably and nothing can sort before it any more that is not here yet. Of the own candidates the
//! placing acknowledgement of the peer says so; those of the peer count as soon as they are durable on both sides, since they came behind
//! everything that the peer had issued before them, and whatever this half issues later follows them. The commit point is the largest place
//! that counts and has nothing below it that does not.
//!
//! Candidates are not listed one by one: a line of samples says for stretches of them which numbers and places they lie between. When a line
//! grows too long, neighbours become one sample, which commits a little later than its first part could have, and never too early.

use super::place::Place;
use std::collections::VecDeque;

/// How many samples a line keeps apart.
const SAMPLES: usize = 256;

/// A stretch of candidates of one half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The largest of their numbers at their author.
    pub number: u64,
    /// The largest arrival number that they have here.
    pub arrival: u64,
    /// Their author epoch; `None` if there are several.
    pub epoch: Option<u32>,
    /// No candidate of the stretch is below this place.
    pub low: Place,
    /// The largest place among them.
    pub high: Place,
}

impl Sample {
    /// The stretch that covers this one and the next.
    #[must_use]
    pub fn and(self, next: Sample) -> Sample {
        Sample {
            number: self.number.max(next.number),
            arrival: self.arrival.max(next.arrival),
            epoch: self.epoch.filter(|_| self.epoch == next.epoch),
            low: self.low.min(next.low),
            high: self.high.max(next.high),
        }
    }
}

/// The uncommitted candidates of one half, in the order of their arrival here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    samples: VecDeque<Sample>,
}

impl Line {
    /// Enters what arrived last.
    pub fn note(&mut self, sample: Sample) {
        if self.samples.len() == SAMPLES {
            self.halve();
        }
        self.samples.push_back(sample);
    }

    fn halve(&mut self) {
        let old = std::mem::take(&mut self.samples);
        let mut old = old.into_iter();
        while let Some(first) = old.next() {
            self.samples.push_back(old.next().map_or(first, |second| first.and(second)));
        }
    }

    /// What has numbers above this one is no more: it is entered again under others.
    pub fn cut(&mut self, number: u64) {
        self.samples.retain_mut(|sample| {
            let is_left = sample.number <= number || sample.low.number <= number && sample.low != sample.high;
            sample.number = sample.number.min(number);
            is_left
        });
    }

    /// Whether everything is committed.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The largest place among the stretches whose numbers do not go beyond `number`.
    pub fn highest_up_to(&self, number: u64) -> Option<Place> {
        self.samples.iter().filter(|sample| sample.number <= number).map(|sample| sample.high).max()
    }

    /// The lowest place of a candidate that does not count.
    fn bound(&self, counts: impl Fn(&Sample) -> bool) -> Option<Place> {
        self.samples.iter().filter(|sample| !counts(sample)).map(|sample| sample.low).min()
    }

    fn highest_below(&self, bound: Option<Place>, counts: impl Fn(&Sample) -> bool) -> Option<Place> {
        let is_below = |sample: &&Sample| counts(sample) && bound.is_none_or(|bound| sample.high < bound);
        self.samples.iter().filter(is_below).map(|sample| sample.high).max()
    }

    /// Drops what is committed.
    fn drop_up_to(&mut self, point: Place) {
        self.samples.retain(|sample| sample.high > point);
    }
}

/// What is not committed yet, and up to where everything is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Own candidates.
    pub own: Line,
    /// Candidates of the peer.
    pub theirs: Line,
    point: Option<Place>,
}

impl Commit {
    /// Goes on from a commit point that was stored.
    pub fn from(point: Option<Place>) -> Commit {
        Commit { point, ..Commit::default() }
    }

    /// Everything up to here is committed.
    pub fn point(&self) -> Option<Place> {
        self.point
    }

    /// Whether a candidate at this place is committed.
    pub fn includes(&self, place: Place) -> bool {
        self.point.is_some_and(|point| place <= point)
    }

    /// Whether everything known is committed.
    pub fn is_clean(&self) -> bool {
        self.own.is_empty() && self.theirs.is_empty()
    }

    /// Moves the commit point on as far as what counts allows; `None` if it stays where it is.
    pub fn advance(&mut self, own_counts: impl Fn(&Sample) -> bool, theirs_count: impl Fn(&Sample) -> bool) -> Option<Place> {
        if self.is_clean() {
            return None;
        }
        let bound = match (self.own.bound(&own_counts), self.theirs.bound(&theirs_count)) {
            (Some(own), Some(theirs)) => Some(own.min(theirs)),
            (own, theirs) => own.or(theirs),
        };
        let highest = self.own.highest_below(bound, &own_counts).max(self.theirs.highest_below(bound, &theirs_count));
        let point = Some(highest?).max(self.point)?;
        // What came back after a loss may lie below the point already.
        self.own.drop_up_to(point);
        self.theirs.drop_up_to(point);
        self.point = Some(point);
        Some(point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estp::dot::Author;
    use crate::estp::stamp::Stamp;
    use crate::id::EndpointId;
    use proptest::prelude::*;

    fn place(endpoint: u8, ms: u64) -> Place {
        Place { stamp: Stamp::new(ms, 0), author: Author { endpoint: EndpointId::from_bytes([endpoint; 16]), epoch: 0 }, number: ms }
    }

    fn sample(endpoint: u8, ms: u64) -> Sample {
        Sample { number: ms, arrival: ms, epoch: Some(0), low: place(endpoint, ms), high: place(endpoint, ms) }
    }

    #[test]
    fn what_does_not_count_holds_back_what_is_above_it() {
        let mut commit = Commit::default();
        commit.own.note(sample(1, 5));
        commit.theirs.note(sample(2, 3));
        commit.theirs.note(sample(2, 7));
        assert_eq!(commit.advance(|_| false, |_| true), Some(place(2, 3)));
        assert_eq!(commit.advance(|_| false, |_| true), None);
        assert!(!commit.includes(place(1, 5)));
        assert_eq!(commit.advance(|_| true, |_| true), Some(place(2, 7)));
        assert!(commit.is_clean());
    }

    proptest! {
        /// However much was merged: the point is never beyond the first candidate that does not count, and reaches everything once all count.
        #[test]
        fn samples_commit_never_too_early(own in 1u64..900, theirs in 1u64..900, own_counted in 0u64..900, theirs_counted in 0u64..900) {
            let mut commit = Commit::default();
            (1..=own).for_each(|ms| commit.own.note(sample(1, ms * 3)));
            (1..=theirs).for_each(|ms| commit.theirs.note(sample(2, ms * 5)));
            commit.advance(|sample| sample.number <= own_counted * 3, |sample| sample.number <= theirs_counted * 5);
            let first_own = (own_counted < own).then(|| place(1, (own_counted + 1) * 3));
            let first_theirs = (theirs_counted < theirs).then(|| place(2, (theirs_counted + 1) * 5));
            for first in first_own.into_iter().chain(first_theirs) {
                prop_assert!(!commit.includes(first));
            }
            commit.advance(|_| true, |_| true);
            prop_assert_eq!(commit.point(), Some(place(1, own * 3).max(place(2, theirs * 5))));
        }
    }
}
