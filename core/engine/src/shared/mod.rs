//! What the threads of an engine share, and the order of its locks: a link, then a Pair, then the registry; the rest are leaves.

mod epoch;
mod waiters;
mod write_behind;

pub(crate) use waiters::Waiters;
pub(crate) use write_behind::WriteBehind;

use crate::contacts::Contacts;
use crate::courier::Courier;
use crate::error::Error;
use crate::forming::Forming;
use crate::observe::Dispatcher;
use crate::options::{Durability, EngineOptions};
use crate::pair_core::{PairCore, Surroundings};
use crate::rules::{self, Rules};
use crate::time::Time;
use spook_ledger::{Batch, GroupCommit, Ledger, LedgerError};
use spook_protocol::error::Code;
use spook_protocol::estp::Stamp;
use spook_protocol::estp::feed::Issue;
use spook_protocol::estp::half::Horizon;
use spook_protocol::estp::rule::CustomRules;
use spook_protocol::etcp::Identity;
use spook_protocol::id::EndpointId;
use spook_protocol::limits;
use spook_protocol::record::PeerRecord;
use spook_protocol::registry::{PairIndex, Registry};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

pub(crate) struct Shared {
    pub(crate) identity: Identity,
    pub(crate) time: Time,
    pub(crate) options: EngineOptions,
    pub(crate) ledger: Ledger,
    pub(crate) contacts: Mutex<Contacts>,
    pub(crate) forming: Mutex<Forming>,
    pub(crate) io: OnceLock<Box<dyn Courier>>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) traffic: Counters,
    pub(crate) waiters: Waiters,
    pub(crate) rules: Arc<Rules>,
    /// Pairs whose commit point moved on since the ledger last had it. That goes with the next batch, whatever calls for one.
    committed: Mutex<BTreeSet<PairIndex>>,
    commit: OnceLock<GroupCommit<WriteBehind>>,
    registry: Mutex<Registry>,
    pairs: RwLock<Pairs>,
    condition: Condition,
}

#[derive(Default)]
pub(crate) struct Pairs {
    list: Vec<Arc<PairCore>>,
    by_name: BTreeMap<String, PairIndex>,
    /// The row of the next Pair.
    next_row: u32,
}

/// Bytes and messages above the transport, both ways.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) messages_sent: AtomicU64,
    pub(crate) messages_received: AtomicU64,
    pub(crate) handshakes: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// Whether the engine may be used.
#[derive(Default)]
struct Condition {
    closing: AtomicBool,
    panicked: OnceLock<String>,
    ledger_failed: OnceLock<LedgerError>,
    /// By how many ms the clock has run away from the time of day, until somebody is told; else 0.
    clock_news: AtomicU64,
    /// How often this process had forked when the engine was opened.
    forks: u32,
}

static FORKS: AtomicU32 = AtomicU32::new(0);

/// Tells all engines that this process is the child of a fork: their threads are in the parent, so that every later call gives
/// [`Code::Forked`]. To be called by whoever can register for forks; the library itself cannot without unsafe code.
pub fn note_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

impl Surroundings for Shared {
    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn horizon(&self, pair: PairIndex) -> Horizon {
        self.registry().horizon(pair)
    }

    fn rules(&self) -> Arc<dyn CustomRules> {
        Arc::clone(&self.rules) as Arc<dyn CustomRules>
    }

    fn commit_number(&self, pair: PairIndex) -> u64 {
        let number = self.arrive(pair, Stamp::ZERO).number;
        self.notify_ledger();
        number
    }

    fn note_committed(&self, pair: &PairCore) {
        if pair.durability != Durability::Memory && !self.is_in_memory() {
            self.committed.lock().unwrap_or_else(PoisonError::into_inner).insert(pair.index);
        }
    }
}

impl Shared {
    pub(crate) fn new(identity: Identity, options: EngineOptions, ledger: Ledger, registry: Registry) -> Shared {
        Shared {
            identity,
            time: Time::begin(options.clock.clone()),
            options,
            ledger,
            contacts: Mutex::default(),
            forming: Mutex::default(),
            io: OnceLock::new(),
            dispatcher: Dispatcher::default(),
            traffic: Counters::default(),
            waiters: Waiters::default(),
            rules: Arc::default(),
            committed: Mutex::default(),
            commit: OnceLock::new(),
            registry: Mutex::new(registry),
            pairs: RwLock::default(),
            condition: Condition { forks: FORKS.load(Ordering::Relaxed), ..Condition::default() },
        }
    }

