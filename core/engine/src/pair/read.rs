//! Reading a Pair.

use super::Pair;
use crate::error::Error;
use spook_protocol::error::Code;
use spook_protocol::estp::HalfPair;
use spook_protocol::estp::half::Conflict;
use spook_protocol::pointer::PointerError;
use spook_protocol::value::Value;

impl Pair {
    /// The value at a path; the whole state at "". A consistent snapshot: of a strong Pair, of what is committed; of any other, of everything that was
    /// applied here, own writes included.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is nothing; [`Code::Pointer`] for a path that is none.
    pub fn read_state(&self, path: &str) -> Result<Value, Error> {
        self.read(path, HalfPair::read)
    }

    /// As [`Pair::read_state`], of what is committed: final on both sides.
    ///
    /// An ordered Pair (guards, transitions, strong) passes through the same committed states at both sides, each candidate whole. Any other Pair forgets
    /// versions that were overwritten before they were committed: there, a cell shows the last committed version that is still held, until everything
    /// is committed.
    ///
    /// # Errors
    /// As [`Pair::read_state`].
    pub fn read_committed(&self, path: &str) -> Result<Value, Error> {
        self.read(path, HalfPair::read_committed)
    }

    /// As [`Pair::read_state`], of everything that was applied here, of a strong Pair, too: what is not committed may still change.
    ///
    /// # Errors
    /// As [`Pair::read_state`].
    pub fn read_tentative(&self, path: &str) -> Result<Value, Error> {
        self.read(path, HalfPair::read_tentative)
    }

    fn read(&self, path: &str, read: impl FnOnce(&HalfPair, &str) -> Result<Option<Value>, PointerError>) -> Result<Value, Error> {
        let shared = &self.open.shared;
        shared.check()?;
        let mut state = self.core.lock();
        let fold_and_read = |half: &mut HalfPair| {
            half.fold_stale();
            read(half, path)
        };
        let value = state.look_at(&self.core, &**shared, path, fold_and_read)?;
        drop(state);
        let value = value.map_err(|error| Error::pointer(path, error))?;
        value.ok_or_else(|| Error::new(Code::NotFound, format!("{path:?} in {:?}", self.core.name)))
    }

    /// The cells at and below a path that hold several candidates which know nothing of each other, of which some are not committed; and those whose
    /// rule could not decide. The whole Pair for "".
    ///
    /// # Errors
    /// [`Code::Closed`] and the like; [`Code::Pointer`].
    pub fn conflicts(&self, prefix: &str) -> Result<Vec<Conflict>, Error> {
        spook_protocol::pointer::keys(prefix).map_err(|error| Error::pointer(prefix, error))?;
        self.with_half(|half| half.conflicts(prefix))
    }
}
