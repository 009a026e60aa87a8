//! The ledger that an engine opens: a store, its secrets, and what is known about its past.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::batch::Batch;
use crate::error::LedgerError;
use crate::file::{FileOptions, FileStamp, FileStore};
use crate::keys::Secrets;
use crate::memory::MemoryStore;
use crate::sticky::Sticky;
use crate::store::{KeyRange, Store};
use crate::table::Table;

/// Records of this crate in the table Meta; `docs/ledger-format.md` describes them.
const SEAL: &[u8] = b"\0seal";
const STAMP: &[u8] = b"\0stamp";
const CLEAN: &[u8] = b"\0clean";

/// Where a ledger keeps its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In memory, for as long as it is open.
    Memory,
    /// In the file at this path, which is created if it is not there.
    File(PathBuf),
}

/// How to open a ledger.
pub struct LedgerOptions {
    /// Where it is.
    pub location: Location,
    /// The application's key: secrets are encrypted with it. A ledger keeps the key, or the lack of one, that it was
    /// created with.
    pub key: Option<Zeroizing<[u8; 32]>>,
    /// Sizes of a ledger in a file.
    pub file: FileOptions,
}

impl LedgerOptions {
    /// A ledger at `location` without a key.
    pub fn new(location: Location) -> LedgerOptions {
        LedgerOptions { location, key: None, file: FileOptions::default() }
    }

    /// A ledger in memory.
    pub fn memory() -> LedgerOptions {
        LedgerOptions::new(Location::Memory)
    }

    /// A ledger in the file at `path`.
    pub fn file(path: impl AsRef<Path>) -> LedgerOptions {
        LedgerOptions::new(Location::File(path.as_ref().to_path_buf()))
    }

    /// The same with the application's key.
    pub fn key(mut self, key: [u8; 32]) -> LedgerOptions {
        self.key = Some(Zeroizing::new(key));
        self
    }
}

impl fmt::Debug for LedgerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_some() { "given" } else { "none" };
        f.debug_struct("LedgerOptions").field("location", &self.location).field("key", &key).finish_non_exhaustive()
    }
}

/// An open ledger. Clones share it.
///
/// It is safe to use from any number of threads: reads run side by side, commits one after the other.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    store: Sticky<Box<dyn Store>>,
    secrets: Secrets,
    /// The stamp to record with the first commit, if it is not the recorded one.
    stamp: Option<FileStamp>,
    moved: bool,
    closed_cleanly: bool,
    /// Held over every commit and over the close, so that nothing is written behind the mark of a clean close.
    progress: Mutex<Progress>,
}

/// How far the owner has come since the open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nothing was committed: the file still says how its last owner ended.
    Opened,
    /// Something was committed: the file says that its owner did not end cleanly.
    Written,
    /// Closed.
    Closed,
}

impl Ledger {
    /// Opens or creates a ledger.
    ///
    /// # Errors
    /// [`LedgerError::Key`] if the ledger was created with another key, with one when none is given, or without one when one
    /// is given: sealing it afterwards would leave the old plain bytes in the file, so it is not offered.
    /// [`LedgerError::Locked`], [`LedgerError::Corrupt`], [`LedgerError::Version`] and [`LedgerError::Io`] for a file, as
    /// [`FileStore::open`] says.
    pub fn open(options: LedgerOptions) -> Result<Ledger, LedgerError> {
        let key = options.key.as_deref();
        match &options.location {
            Location::Memory => Ledger::with_store(Box::new(MemoryStore::new()), None, key),
            Location::File(path) => {
                let store = FileStore::open(path, options.file)?;
                let stamp = FileStamp::of(path)?;
                Ledger::with_store(Box::new(store), Some(stamp), key)
            }
        }
    }

    /// Opens a ledger on a store of one's own, with the stamp of its file if it has one.
    ///
    /// # Errors
    /// As [`Ledger::open`]. The store is closed then.
    pub fn with_store(store: Box<dyn Store>, stamp: Option<FileStamp>, key: Option<&[u8; 32]>) -> Result<Ledger, LedgerError> {
        let store = Sticky::new(store);
        let secrets = Secrets::new(key);
        match Past::read_or_begin(&store, &secrets, stamp) {
            Ok(past) => Ok(Ledger {
                inner: Arc::new(Inner {
                    store,
                    secrets,
                    stamp: stamp.filter(|_| past.moved),
                    moved: past.moved,
                    closed_cleanly: past.closed_cleanly,
                    progress: Mutex::new(Progress::Opened),
                }),
            }),
            Err(error) => {
                // The error that is returned says more than one of the close.
                let _ = store.close();
                Err(error)
            }
        }
    }

    /// Whether the file is another one than that last written: a copy, or a ledger restored from a backup. The first commit
    /// after the open records the new place in the same batch, so it must also hold the new author epoch that this asks for.
    pub fn moved(&self) -> bool {
        self.inner.moved
    }

