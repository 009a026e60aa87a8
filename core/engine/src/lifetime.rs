//! How an engine ends.

use crate::error::Error;
use crate::shared::{Shared, check_no_rule};
use std::sync::Arc;

/// Closes what it holds when nobody holds it any more.
pub(crate) struct Open {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.shared.check_process().is_err() {
            // The threads are the parent's, and what is sent or unlocked here would be sent and unlocked there.
            std::mem::forget(Arc::clone(&self.shared));
            return;
        }
        // Whoever wants to know how the close went calls it.
        let _ = close(&self.shared);
    }
}

/// Closes an engine: no new calls, farewell to the peers, everything durable, threads ended.
pub(crate) fn close(shared: &Arc<Shared>) -> Result<(), Error> {
    shared.check_process()?;
    check_no_rule()?;
    if !shared.begin_closing() {
        return Ok(());
    }
    if let Some(io) = shared.io.get() {
        io.close();
    }
    let closed = shared.close_ledger();
    shared.close_observers();
    shared.rules.close();
    closed
}
