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
