//! The StateBlock: a tree of cells, found by path and walked by arrival.

mod arrivals;
mod cell;
mod digest;
mod names;
mod read;
mod superposition;
mod tree;

pub use arrivals::After;
pub use cell::{Birth, StoredCell, Survivor, Version};
pub use digest::Digest;
pub use read::{Obstacle, View};
pub use superposition::{Layer, Waiting};
pub use tree::{CellIndex, ROOT};

use crate::estp::rule::PathRule;
use crate::estp::schema::Schema;
use crate::estp::stamp::Stamp;
use crate::value::Value;
use arrivals::Arrivals;
use digest::RunningDigest;
use names::Names;
use std::sync::Arc;
use superposition::{CLEAN, Layers};
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
    layers: Layers,
    /// Paths of cells that were pruned, for the ledger.
    pruned: Vec<String>,
}

impl StateBlock {
    /// An empty state. `hash_seed` spreads the keys over the index; it decides nothing else.
    pub fn new(hash_seed: u64) -> StateBlock {
        StateBlock {
            tree: Tree::new(hash_seed),
            arrivals: Arrivals::default(),
            digest: RunningDigest::default(),
            names: Names::default(),
            layers: Layers::default(),
            pruned: Vec::new(),
        }
    }

    /// The schema of the cells, to be set before any is entered.
    pub fn set_schema(&mut self, schema: Arc<Schema>) {
        self.tree.set_schema(schema);
    }

    /// The schema of the cells.
    pub fn schema(&self) -> &Arc<Schema> {
        self.tree.schema()
    }

    /// What the schema says of a cell.
    pub fn path_rule(&self, cell: CellIndex) -> &PathRule {
        self.tree.rule(cell)
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
        self.arrive(cell, number, birth);
        self.tree.set(cell, Some(version));
    }

    /// Moves a cell to the end of the list of arrivals; one that was never written before gets `birth` for its name.
    pub fn arrive(&mut self, cell: CellIndex, number: u64, birth: Birth) {
        if self.tree.arrival(cell) == 0 {
            self.names.give(&mut self.tree, cell, birth);
        }
        self.arrivals.move_to_end(&mut self.tree, cell, number);
    }

    /// Sets what a cell shows that has just arrived.
    pub fn show_arrived(&mut self, cell: CellIndex, version: Version) {
        self.tree.set(cell, Some(version));
    }

    /// Sets what a cell shows, above whatever its layer holds.
    pub fn set_shown(&mut self, cell: CellIndex, version: Option<Version>) {
        self.tree.set(cell, version);
        self.digest.note(&mut self.tree, cell);
    }

    /// The version that a cell shows; `None` if it was never written. For a clean cell it is all that there is.
    pub fn version(&self, cell: CellIndex) -> Option<&Version> {
        self.tree.version(cell)
    }

    /// What a cell holds besides what it shows; `None` if it is clean.
    pub fn layer(&self, cell: CellIndex) -> Option<&Layer> {
        self.layers.get(self.tree.node(cell).layer)
    }

    /// The layer of a cell. A clean cell gets one, above the version that it shows.
    pub fn open_layer(&mut self, cell: CellIndex) -> &mut Layer {
        let mut index = self.tree.node(cell).layer;
        if index == CLEAN {
            index = self.layers.add(cell);
            self.tree.node_mut(cell).layer = index;
            let base = self.tree.version(cell).cloned();
            self.layers.get_mut(index).expect("a layer that was just added").base = base;
        }
        self.layers.get_mut(index).expect("a node's layer is in the slab")
    }

    /// Drops the layer of a cell: what it shows is all that there is. Gives what was committed below the survivors.
    pub fn drop_layer(&mut self, cell: CellIndex) -> Option<Version> {
        match std::mem::replace(&mut self.tree.node_mut(cell).layer, CLEAN) {
            CLEAN => None,
            index => self.layers.free(index),
        }
    }

    /// The cell's layer waits to be committed, behind all that wait already, for a version of that stamp.
    pub fn wait(&mut self, cell: CellIndex, stamp: Stamp) {
        let index = self.tree.node(cell).layer;
        if index != CLEAN {
            self.layers.wait(index, stamp);
        }
    }

    /// The cell still waits, for a version of that stamp.
    pub fn wait_on(&mut self, cell: CellIndex, stamp: Stamp) {
        let index = self.tree.node(cell).layer;
        if index != CLEAN {
            self.layers.list_due(index, stamp);
        }
    }

    /// A cell that waits with a version stamped up to `stamp`, once: [`StateBlock::wait`] and [`StateBlock::wait_on`] list it again.
    pub fn take_due(&mut self, stamp: Stamp) -> Option<CellIndex> {
        self.layers.take_due(stamp)
    }

