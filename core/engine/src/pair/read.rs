//! Reading a Pair.

use super::Pair;
use crate::error::Error;
use crate::storage;
use spook_protocol::error::Code;
use spook_protocol::value::Value;

impl Pair {
    /// The value at a path; the whole state at "". A consistent snapshot.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is nothing; [`Code::Pointer`] for a path that is none.
    pub fn read_state(&self, path: &str) -> Result<Value, Error> {
        let shared = &self.open.shared;
        shared.check()?;
        let mut state = self.core.lock();
        let value = match state.half_if_awake() {
            Some(half) => {
                half.fold_stale();
                half.read(path).map_err(|error| Error::pointer(path, error))?
            }
            None => {
                let (record, _) = state.record();
                drop(state);
                storage::read_asleep(&shared.ledger, self.core.row, self.core.me, record, path)?
            }
        };
        value.ok_or_else(|| Error::new(Code::NotFound, format!("{path:?} in {:?}", self.core.name)))
    }
}
