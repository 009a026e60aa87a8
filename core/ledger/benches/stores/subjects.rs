//! The stores that are measured.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use redb::{Database, ReadableDatabase, TableDefinition};
use spook_ledger::{Batch, FileOptions, FileStore, Store, Table};

use crate::harness::Subject;

/// The floor: the bytes of a batch and one sync, with nothing to find them again.
#[derive(Default)]
pub struct Append {
    file: Option<File>,
    bytes: Vec<u8>,
    /// Overwrites the same MiB instead of growing, so that the file system has nothing to record.
    preallocated: bool,
}

impl Append {
    pub fn in_place() -> Append {
        Append { preallocated: true, ..Append::default() }
    }
}

impl Subject for Append {
    fn open(&mut self, folder: &Path) {
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(folder.join("log")).unwrap();
        if self.preallocated {
            file.write_all(&[0; 1 << 20]).unwrap();
            file.rewind().unwrap();
        } else {
            file.seek(SeekFrom::End(0)).unwrap();
        }
        file.sync_all().unwrap();
        self.file = Some(file);
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
    }

    fn commit(&mut self) {
        let file = self.file.as_mut().unwrap();
        if self.preallocated && file.stream_position().unwrap() + self.bytes.len() as u64 > 1 << 20 {
            file.rewind().unwrap();
        }
        file.write_all(&self.bytes).unwrap();
        file.sync_data().unwrap();
        self.bytes.clear();
    }

    fn get(&mut self, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn close(&mut self) {
        self.file = None;
    }
}

/// The ledger's own store.
pub struct Spook {
    store: Option<FileStore>,
    batch: Batch,
    options: FileOptions,
}

impl Spook {
    pub fn with_journal(bytes: u64) -> Spook {
        let mut options = FileOptions::default();
        options.journal_bytes = bytes;
        Spook { store: None, batch: Batch::new(), options }
    }
}

impl Subject for Spook {
    fn open(&mut self, folder: &Path) {
        self.store = Some(FileStore::open(&folder.join("spook"), self.options).unwrap());
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.batch.put(Table::Cells, key, value);
    }

    fn commit(&mut self) {
        self.store.as_ref().unwrap().commit(&mut self.batch).unwrap();
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.store.as_ref().unwrap().get(Table::Cells, key).unwrap()
    }

    fn close(&mut self) {
        self.store.take().unwrap().close().unwrap();
    }
}

const CELLS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("cells");

/// redb alone.
#[derive(Default)]
pub struct Redb {
    db: Option<Database>,
    batch: Batch,
    quick_repair: bool,
}

impl Redb {
    pub fn with_quick_repair() -> Redb {
        Redb { quick_repair: true, ..Redb::default() }
    }
}

impl Subject for Redb {
    fn open(&mut self, folder: &Path) {
        let mut builder = Database::builder();
        builder.set_cache_size(FileOptions::default().cache_bytes);
        self.db = Some(builder.create(folder.join("redb")).unwrap());
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.batch.put(Table::Cells, key, value);
    }

    fn commit(&mut self) {
        self.batch.sort().unwrap();
        let mut transaction = self.db.as_ref().unwrap().begin_write().unwrap();
        transaction.set_quick_repair(self.quick_repair);
        let mut table = transaction.open_table(CELLS).unwrap();
        for (_, key, value) in self.batch.changes() {
            table.insert(key, value.unwrap()).unwrap();
        }
        drop(table);
        transaction.commit().unwrap();
        self.batch.clear();
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        let transaction = self.db.as_ref().unwrap().begin_read().unwrap();
        let found = transaction.open_table(CELLS).unwrap().get(key).unwrap();
        found.map(|value| value.value().to_vec())
    }

    fn close(&mut self) {
        self.db.take().unwrap().close().unwrap();
    }
}
