//! Ordered Pairs: Pairs whose schema has guards, transition rules or strong consistency.
//!
//! Such a Pair keeps the bodies of all candidates that are not committed, in order, beside its cells. What it shows is the fold of that log over the
//! committed state; committing folds the beginning of the log into the committed state for good. The verdict over a candidate (it counts; a guard
//! did not hold; a rule said no) comes out of the fold, so it is the same at every half that holds the same candidates, may change while
//! candidates still come in between, and never changes once the candidate is committed.
//!
//! [`Ordered`] stands beside the cells, not in them, so that one half owns both. Who calls what, when:
//!
//! | occasion | call |
//! |---|---|
//! | a Pair is created, or comes back from the ledger | [`Ordered::new`], [`Ordered::restore`]; cells then show their committed versions |
//! | a program writes | [`Ordered::refold_if_stale`] (to see what is replaced), then [`Ordered::write`] |
//! | a delta came | [`decode`], then [`Ordered::admit`] for each item, then the version vector is advanced by it |
//! | the state is observed, or the Pair is eager | [`Ordered::refold_if_stale`]; the cells it names have changed |
//! | acknowledgements moved the commit point | [`Ordered::commit_up_to`] |
//! | after any of these | [`Ordered::take_flips`] |
//! | a link has room | [`Ordered::encode_after`]; if [`Ordered::needs_seed`], [`Ordered::encode_seed`] |
//! | the peer acknowledged | [`Ordered::release`] (the anchor only) |
//! | this half comes back from a crash | [`Ordered::lost`] (the anchor only) |
//! | the anchor comes back without its ledger | [`Ordered::anchor_anew`] (the other half, before it sends a seed) |
//! | the ledger takes a cut | [`Ordered::records_after`], [`Ordered::take_removed`], [`Ordered::put_meta`], with the committed cells, in one batch |
//! | a rule was registered | [`Ordered::rules_changed`] |

mod admit;
mod body;
mod cells;
mod commit;
mod fold;
mod guard;
mod judge;
mod keep;
mod log;
mod renew;
mod review;
mod seed;
mod step;
mod travel;
mod verdict;
mod wire;

#[cfg(test)]
mod tests;

pub use admit::{Admission, AdmitError};
pub use body::{Body, Expect, Guard, Key, LeafAction, LeafOperation};
pub use cells::{Cells, fingerprint};
pub use commit::{CommitPoint, Committed};
pub use fold::Scene;
pub use log::{Entry, Order};
pub use review::{Contended, Contender, RevertError};
pub use seed::Seed;
pub use travel::{Cut, decode};
pub use verdict::{Final, Flip, Rejection, Status, Verdict};
pub use wire::{BODY_PATH_BYTES, BodyReader, BodyWriter, Item, PutAuthor, ReadAuthor};

use super::candidate::WriteError;
use super::context::Context;
use super::dot::{AuthorIndex, Lost, VersionVector};
use super::feed::Issue;
use super::place::Place;
use fold::{Causes, Fold, Touched, set_verdict};
use log::Log;
use review::Remembered;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How many final rejections a half remembers, to answer for them when asked.
const VOIDED: usize = 1024;

/// The log of an ordered Pair at one half, and how far it is folded and committed.
#[derive(Debug)]
pub struct Ordered {
    me: AuthorIndex,
    limit: usize,
    log: Log,
    fold: Fold,
    flips: Vec<Flip>,
    /// The last committed candidate, where stamps decide the order.
    committed: Option<Place>,
    /// The position of the last committed candidate, where an anchor does.
    committed_position: u64,
    /// At the anchor: committed candidates that the peer does not hold durably yet.
    retained: VecDeque<Entry>,
    /// The largest arrival number of a candidate that is no longer kept as a body: of any author, and of this endpoint's.
    dropped: u64,
    dropped_own: u64,
    /// Paths of committed tombstones that some candidate in the log does not know of.
    graves: BTreeSet<Arc<str>>,
    /// At the anchor: numbers lost in crashes that the peer may not know of, each with the number from which this half went on.
    gaps: Vec<(u64, Lost)>,
    voided: VecDeque<(Key, Rejection)>,
    /// Own candidates that came back from the peer after a crash.
    returned: BTreeSet<u64>,
    /// What own candidates did that were committed since the start, for reverting them.
    remembered: VecDeque<Remembered>,
    /// Bodies that the ledger has to forget.
    removed: Vec<Key>,
    /// Own candidates that were written again under other names in this run, and those.
    renamed: BTreeMap<Key, Key>,
}

/// A candidate about to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// What this half has applied of every other author.
    pub context: Context,
    /// What must hold before it.
    pub guards: Vec<Guard>,
    /// What it does; the paths are checked, and none lies at or below another one.
    pub operations: Vec<LeafOperation>,
}

/// A candidate that was written.
#[derive(Clone, Debug)]
pub struct Wrote {
    /// It.
    pub body: Arc<Body>,
    /// What the fold says of it so far.
    pub verdict: Verdict,
    /// The cells that show something else now.
    pub changed: Vec<Arc<str>>,
}

