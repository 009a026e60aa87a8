//! Collapsing a Pair, and waiting for what happens to it.

use super::Pair;
use crate::courier::PeerLink;
use crate::error::Error;
use crate::options::CollapseOptions;
use spook_protocol::estp::half::{Resolved, StateId};
use spook_protocol::estp::{Digest, HalfPair};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a collapse found.
#[derive(Clone, Debug, PartialEq)]
pub struct Collapse {
    /// The state: how many committed states this half has been through, and the digest, equal on every half that holds the same.
    pub state: StateId,
    /// Whether everything is committed: final on both sides.
    pub settled: bool,
    /// The conflicts that came to an end since the last collapse here, at most the last 1,024.
    pub resolved: Vec<Resolved>,
    /// The QStateVector: the digest of each register that the schema names, all as of the same moment.
    pub registers: Vec<(String, Digest)>,
}

impl Pair {
    /// Collapses the Pair: says what its state is, and waits, if asked to, until everything is committed.
    ///
    /// Never takes longer than the timeout; what is not settled by then goes on settling.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like.
    pub fn collapse(&self, options: CollapseOptions) -> Result<Collapse, Error> {
        let shared = &self.open.shared;
        shared.check()?;
        let deadline = Instant::now().checked_add(options.timeout);
        self.with_half(|half| half.collapse_begun())?;
        let settled = self.await_settled(&options, deadline);
        let mut locked = self.core.lock();
        let half = locked.half(&self.core, &**shared)?;
        half.collapse_done();
        let is_settled = self.core.settle_half(half, &**shared);
        let (state, resolved, registers) = (half.state_id(), half.take_resolved(), half.register_digests());
        drop(self.core.publish(half));
        settled.map(|()| Collapse { state, settled: is_settled, resolved, registers })
    }

    fn await_settled(&self, options: &CollapseOptions, deadline: Option<Instant>) -> Result<(), Error> {
        self.wait_until(deadline, |_, is_settled| (is_settled || !options.settled).then_some(())).map(drop)
    }

    /// Waits until `look` finds in the half what it looks for; `None` at the deadline. It looks at once, and whenever the half has changed or more is
    /// known of either side; it is told, too, whether everything is committed.
    pub(super) fn wait_until<T>(
        &self,
        deadline: Option<Instant>,
        mut look: impl FnMut(&mut HalfPair, bool) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let shared = &self.open.shared;
        let _waiting = shared.waiters.enter(self.core.index);
        let mut hurried: Option<Option<Arc<dyn PeerLink>>> = None;
        let mut state = self.core.lock();
        loop {
            shared.check()?;
            let half = state.half(&self.core, &**shared)?;
            let is_settled = self.core.settle_half(half, &**shared);
            let found = look(half, is_settled);
            drop(self.core.tell_observers(half));
            let left = deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            if found.is_some() || left.is_zero() {
                return Ok(found);
            }
            let link = state.link.clone();
            if hurried.as_ref().is_some_and(|before| same_link(before.as_ref(), link.as_ref())) {
                state = self.core.wait(state, left);
                continue;
            }
            // Once for each link, and without the Pair's lock, which comes after the link's.
            drop(state);
            shared.hurry_ledger();
            if let Some(link) = &link {
                link.hurry();
            }
            hurried = Some(link);
            state = self.core.lock();
        }
    }
}

fn same_link(one: Option<&Arc<dyn PeerLink>>, other: Option<&Arc<dyn PeerLink>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}
