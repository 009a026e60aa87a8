//! The StateBlock: a tree of cells, found by path and walked by arrival.

mod arrivals;
mod cell;
mod digest;
mod names;
mod read;
mod tree;

pub use arrivals::After;
pub use cell::{Birth, Version};
pub use digest::Digest;
pub use read::Obstacle;
pub use tree::{CellIndex, ROOT};

use crate::value::Value;
use arrivals::Arrivals;
use digest::RunningDigest;
use names::Names;
use tree::Tree;

/// The state of one half: cells by path, and the list of them by arrival.
///
/// Setting a cell and finding what changed after a number take time that does not depend on how many cells there are.
#[derive(Debug)]
pub struct StateBlock {
    tree: Tree,
    arrivals: Arrivals,
    digest: RunningDigest,
    names: Names,
}

impl StateBlock {
    /// An empty state. `hash_seed` spreads the keys over the index; it decides nothing else.
    pub fn new(hash_seed: u64) -> StateBlock {
        StateBlock { tree: Tree::new(hash_seed), arrivals: Arrivals::default(), digest: RunningDigest::default(), names: Names::default() }
    }

    /// The cell at a path, entered empty if it is new.
    pub fn enter<'k>(&mut self, keys: impl Iterator<Item = &'k str>) -> CellIndex {
        let mut at = ROOT;
        for key in keys {
            at = self.tree.enter_child(at, key);
        }
        at
    }

    /// The cell below `parent` with that key, entered empty if it is new.
    pub fn enter_child(&mut self, parent: CellIndex, key: &str) -> CellIndex {
        self.tree.enter_child(parent, key)
    }

    /// The cell below `parent` with that key.
    pub fn child(&self, parent: CellIndex, key: &str) -> Option<CellIndex> {
        self.tree.child(parent, key)
    }

    /// Gives a cell a version and moves it to the end of the list of arrivals. `number` must not be below that of the last arrival.
    /// A cell that was never written before gets `birth` for its name; another one keeps its own.
    pub fn set(&mut self, cell: CellIndex, version: Version, number: u64, birth: Birth) {
        if self.tree.version(cell).is_none() {
            self.names.give(&mut self.tree, cell, birth);
        }
        self.tree.set(cell, version);
        self.arrivals.move_to_end(&mut self.tree, cell, number);
    }

    /// The version that a cell holds; `None` if it was never written.
    pub fn version(&self, cell: CellIndex) -> Option<&Version> {
        self.tree.version(cell)
    }

    /// The live value of a cell: `None` if it was never written or is deleted.
    pub fn live(&self, cell: CellIndex) -> Option<&Value> {
        self.version(cell).and_then(|version| version.value.as_ref())
    }

    /// The name under which links know a cell.
    pub fn birth(&self, cell: CellIndex) -> Birth {
        self.tree.birth(cell)
    }

    /// The cell of that name.
    pub fn named(&self, birth: Birth) -> Option<CellIndex> {
        self.names.find(&self.tree, birth)
    }

    /// Learns the name that another half gave a cell which both created. It is preferred from now on; the other stays known. Returns whether the
    /// cell was not known by that name.
    pub fn learn_birth(&mut self, cell: CellIndex, birth: Birth) -> bool {
        self.names.learn(&mut self.tree, cell, birth)
    }

    /// Moves a cell that was written before to the end of the list of arrivals, as it is: there is something new to store with it.
    pub fn touch(&mut self, cell: CellIndex, number: u64) {
        self.arrivals.move_to_end(&mut self.tree, cell, number);
    }

    /// The names that a cell bears besides its preferred one.
    pub fn aliases(&self, cell: CellIndex) -> impl Iterator<Item = Birth> {
        self.names.aliases(cell)
    }

    /// The arrival number of a cell; 0 if it was never written.
    pub fn arrival(&self, cell: CellIndex) -> u64 {
        self.tree.arrival(cell)
    }

    /// The number of the last arrival; 0 if nothing ever arrived.
    pub fn last_arrival(&self) -> u64 {
        self.arrivals.last().map_or(0, |cell| self.tree.arrival(cell))
    }

    /// The cells that arrived after `number`, in the order of their arrival. Takes time only for these.
    pub fn after(&self, number: u64) -> After<'_> {
        self.arrivals.after(&self.tree, number)
    }

    /// Writes the path of a cell as JSON Pointer behind what `out` holds.
    pub fn write_path(&self, cell: CellIndex, out: &mut String) {
        self.tree.write_path(cell, out);
    }

    /// How many cells were ever written and are still kept, deleted ones included.
    pub fn cell_count(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether anything below the cell is live.
    pub fn has_members(&self, cell: CellIndex) -> bool {
        self.tree.has_live_children(cell)
    }

    /// The live cells at and below `cell`, in no order that means anything.
    pub fn live_below(&self, cell: CellIndex) -> Vec<CellIndex> {
        self.tree.live_below(cell)
    }

    /// The digest of the live cells. Takes time for the cells that arrived since the last call.
    pub fn digest(&mut self) -> Digest {
        self.digest.bring_up_to_date(&mut self.tree, &self.arrivals)
    }
}
