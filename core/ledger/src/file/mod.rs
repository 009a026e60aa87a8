//! The store in one file: a header, a journal of recent batches, and behind them a tree of everything older.
//!
//! A commit appends one frame to the journal and syncs once, so that it costs what the disk's own sync costs, whatever the
//! number of cells in the tree. The records of the journal are kept in memory as well ([`overlay`]), where reads look
//! first. When the journal is full they move into the tree in one transaction, in which a key that was overwritten a
//! thousand times is written once. `docs/ledger-format.md` has the byte tables and the argument why no crash can harm it.

mod header;
mod journal;
mod open;
mod overlay;
mod region;
mod tree;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use redb::StorageBackend;

use crate::batch::Batch;
use crate::error::LedgerError;
use crate::store::{KeyRange, Store};
use crate::table::Table;
use header::{Header, State};
use journal::Journal;
use overlay::Overlay;
use region::Region;
use tree::Tree;

pub use header::FORMAT_VERSION;
pub use open::FileStamp;

/// Sizes of a [`FileStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileOptions {
    /// Bytes of the journal of a new file. A longer journal means rarer moves into the tree, more memory (about twice its
    /// size) and a longer replay after a crash. The journal of an existing file keeps its size.
    pub journal_bytes: u64,
    /// Bytes of memory for pages of the tree.
    pub cache_bytes: usize,
    /// Reads the whole file when it is opened and compares every checksum, so that damage which the disk did not report is
    /// found. Takes time in proportion to the file, so it is off by default.
    pub check: bool,
}

impl Default for FileOptions {
    fn default() -> FileOptions {
        FileOptions { journal_bytes: 1 << 20, cache_bytes: 16 << 20, check: false }
    }
}

/// The durable store: one file, open in one place at a time.
///
/// Use it inside a [`crate::Sticky`]: after a failed commit the state of the disk is unknown.
#[derive(Debug)]
pub struct FileStore {
    backend: Arc<dyn StorageBackend>,
    tree: Tree,
    overlay: Overlay,
    /// Taken for the length of a commit. `None` once closed.
    journal: Mutex<Option<Journal>>,
}

impl FileStore {
    /// Opens the ledger at `path`, or creates it, readable and writable by its owner only.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] if it is open already, here or in another process; [`LedgerError::Corrupt`] if it is damaged
    /// or is no ledger, which leaves the file as it was; [`LedgerError::Version`] if it is from a newer version;
    /// [`LedgerError::Io`].
    pub fn open(path: &Path, options: FileOptions) -> Result<FileStore, LedgerError> {
        let (backend, created) = open::backend(path)?;
        let store = FileStore::on_backend(backend, options).map_err(|error| open::at(path, error))?;
        open::finish(path, created)?;
        Ok(store)
    }

    /// Opens or creates a ledger on any storage: a simulated disk in tests, a browser's private file.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    pub fn on_backend(backend: impl StorageBackend, options: FileOptions) -> Result<FileStore, LedgerError> {
        let backend: Arc<dyn StorageBackend> = Arc::new(backend);
        region::lock(backend.as_ref())?;
        let result = FileStore::on_locked(backend.clone(), options);
        if result.is_err() {
            // The error that is returned says more than one of the close.
            let _ = backend.close();
        }
        result
    }

    fn on_locked(backend: Arc<dyn StorageBackend>, options: FileOptions) -> Result<FileStore, LedgerError> {
        let header = match Header::read(backend.as_ref())? {
            State::Ready(header) => header,
            State::Empty => return FileStore::create(backend, options),
        };
        let tree = Tree::open(Region::new(backend.clone(), header.tree_start()), options)?;
        let mut overlay = Overlay::default();
        let journal = Journal::open(backend.clone(), &header, tree.generation()?, |change| overlay.replay(change))?;
        // What was read may lie in the system's cache only, if the last process was killed between a write and its sync.
        // From here on it is shown to others as durable, so it has to be. (redb syncs when it opens, but promises nothing.)
        backend.sync_data().map_err(|error| LedgerError::io("syncing the ledger", error))?;
        Ok(FileStore { backend, tree, overlay, journal: Mutex::new(Some(journal)) })
    }

    fn create(backend: Arc<dyn StorageBackend>, options: FileOptions) -> Result<FileStore, LedgerError> {
        let header = Header::new(options.journal_bytes);
        header.begin(backend.as_ref())?;
        let generation = journal::fresh_generation()?;
        // Durable when it returns. The journal before it is a hole: zeros that take no room until they are overwritten.
        let tree = Tree::create(Region::new(backend.clone(), header.tree_start()), options, &generation)?;
        header.finish(backend.as_ref())?;
        let journal = Journal::open(backend.clone(), &header, generation, |_| {})?;
        Ok(FileStore { backend, tree, overlay: Overlay::default(), journal: Mutex::new(Some(journal)) })
    }

    /// Moves the journal's records and `batch` into the tree, in one transaction that also starts the journal anew.
    fn checkpoint(&self, journal: &mut Journal, batch: &Batch) -> Result<(), LedgerError> {
        let generation = journal::fresh_generation()?;
        self.overlay.with_changes(|recent| self.tree.apply(recent, batch.changes(), &generation))?;
        // Only now: until the transaction was durable, readers and a crash needed the journal's records.
        journal.restart(generation);
        self.overlay.clear();
        Ok(())
    }
}

impl Store for FileStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        match self.overlay.get(table, key) {
            Some(recent) => self.tree.check_open().map(|()| recent),
            None => self.tree.get(table, key),
        }
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), LedgerError> {
        if range.is_empty() {
            return self.tree.check_open();
        }
        // The snapshot of the tree is taken while the overlay cannot change, so that both show the same moment.
        let (recent, snapshot) = self.overlay.copy_with(table, &range, || self.tree.snapshot());
        snapshot?.scan(table, &range, recent, each)
    }

    fn commit(&self, batch: &mut Batch) -> Result<(), LedgerError> {
        batch.sort()?;
        let mut guard = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let journal = guard.as_mut().ok_or(LedgerError::Closed)?;
        if batch.is_empty() {
            return Ok(());
        }
        if journal.fits(batch) {
            journal.append(batch)?;
            self.overlay.apply(batch);
        } else {
            self.checkpoint(journal, batch)?;
        }
        batch.clear();
        Ok(())
    }

    fn size_bytes(&self) -> Result<u64, LedgerError> {
        self.tree.check_open()?;
        self.backend.len().map_err(|error| LedgerError::io("measuring the ledger", error))
    }

    fn close(&self) -> Result<(), LedgerError> {
        let mut guard = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut journal) = guard.take() else { return Ok(()) };
        // An empty journal makes the next open read nothing but the tree, and lets tools copy a closed ledger as it is.
        let moved = if journal.is_empty() { Ok(()) } else { self.checkpoint(&mut journal, &Batch::new()) };
        let closed = self.tree.close();
        moved.and(closed)
    }
}
