//! One endpoint's half of a Pair: its replica of the state, what it knows of the other half, and its lifecycle.

mod apply;
mod change;
mod compare;
mod conflict;
mod epoch;
mod merge;
mod ordered;
mod read;
mod settle;
mod spell;
mod superpose;
mod write;

pub use apply::Violation;
pub use change::{Change, RuleNotice, Transition, VerdictNotice};
pub use compare::{Failure, Fingerprint, Range, STRETCHES, Search, Stretch};
pub use conflict::{Conflict, Resolved, Superposed};
pub use settle::Horizon;
pub use write::Written;

use super::commit::{Commit, Sample};
use super::context::Context;
use super::dot::{Author, AuthorIndex, Lost, Seen, VersionVector};
use super::lifecycle::{Event, Lifecycle, LinkFact, Reason};
use super::ordered::{CommitPoint, Ordered};
use super::place::Place;
use super::rule::{CustomRules, NoCustomRules, PathRule, Rule, RuleFailure};
use super::schema::Schema;
use super::state::{Birth, CellIndex, Digest, ROOT, StateBlock, StoredCell};
use crate::id::EndpointId;
use crate::pointer::{self, PointerError};
use change::Observed;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

/// How often the commit point of a half has moved, and the digest of what it shows: equal digests are equal states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateId {
    /// Committed states of this half since the Pair began; two halves may count differently.
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
/// Its methods are of four kinds: getters; inputs (`apply`, `settle`, `link_up`, `link_down`); commands (`write`, `write_guarded`, `revert`,
/// `collapse_begun`, `close`); polls (`take_changes`, `take_transitions` and the other `take_` methods). Commands and inputs may be followed by all
/// polls, in any order. `settle` is followed by `commit_log` where there is a log.
pub struct HalfPair {
    state: StateBlock,
    vector: VersionVector,
    me: AuthorIndex,
    peer: Option<EndpointId>,
    commit: Commit,
    lifecycle: Lifecycle,
    /// My number of the last delta of the peer's that was applied.
    last_remote_arrival: u64,
    settled_count: u64,
    joined: u64,
    /// The commit point when the peer joined, and a new one began.
    committed_alone: Option<Place>,
    /// Numbers of own candidates that this half does not know, and a peer may have to give back.
    lost: Vec<Lost>,
    /// Up to which of my numbers a peer may have been told of the cells that I named.
    told: u64,
    /// Cells with committed tombstones, to be freed.
    prunable: Vec<CellIndex>,
    /// Names of cells that were deleted and created again, and from which commit point on nobody uses them.
    old_names: VecDeque<(Place, Birth)>,
    rules: Arc<dyn CustomRules>,
    /// Whether custom rules are called when candidates arrive, instead of when somebody looks.
    is_eager: bool,
    /// Cells that are folded when somebody looks.
    stale: Vec<CellIndex>,
    /// Cells whose rule could not say what their candidates come to.
    unresolved: BTreeMap<CellIndex, RuleFailure>,
    resolved: VecDeque<Resolved>,
    /// This half came to the Pair by a ticket; the other one created it.
    is_opener: bool,
    /// The log of an ordered Pair.
    log: Option<Box<Ordered>>,
    /// Up to where the log can be committed, as of the last look.
    committable: Option<CommitPoint>,
    /// Up to which number the anchor has told which positions it lost.
    heard_gap: u64,
    /// Up to which of my numbers the peer holds everything, as of the last look.
    peer_held: u64,
    /// Why this half has failed, and whether observers have to be told.
    failure: Option<Failure>,
    failure_is_news: bool,
    reseed: compare::Reseed,
    /// It gave up what it held: own candidates come back in as many deltas as the peer makes of them.
    is_reseeded: bool,
    observed: Observed,
}

impl fmt::Debug for HalfPair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = self.state.cell_count();
        out.debug_struct("HalfPair")
            .field("me", &self.me())
            .field("lifecycle", &self.lifecycle)
            .field("cells", &cells)
            .finish_non_exhaustive()
    }
}

/// What a half is restored from: the record that the ledger keeps besides the cells.
#[derive(Clone, Debug, PartialEq)]
pub struct HalfRecord {
    /// The other member, once there is one.
    pub peer: Option<EndpointId>,
    /// Authors, and what was applied of each.
    pub vector: VersionVector,
    /// Committed states so far.
    pub settled_count: u64,
    /// See [`HalfPair::joined`].
    pub joined: u64,
    /// The commit point.
    pub committed: Option<Place>,
    /// The commit point when the peer joined, and a new one began.
    pub committed_alone: Option<Place>,
    /// Candidates of this half were not committed when the record was made.
    pub uncommitted_own: bool,
    /// Candidates of the peer were not.
    pub uncommitted_theirs: bool,
    /// My number of the last delta of the peer's that was applied.
    pub last_remote_arrival: u64,
    /// This half came to the Pair by a ticket; the other one created it.
    pub is_opener: bool,
    /// Numbers of own candidates that are not known here, and a peer may have to give back.
    pub lost: Vec<Lost>,
    /// See [`HalfPair::last_change`].
    pub changed: u64,
}

