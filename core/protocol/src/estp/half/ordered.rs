//! A half of an ordered Pair: the log of whole candidates beside the cells, folded over what is committed.

use super::change::VerdictNotice;
use super::{HalfPair, Horizon, RuleNotice, Violation, Written};
use crate::estp::candidate::WriteError;
use crate::estp::delta::OrderedDelta;
use crate::estp::dot::{AuthorIndex, Dot};
use crate::estp::feed::Issue;
use crate::estp::lifecycle::{Event, PendingFact};
use crate::estp::ordered::{
    Admission, CommitPoint, Committed, Draft, Entry, Item, Key, Order, Ordered, RevertError, Scene, Status, Verdict, Wrote, fingerprint,
};
use crate::estp::schema::{Anchor, Consistency, Schema};
use crate::estp::stamp::Stamp;
use crate::estp::state::StateBlock;
use crate::wire::Malformed;
use std::sync::Arc;

impl HalfPair {
    /// Whether candidates are kept whole and in order until they are committed.
    pub fn is_ordered(&self) -> bool {
        self.log.is_some()
    }

    /// The log of an ordered Pair.
    pub fn log(&self) -> Option<&Ordered> {
        self.log.as_deref()
    }

    /// The names of the bodies that the ledger has to forget since the last call.
    pub fn take_removed(&mut self) -> Vec<Key> {
        self.log.as_mut().map(|log| log.take_removed()).unwrap_or_default()
    }

    /// Begins the log if the schema asks for one.
    pub(super) fn begin_log(&mut self, schema: &Schema) {
        let order = self.order_of(schema);
        self.log = schema.is_ordered().then(|| Box::new(Ordered::new(order, schema.pending_limit(), self.me)));
    }

    fn order_of(&self, schema: &Schema) -> Order {
        match schema.anchor() {
            None => Order::Stamps,
            Some(anchor) => Order::Anchor { here: (anchor == Anchor::Opener) == self.is_opener },
        }
    }

