//! Writing to a Pair.

use super::Pair;
use crate::candidate::Candidate;
use crate::error::Error;
use crate::observe::Happening;
use crate::options::Durability;
use spook_protocol::error::Code;
use spook_protocol::estp::Operation;
use spook_protocol::value::Value;
use std::time::Duration;

/// How long a write of a `sync` Pair waits for the disk before it gives up waiting (not writing).
const SYNC: Duration = Duration::from_secs(60);

impl Pair {
    /// Writes a value: at once, whether or not the peer is there. An object replaces what the writer can see at the path.
    ///
    /// # Errors
    /// [`Code::Type`] if the path leads through a value that has no members; [`Code::Nan`], [`Code::TooLarge`], [`Code::Pointer`]; the sticky error
    /// of a failed ledger. Nothing was changed then.
    pub fn write_state(&self, path: &str, value: impl Into<Value>) -> Result<Candidate, Error> {
        self.write_all(&[Operation::set(path, value)])
    }

    /// Removes what is at a path.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is nothing; otherwise as [`Pair::write_state`].
    pub fn delete_state(&self, path: &str) -> Result<Candidate, Error> {
        self.write_all(&[Operation::delete(path)])
    }

    /// Writes several paths as one candidate: everywhere, all of it is seen or nothing.
    ///
    /// # Errors
    /// As [`Pair::write_state`]; [`Code::Invalid`] for no operations, or for two that touch the same cells.
    pub fn write_all(&self, operations: &[Operation<'_>]) -> Result<Candidate, Error> {
        let shared = &self.open.shared;
        shared.check_writable()?;
        let (candidate, link, wakes) = {
            let mut state = self.core.lock();
            let half = state.half(&self.core, &**shared)?;
            let written = half.write(operations, || shared.issue(self.core.index))?;
            if half.peer().is_none() && shared.is_in_memory() {
                self.core.settle_half(half, &**shared);
            }
            let mut wakes = self.core.publish(half);
            if let Some(ahead_ms) = shared.take_clock_news() {
                wakes.join(self.core.tell(half, [Happening::ClockSuspect { ahead_ms }]));
            }
            (Candidate { dot: written.dot, stamp: written.stamp, cells: written.cells }, state.link.clone(), wakes)
        };
        shared.notify_ledger();
        if let Some(link) = link {
            link.flush();
        }
        drop(wakes);
        if self.core.durability == Durability::Sync {
            shared.wait_durable(candidate.dot.number, SYNC)?;
        }
        Ok(candidate)
    }

    /// The first write of a Pair, durable before anybody hears of it.
    pub(crate) fn begin_with(&self, operation: &Operation<'_>) -> Result<(), Error> {
        let candidate = self.write_all(std::slice::from_ref(operation))?;
        if self.core.durability == Durability::Memory {
            return Ok(());
        }
        self.open.shared.wait_durable(candidate.dot.number, SYNC)
    }

    /// Whether a candidate written here is committed: final at both halves.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like; [`Code::Invalid`] for a candidate of another endpoint.
    pub fn is_settled(&self, candidate: &Candidate) -> Result<bool, Error> {
        if candidate.dot.author.endpoint != self.core.me.endpoint {
            return Err(Error::new(Code::Invalid, "the candidate was not written here"));
        }
        self.with_half(|half| half.is_committed(candidate.dot.number, candidate.stamp))
    }
}
