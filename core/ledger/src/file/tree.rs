//! The tree: everything older than the journal, in a copy-on-write B-tree (redb).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{PoisonError, RwLock};

use redb::{Database, ReadTransaction, ReadableDatabase, StorageError, TableDefinition, TableError, WriteTransaction};

use super::FileOptions;
use super::journal::Generation;
use super::overlay::Recent;
use super::region::Region;
use crate::batch::Change;
use crate::error::LedgerError;
use crate::store::KeyRange;
use crate::table::Table;

type OpenTable<'t> = redb::Table<'t, &'static [u8], &'static [u8]>;
type ReadTable = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;
type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Holds the generation of the journal, and is no table of the ledger.
const JOURNAL: Definition = TableDefinition::new("journal");
const GENERATION: &[u8] = b"generation";

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

/// The tree of an open file.
#[derive(Debug)]
pub(super) struct Tree {
    /// `None` once closed.
    db: RwLock<Option<Database>>,
}

impl Tree {
    /// Makes the tree of a new file, with empty tables and the first generation of the journal.
    pub(super) fn create(region: Region, options: FileOptions, generation: &Generation) -> Result<Tree, LedgerError> {
        let tree = Tree::open(region, options)?;
        tree.apply(std::iter::empty(), std::iter::empty(), generation)?;
        Ok(tree)
    }

    /// Opens the tree of an existing file.
    pub(super) fn open(region: Region, options: FileOptions) -> Result<Tree, LedgerError> {
        let open = || {
            let mut builder = Database::builder();
            builder.set_cache_size(options.cache_bytes).set_check_integrity_on_open(options.check);
            builder.create_with_backend(region)
        };
        // redb checks what it reads, but says itself that a file altered by others may make it panic.
        let db = catch_unwind(AssertUnwindSafe(open))
            .map_err(|_| LedgerError::corrupt("the ledger is damaged: its tree cannot be read"))?
            .map_err(|error| failed("opening the ledger", error))?;
        Ok(Tree { db: RwLock::new(Some(db)) })
    }

    fn with<R>(&self, work: impl FnOnce(&Database) -> Result<R, LedgerError>) -> Result<R, LedgerError> {
        let guard = self.db.read().unwrap_or_else(PoisonError::into_inner);
        work(guard.as_ref().ok_or(LedgerError::Closed)?)
    }

    pub(super) fn check_open(&self) -> Result<(), LedgerError> {
        self.with(|_| Ok(()))
    }

    /// The generation of the journal that continues this tree.
    pub(super) fn generation(&self) -> Result<Generation, LedgerError> {
        let missing = || LedgerError::corrupt("the ledger is damaged: its tree does not name its journal");
        let found = self.snapshot()?.lookup(JOURNAL, GENERATION)?.ok_or_else(missing)?;
        found.try_into().map_err(|_| missing())
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.snapshot()?.lookup(definition(table), key)
    }

    /// The tree as it is now, whatever is written later.
    pub(super) fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        self.with(|db| db.begin_read().map(Snapshot).map_err(|error| failed("reading the ledger", error)))
    }

    /// Writes the changes, each run of them in the order of table and key, and the generation of the journal that goes on
    /// from there, in one durable transaction.
    pub(super) fn apply<'a, 'b>(
        &self,
        older: impl Iterator<Item = Change<'a>>,
        newer: impl Iterator<Item = Change<'b>>,
        generation: &Generation,
    ) -> Result<(), LedgerError> {
        const WHAT: &str = "writing the ledger";
        self.with(|db| {
            let mut transaction = db.begin_write().map_err(|error| failed(WHAT, error))?;
            // Saves which pages are free, so that an open after a crash need not walk the whole tree to find out.
            transaction.set_quick_repair(true);
            write_run(&transaction, older)?;
            write_run(&transaction, newer)?;
            let mut journal = transaction.open_table(JOURNAL).map_err(|error| failed(WHAT, error))?;
            journal.insert(GENERATION, &generation[..]).map_err(|error| failed(WHAT, error))?;
            drop(journal);
            transaction.commit().map_err(|error| failed(WHAT, error))
        })
    }

    pub(super) fn close(&self) -> Result<(), LedgerError> {
        let db = self.db.write().unwrap_or_else(PoisonError::into_inner).take();
        match db {
            Some(db) => db.close().map_err(|error| failed("closing the ledger", error)),
            None => Ok(()),
        }
    }
}

/// Writes changes that come in the order of their tables, opening each table once.
fn write_run<'a>(transaction: &WriteTransaction, changes: impl Iterator<Item = Change<'a>>) -> Result<(), LedgerError> {
    const WHAT: &str = "writing the ledger";
    let mut open: Option<(Table, OpenTable<'_>)> = None;
    for (table, key, value) in changes {
        let opened = match open.take() {
            Some((of, opened)) if of == table => opened,
            earlier => {
                drop(earlier);
                transaction.open_table(definition(table)).map_err(|error| failed(WHAT, error))?
            }
        };
        let (_, target) = open.insert((table, opened));
        match value {
            Some(value) => target.insert(key, value).map(drop),
            None => target.remove(key).map(drop),
        }
        .map_err(|error| failed(WHAT, error))?;
    }
    Ok(())
}

/// The tree at one moment.
pub(super) struct Snapshot(ReadTransaction);

impl Snapshot {
    fn table(&self, table: Definition) -> Result<Option<ReadTable>, LedgerError> {
        match self.0.open_table(table) {
            Ok(table) => Ok(Some(table)),
            // Made with its first record.
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(failed("reading the ledger", error)),
        }
    }

    fn lookup(&self, table: Definition, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(table) = self.table(table)? else { return Ok(None) };
        let found = table.get(key).map_err(|error| failed("reading the ledger", error))?;
        Ok(found.map(|value| value.value().to_vec()))
    }

    /// Calls `each` with the keys of the tree merged with those of `recent`, which hides older values of its keys.
    pub(super) fn scan(
        &self,
        table: Table,
        range: &KeyRange<'_>,
        recent: Recent,
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), LedgerError> {
        let mut recent = recent.into_iter().peekable();
        if let Some(table) = self.table(definition(table))? {
            let what = |error| failed("reading the ledger", error);
            for entry in table.range::<&[u8]>(range.bounds()).map_err(what)? {
                let (key, value) = entry.map_err(what)?;
                let key = key.value();
                while let Some((newer, newer_value)) = recent.next_if(|(newer, _)| **newer < *key) {
                    if newer_value.is_some_and(|value| !each(&newer, &value)) {
                        return Ok(());
                    }
                }
                let go_on = match recent.next_if(|(newer, _)| **newer == *key) {
                    Some((_, None)) => true,
                    Some((_, Some(newer))) => each(key, &newer),
                    None => each(key, value.value()),
                };
                if !go_on {
                    return Ok(());
                }
            }
        }
        for (key, value) in recent {
            if value.is_some_and(|value| !each(&key, &value)) {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The error of the ledger for an error of redb.
fn failed(operation: &str, error: impl Into<redb::Error>) -> LedgerError {
    match error.into() {
        redb::Error::Io(error) => LedgerError::io(operation, error),
        redb::Error::DatabaseClosed => LedgerError::Closed,
        redb::Error::DatabaseAlreadyOpen => LedgerError::Locked { path: String::new() },
        redb::Error::PreviousIo => LedgerError::io(operation, std::io::Error::other(StorageError::PreviousIo)),
        redb::Error::LockPoisoned(at) => LedgerError::Panic { detail: format!("{operation}: poisoned at {at}") },
        other => LedgerError::corrupt(format!("{operation}: the ledger is damaged: {other}")),
    }
}
