//! Observing a Pair.

use super::Pair;
use crate::error::Error;
use crate::observe::{Notice, ObserveOptions, Subscription};

impl Pair {
    /// Subscribes to the changes at and below a path, to be pulled. From now on: what was before can be read.
    ///
    /// # Errors
    /// [`Code::Pointer`] for a prefix that is no path; [`Code::Closed`].
    pub fn observe(&self, prefix: &str, options: ObserveOptions) -> Result<Subscription, Error> {
        self.open.shared.check()?;
        let subscription = self.core.observers.subscribe(prefix, options)?;
        self.core.lock().half(&self.core, &*self.open.shared)?.watch(true);
        Ok(subscription)
    }

    /// Subscribes to the changes at and below a path, and has `observer` called with each on a thread of the engine that holds no lock, one call
    /// at a time. `observer` is dropped exactly once, after its last call returned, also when this fails.
    ///
    /// # Errors
    /// As [`Pair::observe`].
    pub fn observe_with(
        &self,
        prefix: &str,
        options: ObserveOptions,
        observer: impl FnMut(Notice) + Send + 'static,
    ) -> Result<Subscription, Error> {
        let shared = &self.open.shared;
        shared.check()?;
        // Without the lock of the Pair: if this fails, the observer is dropped, and its drop is the application's code.
        let subscription = self.core.observers.subscribe_with(prefix, options, &shared.dispatcher, observer)?;
        self.core.lock().half(&self.core, &**shared)?.watch(true);
        Ok(subscription)
    }
}
