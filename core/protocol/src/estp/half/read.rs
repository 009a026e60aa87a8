//! Reading a half: what it shows, and what is committed of it.

use super::superpose::Which;
use super::{HalfPair, StateId};
use crate::estp::schema::Consistency;
use crate::estp::state::{CellIndex, Digest, ROOT, StateBlock};
use crate::pointer::{self, PointerError};
use crate::value::Value;

impl HalfPair {
    /// The value at a path, as the consistency of the Pair has it: of a strong Pair what is committed, of any other what is applied. `None` if
    /// there is nothing.
    ///
    /// # Errors
    /// [`PointerError`] if the path is no JSON Pointer.
    pub fn read(&self, path: &str) -> Result<Option<Value>, PointerError> {
        if self.schema().consistency() == Consistency::Strong { self.read_committed(path) } else { self.read_tentative(path) }
    }

    /// The value at a path with everything applied, own writes included. After [`HalfPair::fold_stale`] it is there already; before, what was left
    /// until somebody looks is folded for this reader alone.
    ///
    /// # Errors
    /// [`PointerError`] if the path is no JSON Pointer.
    pub fn read_tentative(&self, path: &str) -> Result<Option<Value>, PointerError> {
        let Some(cell) = self.find(path)? else { return Ok(None) };
        if self.stale.is_empty() {
            return Ok(self.state.read(cell));
        }
        Ok(self.state.read_view(cell, &|state, cell| self.value_of(state, cell, Which::Shown)))
    }

    /// The value at a path as far as it is committed.
    ///
    /// # Errors
    /// [`PointerError`] if the path is no JSON Pointer.
    pub fn read_committed(&self, path: &str) -> Result<Option<Value>, PointerError> {
        if self.state.waiting_count() == 0 && self.unresolved.is_empty() && self.log.is_none() {
            return self.read_tentative(path);
        }
        let Some(cell) = self.find(path)? else { return Ok(None) };
        Ok(self.state.read_view(cell, &|state, cell| self.value_of(state, cell, Which::Committed)))
    }

    fn value_of(&self, state: &StateBlock, cell: CellIndex, which: Which) -> Option<Value> {
        let version = match state.layer(cell) {
            Some(_) => self.folded(cell, which).0,
            None => state.version(cell).cloned(),
        };
        version.and_then(|version| version.value)
    }

    pub(super) fn find(&self, path: &str) -> Result<Option<CellIndex>, PointerError> {
        let mut at = ROOT;
        for key in pointer::keys(path)? {
            match self.state.child(at, &key?) {
                Some(cell) => at = cell,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Committed states so far, and the digest of the state as it shows.
    pub fn state_id(&mut self) -> StateId {
        self.fold_stale();
        StateId { count: self.settled_count, digest: self.state.digest() }
    }

    /// The QStateVector: the digest of each register that the schema names, as of now.
    pub fn register_digests(&mut self) -> Vec<(String, Digest)> {
        self.fold_stale();
        self.state.digest();
        let schema = self.schema().clone();
        let digest = |name: &String| self.state.child(ROOT, name).map_or(Digest::default(), |cell| self.state.register_digest(cell));
        schema.registers().iter().map(|name| (name.clone(), digest(name))).collect()
    }

    /// Whether everything that this half holds is committed and folded: then halves with the same vector have the same digest.
    pub fn is_clean(&self) -> bool {
        self.commit.is_clean() && self.unresolved.is_empty() && self.log.as_ref().is_none_or(|log| log.is_clean())
    }
}
