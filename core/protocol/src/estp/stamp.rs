//! Stamps and the clock that gives them.

use crate::canary::{self, Canary};
use std::fmt;

/// Physical time in the upper 48 bits (ms since 1970), a counter in the lower 16.
///
/// A hybrid logical clock after Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical Physical Clocks" (2014): it stays close to the wall
/// clock, never goes back, and is above every stamp that its owner has applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

impl Stamp {
    /// Before every stamp that a clock gives.
    pub const ZERO: Stamp = Stamp(0);
    /// After every stamp.
    pub const MAX: Stamp = Stamp(u64::MAX);

    /// The stamp of a time and a counter. Times beyond 48 bits (the year 10889) are cut to the largest.
    pub const fn new(ms: u64, counter: u16) -> Stamp {
        let ms = if ms >> 48 == 0 { ms } else { (1 << 48) - 1 };
        Stamp(ms << 16 | counter as u64)
    }

    /// Milliseconds since 1970.
    pub const fn ms(self) -> u64 {
        self.0 >> 16
    }

    /// How many stamps of the same millisecond came before.
    pub const fn counter(self) -> u16 {
        self.0 as u16
    }

    /// The 64 bits, as stored.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The stamp of these bits.
    pub const fn from_bits(bits: u64) -> Stamp {
        Stamp(bits)
    }

    /// The next larger stamp: the counter goes up, and over into the milliseconds when it is full.
    pub const fn next(self) -> Stamp {
        Stamp(self.0.saturating_add(1))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.ms(), self.counter())
    }
}

/// How many ms a clock may run ahead of the time of day before that is worth telling: others would hold what it stamps.
pub const AHEAD_MS: u64 = 10_000;

/// The clock of one endpoint. It reads no time of its own.
#[derive(Clone, Debug)]
pub struct Clock {
    last: Stamp,
    ceiling: Stamp,
    ahead: Ahead,
}

/// Whether a clock has run away from the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ahead {
    Sane,
    /// By so many ms, and nobody was told yet.
    News(u64),
    Told,
}

impl Clock {
    /// Goes on above `last`: the durable ceiling of the run before, or zero for a new ledger.
    pub fn after(last: Stamp) -> Clock {
        Clock { last, ceiling: Stamp::ZERO, ahead: Ahead::Sane }
    }

    /// The last stamp given or applied.
    pub fn last(&self) -> Stamp {
        self.last
    }

    /// A stamp above all that were given or applied before, at `now_ms` if the clock has not run ahead of it.
    pub fn tick(&mut self, now_ms: u64) -> Stamp {
        self.last = self.last.next().max(Stamp::new(now_ms, 0));
        let ahead_ms = self.last.ms().saturating_sub(now_ms);
        if ahead_ms <= AHEAD_MS {
            self.ahead = Ahead::Sane;
        } else if self.ahead == Ahead::Sane {
            self.ahead = Ahead::News(ahead_ms);
        }
        self.last
    }

    /// By how many ms the stamps given are ahead of the time of day, if that is more than [`AHEAD_MS`]: told once, until they have been sane again.
    pub fn take_suspicion(&mut self) -> Option<u64> {
        let Ahead::News(ahead_ms) = self.ahead else { return None };
        self.ahead = Ahead::Told;
        Some(ahead_ms)
    }

    /// Takes note of a stamp that was applied.
    pub fn observe(&mut self, stamp: Stamp) {
        if !canary::sings(Canary::StampNotObserved) {
            self.last = self.last.max(stamp);
        }
    }

    /// Up to where stamps may leave this process: a restart goes on above it.
    pub fn ceiling(&self) -> Stamp {
        self.ceiling
    }

    /// The ceiling is the durable one now. It can be lower than the one before: after a time of day that was too far ahead has been set right, the
    /// ledger says so, and a restart goes on above what the ledger says.
    pub fn set_ceiling(&mut self, ceiling: Stamp) {
        self.ceiling = ceiling;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_rise_whatever_the_wall_clock_does() {
        let mut clock = Clock::after(Stamp::ZERO);
        let stamps: Vec<Stamp> = [5, 5, 9, 3, 0, 10].map(|ms| clock.tick(ms)).into();
        assert!(stamps.is_sorted_by(|a, b| a < b), "{stamps:?}");
        assert_eq!(stamps[1], Stamp::new(5, 1));
        assert_eq!(stamps[3], Stamp::new(9, 1));
    }

    #[test]
    fn the_counter_goes_over_into_the_milliseconds() {
        assert_eq!(Stamp::new(5, u16::MAX).next(), Stamp::new(6, 0));
    }

    #[test]
    fn what_was_applied_is_below_what_is_given() {
        let mut clock = Clock::after(Stamp::ZERO);
        clock.observe(Stamp::new(1000, 7));
        assert_eq!(clock.tick(10), Stamp::new(1000, 8));
    }

    #[test]
    fn a_clock_far_ahead_of_the_time_of_day_is_told_of_once_until_it_is_sane() {
        let mut clock = Clock::after(Stamp::new(50_000, 0));
        clock.tick(40_000);
        assert_eq!(clock.take_suspicion(), None);
        clock.tick(30_000);
        assert_eq!(clock.take_suspicion(), Some(20_000));
        clock.tick(30_000);
        assert_eq!(clock.take_suspicion(), None);
        clock.tick(60_000);
        clock.tick(49_999);
        assert_eq!(clock.take_suspicion(), Some(10_001));
    }

    #[test]
    fn times_beyond_the_range_are_cut() {
        assert_eq!(Stamp::new(u64::MAX, 3).ms(), (1 << 48) - 1);
    }
}
