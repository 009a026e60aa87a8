//! A Pair within the engine: its half behind a lock, asleep in the ledger until it is needed.

use crate::courier::PeerLink;
use crate::error::Error;
use crate::observe::{Event, Happening, News, Observers, Verdict, Wakes};
use crate::options::Durability;
use crate::storage::Outfit;
use spook_ledger::Ledger;
use spook_protocol::error::Code;
use spook_protocol::estp::feed::Issue;
use spook_protocol::estp::half::{HalfRecord, Horizon, RuleNotice, VerdictNotice};
use spook_protocol::estp::rule::CustomRules;
use spook_protocol::estp::schema::{CollapseMode, Schema};
use spook_protocol::estp::{Author, HalfPair};
use spook_protocol::id::{EndpointId, PairId};
use spook_protocol::link::presence::Presence;
use spook_protocol::registry::PairIndex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// No wait is longer than this without a look: some systems refuse longer ones.
const HOUR: Duration = Duration::from_secs(60 * 60);

pub(crate) struct PairCore {
    pub(crate) index: PairIndex,
    /// The number in the keys of its cells: given once for ever, while indices close the gaps that Pairs leave which the ledger does not keep.
    pub(crate) row: u32,
    pub(crate) id: PairId,
    pub(crate) name: String,
    pub(crate) durability: Durability,
    /// What both sides agreed on.
    pub(crate) schema: Arc<Schema>,
    /// How long writes of a strong Pair wait, if that was chosen.
    pub(crate) write_timeout: Option<Duration>,
    /// Whose half it is.
    pub(crate) endpoint: EndpointId,
    pub(crate) observers: Observers,
    state: Mutex<PairState>,
    /// The half has changed, or somebody is to look at it again.
    settling: Condvar,
    /// How many wait for that.
    waiting: AtomicU32,
}

/// What a Pair is, besides its half.
pub(crate) struct Terms {
    pub(crate) row: u32,
    pub(crate) id: PairId,
    pub(crate) name: String,
    pub(crate) durability: Durability,
    pub(crate) schema: Arc<Schema>,
    pub(crate) write_timeout: Option<Duration>,
}

/// What a Pair that wakes needs of its engine.
pub(crate) trait Surroundings {
    /// Where its cells are.
    fn ledger(&self) -> &Ledger;

    /// How far both sides have got.
    fn horizon(&self, pair: PairIndex) -> Horizon;

    /// The rules of the application.
    fn rules(&self) -> Arc<dyn CustomRules>;

    /// There is something to store of a Pair for which no number was taken: its commit point has moved on.
    fn note_committed(&self, pair: &PairCore);

    /// A number for candidates of an ordered Pair that are committed.
    fn commit_number(&self, pair: PairIndex) -> u64;
}

/// What the lock of a Pair guards.
pub(crate) struct PairState {
    replica: Replica,
    /// Who the half writes as.
    me: Author,
    /// The link to the peer while it is up.
    pub(crate) link: Option<Arc<dyn PeerLink>>,
    /// What the two sides show each other.
    pub(crate) presence: Presence,
}

#[expect(clippy::large_enum_variant, reason = "a box would cost every read and write a cache miss, and most Pairs in memory are awake")]
enum Replica {
    /// In the ledger only: its record, and the number of its last change.
    Asleep(HalfRecord, u64),
    Awake(HalfPair),
}

impl PairCore {
    pub(crate) fn awake(index: PairIndex, terms: Terms, half: HalfPair) -> PairCore {
        PairCore::with(index, terms, half.me(), Replica::Awake(half))
    }

    pub(crate) fn asleep(index: PairIndex, terms: Terms, me: Author, half: HalfRecord, changed: u64) -> PairCore {
        PairCore::with(index, terms, me, Replica::Asleep(half, changed))
    }

