//! A Pair, as a program holds it: the calls that read, write, observe and collapse.

use crate::candidate::Candidate;
use crate::courier::PeerLink;
use crate::error::Error;
use crate::lifetime::Open;
use crate::observe::{Notice, ObserveOptions, Subscription};
use crate::options::{CollapseOptions, Durability, TicketOptions};
use crate::pair_core::PairCore;
use crate::storage::{self, Issued};
use crate::time;
use spook_protocol::error::Code;
use spook_protocol::estp::half::{Horizon, StateId};
use spook_protocol::estp::{HalfPair, Lifecycle, Operation};
use spook_protocol::etcp::{Ticket, TicketSecret};
use spook_protocol::id::{EndpointId, PairId};
use spook_protocol::record::TicketRecord;
use spook_protocol::value::Value;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a ticket can be used if nothing else is said.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a write of a `sync` Pair waits for the disk before it gives up waiting (not writing).
const SYNC: Duration = Duration::from_secs(60);

/// A Pair: a piece of shared state. Clones share it, and keep its engine open.
#[derive(Clone)]
pub struct Pair {
    open: Arc<Open>,
    core: Arc<PairCore>,
}

/// What a collapse found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collapse {
    /// The state: how many settled states this half has been through, and the digest, equal on every half that holds the same.
    pub state: StateId,
    /// Whether everything is durable on both sides.
    pub settled: bool,
}

impl Pair {
    pub(crate) fn new(open: Arc<Open>, core: Arc<PairCore>) -> Pair {
        Pair { open, core }
    }

    /// Its name for ever and everywhere.
    pub fn id(&self) -> PairId {
        self.core.id
    }

    /// What it is called in this ledger.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// The endpoint that holds this half.
    pub fn endpoint_id(&self) -> EndpointId {
        self.core.me.endpoint
    }

    /// A ticket for the other side, as text. It works once.
    ///
    /// # Errors
    /// [`Code::Exists`] if the Pair has its second member already; [`Code::Address`] if the engine listens nowhere.
    pub fn ticket(&self, options: TicketOptions) -> Result<String, Error> {
        let shared = &self.open.shared;
        shared.check_writable()?;
        if self.with_half(|half| half.peer())?.is_some() {
            return Err(Error::new(Code::Exists, format!("{:?} has two members already; a Pair has no more", self.core.name)));
        }
        let addresses = shared.io.get().map(|io| io.addresses().to_vec()).unwrap_or_default();
        if addresses.is_empty() {
            return Err(Error::new(Code::Address, "the engine listens nowhere, so that nobody could use the ticket"));
        }
        let secret = TicketSecret::generate(time::seed());
        let expires_in = u64::try_from(options.expires_in.unwrap_or(DAY).as_millis()).unwrap_or(u64::MAX);
        let expires = shared.time.now_ms().saturating_add(expires_in) / 1000;
        let issuer = *shared.identity.public();
        let ticket = Ticket { pair: self.core.id, issuer, addresses, secret: secret.clone(), expires_unix_s: expires };
        let text = ticket.to_text()?.to_string();
        let record = TicketRecord { pair: self.core.id, expires, used_by: None };
        shared.forming().issue(Issued { record, secret });
        shared.flush_ledger()?;
        Ok(text)
    }

    /// The value at a path; the whole state at "". A consistent snapshot.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is nothing; [`Code::Pointer`] for a path that is none.
    pub fn read_state(&self, path: &str) -> Result<Value, Error> {
        let shared = &self.open.shared;
        shared.check()?;
        let mut state = self.core.lock();
        let value = match state.half_if_awake() {
            Some(half) => half.read(path).map_err(|error| Error::pointer(path, error))?,
            None => {
                drop(state);
                storage::read_asleep(&shared.ledger, self.core.row, path)?
            }
        };
        value.ok_or_else(|| Error::new(Code::NotFound, format!("{path:?} in {:?}", self.core.name)))
    }

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
                let horizon = shared.registry().horizon(self.core.index);
                half.settle(horizon);
            }
            let wakes = self.core.publish(half);
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

    /// Collapses the Pair: says what its state is, and waits, if asked to, until everything is durable on both sides.
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
        let mut state = self.core.lock();
        let half = state.half(&self.core, &**shared)?;
        half.collapse_done();
        let horizon = shared.registry().horizon(self.core.index);
        let is_settled = half.settle(horizon);
        let collapse = Collapse { state: half.state_id(), settled: is_settled };
        drop(self.core.publish(half));
        settled.map(|()| collapse)
    }

    fn await_settled(&self, options: &CollapseOptions, deadline: Option<Instant>) -> Result<(), Error> {
        let is_settled = |half: &mut HalfPair, horizon| half.settle(horizon).then_some(());
        self.wait_until(deadline, |half, horizon| if options.settled { is_settled(half, horizon) } else { Some(()) }).map(drop)
    }

    /// Waits until `look` finds in the half what it looks for; `None` at the deadline. It looks at once, and whenever the half has changed or more is
    /// known of either side.
    fn wait_until<T>(
        &self,
        deadline: Option<Instant>,
        mut look: impl FnMut(&mut HalfPair, Horizon) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let shared = &self.open.shared;
        let _waiting = shared.waiters.enter(self.core.index);
        let mut hurried: Option<Option<Arc<dyn PeerLink>>> = None;
        let mut state = self.core.lock();
        loop {
            shared.check()?;
            let horizon = shared.registry().horizon(self.core.index);
            let half = state.half(&self.core, &**shared)?;
            let found = look(half, horizon);
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

    /// The three facts of its lifecycle.
    pub fn lifecycle(&self) -> Result<Lifecycle, Error> {
        self.with_half(|half| half.lifecycle())
    }

    /// Whether a candidate written here is durable on both sides.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like; [`Code::Invalid`] for a candidate of another endpoint.
    pub fn is_settled(&self, candidate: &Candidate) -> Result<bool, Error> {
        if candidate.dot.author.endpoint != self.core.me.endpoint {
            return Err(Error::new(Code::Invalid, "the candidate was not written here"));
        }
        let horizon = self.open.shared.registry().horizon(self.core.index);
        self.with_half(|half| half.is_settled(candidate.dot.number, horizon))
    }

    /// The round trip to the peer, once it was measured on the present link.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like.
    pub fn round_trip(&self) -> Result<Option<Duration>, Error> {
        self.open.shared.check()?;
        let link = self.core.lock().link.clone();
        Ok(link.and_then(|link| link.round_trip()).map(Duration::from_micros))
    }

    /// Ends the subscriptions of this Pair in this process. The Pair stays in the ledger and goes on being shared while its engine is open.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like.
    pub fn close(&self) -> Result<(), Error> {
        self.open.shared.check()?;
        self.core.observers.end_all();
        Ok(())
    }

    fn with_half<R>(&self, work: impl FnOnce(&mut HalfPair) -> R) -> Result<R, Error> {
        self.open.shared.check()?;
        let mut state = self.core.lock();
        let half = state.half(&self.core, &*self.open.shared)?;
        let result = work(half);
        drop(self.core.publish(half));
        Ok(result)
    }
}

fn same_link(one: Option<&Arc<dyn PeerLink>>, other: Option<&Arc<dyn PeerLink>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pair({:?}, {})", self.core.name, self.core.id)
    }
}
