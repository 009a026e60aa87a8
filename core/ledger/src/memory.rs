//! The store of an engine that keeps everything in memory.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::batch::Batch;
use crate::error::LedgerError;
use crate::store::{KeyRange, Store};
use crate::table::Table;

type Map = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// A store in memory: the same contract as a file, except that nothing outlives the process.
#[derive(Debug)]
pub struct MemoryStore {
    /// `None` once closed.
    tables: RwLock<Option<[Map; Table::COUNT]>>,
}

impl Default for MemoryStore {
    fn default() -> MemoryStore {
        MemoryStore::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore { tables: RwLock::new(Some(Default::default())) }
    }

    fn read<R>(&self, work: impl FnOnce(&[Map; Table::COUNT]) -> R) -> Result<R, LedgerError> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.as_ref().map(work).ok_or(LedgerError::Closed)
    }
}

impl Store for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.read(|tables| tables[usize::from(table.number())].get(key).map(|value| value.to_vec()))
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), LedgerError> {
        self.read(|tables| {
            if range.is_empty() {
                return;
            }
            for (key, value) in tables[usize::from(table.number())].range::<[u8], _>(range.bounds()) {
                if !each(key, value) {
                    return;
                }
            }
        })
    }

    fn commit(&self, batch: &mut Batch) -> Result<(), LedgerError> {
        batch.sort()?;
        let mut guard = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let tables = guard.as_mut().ok_or(LedgerError::Closed)?;
        for (table, key, value) in batch.changes() {
            let map = &mut tables[usize::from(table.number())];
            match value {
                Some(value) => map.insert(key.into(), value.into()),
                None => map.remove(key),
            };
        }
        batch.clear();
        Ok(())
    }

    fn size_bytes(&self) -> Result<u64, LedgerError> {
        self.read(|tables| tables.iter().flatten().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }

    fn close(&self) -> Result<(), LedgerError> {
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}
