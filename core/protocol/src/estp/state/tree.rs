//! The index by path: one node for each key, in a slab, found through one hash table keyed by (parent, key).

use super::cell::{Birth, Version};
use super::superposition::{CLEAN, LayerIndex};
use crate::estp::rule::PathRule;
use crate::estp::schema::{At, Schema};
use crate::pointer;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smol_str::SmolStr;
use std::hash::BuildHasher;
use std::sync::Arc;

/// The place of a cell in its StateBlock. A cell keeps its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellIndex(pub(super) u32);

/// The cell of the whole state, path "".
pub const ROOT: CellIndex = CellIndex(0);

/// No cell: the end of a list.
pub(super) const NONE: CellIndex = CellIndex(u32::MAX);

#[derive(Debug)]
pub(super) struct Node {
    key: SmolStr,
    parent: CellIndex,
    first_child: CellIndex,
    next_sibling: CellIndex,
    previous_sibling: CellIndex,
    /// Children that are live or have something live below them.
    live_children: u32,
    pub(super) version: Option<Version>,
    birth: Birth,
    pub(super) arrival: u64,
    pub(super) older: CellIndex,
    pub(super) newer: CellIndex,
    /// What this cell adds to the running digest.
    pub(super) digested: u128,
    /// What it adds has changed, and it is listed for that.
    pub(super) digest_is_old: bool,
    pub(super) layer: LayerIndex,
    /// Goes up whenever a link has to forget what it called the cell: the place was freed, or the cell deleted and created again.
    pub(super) generation: u32,
    /// What the schema says of the path.
    at: At,
}

impl Node {
    fn new(key: SmolStr, parent: CellIndex, next_sibling: CellIndex, at: At) -> Node {
        Node {
            key,
            parent,
            first_child: NONE,
            next_sibling,
            previous_sibling: NONE,
            live_children: 0,
            version: None,
            birth: Birth::default(),
            arrival: 0,
            older: NONE,
            newer: NONE,
            digested: 0,
            digest_is_old: false,
            layer: CLEAN,
            generation: 0,
            at,
        }
    }

    fn holds_value(&self) -> bool {
        self.version.as_ref().is_some_and(|version| version.value.is_some())
    }

    fn is_live(&self) -> bool {
        self.live_children > 0 || self.holds_value()
    }
}

#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    free: Vec<CellIndex>,
    schema: Arc<Schema>,
    index: HashTable<CellIndex>,
    hash: FixedState,
}

impl Tree {
    pub(super) fn new(hash_seed: u64) -> Tree {
        let root = Node::new(SmolStr::default(), NONE, NONE, Schema::ROOT);
        Tree {
            nodes: vec![root],
            free: Vec::new(),
            schema: Arc::default(),
            index: HashTable::new(),
            hash: FixedState::with_seed(hash_seed),
        }
    }

    /// To be set before any cell is entered.
    pub(super) fn set_schema(&mut self, schema: Arc<Schema>) {
        self.schema = schema;
    }

    pub(super) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    pub(super) fn rule(&self, cell: CellIndex) -> &PathRule {
        self.schema.rule(self.node(cell).at)
    }

    pub(super) fn node(&self, cell: CellIndex) -> &Node {
        &self.nodes[cell.0 as usize]
    }

    pub(super) fn node_mut(&mut self, cell: CellIndex) -> &mut Node {
        &mut self.nodes[cell.0 as usize]
    }

    pub(super) fn child(&self, parent: CellIndex, key: &str) -> Option<CellIndex> {
        let hash = self.hash.hash_one((parent.0, key));
        self.index.find(hash, |&cell| self.is(cell, parent, key)).copied()
    }

    pub(super) fn enter_child(&mut self, parent: CellIndex, key: &str) -> CellIndex {
        let hash = self.hash.hash_one((parent.0, key));
        if let Some(&cell) = self.index.find(hash, |&cell| self.is(cell, parent, key)) {
            return cell;
        }
        let Node { first_child: next_sibling, at, .. } = *self.node(parent);
        let at = if self.schema.is_free() { at } else { self.schema.step(at, key) };
        let cell = self.place(Node::new(SmolStr::new(key), parent, next_sibling, at));
        if next_sibling != NONE {
            self.node_mut(next_sibling).previous_sibling = cell;
        }
        self.node_mut(parent).first_child = cell;
        let Tree { nodes, index, hash: state, .. } = self;
        index.insert_unique(hash, cell, |&other| {
            let node = &nodes[other.0 as usize];
            state.hash_one((node.parent.0, node.key.as_str()))
        });
        cell
    }

