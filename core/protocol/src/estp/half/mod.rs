//! One endpoint's half of a Pair: its replica of the state, what it knows of the other half, and its lifecycle.

mod apply;
mod change;
mod context;
mod settle;
mod write;

pub use apply::Violation;
pub use change::{Change, Transition};
pub use context::{ContextChange, Contexts};
pub use settle::Horizon;
pub use write::Written;

use super::dot::{Author, AuthorIndex, VersionVector};
use super::lifecycle::{Event, Lifecycle, LinkFact, Reason};
use super::state::{Birth, CellIndex, Digest, ROOT, StateBlock, Version};
use crate::id::EndpointId;
use crate::pointer::{self, PointerError};
use crate::value::Value;
use change::Observed;
use std::borrow::Cow;
use std::fmt;

/// How many times a half has settled, and the digest of its state: equal digests are equal states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateId {
    /// Settled states at this half since the Pair began.
    pub count: u64,
    /// The same on every half that holds the same state.
    pub digest: Digest,
}

impl fmt::Display for StateId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.count, self.digest)
    }
}

/// How many authors one Pair keeps apart: its members, and every author epoch they ever had.
pub const AUTHORS: usize = 4096;

/// A half of a Pair, sans-IO.
///
/// Its methods are of four kinds: getters; inputs (`apply`, `settle`, `link_up`, `link_down`); commands (`write`, `collapse_begun`, `close`); polls
/// (`take_changes`, `take_transitions`). Commands and inputs may be followed by both polls, in any order.
#[derive(Debug)]
pub struct HalfPair {
    state: StateBlock,
    vector: VersionVector,
    me: AuthorIndex,
    peer: Option<EndpointId>,
    contexts: Contexts,
    lifecycle: Lifecycle,
    /// My number of the last delta of the peer's that was applied, or of the last that is still seen in a cell after a restart.
    last_remote_arrival: u64,
    settled_count: u64,
    joined: u64,
    observed: Observed,
}

/// What a half is restored from: the record that the ledger keeps besides the cells.
#[derive(Clone, Debug, PartialEq)]
pub struct HalfRecord {
    /// The other member, once there is one.
    pub peer: Option<EndpointId>,
    /// Authors, and what was applied of each.
    pub vector: VersionVector,
    /// Contexts of own candidates that the peer may not have.
    pub contexts: Contexts,
    /// Settled states so far.
    pub settled_count: u64,
    /// See [`HalfPair::joined`].
    pub joined: u64,
}

impl HalfPair {
    /// A new half, owned by `me`, without state. `hash_seed` spreads keys over the index and decides nothing else.
    pub fn new(me: Author, peer: Option<EndpointId>, hash_seed: u64) -> HalfPair {
        let record = HalfRecord { peer, vector: VersionVector::default(), contexts: Contexts::default(), settled_count: 0, joined: 0 };
        HalfPair::restore(me, record, hash_seed)
    }

    /// A half from the ledger's record; [`HalfPair::restore_cell`] brings back its cells.
    pub fn restore(me: Author, record: HalfRecord, hash_seed: u64) -> HalfPair {
        let HalfRecord { peer, mut vector, contexts, settled_count, joined } = record;
        // The table of a half that was stored is far from full: it is bounded when authors of peers are entered.
        let me = vector.intern(me).unwrap_or_default();
        let link = if peer.is_some() { LinkFact::Decohered(Reason::Restarted) } else { LinkFact::Created };
        HalfPair {
            state: StateBlock::new(hash_seed),
            vector,
            me,
            peer,
            contexts,
            lifecycle: Lifecycle { link, ..Lifecycle::CREATED },
            last_remote_arrival: 0,
            settled_count,
            joined,
            observed: Observed::default(),
        }
    }

    /// Puts back a cell from the ledger. Cells must come in the order of their arrival.
    ///
    /// # Errors
    /// [`PointerError`] if the path is no JSON Pointer.
    pub fn restore_cell(&mut self, path: &str, version: Version, arrival: u64, births: &[Birth]) -> Result<(), PointerError> {
        let cell = self.enter(path)?;
        if Some(self.vector.author(version.author).endpoint) == self.peer {
            self.last_remote_arrival = self.last_remote_arrival.max(arrival);
        }
        // What is learned last is preferred; the record names the preferred birth first.
        let mut births = births.iter().rev();
        self.state.set(cell, version, arrival, births.next().copied().unwrap_or_default());
        for &birth in births {
            self.state.learn_birth(cell, birth);
        }
        Ok(())
    }

