//! What is committed: the commit point moves on as acknowledgements come, and the cells follow it.

use super::HalfPair;
use super::conflict::Resolved;
use super::superpose::Which;
use crate::canary::{self, Canary};
use crate::estp::commit::Sample;
use crate::estp::dot::{Author, Lost};
use crate::estp::lifecycle::{Event, LinkFact, PendingFact};
use crate::estp::place::Place;
use crate::estp::rule::Rule;
use crate::estp::stamp::Stamp;
use crate::estp::state::{CellIndex, Survivor};

/// How far the two halves have got, as far as this one knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// Up to which of my numbers my ledger is durable.
    pub durable_here: u64,
    /// Up to which of my numbers the peer holds everything durably.
    pub peer_holds: u64,
    /// Up to which of my numbers the peer does so and everything that it had issued before it applied them is here: the last placing
    /// acknowledgement.
    pub placed: u64,
    /// The peer's author epoch.
    pub peer_epoch: u32,
    /// Up to which of its own numbers, in that epoch, the peer's ledger is durable.
    pub peer_durable: u64,
    /// What this endpoint has lost of its own and the peer may still have to give back.
    pub lost_here: Lost,
    /// What the peer lost of its own when it was stopped uncleanly; it counts as durable there only when the peer has got it back.
    pub peer_lost: Lost,
}

impl Horizon {
    /// Whether own candidates count for the commit point.
    fn own_count(&self, sample: &Sample) -> bool {
        let placed = if canary::sings(Canary::CommitWithoutPlaced) { self.peer_holds } else { self.placed };
        sample.arrival <= self.durable_here && sample.number <= placed
    }

    /// Whether candidates of the peer count.
    fn theirs_count(&self, sample: &Sample) -> bool {
        let is_there = match sample.epoch {
            Some(epoch) if epoch == self.peer_epoch && !self.peer_lost.contains(sample.number) => sample.number <= self.peer_durable,
            // Lost there, or written in an epoch that the peer is no longer in: it is there when the peer has got it back.
            _ => sample.arrival <= self.peer_holds,
        };
        sample.arrival <= self.durable_here && is_there
    }
}

impl HalfPair {
    /// Draws the conclusions from a horizon: the commit point moves on, and the cells with it.
    ///
    /// Returns whether everything is committed now. In an ordered Pair [`HalfPair::commit_log`] follows it.
    pub fn settle(&mut self, horizon: Horizon) -> bool {
        if self.failure.is_some() {
            // Nothing settles any more that may be wrong.
            return false;
        }
        let horizon = if self.peer.is_some() { horizon } else { Horizon { placed: u64::MAX, ..horizon } };
        // What an endpoint has lost comes before the first mark. What a half that is new may have written in an earlier life comes in its own time.
        if horizon.lost_here.is_empty() && !self.is_reseeded && self.lifecycle.link == LinkFact::Entangled && self.last_remote_arrival > 0 {
            self.lost.retain(|lost| lost.from == 0);
        }
        if self.is_ordered() {
            return self.settle_log(horizon);
        }
        if let Some(point) = self.commit.advance(|sample| horizon.own_count(sample), |sample| horizon.theirs_count(sample)) {
            self.commit_cells(point);
            self.forget_names(point);
            self.settled_count += 1;
        }
        let pending = self.lifecycle.pending;
        if pending.local() == self.commit.own.is_empty() {
            self.on(if pending.local() { Event::LocalSettled } else { Event::LocalCandidate });
        }
        if pending.remote() == self.commit.theirs.is_empty() {
            self.on(if pending.remote() { Event::RemoteSettled } else { Event::RemoteCandidate });
        }
        self.lifecycle.pending == PendingFact::Clean
    }

    /// Up to which place everything is committed; `None` before the first commit.
    pub fn commit_point(&self) -> Option<Place> {
        self.commit.point()
    }

    /// Up to which place everything had been committed when the peer joined.
    pub fn committed_alone(&self) -> Option<Place> {
        self.committed_alone
    }

    /// Whether a candidate written here is committed.
    pub fn is_committed(&self, number: u64, stamp: Stamp) -> bool {
        let place = Place { stamp, author: self.me(), number };
        self.commit.includes(place) || (number < self.joined && self.committed_alone.is_some_and(|alone| place <= alone))
    }

    /// Enters a candidate of this half among those to be committed.
    pub(super) fn await_own(&mut self, number: u64, stamp: Stamp) {
        let Author { epoch, .. } = self.me();
        let place = Place { stamp, author: self.me(), number };
        self.commit.own.note(Sample { number, arrival: number, epoch: Some(epoch), low: place, high: place });
    }

