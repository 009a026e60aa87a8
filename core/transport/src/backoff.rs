//! How long to wait before dialling again.

use std::time::Duration;

/// Exponential backoff with full jitter: each wait is drawn evenly from zero up to a ceiling that doubles with every
/// failure. Peers that lost the same node at the same time so come back spread out.
///
/// It holds no clock and no randomness: the same calls give the same waits.
/// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// The first ceiling of [`Backoff::default`].
    pub const FIRST: Duration = Duration::from_millis(50);
    /// The last ceiling of [`Backoff::default`].
    pub const MAX: Duration = Duration::from_secs(30);

    /// A backoff whose ceiling begins at `first` and doubles up to `max`. A `first` above `max` counts as `max`.
    pub fn new(first: Duration, max: Duration) -> Self {
        let first = first.min(max);
        Self { first, max, ceiling: first }
    }

    /// The wait before the next attempt, given 64 random bits.
    pub fn next(&mut self, random: u64) -> Duration {
        let ceiling = self.ceiling;
        self.ceiling = ceiling.saturating_mul(2).min(self.max);
        share(ceiling, random)
    }

    /// Begins anew, after a success.
    pub fn reset(&mut self) {
        self.ceiling = self.first;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Self::FIRST, Self::MAX)
    }
}

/// `ceiling * random / 2^64`. Ceilings beyond 584 years count as that long, so that the product stays within 128 bits.
fn share(ceiling: Duration, random: u64) -> Duration {
    let nanoseconds = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
    let share = (u128::from(nanoseconds) * u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_limit_and_resets() {
        let mut backoff = Backoff::default();
        // The largest random number gives the ceiling, but for a rounding of one nanosecond.
        let ceilings: Vec<u128> = (0..12).map(|_| backoff.next(u64::MAX).as_micros() + 1).collect();
        let expected = [50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000];
        assert_eq!(ceilings, expected.map(|ms: u128| ms * 1000));
        backoff.reset();
        assert_eq!(backoff.next(u64::MAX).as_micros() + 1, 50_000);
    }

    #[test]
    fn jitter_covers_everything_from_zero() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));
        assert_eq!(backoff.next(0), Duration::ZERO);
        assert_eq!(backoff.next(1 << 63), Duration::from_millis(500));
        assert_eq!(backoff.next(1 << 62), Duration::from_millis(250));
    }

    #[test]
    fn extreme_settings_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX);
        assert!(backoff.next(u64::MAX) > Duration::from_secs(1 << 33));
        assert!(backoff.next(u64::MAX) > Duration::from_secs(1 << 33));
        let mut none = Backoff::new(Duration::from_secs(1), Duration::ZERO);
        assert_eq!(none.next(u64::MAX), Duration::ZERO);
    }
}