    /// Puts a node where one was freed, or at the end.
    fn place(&mut self, mut node: Node) -> CellIndex {
        let Some(cell) = self.free.pop() else {
            self.nodes.push(node);
            return CellIndex(self.nodes.len() as u32 - 1);
        };
        node.generation = self.node(cell).generation + 1;
        *self.node_mut(cell) = node;
        cell
    }

    /// Frees a cell that holds nothing and has nothing below it, and its ancestors that are left with nothing.
    pub(super) fn free(&mut self, cell: CellIndex) {
        let mut at = cell;
        while at != ROOT {
            let node = self.node(at);
            let is_free = node.parent == NONE;
            if is_free || node.version.is_some() || node.first_child != NONE || node.layer != CLEAN || node.arrival > 0 {
                return;
            }
            let hash = self.hash.hash_one((node.parent.0, node.key.as_str()));
            let (parent, next, previous) = (node.parent, node.next_sibling, node.previous_sibling);
            if let Ok(entry) = self.index.find_entry(hash, |&other| other == at) {
                entry.remove();
            }
            match previous {
                NONE => self.node_mut(parent).first_child = next,
                previous => self.node_mut(previous).next_sibling = next,
            }
            if next != NONE {
                self.node_mut(next).previous_sibling = previous;
            }
            self.node_mut(at).parent = NONE;
            self.free.push(at);
            at = parent;
        }
    }

    fn is(&self, cell: CellIndex, parent: CellIndex, key: &str) -> bool {
        let node = self.node(cell);
        node.parent == parent && node.key == key
    }

    pub(super) fn version(&self, cell: CellIndex) -> Option<&Version> {
        self.node(cell).version.as_ref()
    }

    pub(super) fn birth(&self, cell: CellIndex) -> Birth {
        self.node(cell).birth
    }

    pub(super) fn set_birth(&mut self, cell: CellIndex, birth: Birth) {
        self.node_mut(cell).birth = birth;
    }

    pub(super) fn arrival(&self, cell: CellIndex) -> u64 {
        self.node(cell).arrival
    }

    /// Sets what a cell shows.
    pub(super) fn set(&mut self, cell: CellIndex, version: Option<Version>) {
        let node = self.node_mut(cell);
        let was_live = node.is_live();
        node.version = version;
        let is_live = node.is_live();
        if was_live != is_live {
            self.count_live(cell, is_live);
        }
    }

    /// Tells the ancestors that a child became live or ceased to be, as far up as that changes anything.
    fn count_live(&mut self, cell: CellIndex, live: bool) {
        let mut at = self.node(cell).parent;
        while at != NONE {
            let node = self.node_mut(at);
            let was_live = node.is_live();
            node.live_children = if live { node.live_children + 1 } else { node.live_children - 1 };
            if node.is_live() == was_live {
                break;
            }
            at = node.parent;
        }
    }

    /// Whether anything below the cell is live: it then reads as an object.
    pub(super) fn has_live_children(&self, cell: CellIndex) -> bool {
        self.node(cell).live_children > 0
    }

    pub(super) fn is_live(&self, cell: CellIndex) -> bool {
        self.node(cell).is_live()
    }

    pub(super) fn children(&self, cell: CellIndex) -> impl Iterator<Item = (CellIndex, &SmolStr)> {
        let mut at = self.node(cell).first_child;
        std::iter::from_fn(move || {
            let cell = at;
            let node = self.nodes.get(cell.0 as usize)?;
            at = node.next_sibling;
            Some((cell, &node.key))
        })
    }

    pub(super) fn live_below(&self, cell: CellIndex) -> Vec<CellIndex> {
        let mut live = Vec::new();
        let mut open = vec![cell];
        while let Some(at) = open.pop() {
            if self.node(at).holds_value() {
                live.push(at);
            }
            if self.has_live_children(at) {
                open.extend(self.children(at).map(|(child, _)| child).filter(|&child| self.is_live(child)));
            }
        }
        live
    }

    /// The child of the root that a cell is or lies below; the root itself for the root.
    pub(super) fn register_of(&self, cell: CellIndex) -> CellIndex {
        let mut at = cell;
        while self.node(at).parent != ROOT && at != ROOT {
            at = self.node(at).parent;
        }
        at
    }

    pub(super) fn write_path(&self, cell: CellIndex, out: &mut String) {
        let node = self.node(cell);
        if node.parent != NONE {
            self.write_path(node.parent, out);
            pointer::push_key(out, &node.key);
        }
    }
}
