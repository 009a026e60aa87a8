//! Cells that are not clean: the committed version below, the survivors above it, and the list of those that wait to be committed.
//!
//! A layer stands beside the tree for as long as its cell needs one. Layers live in a slab with a free list, and keep their buffers, so that
//! a write to a clean cell allocates nothing in the long run.

use super::cell::{Survivor, Version};
use super::tree::CellIndex;
use crate::estp::stamp::Stamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A cell's place in the slab of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LayerIndex(u32);

/// No layer: the cell is clean.
pub(super) const CLEAN: LayerIndex = LayerIndex(u32::MAX);

/// What a cell holds besides the version it shows.
#[derive(Debug, Default)]
pub struct Layer {
    /// The committed version that the survivors stand above.
    pub base: Option<Version>,
    /// Versions that nothing has overwritten, at most one an author. Never empty, except within a change.
    pub survivors: Vec<Survivor>,
    /// The version that the cell shows does not follow from the survivors yet: it is folded when somebody looks.
    pub stale: bool,
}

#[derive(Debug)]
struct Slot {
    layer: Layer,
    cell: CellIndex,
    older: LayerIndex,
    newer: LayerIndex,
    /// It is in the list of those that wait.
    waits: bool,
    /// Under which stamp the heap has it.
    due: Option<Stamp>,
}

#[derive(Debug)]
pub(super) struct Layers {
    slots: Vec<Slot>,
    free: Vec<LayerIndex>,
    oldest: LayerIndex,
    newest: LayerIndex,
    waiting: usize,
    /// Those that wait, by the lowest stamp that is to be committed. An entry whose slot says otherwise counts for nothing.
    due: BinaryHeap<Reverse<(Stamp, u32)>>,
}

impl Default for Layers {
    fn default() -> Self {
        Layers { slots: Vec::new(), free: Vec::new(), oldest: CLEAN, newest: CLEAN, waiting: 0, due: BinaryHeap::new() }
    }
}

impl Layers {
    pub(super) fn get(&self, index: LayerIndex) -> Option<&Layer> {
        self.slots.get(index.0 as usize).map(|slot| &slot.layer)
    }

    pub(super) fn get_mut(&mut self, index: LayerIndex) -> Option<&mut Layer> {
        self.slots.get_mut(index.0 as usize).map(|slot| &mut slot.layer)
    }

    /// A new layer for a cell, not in the list yet.
    pub(super) fn add(&mut self, cell: CellIndex) -> LayerIndex {
        if let Some(index) = self.free.pop() {
            self.slots[index.0 as usize].cell = cell;
            return index;
        }
        let index = LayerIndex(self.slots.len() as u32);
        self.slots.push(Slot { layer: Layer::default(), cell, older: CLEAN, newer: CLEAN, waits: false, due: None });
        index
    }

    /// The cell is clean again: gives what stood below the survivors.
    pub(super) fn free(&mut self, index: LayerIndex) -> Option<Version> {
        self.leave(index);
        self.free.push(index);
        let slot = &mut self.slots[index.0 as usize];
        slot.due = None;
        let layer = &mut slot.layer;
        layer.survivors.clear();
        layer.stale = false;
        layer.base.take()
    }

    /// Moves a layer to the end of the list of those that wait to be committed, for a version of that stamp.
    pub(super) fn wait(&mut self, index: LayerIndex, stamp: Stamp) {
        self.list_due(index, stamp);
        if self.newest == index && self.slots[index.0 as usize].waits {
            return;
        }
        self.leave(index);
        let newest = std::mem::replace(&mut self.newest, index);
        let slot = &mut self.slots[index.0 as usize];
        (slot.older, slot.newer, slot.waits) = (newest, CLEAN, true);
        match self.slots.get_mut(newest.0 as usize) {
            Some(older) => older.newer = index,
            None => self.oldest = index,
        }
        self.waiting += 1;
    }

    /// Lists a layer under the stamp of a version that is to be committed, unless it is listed under an earlier one.
    pub(super) fn list_due(&mut self, index: LayerIndex, stamp: Stamp) {
        let slot = &mut self.slots[index.0 as usize];
        if slot.due.is_none_or(|due| stamp < due) {
            slot.due = Some(stamp);
            self.due.push(Reverse((stamp, index.0)));
        }
    }

    /// Takes a layer out of the list; it stays with its cell.
    pub(super) fn leave(&mut self, index: LayerIndex) {
        let slot = &mut self.slots[index.0 as usize];
        if !std::mem::take(&mut slot.waits) {
            return;
        }
        let (older, newer) = (slot.older, slot.newer);
        match self.slots.get_mut(older.0 as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer.0 as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        self.waiting -= 1;
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The cells that wait, from the one that changed longest ago.
    pub(super) fn iter(&self) -> Waiting<'_> {
        Waiting { layers: self, next: self.oldest }
    }

    /// A layer with a version stamped up to `stamp` that was not committed when it was last looked at. It is listed again by [`Layers::wait`].
    pub(super) fn take_due(&mut self, stamp: Stamp) -> Option<CellIndex> {
        while let Some(&Reverse((due, index))) = self.due.peek()
            && due <= stamp
        {
            self.due.pop();
            let slot = &mut self.slots[index as usize];
            if slot.due == Some(due) {
                slot.due = None;
                if slot.waits {
                    return Some(slot.cell);
                }
            }
        }
        None
    }
}

/// The iterator of [`StateBlock::waiting`](super::StateBlock::waiting).
#[derive(Clone, Debug)]
pub struct Waiting<'l> {
    layers: &'l Layers,
    next: LayerIndex,
}

impl Iterator for Waiting<'_> {
    type Item = CellIndex;

    fn next(&mut self) -> Option<CellIndex> {
        let slot = self.layers.slots.get(self.next.0 as usize)?;
        self.next = slot.newer;
        Some(slot.cell)
    }
}