    /// Puts back the log from the ledger: what [`Ordered::put_meta`] and [`Entry::put_record`] appended. To be called when the cells are back.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that were not written so, or a Pair that keeps no log.
    pub fn restore_log<'r>(&mut self, meta: &[u8], records: impl IntoIterator<Item = &'r [u8]>) -> Result<(), Malformed> {
        let schema = Arc::clone(self.schema());
        if !schema.is_ordered() {
            return Err(Malformed("log of a Pair that keeps none"));
        }
        let order = self.order_of(&schema);
        let log = Ordered::restore(order, schema.pending_limit(), self.me, &self.vector, meta, records)?;
        self.log = Some(Box::new(log));
        Ok(())
    }

    /// To be called when a half is back from the ledger: the peer is told which positions this endpoint may have given as the anchor and has lost.
    /// `number` is asked for an arrival number for each such gap.
    pub fn tell_losses(&mut self, mut number: impl FnMut() -> u64) {
        let HalfPair { log: Some(log), lost, .. } = self else { return };
        for &lost in lost.iter().filter(|lost| lost.to < u64::MAX) {
            log.lost(lost, &mut number);
        }
    }

    pub(super) fn with_log<R>(&mut self, work: impl FnOnce(&mut Ordered, &mut Scene<'_, StateBlock>) -> R) -> Option<R> {
        let HalfPair { log, state, vector, rules, .. } = self;
        let log = log.as_mut()?;
        let schema = Arc::clone(state.schema());
        Some(work(log, &mut Scene { cells: state, vector, schema: &schema, rules: &**rules }))
    }

    /// Writes a candidate into the log.
    pub(super) fn write_draft(&mut self, draft: Draft, issue: impl FnOnce() -> Issue) -> Result<Written, WriteError> {
        let cells = draft.operations.len();
        let wrote = self.with_log(|log, scene| log.write(scene, draft, issue));
        let Wrote { body, changed, .. } = wrote.unwrap_or(Err(WriteError::Empty))?;
        self.vector.advance(self.me, body.number, body.stamp);
        self.note_paths(&changed, body.number);
        self.note_flips();
        self.on(Event::LocalCandidate);
        Ok(Written { dot: Dot { author: self.me(), number: body.number }, stamp: body.stamp, cells })
    }

    /// Applies what came for the log.
    pub(super) fn apply_to_log(&mut self, delta: &OrderedDelta, issue: impl FnOnce(Stamp) -> Issue) -> Result<usize, Violation> {
        let Issue { number, .. } = issue(delta.latest());
        let changed = match delta {
            OrderedDelta::Items(items) => self.admit_items(items, number)?,
            OrderedDelta::Seed(seed) => {
                let applied = self.with_log(|log, scene| log.apply_seed(scene, (**seed).clone(), number, false));
                let changed = applied.unwrap_or(Ok(Vec::new())).map_err(Violation::Ordered)?;
                for &(author, number, stamp) in &seed.vector {
                    self.vector.advance(author, number, stamp);
                }
                self.note_paths(&changed, number);
                changed.len()
            }
        };
        self.last_remote_arrival = number;
        if self.observed.watching || self.is_eager {
            self.refold();
        }
        self.note_flips();
        self.settle_pending(0);
        Ok(changed)
    }

    fn admit_items(&mut self, items: &[Item], number: u64) -> Result<usize, Violation> {
        let Some(log) = &mut self.log else { return Ok(0) };
        let mut news = 0;
        for item in items {
            let admission = log.admit(&self.vector, item.clone(), number).map_err(Violation::Ordered)?;
            news += usize::from(admission != Admission::Known);
            match item {
                Item::Body { body, .. } => self.vector.advance(body.author, body.number, body.stamp),
                Item::Gap(gap) => self.heard_gap = self.heard_gap.max(gap.to),
                Item::Placed { .. } => {}
            }
        }
        Ok(news)
    }

    /// Brings what the cells show up to date with the log.
    pub(super) fn refold(&mut self) {
        let number = self.last_change();
        if let Some(changed) = self.with_log(|log, scene| log.refold_if_stale(scene)) {
            self.note_paths(&changed, number);
            self.note_flips();
        }
    }

    /// A rule was registered: what failed is tried again.
    pub(super) fn retry_rules(&mut self) {
        if let Some(log) = &mut self.log {
            log.rules_changed();
            self.refold();
        }
    }

    /// As [`HalfPair::settle`], for a half with a log. Candidates are committed by [`HalfPair::commit_log`] after it.
    pub(super) fn settle_log(&mut self, horizon: Horizon) -> bool {
        let peer_holds = horizon.peer_holds;
        self.committable = self.commit_point_of(horizon);
        let HalfPair { log, vector, .. } = self;
        if let Some(log) = log
            && log.order() == (Order::Anchor { here: true })
        {
            log.release(vector, peer_holds);
        }
        self.settle_pending(peer_holds);
        self.lifecycle.pending == PendingFact::Clean
    }

    /// Whether [`HalfPair::commit_log`] has something to do since the last [`HalfPair::settle`].
    pub fn can_commit(&self) -> bool {
        self.committable.is_some()
    }

    /// Commits the beginning of the log, as far as the last [`HalfPair::settle`] found that both sides hold it. `number` is asked for an arrival
    /// number for each step: a strong Pair goes from one candidate to the next, so that all halves pass through the same states.
    pub fn commit_log(&mut self, mut number: impl FnMut() -> u64) {
        let Some(point) = self.committable.take() else { return };
        if !self.shows_committed() {
            self.commit_step(point, &mut number);
            return;
        }
        for step in self.steps_to(point) {
            self.commit_step(step, &mut number);
        }
    }

    /// Whether what is shown is what is committed, and nothing before.
    fn shows_committed(&self) -> bool {
        self.schema().consistency() == Consistency::Strong
    }

    /// The points from one candidate to the next.
    fn steps_to(&self, point: CommitPoint) -> Vec<CommitPoint> {
        let Some(log) = &self.log else { return Vec::new() };
        let step = |entry: &Entry| match point {
            CommitPoint::Place(last) => (entry.place <= last).then_some(CommitPoint::Place(entry.place)),
            CommitPoint::Position(last) => entry.position.filter(|position| *position <= last).map(CommitPoint::Position),
        };
        log.pending().map_while(step).collect()
    }

    fn commit_step(&mut self, point: CommitPoint, number: &mut impl FnMut() -> u64) {
        let Some(committed) = self.with_log(|log, scene| log.commit_up_to(scene, point, number)) else { return };
        let Committed { finals, changed, cells, .. } = committed;
        self.note_flips();
        let at = self.last_change();
        self.note_paths(&changed, at);
        let Some(last) = finals.last() else { return };
        self.settled_count += 1;
        if self.shows_committed() {
            let author = last.key.0;
            self.note_committed(&cells, at, author);
        }
        if self.observed.watching {
            for last in finals {
                let verdict = last.voided.map_or(Verdict::Accepted, Verdict::Rejected);
                let notice = VerdictNotice { dot: self.dot(last.key), verdict, committed: true, cause: None };
                self.observed.verdicts.push(notice);
            }
        }
    }

    /// Counts changes of what is shown at these paths, and keeps them if somebody observes. In a strong Pair nothing is shown before it is committed.
    pub(super) fn note_paths(&mut self, paths: &[Arc<str>], number: u64) {
        if !self.shows_committed() {
            let me = self.me;
            self.note_versions(paths, number, me, |state, cell| state.version(cell));
        }
    }

    /// The same of what is committed, by a candidate of `author`.
    fn note_committed(&mut self, paths: &[Arc<str>], number: u64, author: AuthorIndex) {
        self.note_versions(paths, number, author, |state, cell| state.base(cell));
    }

    /// Up to where the log can be committed; `None` if its first candidate cannot.
    fn commit_point_of(&self, horizon: Horizon) -> Option<CommitPoint> {
        let log = self.log.as_ref()?;
        let first = log.pending().next()?;
        match log.order() {
            Order::Stamps => {
                let counts = |entry: &&Entry| self.counts(entry, horizon);
                let bound = log.pending().filter(|entry| !counts(entry)).map(|entry| entry.place).min();
                let is_below = |entry: &&Entry| bound.is_none_or(|bound| entry.place < bound);
                let point = log.pending().filter(|entry| counts(entry) && is_below(entry)).map(|entry| entry.place).max()?;
                (first.place <= point).then_some(CommitPoint::Place(point))
            }
            Order::Anchor { here } => {
                let durable = if here { horizon.durable_here } else { horizon.peer_durable };
                // Positions of which the anchor may have lost some hold again once it has told which.
                let is_told = here || self.heard_gap >= horizon.peer_lost.to;
                let is_there = |position: &u64| *position <= durable && (is_told || !horizon.peer_lost.contains(*position));
                // What was committed here stays so over a restart, too.
                let is_here = |entry: &&Entry| entry.changed <= horizon.durable_here;
                let last = log.pending().take_while(is_here).map_while(|entry| entry.position.filter(is_there)).last()?;
                Some(CommitPoint::Position(last))
            }
        }
    }

    /// Whether both sides hold a candidate durably, and nothing that is still unknown here can sort before it.
    fn counts(&self, entry: &Entry, horizon: Horizon) -> bool {
        let Entry { place, arrival, .. } = entry;
        let is_there = if place.author.endpoint == self.me().endpoint {
            // One that came back to a new epoch counts from when it came.
            let number = if place.author == self.me() { place.number } else { *arrival };
            self.peer.is_none() || number.max(self.joined) <= horizon.placed
        } else if place.author.epoch == horizon.peer_epoch && !horizon.peer_lost.contains(place.number) {
            place.number <= horizon.peer_durable
        } else {
            *arrival <= horizon.peer_holds
        };
        *arrival <= horizon.durable_here && is_there
    }

    /// What is pending follows from the log, and from whether the peer has got what was there when it joined.
    fn settle_pending(&mut self, peer_holds: u64) {
        let Some(log) = &self.log else { return };
        let me = self.me().endpoint;
        let is_new = self.peer.is_some() && self.joined > peer_holds.max(self.peer_held);
        self.peer_held = self.peer_held.max(peer_holds);
        let local = is_new || log.pending().any(|entry| entry.place.author.endpoint == me);
        let remote = log.pending().any(|entry| entry.place.author.endpoint != me);
        let pending = self.lifecycle.pending;
        if pending.local() != local {
            self.on(if local { Event::LocalCandidate } else { Event::LocalSettled });
        }
        if pending.remote() != remote {
            self.on(if remote { Event::RemoteCandidate } else { Event::RemoteSettled });
        }
    }

    fn dot(&self, (author, number): Key) -> Dot {
        Dot { author: self.vector.author(author), number }
    }

    fn key(&self, dot: Dot) -> Option<Key> {
        self.vector.index_of(dot.author).map(|author: AuthorIndex| (author, dot.number))
    }

    pub(super) fn note_flips(&mut self) {
        let Some(log) = &mut self.log else { return };
        for flip in log.take_flips() {
            if let Verdict::Unresolved { path, rule, failure } = &flip.verdict {
                let (path, rule) = (path.to_string(), format!("transition:{rule}"));
                self.observed.report_rule(RuleNotice { path, rule, failure: failure.clone() });
            }
            if self.observed.watching {
                let (dot, cause) = (self.dot(flip.key), flip.cause.map(|cause| self.dot(cause)));
                self.observed.verdicts.push(VerdictNotice { dot, verdict: flip.verdict, committed: false, cause });
            }
        }
    }

    /// How a candidate stands, as far as the log says; `None` for one that is not known here, or a Pair without a log.
    pub fn status(&mut self, dot: Dot) -> Option<Status> {
        self.refold();
        let key = self.key(dot)?;
        self.log.as_ref()?.status(&self.vector, key)
    }

    /// 128 bits that name the versions at and below a path as they are now, for a guard that nothing be written there in between.
    pub fn fingerprint(&mut self, path: &str) -> u128 {
        self.refold();
        fingerprint(&self.state, &self.vector, path)
    }

    /// Writes the candidate that takes another one back, on condition that what it set still stands.
    ///
    /// # Errors
    /// `Ok(Err(_))` if it cannot be taken back, [`WriteError`] if this half takes no writes.
    pub fn revert(&mut self, dot: Dot, issue: impl FnOnce() -> Issue) -> Result<Result<Written, RevertError>, WriteError> {
        self.check_open()?;
        self.refold();
        let schema = Arc::clone(self.schema());
        let context = self.context();
        let draft = match (self.key(dot), &self.log) {
            (Some(key), Some(log)) => log.revert_of(&self.vector, &schema, key, context),
            _ => Err(RevertError::Unknown),
        };
        match draft {
            Ok(draft) => self.write_draft(draft, issue).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }
}
