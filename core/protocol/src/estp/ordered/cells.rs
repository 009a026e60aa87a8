//! The cells that the fold works on: a committed version below, a shown one above, by path.

use crate::estp::dot::VersionVector;
use crate::estp::state::{Birth, CellIndex, ROOT, StateBlock, Version};
use crate::pointer;
use crate::value::Value;
use crate::wire::put_varint;

/// What the fold needs of a state.
pub trait Cells {
    /// The version that a cell shows, tombstones included.
    fn shown(&self, path: &str) -> Option<&Version>;

    /// The committed version of a cell, tombstones included.
    fn base(&self, path: &str) -> Option<&Version>;

    /// Shows a version above the committed one. `None` shows a cell that was never written, as does the committed version of one that was not.
    fn show(&mut self, path: &str, version: Option<Version>);

    /// Makes a version the committed one, with the candidate or delta of that arrival number. What is shown above another version stays.
    fn commit(&mut self, path: &str, version: Version, number: u64);

    /// Takes out the committed version of a cell, a tombstone. What is shown above it stays.
    fn prune(&mut self, path: &str);

    /// What is shown at a path: the members if there are any below it, else the cell's own value; `None` if there is nothing.
    fn read(&self, path: &str) -> Option<Value>;

    /// Visits the cells with a live value shown at and below a path, in any order.
    fn visit_live(&self, path: &str, visit: &mut dyn FnMut(&str, &Version));

    /// Visits all committed versions, tombstones included, in any order.
    fn visit_base(&self, visit: &mut dyn FnMut(&str, &Version));
}

/// 128 bits that name the versions shown at and below a path: equal on all halves that show the same candidates' values there, and other than
/// before once anything was written there. Each live cell adds the beginning of a BLAKE3 hash of its path and the name of its candidate.
pub fn fingerprint<C: Cells + ?Sized>(cells: &C, vector: &VersionVector, path: &str) -> u128 {
    let mut sum = 0;
    cells.visit_live(path, &mut |path, version| sum = version_print(vector, path, version).wrapping_add(sum));
    sum
}

/// What one live cell adds to a fingerprint.
pub(super) fn version_print(vector: &VersionVector, path: &str, version: &Version) -> u128 {
    let author = vector.author(version.author);
    let mut bytes = Vec::with_capacity(path.len() + 32);
    put_varint(&mut bytes, path.len() as u64);
    bytes.extend_from_slice(path.as_bytes());
    bytes.extend_from_slice(author.endpoint.as_bytes());
    bytes.extend_from_slice(&author.epoch.to_le_bytes());
    put_varint(&mut bytes, version.number);
    blake3::hash(&bytes).as_bytes().first_chunk().map_or(0, |head| u128::from_le_bytes(*head))
}

fn find(state: &StateBlock, path: &str) -> Option<CellIndex> {
    let mut at = ROOT;
    for key in pointer::keys(path).ok()? {
        at = state.child(at, &key.ok()?)?;
    }
    Some(at)
}

fn enter(state: &mut StateBlock, path: &str) -> CellIndex {
    let mut at = ROOT;
    // The paths of candidates are checked when they are written or read.
    for key in pointer::keys(path).into_iter().flatten().flatten() {
        at = state.enter_child(at, &key);
    }
    at
}

impl Cells for StateBlock {
    fn shown(&self, path: &str) -> Option<&Version> {
        self.version(find(self, path)?)
    }

    fn base(&self, path: &str) -> Option<&Version> {
        StateBlock::base(self, find(self, path)?)
    }

    fn show(&mut self, path: &str, version: Option<Version>) {
        let cell = enter(self, path);
        if version.as_ref() == StateBlock::base(self, cell) {
            // Either frees the cell if nothing is left of it.
            if self.layer(cell).is_some() { self.revert(cell) } else { self.release(cell) }
        } else {
            self.open_layer(cell);
            self.set_shown(cell, version);
        }
    }

    fn commit(&mut self, path: &str, version: Version, number: u64) {
        let cell = enter(self, path);
        let shown = match self.layer(cell) {
            Some(_) => self.version(cell).cloned(),
            None => Some(version.clone()),
        };
        self.drop_layer(cell);
        let birth = Birth { author: version.author, number: version.number, place: 0 };
        let is_shown = shown.as_ref() == Some(&version);
        self.set_shown(cell, Some(version));
        self.arrive(cell, number, birth);
        if !is_shown {
            self.open_layer(cell);
            self.set_shown(cell, shown);
        }
    }

    fn prune(&mut self, path: &str) {
        let Some(cell) = find(self, path) else { return };
        let above = self.layer(cell).is_some().then(|| self.version(cell).cloned()).flatten();
        StateBlock::prune(self, cell);
        if above.is_some() {
            Cells::show(self, path, above);
        }
    }

    fn read(&self, path: &str) -> Option<Value> {
        let cell = find(self, path)?;
        if self.has_members(cell) || self.live(cell).is_some() { StateBlock::read(self, cell) } else { None }
    }

    fn visit_live(&self, path: &str, visit: &mut dyn FnMut(&str, &Version)) {
        let Some(cell) = find(self, path) else { return };
        let mut text = String::new();
        for cell in self.live_below(cell) {
            text.clear();
            self.write_path(cell, &mut text);
            if let Some(version) = self.version(cell) {
                visit(&text, version);
            }
        }
    }

    fn visit_base(&self, visit: &mut dyn FnMut(&str, &Version)) {
        let mut text = String::new();
        for cell in self.after(0) {
            text.clear();
            self.write_path(cell, &mut text);
            if let Some(version) = StateBlock::base(self, cell) {
                visit(&text, version);
            }
        }
    }
}
