//! The seam under the ledger: what a store must do.

use std::borrow::Cow;

use crate::batch::Batch;
use crate::error::LedgerError;
use crate::table::Table;

/// A store of the five tables. One thread commits at a time; any number of threads read meanwhile.
pub trait Store: Send + Sync {
    /// The value of `key`, or `None`. Sees every batch whose commit returned before the call.
    ///
    /// # Errors
    /// [`LedgerError::Io`], [`LedgerError::Corrupt`], [`LedgerError::Closed`].
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError>;

    /// Calls `each` with the keys and values of `range` in ascending order of keys, as they stood at one moment, until it
    /// returns `false`. `each` must not call the store.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn scan(&self, table: Table, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), LedgerError>;

    /// Makes the whole batch durable, or nothing of it, and clears it. After a crash at any moment the batch is there
    /// entirely or not at all; once the call has returned `Ok` it is there.
    ///
    /// # Errors
    /// [`LedgerError::TooLarge`] and [`LedgerError::Closed`] change nothing. After any other error it is unknown whether the
    /// batch is durable; [`crate::Sticky`] refuses further writes then.
    fn commit(&self, batch: &mut Batch) -> Result<(), LedgerError>;

    /// Bytes that the store occupies: the size of the file, or of the keys and values in memory.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn size_bytes(&self) -> Result<u64, LedgerError>;

    /// Closes the store and releases the file. Every later call gives [`LedgerError::Closed`], a second close `Ok`.
    ///
    /// # Errors
    /// [`LedgerError::Io`]. The store is closed all the same, and everything committed is kept.
    fn close(&self) -> Result<(), LedgerError>;
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        (**self).get(table, key)
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), LedgerError> {
        (**self).scan(table, range, each)
    }

    fn commit(&self, batch: &mut Batch) -> Result<(), LedgerError> {
        (**self).commit(batch)
    }

    fn size_bytes(&self) -> Result<u64, LedgerError> {
        (**self).size_bytes()
    }

    fn close(&self) -> Result<(), LedgerError> {
        (**self).close()
    }
}

/// A range of keys: from a first key, to before an end.
#[derive(Debug, Clone)]
pub struct KeyRange<'a> {
    from: &'a [u8],
    to: Option<Cow<'a, [u8]>>,
}

impl<'a> KeyRange<'a> {
    /// Every key.
    pub fn all() -> KeyRange<'static> {
        KeyRange { from: &[], to: None }
    }

    /// Every key that is not below `from`.
    pub fn from(from: &'a [u8]) -> KeyRange<'a> {
        KeyRange { from, to: None }
    }

    /// Every key that is not below `from` and is below `to`.
    pub fn between(from: &'a [u8], to: &'a [u8]) -> KeyRange<'a> {
        KeyRange { from, to: Some(Cow::Borrowed(to)) }
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: &'a [u8]) -> KeyRange<'a> {
        // The first key behind the prefix: the last byte that can be raised is raised and what follows it is cut.
        let raised = prefix.iter().rposition(|&byte| byte != 0xff).map(|position| {
            let mut end = prefix[..=position].to_vec();
            end[position] += 1;
            Cow::Owned(end)
        });
        KeyRange { from: prefix, to: raised }
    }

    /// The first key of the range.
    pub fn start(&self) -> &[u8] {
        self.from
    }

    /// The first key behind the range, or `None` if it is open.
    pub fn end(&self) -> Option<&[u8]> {
        self.to.as_deref()
    }

    /// Whether no key can lie in the range.
    pub fn is_empty(&self) -> bool {
        self.end().is_some_and(|end| end <= self.from)
    }

    /// The bounds in the form that the standard maps take.
    pub(crate) fn bounds(&self) -> (std::ops::Bound<&[u8]>, std::ops::Bound<&[u8]>) {
        use std::ops::Bound;
        (Bound::Included(self.from), self.end().map_or(Bound::Unbounded, Bound::Excluded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_key_that_lacks_it() {
        assert_eq!(KeyRange::prefix(b"ab").end(), Some(&b"ac"[..]));
        assert_eq!(KeyRange::prefix(b"a\xff\xff").end(), Some(&b"b"[..]));
        assert_eq!(KeyRange::prefix(b"\xff\xff").end(), None);
        assert_eq!(KeyRange::prefix(b"").end(), None);
        assert!(KeyRange::between(b"b", b"b").is_empty());
        assert!(!KeyRange::all().is_empty());
    }
}
