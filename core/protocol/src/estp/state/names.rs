//! Cells by name: a link that is new knows no paths yet, but both halves know the cells by their births.

use super::cell::Birth;
use super::tree::{CellIndex, Tree};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

#[derive(Debug, Default)]
pub(super) struct Names {
    index: HashTable<CellIndex>,
    hash: FixedState,
    /// Cells that both halves created have a second name: to find them by it, and to store it with them.
    aliases: BTreeMap<Birth, CellIndex>,
    aliases_of: BTreeSet<(CellIndex, Birth)>,
}

impl Names {
    pub(super) fn find(&self, tree: &Tree, birth: Birth) -> Option<CellIndex> {
        let found = self.index.find(self.hash.hash_one(birth), |&cell| tree.birth(cell) == birth);
        found.or_else(|| self.aliases.get(&birth)).copied()
    }

    pub(super) fn give(&mut self, tree: &mut Tree, cell: CellIndex, birth: Birth) {
        tree.set_birth(cell, birth);
        let Names { index, hash, .. } = self;
        index.insert_unique(hash.hash_one(birth), cell, |&other| hash.hash_one(tree.birth(other)));
    }

    /// The name that the peer gave the cell is preferred from now on: the peer knows it for certain, whereas the own one may never have
    /// been sent, if the peer's candidate for the cell won.
    ///
    /// Returns whether the cell was not known by that name.
    pub(super) fn learn(&mut self, tree: &mut Tree, cell: CellIndex, birth: Birth) -> bool {
        let own = tree.birth(cell);
        if own == birth {
            return false;
        }
        let is_new = !self.aliases_of.contains(&(cell, birth));
        self.unname(tree, cell);
        self.aliases.remove(&birth);
        self.aliases_of.remove(&(cell, birth));
        self.aliases.insert(own, cell);
        self.aliases_of.insert((cell, own));
        self.give(tree, cell, birth);
        is_new
    }

    /// A cell that was deleted is created again: it gets a new name. The old one stays known if `keeps_old`.
    pub(super) fn rename(&mut self, tree: &mut Tree, cell: CellIndex, birth: Birth, keeps_old: bool) {
        let own = tree.birth(cell);
        self.unname(tree, cell);
        if keeps_old {
            self.aliases.insert(own, cell);
            self.aliases_of.insert((cell, own));
        }
        self.give(tree, cell, birth);
    }

    /// Forgets a name that nobody will use any more.
    pub(super) fn forget_alias(&mut self, birth: Birth) {
        if let Some(cell) = self.aliases.remove(&birth) {
            self.aliases_of.remove(&(cell, birth));
        }
    }

    /// Forgets all names of a cell: it was pruned.
    pub(super) fn remove(&mut self, tree: &Tree, cell: CellIndex) {
        self.unname(tree, cell);
        let aliases: Vec<Birth> = self.aliases(cell).collect();
        aliases.into_iter().for_each(|birth| self.forget_alias(birth));
    }

    fn unname(&mut self, tree: &Tree, cell: CellIndex) {
        if let Ok(entry) = self.index.find_entry(self.hash.hash_one(tree.birth(cell)), |&other| other == cell) {
            entry.remove();
        }
    }

    pub(super) fn aliases(&self, cell: CellIndex) -> impl Iterator<Item = Birth> {
        self.aliases_of.range((cell, Birth::default())..).take_while(move |(other, _)| *other == cell).map(|&(_, birth)| birth)
    }
}

#[cfg(test)]
mod tests {
    use crate::estp::dot::AuthorIndex;
    use crate::estp::stamp::Stamp;
    use crate::estp::state::{Birth, StateBlock, Version};
    use crate::value::Value;

    fn birth(author: u16, number: u64) -> Birth {
        Birth { author: AuthorIndex(author), number, place: 0 }
    }

    #[test]
    fn a_cell_is_found_by_any_name_and_prefers_the_one_it_learned_last() {
        let mut state = StateBlock::new(0);
        let cell = state.enter(["x"].into_iter());
        let version = Version { value: Some(Value::Null), stamp: Stamp::ZERO, author: AuthorIndex(1), number: 5 };
        state.set(cell, version, 5, birth(0, 5));
        state.learn_birth(cell, birth(1, 9));
        assert_eq!(state.birth(cell), birth(1, 9));
        assert_eq!(state.named(birth(1, 9)), Some(cell));
        assert_eq!(state.named(birth(0, 5)), Some(cell));
        state.learn_birth(cell, birth(0, 5));
        assert_eq!(state.birth(cell), birth(0, 5));
        assert_eq!(state.named(birth(1, 9)), Some(cell));
        assert_eq!(state.named(birth(2, 2)), None);
        assert_eq!(state.aliases(cell).collect::<Vec<_>>(), [birth(1, 9)]);
    }
}