    /// The cell at a path, entered empty if it is new.
    ///
    /// # Errors
    /// [`PointerError`] if the path is no JSON Pointer.
    pub fn enter(&mut self, path: &str) -> Result<CellIndex, PointerError> {
        let mut at = ROOT;
        for key in pointer::keys(path)? {
            at = self.state.enter_child(at, &key?);
        }
        Ok(at)
    }

    /// What the ledger keeps besides the cells.
    pub fn record(&self) -> HalfRecord {
        let HalfPair { peer, settled_count, joined, .. } = *self;
        HalfRecord { peer, vector: self.vector.clone(), contexts: self.contexts.clone(), settled_count, joined }
    }

    /// The state itself, for encoding and storing.
    pub fn state(&self) -> &StateBlock {
        &self.state
    }

    /// Authors, and what was applied of each.
    pub fn vector(&self) -> &VersionVector {
        &self.vector
    }

    /// The index of an author, entered if it is new. `None` when the table has [`AUTHORS`] of them.
    pub fn intern(&mut self, author: Author) -> Option<AuthorIndex> {
        if self.vector.entries().len() >= AUTHORS { self.vector.index_of(author) } else { self.vector.intern(author) }
    }

    /// The author that this half writes as.
    pub fn me(&self) -> Author {
        self.vector.author(self.me)
    }

    /// The other member, once there is one.
    pub fn peer(&self) -> Option<EndpointId> {
        self.peer
    }

    /// Contexts of own candidates.
    pub fn contexts(&self) -> &Contexts {
        &self.contexts
    }

    /// The three facts of the lifecycle.
    pub fn lifecycle(&self) -> Lifecycle {
        self.lifecycle
    }

    /// The value at a path; `None` if there is none.
    ///
    /// # Errors
    /// [`PointerError`] if the path is no JSON Pointer.
    pub fn read(&self, path: &str) -> Result<Option<Value>, PointerError> {
        let mut at = ROOT;
        for key in pointer::keys(path)? {
            let key: Cow<'_, str> = key?;
            match self.state.child(at, &key) {
                Some(cell) => at = cell,
                None => return Ok(None),
            }
        }
        Ok(self.state.read(at))
    }

    /// Settled states so far, and the digest of the state as it is.
    pub fn state_id(&mut self) -> StateId {
        StateId { count: self.settled_count, digest: self.state.digest() }
    }

    /// The first peer opened the Pair.
    pub fn join(&mut self, peer: EndpointId) {
        self.peer = Some(peer);
    }

    /// The number that was taken when the peer joined. What the peer acknowledged below it says nothing of this Pair: all of it is sent to whoever
    /// holds less, and nothing settles before the peer holds that much. 0 for a half that began with the peer's offer.
    pub fn joined(&self) -> u64 {
        self.joined
    }

    /// The number of the last own candidate; 0 if there is none of this author epoch.
    pub fn last_written(&self) -> u64 {
        self.vector.seen(self.me).number
    }

    /// The number of the last change, the peer's joining included: where the Pair stands in a list of Pairs by change.
    pub fn last_change(&self) -> u64 {
        self.state.last_arrival().max(self.joined)
    }

    /// The peer joined at this number, taken after the Pair was shared and stored with it before the Pair is offered.
    pub fn joined_at(&mut self, number: u64) {
        self.joined = number;
        if self.state.last_arrival() > 0 {
            self.on(Event::LocalCandidate);
        }
    }

    /// The link to the peer is up, and the peer shares this Pair.
    pub fn link_up(&mut self) {
        self.on(Event::LinkUp);
    }

    /// The link is down, or the peer refused the Pair.
    pub fn link_down(&mut self, reason: Reason) {
        self.on(Event::LinkDown(reason));
    }

    /// Closes the half for good.
    pub fn close(&mut self) {
        self.on(Event::Close);
    }

    fn on(&mut self, event: Event) {
        let before = self.lifecycle;
        self.lifecycle = before.on(event);
        if before != self.lifecycle {
            self.observed.transition(before, self.lifecycle);
        }
    }
}
