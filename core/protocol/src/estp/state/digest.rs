//! The digest of the state, kept up to date by what changed.
//!
//! Each live cell adds the first 128 bits of a BLAKE3 hash of its path and value; the digest is the sum modulo 2^128. A sum forgets order, so
//! halves that hold the same cells have the same digest, and one changed cell costs one hash. It tells honest halves apart with all the
//! certainty of 128 bits; a member that may write could construct two states of equal sum, as it could write any other nonsense.

use super::arrivals::Arrivals;
use super::tree::{CellIndex, Tree};
use crate::wire;
use std::collections::BTreeMap;
use std::fmt;

/// 128 bits that are equal on all halves that hold the same state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

/// The sum as of some arrival number. It is a reader of the list of arrivals with a cursor, like a link: writing costs it nothing.
#[derive(Debug, Default)]
pub(super) struct RunningDigest {
    sum: u128,
    up_to: u64,
    /// Cells that show something else without having arrived again.
    changed: Vec<CellIndex>,
    /// The same sum for each child of the root, if anybody asks for it.
    registers: Option<BTreeMap<CellIndex, u128>>,
}

impl RunningDigest {
    /// Sums each child of the root apart from now on.
    pub(super) fn sum_registers(&mut self) {
        self.registers.get_or_insert_default();
    }

    /// The sum of one child of the root.
    pub(super) fn of_register(&self, register: CellIndex) -> Digest {
        Digest(self.registers.as_ref().and_then(|sums| sums.get(&register)).copied().unwrap_or_default())
    }

    pub(super) fn bring_up_to_date(&mut self, tree: &mut Tree, arrivals: &Arrivals) -> Digest {
        let mut changed = std::mem::take(&mut self.changed);
        let again = changed.len();
        changed.extend(arrivals.after(tree, self.up_to));
        let mut path = String::new();
        let mut bytes = Vec::new();
        for &cell in &changed {
            let term = term(tree, cell, &mut path, &mut bytes);
            self.replace(tree, cell, term);
        }
        if let Some(&last) = changed[again..].last() {
            self.up_to = tree.arrival(last);
        }
        changed.clear();
        self.changed = changed;
        Digest(self.sum)
    }

    fn replace(&mut self, tree: &mut Tree, cell: CellIndex, term: u128) {
        let node = tree.node_mut(cell);
        let before = std::mem::replace(&mut node.digested, term);
        node.digest_is_old = false;
        self.sum = self.sum.wrapping_sub(before).wrapping_add(term);
        if let Some(registers) = &mut self.registers {
            let sum = registers.entry(tree.register_of(cell)).or_default();
            *sum = sum.wrapping_sub(before).wrapping_add(term);
        }
    }

    /// A cell shows something else, and may not arrive again for that.
    pub(super) fn note(&mut self, tree: &mut Tree, cell: CellIndex) {
        if !std::mem::replace(&mut tree.node_mut(cell).digest_is_old, true) {
            self.changed.push(cell);
        }
    }

    /// A cell is pruned: what it added goes at once, since nothing will name it later.
    pub(super) fn remove(&mut self, tree: &mut Tree, cell: CellIndex) {
        if tree.node(cell).digest_is_old {
            self.changed.retain(|&other| other != cell);
        }
        self.replace(tree, cell, 0);
    }
}

fn term(tree: &Tree, cell: CellIndex, path: &mut String, bytes: &mut Vec<u8>) -> u128 {
    let Some(value) = tree.version(cell).and_then(|version| version.value.as_ref()) else { return 0 };
    path.clear();
    bytes.clear();
    tree.write_path(cell, path);
    wire::put_varint(bytes, path.len() as u64);
    bytes.extend_from_slice(path.as_bytes());
    wire::put_value(bytes, value);
    let hash = blake3::hash(bytes);
    hash.as_bytes().first_chunk().map_or(0, |head| u128::from_le_bytes(*head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estp::dot::AuthorIndex;
    use crate::estp::stamp::Stamp;
    use crate::estp::state::{Birth, StateBlock, Version};
    use crate::value::Value;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn apply(writes: &[(u8, Option<i64>)], ask_at: Option<usize>) -> (Digest, BTreeMap<u8, i64>) {
        let mut state = StateBlock::new(0);
        let mut model = BTreeMap::new();
        for (at, (key, value)) in writes.iter().enumerate() {
            let number = at as u64 + 1;
            let cell = state.enter([key.to_string().as_str()].into_iter());
            let version = Version { value: value.map(Value::from), stamp: Stamp::ZERO, author: AuthorIndex(0), number };
            state.set(cell, version, number, Birth::default());
            match value {
                Some(value) => model.insert(*key, *value),
                None => model.remove(key),
            };
            if ask_at == Some(at) {
                state.digest();
            }
        }
        (state.digest(), model)
    }

    proptest! {
        #[test]
        fn digests_are_equal_exactly_when_states_are(
            a in prop::collection::vec((0u8..4, prop::option::of(0i64..3)), 0..20),
            b in prop::collection::vec((0u8..4, prop::option::of(0i64..3)), 0..20),
            ask_at in prop::option::of(0usize..20),
        ) {
            let (digest_a, state_a) = apply(&a, ask_at);
            let (digest_b, state_b) = apply(&b, None);
            prop_assert_eq!(digest_a == digest_b, state_a == state_b);
        }
    }
}
