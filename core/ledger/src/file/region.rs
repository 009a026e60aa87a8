//! A part of the file, given to the tree as if it were a file of its own.

use std::io;
use std::ops::Bound;
use std::sync::Arc;

use redb::{BackendError, StorageBackend};

use crate::error::LedgerError;

/// The storage from `start` to the end of the file.
#[derive(Debug)]
pub(super) struct Region {
    backend: Arc<dyn StorageBackend>,
    start: u64,
}

impl Region {
    pub(super) fn new(backend: Arc<dyn StorageBackend>, start: u64) -> Region {
        Region { backend, start }
    }
}

/// Takes the whole storage for this process, and keeps it until the storage is closed.
pub(super) fn lock(backend: &dyn StorageBackend) -> Result<(), LedgerError> {
    match backend.try_lock_range(Bound::Unbounded, Bound::Unbounded) {
        // A storage without locks (memory, a simulated disk) has one owner anyway.
        Ok(true) | Err(BackendError::Unsupported) => Ok(()),
        Ok(false) => Err(LedgerError::Locked { path: String::new() }),
        Err(BackendError::Io(error)) => Err(LedgerError::io("locking the ledger", error)),
        Err(_) => Err(LedgerError::io("locking the ledger", io::Error::other("unknown refusal"))),
    }
}

impl StorageBackend for Region {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.backend.len()?.saturating_sub(self.start))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.backend.read(self.start + offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.backend.set_len(self.start + len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.backend.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.backend.write(self.start + offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.backend.close()
    }

    // The whole file was locked before its header was read; the lock goes with `close`.
    fn try_lock_range(&self, _start: Bound<u64>, _end: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn unlock_range(&self, _start: Bound<u64>, _end: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }
}
