//! A Pair whose halves differ: why, and what to do about it.

use super::Pair;
use crate::error::Error;
use spook_protocol::error::Code;
use spook_protocol::estp::half::Failure;
use std::time::{Duration, Instant};

impl Pair {
    /// Why this half failed, if it did: both digests, and the first path where the halves differ, once it is found. A failed half takes no writes and
    /// commits nothing.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like.
    pub fn failure(&self) -> Result<Option<Failure>, Error> {
        self.with_half(|half| half.failure().cloned())
    }

    /// Takes the peer's state in the place of what this half holds, and waits until it is here. Whatever differs goes, also what was written here and
    /// the peer does not have.
    ///
    /// # Errors
    /// [`Code::Decohered`] if the peer is not there, or did not send everything in time: what came goes on coming.
    pub fn repair(&self, timeout: Duration) -> Result<(), Error> {
        let shared = &self.open.shared;
        shared.check_writable()?;
        let share = shared.registry().share_of(self.core.index);
        let link = {
            let mut state = self.core.lock();
            let link = state.link.clone();
            if link.is_some() {
                state.half(&self.core, &**shared)?.ask_for_all();
            }
            link
        };
        let (Some(share), Some(link)) = (share, link) else {
            return Err(Error::new(Code::Decohered, "a half is repaired from its peer, which is not there"));
        };
        link.reseed(share.slot);
        let come = self.wait_until(Instant::now().checked_add(timeout), |half, _| (!half.awaits_all()).then_some(()))?;
        come.ok_or_else(|| Error::new(Code::Decohered, "the peer's state did not come in time"))
    }
}