    /// Refuses whatever an engine in this condition cannot do.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Condition { closing, panicked, .. } = &self.condition;
        self.check_process()?;
        check_no_rule()?;
        if let Some(detail) = panicked.get() {
            return Err(Error::new(Code::Panic, detail.clone()));
        }
        if closing.load(Ordering::Acquire) {
            return Err(Error::new(Code::Closed, "the engine was closed".to_owned()));
        }
        Ok(())
    }

    /// Refuses to work in a child of the process that opened the engine.
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        if FORKS.load(Ordering::Relaxed) != self.condition.forks {
            return Err(Error::new(Code::Forked, ""));
        }
        Ok(())
    }

    /// As [`Shared::check`], and that writes can still become durable.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        self.check()?;
        match self.condition.ledger_failed.get() {
            Some(error) => Err(error.clone().into()),
            None => Ok(()),
        }
    }

    pub(crate) fn poison(&self, detail: &str) {
        let _ = self.condition.panicked.set(detail.to_owned());
        self.wake_waiters();
    }

    pub(crate) fn ledger_failed(&self, error: LedgerError) {
        let _ = self.condition.ledger_failed.set(error);
        self.wake_waiters();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.condition.closing.load(Ordering::Acquire)
    }

    /// Marks the engine closed; returns whether it was open before.
    pub(crate) fn begin_closing(&self) -> bool {
        let was_open = !self.condition.closing.swap(true, Ordering::AcqRel);
        self.wake_waiters();
        was_open
    }

    /// Has everybody look again who waits for a Pair.
    fn wake_waiters(&self) {
        self.waiters.pairs().into_iter().filter_map(|pair| self.pair(pair)).for_each(|core| core.wake());
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        self.commit.get().is_none()
    }

    // Locks. A panic while one is held poisons the engine through the boundary that catches it; inside, the data is still consistent enough to
    // close, so a poisoned lock is taken all the same.

    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn contacts(&self) -> MutexGuard<'_, Contacts> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn forming(&self) -> MutexGuard<'_, Forming> {
        self.forming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pairs(&self) -> RwLockReadGuard<'_, Pairs> {
        self.pairs.read().unwrap_or_else(PoisonError::into_inner)
    }

    // Pairs.

    pub(crate) fn pair(&self, index: PairIndex) -> Option<Arc<PairCore>> {
        self.pairs().list.get(index.0 as usize).cloned()
    }

    pub(crate) fn pair_named(&self, name: &str) -> Option<Arc<PairCore>> {
        let pairs = self.pairs();
        pairs.by_name.get(name).and_then(|index| pairs.list.get(index.0 as usize)).cloned()
    }

    pub(crate) fn pair_names(&self) -> Vec<String> {
        self.pairs().by_name.keys().cloned().collect()
    }

    /// Enters a Pair under its name. Indices must come without gaps.
    ///
    /// `make` gets the name, as wished or with a number behind it where `rename` allows that, and a row that no Pair has.
    pub(crate) fn add_pair(
        &self,
        name: &str,
        rename: bool,
        make: impl FnOnce(String, u32) -> Result<PairCore, Error>,
    ) -> Result<Arc<PairCore>, Error> {
        let mut pairs = self.pairs.write().unwrap_or_else(PoisonError::into_inner);
        let mut free = name.to_owned();
        for count in 2u32.. {
            if !pairs.by_name.contains_key(&free) {
                break;
            }
            if !rename {
                return Err(Error::new(Code::Exists, format!("{name:?}")));
            }
            free = numbered(name, count);
        }
        let core = Arc::new(make(free, pairs.next_row)?);
        if core.index.0 as usize != pairs.list.len() {
            return Err(Error::bug("the index of a Pair is not the next one"));
        }
        pairs.next_row = pairs.next_row.max(core.row + 1);
        pairs.by_name.insert(core.name.clone(), core.index);
        pairs.list.push(Arc::clone(&core));
        Ok(core)
    }

    /// Ends all subscriptions, and the thread that calls observers.
    pub(crate) fn close_observers(&self) {
        let pairs: Vec<Arc<PairCore>> = self.pairs().list.clone();
        pairs.iter().for_each(|pair| pair.observers.close());
        self.dispatcher.close();
    }

    // Numbers and durability.

    pub(crate) fn issue(&self, pair: PairIndex) -> Issue {
        let now = self.time.now_ms();
        let mut registry = self.registry();
        let issue = registry.issue(pair, now);
        if let Some(ahead_ms) = registry.sequencer().take_suspicion() {
            self.condition.clock_news.store(ahead_ms, Ordering::Relaxed);
        }
        self.durable_at_once(&mut registry, issue);
        issue
    }

    /// By how many ms the stamps given are ahead of the time of day, where that is news.
    pub(crate) fn take_clock_news(&self) -> Option<u64> {
        let news = &self.condition.clock_news;
        (news.load(Ordering::Relaxed) > 0).then(|| news.swap(0, Ordering::Relaxed))
    }

    pub(crate) fn arrive(&self, pair: PairIndex, latest: Stamp) -> Issue {
        let mut registry = self.registry();
        let issue = registry.arrive(pair, latest);
        self.durable_at_once(&mut registry, issue);
        issue
    }

    /// An engine in memory is as durable as it will ever be.
    fn durable_at_once(&self, registry: &mut Registry, issue: Issue) {
        if self.is_in_memory() {
            registry.made_durable(issue.number);
        }
    }

    pub(crate) fn set_commit(&self, commit: GroupCommit<WriteBehind>) {
        let _ = self.commit.set(commit);
    }

    /// Something changed that the ledger has to get.
    pub(crate) fn notify_ledger(&self) {
        if let Some(commit) = self.commit.get() {
            commit.notify();
        }
    }

    /// Somebody waits for the ledger.
    pub(crate) fn hurry_ledger(&self) {
        if let Some(commit) = self.commit.get() {
            commit.request_now();
        }
    }

    pub(crate) fn wait_durable(&self, number: u64, timeout: Duration) -> Result<(), Error> {
        match self.commit.get() {
            Some(commit) => commit.wait_durable(number, timeout).map_err(Error::from),
            None => Ok(()),
        }
    }

    /// Makes everything durable that was written before.
    pub(crate) fn flush_ledger(&self) -> Result<(), Error> {
        self.commit.get().map_or(Ok(()), |commit| commit.flush().map_err(Error::from))
    }

    pub(crate) fn close_ledger(&self) -> Result<(), Error> {
        let flushed = self.commit.get().map_or(Ok(()), |commit| commit.close().map_err(Error::from));
        let closed = self.ledger.close().map_err(Error::from);
        flushed.and(closed)
    }

    /// The ledger is durable up to `number`, and the ceilings are raised.
    pub(crate) fn made_durable(&self, number: u64, number_ceiling: u64, stamp_ceiling: Stamp) {
        let mut registry = self.registry();
        let mut pairs = registry.made_durable(number);
        registry.sequencer().raise_ceilings(number_ceiling, stamp_ceiling);
        pairs.sort_unstable();
        pairs.dedup();
        drop(registry);
        self.settle(&pairs);
        if let Some(io) = self.io.get() {
            io.made_durable();
        }
    }

    /// Draws the conclusions for Pairs of which more is known now, and for those that somebody waits for.
    pub(crate) fn settle(&self, pairs: &[PairIndex]) {
        let awaited = self.waiters.pairs();
        for &pair in pairs.iter().chain(awaited.iter().filter(|pair| !pairs.contains(pair))) {
            if let Some(core) = self.pair(pair) {
                core.settle(self);
            }
        }
    }

    /// The Pairs of which there is something to store besides those of a cut, and none of those.
    pub(crate) fn take_committed(&self, cut: &[PairIndex]) -> Vec<PairIndex> {
        let committed = std::mem::take(&mut *self.committed.lock().unwrap_or_else(PoisonError::into_inner));
        committed.into_iter().filter(|pair| !cut.contains(pair)).collect()
    }

    /// A rule was registered: what waits for it in Pairs that are awake is decided.
    pub(crate) fn rules_changed(&self) {
        let pairs: Vec<Arc<PairCore>> = self.pairs().list.clone();
        pairs.iter().for_each(|pair| pair.rules_changed(self));
    }

    /// Records of the peers of which there is something new, as of a cut of the ledger at `number`.
    pub(crate) fn dirty_peers(&self, registry: &mut Registry, number: u64) -> Vec<(EndpointId, PeerRecord)> {
        self.contacts().take_dirty(registry, number)
    }

    pub(crate) fn put_dirty_tickets(&self, batch: &mut Batch) {
        self.forming().put_dirty(&self.ledger, batch);
    }
}

/// Refuses to work for a rule: whoever asked for it holds the lock of a Pair.
pub(crate) fn check_no_rule() -> Result<(), Error> {
    if rules::is_inside() { Err(Error::new(Code::Reentrant, "")) } else { Ok(()) }
}

/// A name with a number behind it, cut so that it stays within the bound.
fn numbered(name: &str, count: u32) -> String {
    let number = format!(" {count}");
    let most = limits::NAME_BYTES - number.len();
    let end = (0..=most.min(name.len())).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    format!("{}{number}", &name[..end])
}