impl Ordered {
    /// An empty log. `me` is this half's author; `limit` is how many candidates may wait to be committed before writes are refused.
    pub fn new(order: Order, limit: usize, me: AuthorIndex) -> Ordered {
        Ordered {
            me,
            limit,
            log: Log::new(order),
            fold: Fold::default(),
            flips: Vec::new(),
            committed: None,
            committed_position: 0,
            retained: VecDeque::new(),
            dropped: 0,
            dropped_own: 0,
            graves: BTreeSet::new(),
            gaps: Vec::new(),
            voided: VecDeque::new(),
            returned: BTreeSet::new(),
            remembered: VecDeque::new(),
            removed: Vec::new(),
            renamed: BTreeMap::new(),
        }
    }

    /// Writes one candidate: it enters the log, behind all others, and is judged at once. `issue` is asked for a number and a stamp once nothing
    /// can go wrong. The stamp must be above all in the log.
    ///
    /// # Errors
    /// [`WriteError`]; then nothing was changed and no number taken.
    pub fn write<C: Cells>(&mut self, scene: &mut Scene<'_, C>, draft: Draft, issue: impl FnOnce() -> Issue) -> Result<Wrote, WriteError> {
        self.check_room(&draft)?;
        let Draft { context, guards, operations } = draft;
        let Issue { number, stamp } = issue();
        let body = Arc::new(Body { author: self.me, number, stamp, context, guards, operations });
        let position = (self.log.order() == Order::Anchor { here: true }).then_some(number);
        let at = self.enter(Arc::clone(&body), scene.vector, number, position);
        let changed = self.refold_if_stale(scene);
        let verdict = self.log.get(at).and_then(|entry| entry.verdict.clone()).unwrap_or(Verdict::Waiting);
        Ok(Wrote { body, verdict, changed })
    }

    fn check_room(&self, draft: &Draft) -> Result<(), WriteError> {
        if self.log.len() >= self.limit {
            return Err(WriteError::Backpressure { pending: self.log.len() });
        }
        let Some(first) = draft.operations.first() else { return Err(WriteError::Empty) };
        let guards = draft.guards.iter().map(|guard| guard.path.len());
        let path_bytes: usize = draft.operations.iter().map(|operation| operation.path.len()).chain(guards).sum();
        if path_bytes > BODY_PATH_BYTES {
            return Err(WriteError::TooLarge { path: first.path.to_string(), limit: "16 MiB of paths a candidate" });
        }
        Ok(())
    }

    /// Puts a candidate into the log and returns where it stands.
    fn enter(&mut self, body: Arc<Body>, vector: &VersionVector, arrival: u64, position: Option<u64>) -> usize {
        let place = Place { stamp: body.stamp, author: vector.author(body.author), number: body.number };
        let key = body.key();
        let at = self.log.insert(Entry { body, place, arrival, position, changed: arrival, verdict: None });
        self.fold.disturb(at);
        self.fold.arrived(key);
        if self.fold.is_stopped() {
            let causes = Causes::of(&[key], &self.log);
            set_verdict(&mut self.log, at, Verdict::Waiting, &causes, &mut self.flips);
        }
        at
    }

    /// Whether the cells show something else than the fold of the log.
    pub fn is_stale(&self) -> bool {
        self.fold.is_stale(&self.log)
    }

    /// Brings what the cells show up to date with the log. Returns the cells that show something else than before.
    pub fn refold_if_stale<C: Cells>(&mut self, scene: &mut Scene<'_, C>) -> Vec<Arc<str>> {
        if !self.is_stale() {
            return Vec::new();
        }
        let mut touched = Touched::default();
        self.fold.bring_up_to_date(&mut self.log, scene, &mut self.flips, &mut touched);
        touched.changed(scene.cells)
    }

    /// Rules were registered: a candidate on which one failed is tried again at the next fold.
    pub fn rules_changed(&mut self) {
        self.fold.try_again();
    }

    /// The tentative verdicts that changed since the last call, in the order in which they did.
    pub fn take_flips(&mut self) -> Vec<Flip> {
        std::mem::take(&mut self.flips)
    }

    /// How a candidate stands; `None` if this half has not applied it. Of candidates rejected for good only the last 1,024 are remembered as such.
    pub fn status(&self, vector: &VersionVector, key: Key) -> Option<Status> {
        let key = self.renamed.get(&key).copied().unwrap_or(key);
        if let Some(at) = self.log.find(key) {
            let verdict = self.log.get(at).and_then(|entry| entry.verdict.clone());
            return Some(Status::Tentative(verdict.unwrap_or(Verdict::Waiting)));
        }
        if let Some((_, rejection)) = self.voided.iter().find(|(voided, _)| *voided == key) {
            return Some(Status::Voided(rejection.clone()));
        }
        (key.1 <= vector.seen(key.0).number).then_some(Status::Committed)
    }

    /// The candidates that are not committed, in order.
    pub fn pending(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.log.iter()
    }

    /// How many candidates are not committed.
    pub fn pending_count(&self) -> usize {
        self.log.len()
    }

    /// Whether everything is committed.
    pub fn is_clean(&self) -> bool {
        self.log.is_empty()
    }

    /// What decides the order.
    pub fn order(&self) -> Order {
        self.log.order()
    }
}