    fn with(index: PairIndex, terms: Terms, me: Author, replica: Replica) -> PairCore {
        let Terms { row, id, name, durability, schema, write_timeout } = terms;
        let state = Mutex::new(PairState { replica, me, link: None, presence: Presence::default() });
        let (observers, settling, waiting) = (Observers::default(), Condvar::new(), AtomicU32::new(0));
        PairCore { index, row, id, name, durability, schema, write_timeout, endpoint: me.endpoint, observers, state, settling, waiting }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, PairState> {
        // A panic under this lock poisons the whole engine (see `Shared::check`): nobody reads what it left behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells observers what has gathered, and has everybody look again who waits for the Pair. Called under the Pair's lock whenever the half has
    /// changed, so that observers hear it in the order of `seq`; it only fills their queues. They are woken when what this returns is dropped.
    pub(crate) fn publish(&self, half: &mut HalfPair) -> Wakes {
        self.notify();
        self.tell_observers(half)
    }

    /// As [`PairCore::publish`], by somebody who waits himself: whatever made him look made all others look, too.
    pub(crate) fn tell_observers(&self, half: &mut HalfPair) -> Wakes {
        if !half.is_watched() {
            return Wakes::default();
        }
        let changes = half.take_changes();
        let transitions = half.take_transitions();
        let events = events_of(half);
        if !self.observers.is_watched() {
            half.watch(false);
            return Wakes::default();
        }
        if changes.is_empty() && transitions.is_empty() && events.is_empty() {
            return Wakes::default();
        }
        let state = half.state_id();
        self.observers.publish(News { changes: &changes, state: Some(state), transitions: &transitions, events: &events })
    }

    /// Tells observers what happened besides changes, behind the changes that they were not told of yet. Called under the Pair's lock.
    pub(crate) fn tell(&self, half: &mut HalfPair, happenings: impl IntoIterator<Item = Happening>) -> Wakes {
        let mut wakes = self.publish(half);
        let after_seq = half.seq();
        let events: Vec<Event> = happenings.into_iter().map(|what| Event { after_seq, what }).collect();
        if !events.is_empty() {
            wakes.join(self.observers.publish(News { events: &events, ..News::default() }));
        }
        wakes
    }

    fn outfit(&self, surroundings: &impl Surroundings) -> Outfit {
        Outfit { schema: Arc::clone(&self.schema), rules: surroundings.rules() }
    }

    /// Draws the conclusions from how far both sides have got; returns whether everything is committed.
    pub(crate) fn settle_half(&self, half: &mut HalfPair, surroundings: &impl Surroundings) -> bool {
        let before = half.commit_point();
        let mut is_settled = half.settle(surroundings.horizon(self.index));
        if half.can_commit() {
            half.commit_log(|| surroundings.commit_number(self.index));
            is_settled = half.settle(surroundings.horizon(self.index));
        }
        if half.commit_point() != before {
            surroundings.note_committed(self);
        }
        is_settled
    }

    /// As [`PairCore::settle_half`], if the half is awake; a half asleep has nothing to tell.
    pub(crate) fn settle(&self, surroundings: &impl Surroundings) {
        let mut state = self.lock();
        if let Replica::Awake(half) = &mut state.replica {
            self.settle_half(half, surroundings);
            drop(self.publish(half));
        }
    }

    /// A rule was registered: what waits for it is decided, if the half is awake.
    pub(crate) fn rules_changed(&self, surroundings: &impl Surroundings) {
        let mut state = self.lock();
        if let Replica::Awake(half) = &mut state.replica {
            half.set_rules(surroundings.rules(), self.schema.collapse_mode() == CollapseMode::Eager);
            self.settle_half(half, surroundings);
            drop(self.publish(half));
        }
    }

    /// Has everybody look again who waits for the Pair, after something that was not done under its lock. That this takes it leaves no moment
    /// between a look and the wait.
    pub(crate) fn wake(&self) {
        let state = self.lock();
        self.notify();
        drop(state);
    }

    fn notify(&self) {
        // The count changes under the lock, which the caller holds.
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.settling.notify_all();
        }
    }

    /// Lets go of the Pair's lock until the half has changed or is to be looked at again, for so long at the most; it may come back for nothing.
    pub(crate) fn wait<'a>(&self, state: MutexGuard<'a, PairState>, timeout: Duration) -> MutexGuard<'a, PairState> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let state = self.settling.wait_timeout(state, timeout.min(HOUR)).unwrap_or_else(PoisonError::into_inner).0;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        state
    }
}

