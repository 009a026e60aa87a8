//! The list of cells by arrival, threaded through the nodes: moving a cell to the end touches its two neighbours and nothing else.

use super::tree::{CellIndex, NONE, Tree};

#[derive(Debug)]
pub(super) struct Arrivals {
    oldest: CellIndex,
    newest: CellIndex,
    len: usize,
}

impl Default for Arrivals {
    fn default() -> Self {
        Arrivals { oldest: NONE, newest: NONE, len: 0 }
    }
}

impl Arrivals {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn last(&self) -> Option<CellIndex> {
        (self.newest != NONE).then_some(self.newest)
    }

    pub(super) fn move_to_end(&mut self, tree: &mut Tree, cell: CellIndex, number: u64) {
        debug_assert!(self.newest == NONE || tree.arrival(self.newest) <= number, "arrival numbers went back");
        let is_new = tree.arrival(cell) == 0;
        tree.node_mut(cell).arrival = number;
        if self.newest == cell {
            return;
        }
        if is_new {
            self.len += 1;
        } else {
            self.unlink(tree, cell);
        }
        let newest = std::mem::replace(&mut self.newest, cell);
        let node = tree.node_mut(cell);
        (node.older, node.newer) = (newest, NONE);
        if newest == NONE {
            self.oldest = cell;
        } else {
            tree.node_mut(newest).newer = cell;
        }
    }

    /// Takes a cell out of the list: it was pruned.
    pub(super) fn remove(&mut self, tree: &mut Tree, cell: CellIndex) {
        if tree.arrival(cell) > 0 {
            self.unlink(tree, cell);
            let node = tree.node_mut(cell);
            (node.older, node.newer, node.arrival) = (NONE, NONE, 0);
            self.len -= 1;
        }
    }

    fn unlink(&mut self, tree: &mut Tree, cell: CellIndex) {
        let (older, newer) = (tree.node(cell).older, tree.node(cell).newer);
        if older == NONE {
            self.oldest = newer;
        } else {
            tree.node_mut(older).newer = newer;
        }
        if newer == NONE {
            self.newest = older;
        } else {
            tree.node_mut(newer).older = older;
        }
    }

    pub(super) fn after<'t>(&self, tree: &'t Tree, number: u64) -> After<'t> {
        let mut next = NONE;
        let mut at = self.newest;
        while at != NONE && tree.arrival(at) > number {
            next = at;
            at = tree.node(at).older;
        }
        After { tree, next }
    }
}

/// The iterator of [`StateBlock::after`](super::StateBlock::after).
#[derive(Clone, Debug)]
pub struct After<'t> {
    tree: &'t Tree,
    next: CellIndex,
}

impl Iterator for After<'_> {
    type Item = CellIndex;

    fn next(&mut self) -> Option<CellIndex> {
        if self.next == NONE {
            return None;
        }
        let cell = self.next;
        self.next = self.tree.node(cell).newer;
        Some(cell)
    }
}

#[cfg(test)]
mod tests {
    use crate::estp::dot::AuthorIndex;
    use crate::estp::stamp::Stamp;
    use crate::estp::state::{Birth, StateBlock, Version};
    use crate::value::Value;
    use proptest::prelude::*;

    fn version(number: u64) -> Version {
        Version { value: Some(Value::from(number)), stamp: Stamp::new(number, 0), author: AuthorIndex(0), number }
    }

    proptest! {
        /// Against the plainest model: a list of keys, the written one moved to its end.
        #[test]
        fn after_lists_what_changed_since(writes in prop::collection::vec(0u8..12, 0..60), from in 0u64..70) {
            let mut state = StateBlock::new(0);
            let mut model: Vec<(u8, u64)> = Vec::new();
            for (at, key) in writes.iter().enumerate() {
                let number = at as u64 + 1;
                let cell = state.enter([key.to_string().as_str()].into_iter());
                state.set(cell, version(number), number, Birth::default());
                model.retain(|(other, _)| other != key);
                model.push((*key, number));
            }
            let listed: Vec<u64> = state.after(from).map(|cell| state.arrival(cell)).collect();
            let expected: Vec<u64> = model.iter().map(|(_, number)| *number).filter(|&number| number > from).collect();
            prop_assert_eq!(listed, expected);
            prop_assert_eq!(state.cell_count(), model.len());
        }
    }

    #[test]
    fn a_million_overwrites_keep_one_cell() {
        let mut state = StateBlock::new(0);
        for number in 1..=1_000_000 {
            let cell = state.enter(["x"].into_iter());
            state.set(cell, version(number), number, Birth::default());
        }
        assert_eq!(state.cell_count(), 1);
        assert_eq!(state.after(0).count(), 1);
    }
}
