//! The rule that a failed write is never followed by another one.

use std::sync::{Mutex, PoisonError};

use crate::batch::Batch;
use crate::canary::{self, Canary};
use crate::error::LedgerError;
use crate::store::{KeyRange, Store};
use crate::table::Table;

/// A store that refuses every write after the first one that failed, with the error of that one.
///
/// After a failed sync nobody can say what is on the disk: the system may have dropped the pages that it could not write
/// and report success the next time. So nothing may be built on top before the file was closed and read again. Reads go on.
#[derive(Debug)]
pub struct Sticky<S> {
    store: S,
    first: Mutex<Option<LedgerError>>,
}

impl<S: Store> Sticky<S> {
    /// Wraps a store that has not failed.
    pub fn new(store: S) -> Sticky<S> {
        Sticky { store, first: Mutex::new(None) }
    }

    /// The error that made the store refuse writes, if one did.
    pub fn first_error(&self) -> Option<LedgerError> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S: Store> Store for Sticky<S> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.store.get(table, key)
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), LedgerError> {
        self.store.scan(table, range, each)
    }

    fn commit(&self, batch: &mut Batch) -> Result<(), LedgerError> {
        // Held over the commit, so that no write can slip in between a failure and its record.
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &*first {
            return Err(error.clone());
        }
        let result = self.store.commit(batch);
        if let Err(error) = &result
            && error.is_sticky()
            && !canary::sings(Canary::FailureForgotten)
        {
            *first = Some(error.clone());
        }
        result
    }

    fn size_bytes(&self) -> Result<u64, LedgerError> {
        self.store.size_bytes()
    }

    fn close(&self) -> Result<(), LedgerError> {
        let closed = self.store.close();
        match self.first_error() {
            Some(error) => Err(error),
            None => closed,
        }
    }
}
