//! SpookDB, the ledger of libspook: what an endpoint must not forget.
//!
//! Five sorted tables of opaque keys and values ([`Table`]), changed by batches that are durable entirely or not at all
//! ([`Batch`], [`Store`]). A [`Ledger`] adds what every owner of such a file needs: secrets sealed with the application's
//! key, whether the file is the one last written, and whether it was closed cleanly. A [`GroupCommit`] makes many small
//! writes durable with few syncs.
//!
//! ```
//! use spook_ledger::{Batch, KeyRange, Ledger, LedgerOptions, Table};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("home.spook");
//! let ledger = Ledger::open(LedgerOptions::file(&path).key([7; 32]))?;
//! let mut batch = Batch::new();
//! batch.put(Table::Cells, b"\0\0\0\x01/target", b"21.5");
//! ledger.put_secret(&mut batch, Table::Meta, b"identity", b"a private key")?;
//! ledger.commit(&mut batch)?; // both are durable now, or neither
//!
//! let mut cells = 0;
//! ledger.scan(Table::Cells, KeyRange::prefix(b"\0\0\0\x01"), &mut |_path, _value| {
//!     cells += 1;
//!     true
//! })?;
//! assert_eq!(cells, 1);
//! ledger.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The layout of the file, and why no crash can harm it, is in `docs/ledger-format.md`.

#![forbid(unsafe_code)]

mod batch;
#[cfg(not(feature = "canary"))]
mod canary;
#[cfg(feature = "canary")]
pub mod canary;
mod error;
mod file;
mod group_commit;
mod keys;
mod ledger;
mod memory;
mod sticky;
mod store;
mod table;

pub use batch::{Batch, Change, MAX_KEY, MAX_VALUE};
pub use error::{KeyFault, LedgerError};
pub use file::{FORMAT_VERSION, FileOptions, FileStamp, FileStore};
pub use group_commit::{Cut, GroupCommit, Source};
pub use ledger::{Ledger, LedgerOptions, Location};
pub use memory::MemoryStore;
/// The disk under a [`FileStore`]; a simulator puts its own in the place of the file.
pub use redb::StorageBackend;
pub use sticky::Sticky;
pub use store::{KeyRange, Store};
pub use table::Table;
