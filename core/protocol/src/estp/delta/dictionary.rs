//! The paths that were used on a link before: both ends number them in the order of their first use.
//!
//! An entry goes with the link. The dictionary is bounded; what comes after the bound is named by birth or path each time.

use crate::estp::state::CellIndex;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// How many paths a link numbers in each direction.
pub const ENTRIES: usize = 1 << 16;

/// A cell, and the generation of what the sender calls it: a cell that is deleted and created again is another one.
pub type Named = (CellIndex, u32);

/// The sender's side: from cell to number.
#[derive(Debug, Default)]
pub struct WriteDictionary {
    numbers: HashMap<(u64, Named), u32, FixedState>,
    next: usize,
}

impl WriteDictionary {
    /// The number of a cell of the Pair in `slot`, if it was used before.
    pub fn number(&self, slot: u64, cell: Named) -> Option<u32> {
        self.numbers.get(&(slot, cell)).copied()
    }

    /// The cell is used for the first time: it gets the next number, if there is one left.
    pub fn enter(&mut self, slot: u64, cell: Named) {
        if self.next < ENTRIES {
            self.numbers.insert((slot, cell), self.next as u32);
            self.next += 1;
        }
    }

    /// How many numbers are taken.
    pub fn len(&self) -> usize {
        self.next
    }

    /// Whether no number is taken.
    pub fn is_empty(&self) -> bool {
        self.next == 0
    }

    /// Takes back the numbers from `len` on: what used them was not sent after all.
    pub fn truncate(&mut self, len: usize) {
        if len < self.next {
            self.numbers.retain(|_, number| (*number as usize) < len);
            self.next = len;
        }
    }

    /// Uses the numbers of a Pair no more: the receiver may not have known it when they were given.
    pub fn forget(&mut self, slot: u64) {
        self.numbers.retain(|(owner, _), _| *owner != slot);
    }
}

/// The receiver's side: from number to cell.
#[derive(Debug, Default)]
pub struct ReadDictionary {
    cells: Vec<Option<(u64, CellIndex)>>,
}

impl ReadDictionary {
    /// The cell behind a number, if it belongs to the Pair in `slot`: `Some(None)` for one that is not here.
    pub fn cell(&self, slot: u64, number: u64) -> Option<Option<CellIndex>> {
        match *self.cells.get(usize::try_from(number).ok()?)? {
            Some((owner, cell)) => (owner == slot).then_some(Some(cell)),
            None => Some(None),
        }
    }

    /// The next number names this cell.
    pub fn enter(&mut self, slot: u64, cell: CellIndex) {
        self.push(Some((slot, cell)));
    }

    /// The next number names a cell that is not here: it was pruned, or its Pair is not shared.
    pub fn pass(&mut self) {
        self.push(None);
    }

    /// How many numbers are taken.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether no number is taken.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Takes back the numbers from `len` on: what used them is read again later.
    pub fn truncate(&mut self, len: usize) {
        self.cells.truncate(len);
    }

    fn push(&mut self, entry: Option<(u64, CellIndex)>) {
        if self.cells.len() < ENTRIES {
            self.cells.push(entry);
        }
    }
}