    /// The cell's layer waits no more, though it stays.
    pub fn leave_waiting(&mut self, cell: CellIndex) {
        let index = self.tree.node(cell).layer;
        if index != CLEAN {
            self.layers.leave(index);
        }
    }

    /// The cells that wait to be committed, in the order of their last change.
    pub fn waiting(&self) -> Waiting<'_> {
        self.layers.iter()
    }

    /// How many cells wait to be committed.
    pub fn waiting_count(&self) -> usize {
        self.layers.waiting()
    }

    /// Shows the committed version again. A cell without one goes, if nothing lies below it.
    pub fn revert(&mut self, cell: CellIndex) {
        if self.layer(cell).is_some() {
            let base = self.drop_layer(cell);
            self.set_shown(cell, base);
            if self.tree.version(cell).is_none() {
                self.digest.remove(&mut self.tree, cell);
                self.tree.free(cell);
            }
        }
    }

    /// The committed version of a cell.
    pub fn base(&self, cell: CellIndex) -> Option<&Version> {
        match self.layer(cell) {
            Some(layer) => layer.base.as_ref(),
            None => self.version(cell),
        }
    }

    /// Takes a cell out of the state that shows a committed tombstone, or nothing. Its place may be given to another path.
    pub fn prune(&mut self, cell: CellIndex) {
        if self.tree.arrival(cell) > 0 {
            let mut path = String::new();
            self.tree.write_path(cell, &mut path);
            self.pruned.push(path);
            self.names.remove(&self.tree, cell);
            self.arrivals.remove(&mut self.tree, cell);
        }
        self.drop_layer(cell);
        self.tree.set(cell, None);
        self.digest.remove(&mut self.tree, cell);
        // Where something lies below, the cell stays, and may be created again: links have to forget what they called it.
        self.tree.node_mut(cell).generation += 1;
        self.tree.free(cell);
    }

    /// Frees a cell that was entered and never written.
    pub fn release(&mut self, cell: CellIndex) {
        self.tree.free(cell);
    }

    /// The paths of the cells that were pruned since the last call.
    pub fn take_pruned(&mut self) -> Vec<String> {
        std::mem::take(&mut self.pruned)
    }

    /// Whether cells were pruned since the last [`StateBlock::take_pruned`].
    pub fn has_pruned(&self) -> bool {
        !self.pruned.is_empty()
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

    /// Learns the name that another half gave a cell which both created, or which it created again. It is preferred from now on; the other stays
    /// known. Links forget what they called the cell: the other half may have pruned what that was. Returns whether the cell was not known by that
    /// name.
    pub fn learn_birth(&mut self, cell: CellIndex, birth: Birth) -> bool {
        let is_news = self.names.learn(&mut self.tree, cell, birth);
        self.tree.node_mut(cell).generation += u32::from(is_news);
        is_news
    }

    /// A cell that was deleted is created again, under a new name, so that nobody needs the old one who may have pruned the cell. The old name
    /// stays known if `keeps_old`, for candidates that know nothing of the deletion.
    pub fn give_new_birth(&mut self, cell: CellIndex, birth: Birth, keeps_old: bool) {
        self.names.rename(&mut self.tree, cell, birth, keeps_old);
        self.tree.node_mut(cell).generation += 1;
    }

    /// Forgets a name that no candidate can use any more.
    pub fn forget_birth(&mut self, birth: Birth) {
        self.names.forget_alias(birth);
    }

    /// Goes up when links have to forget what they called the cell.
    pub fn generation(&self, cell: CellIndex) -> u32 {
        self.tree.node(cell).generation
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

    /// Keeps a digest of each child of the root, besides that of the whole.
    pub fn digest_registers(&mut self) {
        self.digest.sum_registers();
    }

    /// The digest of one child of the root and what lies below it, as of the last [`StateBlock::digest`].
    pub fn register_digest(&self, register: CellIndex) -> Digest {
        self.digest.of_register(register)
    }

    /// What each live cell adds to the digest, by its path, in the order of the paths' bytes.
    pub fn digest_terms(&mut self) -> Vec<(String, u128)> {
        self.digest();
        let term = |cell: CellIndex| {
            let mut path = String::new();
            self.write_path(cell, &mut path);
            (path, self.tree.node(cell).digested)
        };
        let mut terms: Vec<_> = self.live_below(ROOT).into_iter().map(term).collect();
        terms.sort_unstable();
        terms
    }

    /// The digest of the live cells. Takes time for the cells that arrived since the last call.
    pub fn digest(&mut self) -> Digest {
        self.digest.bring_up_to_date(&mut self.tree, &self.arrivals)
    }
}
