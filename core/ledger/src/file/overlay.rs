//! The records of the journal, in memory.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::batch::{Batch, Change};
use crate::store::KeyRange;
use crate::table::Table;

/// Keys to their newest values; `None` where the newest change is a delete.
type Map = BTreeMap<Box<[u8]>, Option<Box<[u8]>>>;

/// Keys and values copied out of the overlay, ascending.
pub(super) type Recent = Vec<(Box<[u8]>, Option<Box<[u8]>>)>;

/// What was committed since the tree was last written. Where it has a key, the tree's value is out of date.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    tables: RwLock<[Map; Table::COUNT]>,
}

impl Overlay {
    fn read(&self) -> RwLockReadGuard<'_, [Map; Table::COUNT]> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, [Map; Table::COUNT]> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` if the overlay does not know the key, `Some(None)` if it knows that the key was deleted.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let tables = self.read();
        let value = tables[usize::from(table.number())].get(key)?;
        Some(value.as_ref().map(|value| value.to_vec()))
    }

    /// Takes over a batch that has become durable.
    pub(super) fn apply(&self, batch: &Batch) {
        let mut tables = self.write();
        for change in batch.changes() {
            insert(&mut tables, change);
        }
    }

    /// Takes over one change of the journal while the store is opened.
    pub(super) fn replay(&mut self, change: Change<'_>) {
        insert(self.tables.get_mut().unwrap_or_else(PoisonError::into_inner), change);
    }

    /// Forgets everything: the tree has it now.
    pub(super) fn clear(&self) {
        *self.write() = Default::default();
    }

    /// Calls `work` with all changes in the order of table and key.
    pub(super) fn with_changes<R>(&self, work: impl FnOnce(&mut dyn Iterator<Item = Change<'_>>) -> R) -> R {
        let tables = self.read();
        let mut changes = Table::ALL.into_iter().flat_map(|table| {
            let map = &tables[usize::from(table.number())];
            map.iter().map(move |(key, value)| (table, &**key, value.as_deref()))
        });
        work(&mut changes)
    }

    /// Copies what lies in `range`, and calls `also` while nothing can change.
    pub(super) fn copy_with<R>(&self, table: Table, range: &KeyRange<'_>, also: impl FnOnce() -> R) -> (Recent, R) {
        let tables = self.read();
        let within = tables[usize::from(table.number())].range::<[u8], _>(range.bounds());
        let recent = within.map(|(key, value)| (key.clone(), value.clone())).collect();
        (recent, also())
    }
}

fn insert(tables: &mut [Map; Table::COUNT], (table, key, value): Change<'_>) {
    let map = &mut tables[usize::from(table.number())];
    match map.get_mut(key) {
        Some(slot) => *slot = value.map(Into::into),
        None => {
            map.insert(key.into(), value.map(Into::into));
        }
    }
}
