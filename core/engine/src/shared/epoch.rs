//! Going on under a new author epoch while the engine runs: its ledger turned out to be a copy.

use super::Shared;
use crate::error::Error;
use crate::pair_core::PairCore;
use crate::time;
use spook_protocol::estp::Author;
use std::sync::Arc;

impl Shared {
    /// Makes all halves write as a new author, issues again what a peer may not hold, and returns when that is durable. No link may be up.
    ///
    /// The epoch of the engine changes last: whoever is stopped before finds the old one in the ledger, and comes here again; what some halves wrote
    /// as the new author by then is nobody else's.
    ///
    /// # Errors
    /// As [`crate::Engine::flush`]; [`crate::Code::TooLarge`] if there were too many epochs.
    pub(crate) fn begin_epoch(&self) -> Result<(), Error> {
        let endpoint = self.identity.endpoint_id();
        let before = self.registry().epoch();
        let epoch = std::iter::repeat_with(time::random_u32).find(|epoch| *epoch != before && *epoch != 0).unwrap_or_default();
        let author = Author { endpoint, epoch };
        let mut begun = 0;
        loop {
            let pairs: Vec<Arc<PairCore>> = self.pairs().list.clone();
            for core in &pairs[begun..] {
                core.lock().begin_epoch(core, self, author, || self.issue(core.index))?;
            }
            begun = pairs.len();
            // A Pair that is created now learns the epoch under the lock of the registry, and so before or after this.
            let mut registry = self.registry();
            if registry.pair_count() == begun {
                registry.begin_epoch(epoch);
                break;
            }
        }
        self.contacts().touch_all();
        self.flush_ledger()
    }
}
