//! Writing to a Pair.

use super::Pair;
use crate::candidate::Candidate;
use crate::error::Error;
use crate::observe::Happening;
use crate::options::Durability;
use crate::writing::{Guard, Status, Wait, Write, WriteOptions};
use spook_protocol::error::Code;
use spook_protocol::estp::feed::Issue;
use spook_protocol::estp::half::Written;
use spook_protocol::estp::schema::Consistency;
use spook_protocol::estp::{HalfPair, Operation};
use spook_protocol::value::Value;
use std::time::Duration;

/// How long a write of a `sync` Pair waits for the disk before it gives up waiting (not writing).
const SYNC: Duration = Duration::from_secs(60);
/// How long a write of a strong Pair waits for its outcome if nothing else is said.
const STRONG: Duration = Duration::from_secs(10);

impl Pair {
    /// Writes a value: at once, whether or not the peer is there, except in a strong Pair (see [`Pair::write`]). An object replaces what the writer can
    /// see at the path.
    ///
    /// # Errors
    /// [`Code::Type`] if the path leads through a value that has no members, or the schema wants another type; [`Code::Nan`], [`Code::TooLarge`],
    /// [`Code::Pointer`]; the sticky error of a failed ledger. Nothing was changed then. Of a strong Pair also as [`Pair::write`].
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
        self.write(&Write { operations, guards: &[] }, WriteOptions::default())
    }

    /// Writes one candidate, on conditions if it has guards.
    ///
    /// The collapse judges it in its place among all candidates, at both halves alike. So the outcome is open until the halves have met: ask for it
    /// with [`Pair::status`], wait for it with [`Pair::wait_committed`] or by the options. A write of a strong Pair waits by itself.
    ///
    /// # Errors
    /// As [`Pair::write_all`]. [`Code::Guard`] for guards in a Pair that was created without, or a guard that makes no sense; [`Code::Backpressure`] when
    /// too many candidates wait to be committed. When it waits: [`Code::Decohered`] if the outcome is not known by the deadline (it stays pending and
    /// will settle), [`Code::Voided`] if it was decided against; [`Error::candidate`] is it.
    pub fn write(&self, write: &Write<'_>, options: WriteOptions) -> Result<Candidate, Error> {
        let guards = write.guards.iter().map(Guard::check).collect::<Result<Vec<_>, Error>>()?;
        let candidate = self.enter(|half, issue| Ok(half.write_guarded(write.operations, guards, issue)?))?;
        self.await_outcome(candidate, options)
    }

    /// Takes a write back: what it set goes to what was there before it, on condition that nothing was written there since; what it added to counters
    /// is taken off. That is a write of its own, which both halves judge as any other.
    ///
    /// # Errors
    /// [`Code::Guard`] in a Pair without guards; [`Code::NotFound`] for a write that is not remembered any more (the last 1,024 of this run are);
    /// [`Code::Voided`] for one that does not count anyway; [`Code::Invalid`] for one that changed nothing, or that a transition decided on. Otherwise
    /// as [`Pair::write`].
    pub fn revert(&self, candidate: &Candidate, options: WriteOptions) -> Result<Candidate, Error> {
        if !self.core.schema.is_ordered() {
            return Err(Error::new(Code::Guard, "a Pair without guards forgets what was there before a write"));
        }
        let revert = |half: &mut HalfPair, issue: &mut dyn FnMut() -> Issue| {
            let reverted = half.revert(candidate.dot, issue)?;
            reverted.map_err(|error| Error::new(error.code(), error.to_string()))
        };
        let reverting = self.enter(revert)?;
        self.await_outcome(reverting, options)
    }

    /// Does a write, sends it and stores it, as far as that goes without waiting for the peer.
    fn enter(&self, write: impl FnOnce(&mut HalfPair, &mut dyn FnMut() -> Issue) -> Result<Written, Error>) -> Result<Candidate, Error> {
        let shared = &self.open.shared;
        shared.check_writable()?;
        let (candidate, link, wakes) = {
            let mut state = self.core.lock();
            let half = state.half(&self.core, &**shared)?;
            let written = write(half, &mut || shared.issue(self.core.index))?;
            // What is as durable as it will ever be may be committed at once, unless it takes the peer.
            if shared.is_in_memory() && (half.peer().is_none() || half.is_ordered()) {
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

    fn await_outcome(&self, candidate: Candidate, options: WriteOptions) -> Result<Candidate, Error> {
        let timeout = match options.wait {
            Wait::No => return Ok(candidate),
            Wait::Committed(timeout) => timeout,
            Wait::AsAgreed if self.core.schema.consistency() == Consistency::Strong => self.core.write_timeout.unwrap_or(STRONG),
            Wait::AsAgreed => return Ok(candidate),
        };
        match self.wait_committed(&candidate, timeout)? {
            Status::Committed => Ok(candidate),
            Status::Voided(reason) => Err(Error::new(Code::Voided, &*reason).of_candidate(candidate)),
            Status::Tentative { .. } => {
                let detail = format!("the write is done and not committed after {timeout:?}; it stays pending and will settle");
                Err(Error::new(Code::Decohered, detail).of_candidate(candidate))
            }
        }
    }

    /// The first write of a Pair, durable before anybody hears of it.
    pub(crate) fn begin_with(&self, operation: &Operation<'_>) -> Result<(), Error> {
        let write = Write { operations: std::slice::from_ref(operation), guards: &[] };
        let candidate = self.write(&write, WriteOptions { wait: Wait::No })?;
        if self.core.durability == Durability::Memory {
            return Ok(());
        }
        self.open.shared.wait_durable(candidate.dot.number, SYNC)
    }
}
