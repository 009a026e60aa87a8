//! A batch of changes that a store commits as one.

use crate::error::LedgerError;
use crate::table::Table;

/// The longest key, in bytes.
pub const MAX_KEY: usize = u16::MAX as usize;
/// The longest value, in bytes.
pub const MAX_VALUE: usize = 1 << 30;

/// Buffers above this size are given back when a batch is cleared.
const KEPT_BYTES: usize = 32 << 20;

/// A change as an implementation of [`crate::Store`] sees it: the value to put, or `None` to delete the key.
pub type Change<'a> = (Table, &'a [u8], Option<&'a [u8]>);

/// Puts and deletes that become durable together or not at all.
///
/// All keys and values lie in one buffer that is reused, so that adding a change allocates nothing once the batch has grown
/// to its working size. Of several changes to one key the last one counts.
#[derive(Debug, Default)]
pub struct Batch {
    arena: Vec<u8>,
    ops: Vec<Op>,
    sorted: bool,
    refused: Option<(&'static str, usize, usize)>,
}

/// One change: where its key and value lie in the arena.
#[derive(Debug, Clone, Copy)]
struct Op {
    start: usize,
    /// Which change of the batch this is; orders the changes of one key by time.
    position: u32,
    key: u32,
    /// Length of the value, or [`Op::DELETE`].
    value: u32,
    table: Table,
}

impl Op {
    const DELETE: u32 = u32::MAX;
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Sets `key` of `table` to `value`.
    ///
    /// A key above [`MAX_KEY`] or a value above [`MAX_VALUE`] makes the commit of the whole batch fail with
    /// [`LedgerError::TooLarge`], before anything is written.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.push(table, key, Some(value));
    }

    /// Removes `key` from `table`; nothing happens if it is not there.
    pub fn delete(&mut self, table: Table, key: &[u8]) {
        self.push(table, key, None);
    }

    fn push(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) {
        if key.len() > MAX_KEY {
            self.refused = Some(("key", key.len(), MAX_KEY));
            return;
        }
        let value_len = match value {
            Some(value) if value.len() > MAX_VALUE => {
                self.refused = Some(("value", value.len(), MAX_VALUE));
                return;
            }
            Some(value) => value.len() as u32,
            None => Op::DELETE,
        };
        self.ops.push(Op { start: self.arena.len(), position: self.ops.len() as u32, key: key.len() as u32, value: value_len, table });
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(value.unwrap_or_default());
        self.sorted = false;
    }

    /// Whether the batch holds no change.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.refused.is_none()
    }

    /// Number of changes, counting a key that was changed twice as two until [`Batch::sort`] is called.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Bytes of all keys and values that were added.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// Forgets all changes and keeps the buffers for the next batch, unless they grew very large.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.ops.clear();
        self.refused = None;
        self.arena.shrink_to(KEPT_BYTES);
        self.ops.shrink_to(KEPT_BYTES / size_of::<Op>());
    }

    /// Checks the sizes, sorts the changes by table and key, and keeps the last change of each key.
    ///
    /// A store calls it first in `commit`.
    ///
    /// # Errors
    /// [`LedgerError::TooLarge`] if a key or value was too long when it was added.
    pub fn sort(&mut self) -> Result<(), LedgerError> {
        if let Some((what, size, limit)) = self.refused {
            return Err(LedgerError::TooLarge { what, size, limit });
        }
        if self.sorted {
            return Ok(());
        }
        let arena = &self.arena;
        let key = |op: &Op| (op.table, &arena[op.start..op.start + op.key as usize]);
        self.ops.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then(b.position.cmp(&a.position)));
        self.ops.dedup_by(|later, kept| key(later) == key(kept));
        self.sorted = true;
        Ok(())
    }

    /// The changes, in the order of table and key once [`Batch::sort`] was called.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.ops.iter().map(|op| {
            let (key, rest) = self.arena[op.start..].split_at(op.key as usize);
            let value = (op.value != Op::DELETE).then(|| &rest[..op.value as usize]);
            (op.table, key, value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(batch: &Batch) -> Vec<(Table, Vec<u8>, Option<Vec<u8>>)> {
        batch.changes().map(|(t, k, v)| (t, k.to_vec(), v.map(<[u8]>::to_vec))).collect()
    }

    #[test]
    fn the_last_change_of_a_key_counts() {
        let mut batch = Batch::new();
        batch.put(Table::Cells, b"b", b"1");
        batch.put(Table::Meta, b"b", b"2");
        batch.put(Table::Cells, b"a", b"3");
        batch.delete(Table::Cells, b"b");
        batch.put(Table::Cells, b"a", b"");
        batch.sort().unwrap();
        let expected = [
            (Table::Meta, b"b".to_vec(), Some(b"2".to_vec())),
            (Table::Cells, b"a".to_vec(), Some(Vec::new())),
            (Table::Cells, b"b".to_vec(), None),
        ];
        assert_eq!(collected(&batch), expected);
    }

    #[test]
    fn empty_keys_keep_their_order_too() {
        let mut batch = Batch::new();
        batch.delete(Table::Meta, b"");
        batch.put(Table::Meta, b"", b"");
        batch.sort().unwrap();
        assert_eq!(collected(&batch), [(Table::Meta, Vec::new(), Some(Vec::new()))]);
    }

    #[test]
    fn too_long_a_key_fails_the_batch_until_it_is_cleared() {
        let mut batch = Batch::new();
        batch.put(Table::Meta, &vec![0; MAX_KEY + 1], b"");
        assert!(!batch.is_empty());
        assert_eq!(batch.sort().unwrap_err().code_name(), "TOO_LARGE");
        batch.clear();
        batch.sort().unwrap();
        assert!(batch.is_empty());
    }
}
