//! `counter`: every author keeps the total of what it has added; the cell shows the sum of all totals.

use crate::value::Value;
use std::fmt;

/// A counter would leave the range of an int64. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// What was to be added.
    pub by: i128,
}

impl fmt::Display for Overflow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "adding {} leaves the range of a counter, which is that of an int64", self.by)
    }
}

/// The total of an author who adds `by` to the `own` total it had; 0 if it had none.
///
/// # Errors
/// [`Overflow`] if the total does not fit.
pub fn increment(own: i64, by: i64) -> Result<i64, Overflow> {
    own.checked_add(by).ok_or(Overflow { by: by.into() })
}

/// The total of an author who sees the counter at `shown` and wants it at `wanted`: what is missing is added.
///
/// # Errors
/// [`Overflow`] if the total does not fit.
pub fn set(own: i64, shown: i64, wanted: i64) -> Result<i64, Overflow> {
    let by = i128::from(wanted) - i128::from(shown);
    i64::try_from(i128::from(own) + by).map_err(|_| Overflow { by })
}

/// What the counter shows: the sum of all totals, at the end of the range if it lies beyond. What is no integer counts nothing.
pub fn sum<'a>(totals: impl IntoIterator<Item = &'a Value>) -> i64 {
    let sum: i128 = totals.into_iter().filter_map(Value::as_i64).map(i128::from).sum();
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_counter_that_is_set_shows_what_was_wanted(totals in prop::collection::vec(-1000i64..1000, 1..4), wanted in -1000i64..1000) {
            let shown = sum(&totals.iter().copied().map(Value::from).collect::<Vec<_>>());
            let mut after = totals.clone();
            after[0] = set(totals[0], shown, wanted).unwrap();
            prop_assert_eq!(sum(&after.into_iter().map(Value::from).collect::<Vec<_>>()), wanted);
        }

        #[test]
        fn a_sum_has_no_order(mut totals in prop::collection::vec(any::<i64>().prop_map(Value::from), 0..6)) {
            let forwards = sum(&totals);
            totals.reverse();
            prop_assert_eq!(forwards, sum(&totals));
        }
    }

    #[test]
    fn a_total_beyond_the_range_is_refused() {
        assert_eq!(increment(i64::MAX - 1, 1), Ok(i64::MAX));
        assert_eq!(increment(i64::MAX, 1), Err(Overflow { by: 1 }));
        assert_eq!(increment(i64::MIN, -1), Err(Overflow { by: -1 }));
        assert_eq!(set(0, i64::MIN, i64::MAX), Err(Overflow { by: i128::from(u64::MAX) }));
        assert_eq!(set(i64::MIN, i64::MIN, i64::MAX), Ok(i64::MAX));
    }

    #[test]
    fn a_sum_beyond_the_range_shows_its_end() {
        assert_eq!(sum(&[Value::from(i64::MAX), Value::from(1i64)]), i64::MAX);
        assert_eq!(sum(&[Value::from(i64::MIN), Value::from(-1i64)]), i64::MIN);
        // Nothing is cut in between.
        assert_eq!(sum(&[Value::from(i64::MAX), Value::from(1i64), Value::from(-3i64)]), i64::MAX - 2);
    }
}