impl HalfRecord {
    /// The record of a half that has nothing yet.
    pub fn new(peer: Option<EndpointId>) -> HalfRecord {
        HalfRecord {
            peer,
            vector: VersionVector::default(),
            settled_count: 0,
            joined: 0,
            committed: None,
            committed_alone: None,
            uncommitted_own: false,
            uncommitted_theirs: false,
            last_remote_arrival: 0,
            is_opener: peer.is_some(),
            // It may have been here before, and everything of it lost.
            lost: vec![Lost { from: 0, to: u64::MAX }],
            changed: 0,
        }
    }
}

impl HalfRecord {
    /// The endpoint was stopped uncleanly and lost these of its numbers: what they were given to may come back from the peer.
    pub fn note_lost(&mut self, lost: Lost) {
        if !lost.is_empty() && !self.lost.contains(&lost) {
            self.lost.push(lost);
        }
    }
}

impl HalfPair {
    /// A new half, owned by `me`, without state. `hash_seed` spreads keys over the index and decides nothing else.
    pub fn new(me: Author, peer: Option<EndpointId>, hash_seed: u64) -> HalfPair {
        HalfPair::restore(me, HalfRecord::new(peer), hash_seed)
    }

    /// A half from the ledger's record; [`HalfPair::restore_cell`] brings back its cells.
    pub fn restore(me: Author, record: HalfRecord, hash_seed: u64) -> HalfPair {
        let commit = restored_commit(&record, me);
        let HalfRecord { peer, mut vector, settled_count, joined, committed_alone, last_remote_arrival, is_opener, lost, .. } = record;
        // The table of a half that was stored is far from full: it is bounded when authors of peers are entered.
        let me = vector.intern(me).unwrap_or_default();
        let link = if peer.is_some() { LinkFact::Decohered(Reason::Restarted) } else { LinkFact::Created };
        let told = vector.seen(me).number;
        HalfPair {
            state: StateBlock::new(hash_seed),
            vector,
            me,
            peer,
            commit,
            lifecycle: Lifecycle { link, ..Lifecycle::CREATED },
            last_remote_arrival,
            settled_count,
            joined,
            committed_alone,
            lost,
            told,
            prunable: Vec::new(),
            old_names: VecDeque::new(),
            rules: Arc::new(NoCustomRules),
            is_eager: false,
            stale: Vec::new(),
            unresolved: BTreeMap::new(),
            resolved: VecDeque::new(),
            is_opener,
            log: None,
            committable: None,
            heard_gap: 0,
            peer_held: 0,
            failure: None,
            failure_is_news: false,
            reseed: compare::Reseed::No,
            is_reseeded: false,
            observed: Observed::default(),
        }
    }

    /// The schema that the members agreed on. To be set before anything is written or restored.
    pub fn set_schema(&mut self, schema: Arc<Schema>) {
        if !schema.registers().is_empty() {
            self.state.digest_registers();
        }
        self.begin_log(&schema);
        self.state.set_schema(schema);
    }

    /// The schema that the members agreed on.
    pub fn schema(&self) -> &Arc<Schema> {
        self.state.schema()
    }

    /// The functions that custom rules name, and whether they are called when candidates arrive instead of when somebody looks.
    pub fn set_rules(&mut self, rules: Arc<dyn CustomRules>, is_eager: bool) {
        self.rules = rules;
        self.is_eager = is_eager;
        // What could not be folded may be now.
        let unresolved: Vec<CellIndex> = self.unresolved.keys().copied().collect();
        for cell in unresolved {
            let before = self.state.live(cell).cloned();
            self.show(cell);
            if self.state.live(cell) != before.as_ref() {
                self.note_change(cell, self.state.arrival(cell));
            }
        }
        self.retry_rules();
    }

    /// The rule of a cell.
    fn rule(&self, cell: CellIndex) -> &Rule {
        &self.path_rule(cell).rule
    }

    fn path_rule(&self, cell: CellIndex) -> &PathRule {
        self.state.path_rule(cell)
    }