    /// Whether the last owner closed the ledger, so that no number above the recorded ones was given out. True for a new
    /// ledger. The first commit after the open takes the mark away.
    pub fn closed_cleanly(&self) -> bool {
        self.inner.closed_cleanly
    }

    /// The value of `key` in `table`.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.inner.store.get(table, key)
    }

    /// Calls `each` with the records of `range` in the order of their keys until it returns `false`. `each` must not call
    /// the ledger.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn scan(&self, table: Table, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), LedgerError> {
        self.inner.store.scan(table, range, each)
    }

    /// Makes the batch durable, entirely or not at all, and clears it.
    ///
    /// # Errors
    /// As [`Store::commit`]. After an error of the disk every later commit gives the same error until the ledger is
    /// reopened; reads go on.
    pub fn commit(&self, batch: &mut Batch) -> Result<(), LedgerError> {
        let inner = &*self.inner;
        let mut progress = inner.progress.lock().unwrap_or_else(PoisonError::into_inner);
        match *progress {
            Progress::Closed => return Err(LedgerError::Closed),
            Progress::Written => return inner.store.commit(batch),
            Progress::Opened if batch.is_empty() => return Ok(()),
            Progress::Opened => {}
        }
        batch.put(Table::Meta, CLEAN, &[0]);
        if let Some(stamp) = inner.stamp {
            batch.put(Table::Meta, STAMP, &stamp.encode());
        }
        inner.store.commit(batch)?;
        *progress = Progress::Written;
        Ok(())
    }

    /// Adds a secret to a batch: encrypted if the ledger has a key. Only [`Ledger::get_secret`] reads it back.
    ///
    /// # Errors
    /// [`LedgerError::Io`] if the system gives no random bytes.
    pub fn put_secret(&self, batch: &mut Batch, table: Table, key: &[u8], secret: &[u8]) -> Result<(), LedgerError> {
        let stored = Zeroizing::new(self.inner.secrets.seal(table, key, secret)?);
        batch.put(table, key, &stored);
        Ok(())
    }

    /// The secret at `key` of `table`, in memory that is wiped when it is dropped.
    ///
    /// # Errors
    /// As [`Store::get`]; [`LedgerError::Corrupt`] if it was changed, moved here from another key, or is no secret.
    pub fn get_secret(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, LedgerError> {
        let Some(stored) = self.inner.store.get(table, key)?.map(Zeroizing::new) else { return Ok(None) };
        self.inner.secrets.open(table, key, &stored).map(Some)
    }

    /// Bytes that the ledger occupies.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn size_bytes(&self) -> Result<u64, LedgerError> {
        self.inner.store.size_bytes()
    }

    /// The error that made the ledger refuse writes, if one did.
    pub fn first_error(&self) -> Option<LedgerError> {
        self.inner.store.first_error()
    }

    /// Records that the ledger was closed cleanly and releases it, for all clones. Every later call gives
    /// [`LedgerError::Closed`], a second close `Ok`. A ledger that is dropped without it counts as crashed.
    ///
    /// # Errors
    /// The first error of a commit, if one failed: the mark is not written then. [`LedgerError::Io`] of the close itself.
    pub fn close(&self) -> Result<(), LedgerError> {
        let inner = &*self.inner;
        let mut progress = inner.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let marked = match *progress {
            Progress::Closed => return Ok(()),
            Progress::Opened => Ok(()),
            Progress::Written => {
                let mut batch = Batch::new();
                batch.put(Table::Meta, CLEAN, &[1]);
                inner.store.commit(&mut batch)
            }
        };
        *progress = Progress::Closed;
        marked.and(inner.store.close())
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("moved", &self.inner.moved)
            .field("closed_cleanly", &self.inner.closed_cleanly)
            .finish_non_exhaustive()
    }
}

/// What the file says about the time before this open.
struct Past {
    moved: bool,
    closed_cleanly: bool,
}

impl Past {
    fn read_or_begin(store: &dyn Store, secrets: &Secrets, stamp: Option<FileStamp>) -> Result<Past, LedgerError> {
        let Some(marker) = store.get(Table::Meta, SEAL)? else {
            let mut batch = Batch::new();
            batch.put(Table::Meta, SEAL, &secrets.marker(SEAL)?);
            batch.put(Table::Meta, CLEAN, &[1]);
            if let Some(stamp) = stamp {
                batch.put(Table::Meta, STAMP, &stamp.encode());
            }
            store.commit(&mut batch)?;
            return Ok(Past { moved: false, closed_cleanly: true });
        };
        secrets.check(SEAL, &marker)?;
        let recorded = store.get(Table::Meta, STAMP)?;
        let closed_cleanly = store.get(Table::Meta, CLEAN)?.is_some_and(|clean| clean == [1]);
        let moved = stamp.is_some_and(|stamp| recorded.is_none_or(|recorded| recorded != stamp.encode()));
        Ok(Past { moved, closed_cleanly })
    }
}