    /// All cells are back from the ledger. Their records may be older than the commit point that was stored with the half: they catch up with it.
    pub fn restored(&mut self) {
        if let Some(point) = self.commit.point() {
            self.commit_cells(point);
            self.resolved.clear();
        }
    }

    /// Commits the versions up to the point, cell by cell. Takes time for the cells that hold such versions alone.
    fn commit_cells(&mut self, point: Place) {
        let mut left = Vec::new();
        while let Some(cell) = self.state.take_due(point.stamp) {
            if self.commit_cell(cell, point) {
                self.prunable.push(cell);
            }
            left.extend(self.lowest_uncommitted(cell).map(|stamp| (cell, stamp)));
        }
        for (cell, stamp) in left {
            self.state.wait_on(cell, stamp);
        }
        self.prune();
    }

    fn lowest_uncommitted(&self, cell: CellIndex) -> Option<Stamp> {
        let survivors = self.state.layer(cell)?.survivors.iter();
        survivors.filter(|survivor| !survivor.committed).map(|survivor| survivor.version.stamp).min()
    }

    /// Marks what is committed now, and makes the cell clean if that is all of it. Returns whether it is a committed tombstone.
    pub(super) fn commit_cell(&mut self, cell: CellIndex, point: Place) -> bool {
        let HalfPair { state, vector, .. } = self;
        let layer = state.open_layer(cell);
        let (mut is_whole, mut is_news) = (true, false);
        for survivor in layer.survivors.iter_mut().filter(|survivor| !survivor.committed) {
            let version = &survivor.version;
            let place = Place { stamp: version.stamp, author: vector.author(version.author), number: version.number };
            survivor.committed = place <= point || (version.value.is_none() && canary::sings(Canary::PruneEarly));
            is_whole &= survivor.committed;
            is_news |= survivor.committed;
        }
        if !is_whole {
            if is_news {
                self.drop_overwritten(cell);
            }
            return false;
        }
        if layer.stale {
            self.fold_stale();
        }
        let survivors = self.survivors(cell, Which::Committed);
        let (count, is_counter) = (survivors.len(), *self.rule(cell) == Rule::Counter);
        if self.unresolved.contains_key(&cell) || (is_counter && count > 1) {
            // A rule that could not say may say so later; contributions to a counter are never done with.
            let left: Vec<_> = survivors.into_iter().cloned().collect();
            self.state.open_layer(cell).survivors = left;
            self.state.leave_waiting(cell);
            return false;
        }
        if count > 1 {
            self.note_resolved(Resolved::of(self, cell, count));
        }
        self.state.drop_layer(cell);
        self.state.version(cell).is_some_and(|version| version.value.is_none())
    }

    /// Of the committed versions of a cell that is not clean yet, those stay that no committed one has overwritten.
    fn drop_overwritten(&mut self, cell: CellIndex) {
        let mut left: Vec<Survivor> = self.survivors(cell, Which::Committed).into_iter().cloned().collect();
        if left.is_empty() {
            return;
        }
        let layer = self.state.open_layer(cell);
        layer.base = None;
        left.extend(layer.survivors.drain(..).filter(|survivor| !survivor.committed));
        layer.survivors = left;
    }

    /// Frees the cells of committed tombstones.
    fn prune(&mut self) {
        for cell in std::mem::take(&mut self.prunable) {
            let is_tombstone = self.state.version(cell).is_some_and(|version| version.value.is_none());
            if is_tombstone && self.state.layer(cell).is_none() {
                self.state.prune(cell);
            }
        }
    }

    /// The paths of the cells that were pruned since the last call, for the ledger: their records go, before others are put.
    pub fn take_pruned(&mut self) -> Vec<String> {
        self.state.take_pruned()
    }

    /// Whether the ledger has records of cells that were pruned.
    pub fn has_pruned(&self) -> bool {
        self.state.has_pruned()
    }

    /// Forgets names of cells that were deleted and created again, once no candidate can use them any more.
    fn forget_names(&mut self, point: Place) {
        while let Some((place, birth)) = self.old_names.front().copied()
            && place <= point
        {
            self.old_names.pop_front();
            self.state.forget_birth(birth);
        }
    }

    /// A collapse was asked for: it waits for what is pending to be committed.
    pub fn collapse_begun(&mut self) {
        self.on(Event::CollapseBegun);
    }

    /// The collapse ended: everything is committed, or it is out of time.
    pub fn collapse_done(&mut self) {
        self.on(Event::CollapseDone);
    }
}