    /// Puts back a cell from the ledger. Cells must come in the order of their arrival.
    ///
    /// # Errors
    /// [`PointerError`] if the path is no JSON Pointer.
    pub fn restore_cell(&mut self, path: &str, stored: StoredCell) -> Result<(), PointerError> {
        let StoredCell { arrival, births, base, survivors } = stored;
        let cell = self.enter(path)?;
        // What is learned last is preferred; the record names the preferred birth first.
        let mut births = births.iter().rev();
        self.state.arrive(cell, arrival, births.next().copied().unwrap_or_default());
        for &birth in births {
            self.state.learn_birth(cell, birth);
        }
        self.state.set_shown(cell, base);
        if !survivors.is_empty() {
            let lowest = survivors.iter().filter(|survivor| !survivor.committed).map(|survivor| survivor.version.stamp).min();
            self.state.open_layer(cell).survivors = survivors;
            self.show(cell);
            match lowest {
                Some(stamp) => self.state.wait(cell, stamp),
                None if self.commit_cell(cell, Place::FIRST) => self.prunable.push(cell),
                None => {}
            }
        } else if self.state.live(cell).is_none() && !self.is_ordered() {
            self.prunable.push(cell);
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
        let HalfPair { peer, settled_count, joined, last_remote_arrival, is_opener, .. } = *self;
        HalfRecord {
            peer,
            vector: self.vector.clone(),
            settled_count,
            joined,
            committed: self.commit.point(),
            committed_alone: self.committed_alone,
            uncommitted_own: !self.commit.own.is_empty(),
            uncommitted_theirs: !self.commit.theirs.is_empty(),
            last_remote_arrival,
            is_opener,
            lost: self.lost.clone(),
            changed: self.last_change(),
        }
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

    /// The three facts of the lifecycle.
    pub fn lifecycle(&self) -> Lifecycle {
        self.lifecycle
    }

    /// The first peer opened the Pair.
    pub fn join(&mut self, peer: EndpointId) {
        self.peer = Some(peer);
    }

    /// The number that was taken when the peer joined. What the peer acknowledged below it says nothing of this Pair: all of it is sent to whoever
    /// holds less, and nothing is committed before the peer holds that much. 0 for a half that began with the peer's offer.
    pub fn joined(&self) -> u64 {
        self.joined
    }

    /// Cells that this half named up to this number may have been told to the peer.
    pub fn note_told(&mut self, number: u64) {
        self.told = self.told.max(number);
    }

    /// A context that includes all that this half has applied.
    pub fn context_of_all(&self) -> Context {
        let seen = |(index, seen): (usize, &Seen)| (AuthorIndex(index as u16), seen.number);
        self.vector.entries().iter().enumerate().map(seen).collect()
    }

    /// The number of the last own candidate; 0 if there is none of this author epoch.
    pub fn last_written(&self) -> u64 {
        self.vector.seen(self.me).number
    }

    /// The number of the last change, the peer's joining included: where the Pair stands in a list of Pairs by change.
    pub fn last_change(&self) -> u64 {
        // A cell that was pruned is in no list any more; the change that it went with still counts.
        let of_cells = self.state.last_arrival().max(self.joined).max(self.last_written()).max(self.last_remote_arrival);
        of_cells.max(self.log.as_ref().map_or(0, |log| log.last_gap()))
    }

    /// The peer joined at this number, taken after the Pair was shared and stored with it before the Pair is offered.
    pub fn joined_at(&mut self, number: u64) {
        self.joined = number;
        // What was final without the peer stays so; what is final with it, begins anew: its clock may be behind all that was committed alone.
        self.committed_alone = self.committed_alone.max(self.commit.point());
        self.commit = Commit::default();
        if let Some(log) = &mut self.log {
            log.peer_joined();
            self.on(Event::LocalCandidate);
        } else if self.state.last_arrival() > 0 {
            let Seen { stamp, .. } = self.vector.seen(self.me);
            let high = Place { stamp, author: self.me(), number };
            self.commit.own.note(Sample { number, arrival: number, epoch: None, low: Place::FIRST, high });
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

/// What was not committed when the record was made is one stretch of candidates now.
fn restored_commit(record: &HalfRecord, me: Author) -> Commit {
    let HalfRecord { vector, committed, joined, last_remote_arrival, .. } = record;
    let mut commit = Commit::from(*committed);
    let low = committed.unwrap_or(Place::FIRST);
    let stretch = |is_mine: bool| {
        let of_side = vector.entries().iter().filter(|seen| (seen.author.endpoint == me.endpoint) == is_mine && seen.number > 0);
        let sample = |seen: &Seen| {
            // Numbers that another copy of this half gave are none of this counter.
            let number = if is_mine { seen.number.min(record.changed) } else { seen.number };
            let high = Place { stamp: seen.stamp, author: seen.author, number: seen.number };
            let arrival = if is_mine { number } else { *last_remote_arrival };
            Sample { number, arrival, epoch: Some(seen.author.epoch), low: low.min(high), high }
        };
        of_side.map(sample).reduce(Sample::and)
    };
    if record.uncommitted_own
        && let Some(mut sample) = stretch(true)
    {
        sample.number = sample.number.max(*joined);
        commit.own.note(sample);
    }
    if record.uncommitted_theirs
        && let Some(sample) = stretch(false)
    {
        commit.theirs.note(sample);
    }
    commit
}