/// What happened besides changes and transitions.
fn events_of(half: &mut HalfPair) -> Vec<Event> {
    let after_seq = half.seq();
    let failed = |RuleNotice { path, rule, failure }: RuleNotice| Happening::RuleFailed {
        path: path.into(),
        rule: rule.into(),
        why: failure.to_string().into(),
    };
    let rules = half.take_rule_notices().into_iter().map(failed);
    let failed = half.take_failure().map(|failure| Happening::Failed {
        mine: failure.mine,
        theirs: failure.theirs,
        path: failure.path.map(Into::into),
    });
    let happenings: Vec<Happening> = failed.into_iter().chain(rules).chain(half.take_verdicts().into_iter().map(judged)).collect();
    happenings.into_iter().map(|what| Event { after_seq, what }).collect()
}

fn judged(VerdictNotice { dot, verdict, committed, cause }: VerdictNotice) -> Happening {
    Happening::Verdict { dot, verdict: Verdict::from(verdict), committed, cause }
}

impl PairState {
    /// The half, brought back from the ledger if it is asleep.
    pub(crate) fn half(&mut self, core: &PairCore, surroundings: &impl Surroundings) -> Result<&mut HalfPair, Error> {
        if let Replica::Asleep(record, _) = &self.replica {
            let mut half = core.outfit(surroundings).load_half(surroundings.ledger(), core.row, self.me, record.clone())?;
            half.tell_losses(|| surroundings.commit_number(core.index));
            // What both sides hold by now may not have been stored.
            core.settle_half(&mut half, surroundings);
            if self.link.is_some() {
                half.link_up();
            }
            self.replica = Replica::Awake(half);
        }
        match &mut self.replica {
            Replica::Awake(half) => Ok(half),
            Replica::Asleep(..) => Err(Error::bug("a Pair did not wake")),
        }
    }

    /// Has `work` done with the half; of one that is asleep, with the cells at and below `path` alone, and what is done to it has no effect.
    pub(crate) fn look_at<R>(
        &mut self,
        core: &PairCore,
        surroundings: &impl Surroundings,
        path: &str,
        work: impl FnOnce(&mut HalfPair) -> R,
    ) -> Result<R, Error> {
        match &mut self.replica {
            Replica::Awake(half) => Ok(work(half)),
            // What a guard lets through may depend on any cell.
            Replica::Asleep(..) if core.schema.is_ordered() => self.half(core, surroundings).map(work),
            Replica::Asleep(record, _) => {
                let mut part = core.outfit(surroundings).load_part(surroundings.ledger(), core.row, self.me, record.clone(), path)?;
                part.settle(surroundings.horizon(core.index));
                Ok(work(&mut part))
            }
        }
    }

    /// Writes as another author from now on; see [`HalfPair::begin_epoch`]. A half asleep is woken only if it has candidates to issue again.
    pub(crate) fn begin_epoch(
        &mut self,
        core: &PairCore,
        surroundings: &impl Surroundings,
        author: Author,
        issue: impl FnMut() -> Issue,
    ) -> Result<(), Error> {
        if self.me == author {
            return Ok(());
        }
        let horizon = surroundings.horizon(core.index);
        let wrote_more = |record: &HalfRecord| {
            let mine = record.vector.index_of(self.me).map_or(0, |me| record.vector.seen(me).number);
            mine > horizon.peer_holds || record.peer.is_none()
        };
        if !matches!(&self.replica, Replica::Asleep(record, _) if !wrote_more(record)) {
            let half = self.half(core, surroundings)?;
            // What nobody shares yet may be shared by the other copy as well; and what was acknowledged below the joining says nothing of this Pair.
            let held = if half.peer().is_some() && half.joined() <= horizon.peer_holds { horizon.peer_holds } else { 0 };
            let begun = half.begin_epoch(author, held, issue);
            core.settle_half(half, surroundings);
            drop(core.tell(half, begun.map(|_| Happening::EpochChanged { mine: true, epoch: author.epoch })));
            begun.ok_or_else(|| Error::new(Code::TooLarge, "the ledger was found to be a copy more often than a Pair keeps track of"))?;
        }
        self.me = author;
        Ok(())
    }

    /// The half, unless it is asleep.
    pub(crate) fn half_if_awake(&mut self) -> Option<&mut HalfPair> {
        match &mut self.replica {
            Replica::Awake(half) => Some(half),
            Replica::Asleep(..) => None,
        }
    }

    /// What the ledger keeps of the half besides the cells, and the number of its last change.
    pub(crate) fn record(&self) -> (HalfRecord, u64) {
        match &self.replica {
            Replica::Awake(half) => (half.record(), half.last_change()),
            Replica::Asleep(record, changed) => (record.clone(), *changed),
        }
    }
}
