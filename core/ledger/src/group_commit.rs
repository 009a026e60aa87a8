//! Group commit: many small writes become durable with few syncs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::error::LedgerError;
use crate::ledger::Ledger;

/// How far a batch reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Everything numbered up to this is in this batch or in an earlier one.
    pub upto: u64,
    /// Whether more was waiting that did not fit into the batch: the next commit follows at once.
    pub more: bool,
}

/// Where the group commit takes its writes from: the engine.
///
/// Calls come from one thread at a time, though not always from the same one. Inside a call
/// [`notify`](GroupCommit::notify) and [`request_now`](GroupCommit::request_now) are allowed, and nothing else of the
/// group commit: the others wait for a commit to end.
pub trait Source: Send + Sync {
    /// Adds everything that changed since the last call to the empty `batch`, as a consistent cut.
    fn collect(&self, batch: &mut Batch) -> Cut;

    /// Everything up to the cut is durable.
    fn durable(&self, cut: Cut);

    /// A commit failed. Called once; nothing becomes durable any more until the ledger is reopened.
    fn failed(&self, error: LedgerError);
}

/// A thread that commits what a [`Source`] has collected, soon after it was notified.
///
/// A write costs a call to [`notify`](GroupCommit::notify): one atomic load when a commit is due anyway. Its commit follows
/// within the delay, or at once if somebody waits. While a commit runs, further writes gather for the next one, so that any
/// number of writers and waiters share a sync. The thread sleeps while there is nothing to do; there is no polling.
/// A thread that waits for durability commits itself if nobody else is at it, which saves two switches of threads a sync.
///
/// It needs threads and a clock, which WebAssembly in a browser lacks: there the owner of the ledger commits itself.
pub struct GroupCommit<S: Source + 'static> {
    shared: Arc<Shared<S>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared<S> {
    ledger: Ledger,
    source: Arc<S>,
    delay: Duration,
    /// Something changed since the last collect began.
    dirty: AtomicBool,
    /// The thread sleeps until it is woken, not just until the delay is over.
    asleep: AtomicBool,
    state: Mutex<State>,
    /// For the thread: there is something to do.
    work: Condvar,
    /// For those who wait: a commit has ended.
    ended: Condvar,
    /// Held by whoever collects and commits. Taken before `state`, never while `state` is held, except by trying.
    committer: Mutex<Batch>,
}

#[derive(Debug, Default)]
struct State {
    durable: u64,
    failed: Option<LedgerError>,
    /// Somebody waits: the next commit is due now.
    urgent: bool,
    closing: bool,
}

impl<S: Source + 'static> GroupCommit<S> {
    /// The usual bound of the delay between a write and its commit.
    pub const DELAY: Duration = Duration::from_millis(5);

    /// Starts the thread. `durable` is the number up to which the ledger already holds everything.
    ///
    /// # Errors
    /// [`LedgerError::Io`] if the system gives no thread.
    pub fn start(ledger: Ledger, source: Arc<S>, durable: u64, delay: Duration) -> Result<GroupCommit<S>, LedgerError> {
        let shared = Arc::new(Shared {
            ledger,
            source,
            delay,
            dirty: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            state: Mutex::new(State { durable, ..State::default() }),
            work: Condvar::new(),
            ended: Condvar::new(),
            committer: Mutex::new(Batch::new()),
        });
        let of_thread = shared.clone();
        let thread = thread::Builder::new()
            .name("spook-ledger".into())
            .spawn(move || of_thread.run())
            .map_err(|error| LedgerError::io("starting the ledger's thread", error))?;
        Ok(GroupCommit { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Says that the source has something new, which the caller has already made visible to
    /// [`collect`](Source::collect). Commits it within the delay.
    pub fn notify(&self) {
        self.shared.notify();
    }

    /// Says that somebody waits: commits what there is without the delay. Does not wait itself.
    pub fn request_now(&self) {
        let mut state = self.shared.lock();
        state.urgent = true;
        drop(state);
        self.shared.work.notify_one();
    }

    /// Waits until everything up to `number` is durable, and sees to it that the commit starts at once. Whoever waits need
    /// not notify before.
    ///
    /// # Errors
    /// [`LedgerError::Timeout`]; the first error of a commit; [`LedgerError::Closed`].
    pub fn wait_durable(&self, number: u64, timeout: Duration) -> Result<(), LedgerError> {
        self.shared.wait_durable(number, timeout)
    }

    /// The number up to which everything is durable.
    pub fn durable(&self) -> u64 {
        self.shared.lock().durable
    }

    /// Commits everything that was notified before the call, and returns when it is durable.
    ///
    /// # Errors
    /// The first error of a commit.
    pub fn flush(&self) -> Result<(), LedgerError> {
        // A commit that runs already may have collected before the call, so this one follows it.
        let mut batch = self.shared.committer.lock().unwrap_or_else(PoisonError::into_inner);
        while self.shared.commit_once(&mut batch)?.more {}
        Ok(())
    }

    /// Flushes, then stops the thread. The ledger stays open. Later notifications do nothing.
    ///
    /// # Errors
    /// As [`GroupCommit::flush`].
    pub fn close(&self) -> Result<(), LedgerError> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return Ok(()) };
        let flushed = self.flush();
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
        self.shared.ended.notify_all();
        // A panic of the thread was recorded as the failure that flush returns.
        let _ = thread.join();
        flushed
    }
}

impl<S: Source + 'static> Drop for GroupCommit<S> {
    fn drop(&mut self) {
        // Whoever wants to know calls close.
        let _ = self.close();
    }
}

impl<S: Source> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self) {
        if self.dirty.load(Ordering::SeqCst) {
            return;
        }
        self.dirty.store(true, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            // The thread holds the lock from saying that it sleeps until it does: the wake-up cannot come in between.
            drop(self.lock());
            self.work.notify_one();
        }
    }

    fn run(&self) {
        while let Some(begun) = self.wait_for_work() {
            if !self.let_gather(begun) {
                continue;
            }
            let mut batch = self.committer.lock().unwrap_or_else(PoisonError::into_inner);
            // The error was recorded and told to the source; without a way to write there is nothing to do but to end.
            if self.commit_once(&mut batch).is_err() {
                return;
            }
        }
    }

    /// Sleeps until something is dirty or wanted; returns when that was noticed, or `None` when it is time to end.
    fn wait_for_work(&self) -> Option<Instant> {
        let mut state = self.lock();
        loop {
            if state.closing || state.failed.is_some() {
                return None;
            }
            self.asleep.store(true, Ordering::SeqCst);
            if state.urgent || self.dirty.load(Ordering::SeqCst) {
                self.asleep.store(false, Ordering::SeqCst);
                return Some(Instant::now());
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            self.asleep.store(false, Ordering::SeqCst);
        }
    }

    /// Waits until the delay since `begun` is over, or somebody is in a hurry. Says whether there is still something to do:
    /// those who wait may have done it themselves.
    fn let_gather(&self, begun: Instant) -> bool {
        let mut state = self.lock();
        while !state.urgent && !state.closing {
            let Some(left) = self.delay.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) else { break };
            state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.urgent || self.dirty.load(Ordering::SeqCst)
    }

    /// Collects and commits once, and tells everybody. `batch` shows that the caller is the committer.
    fn commit_once(&self, batch: &mut Batch) -> Result<Cut, LedgerError> {
        {
            let mut state = self.lock();
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            state.urgent = false;
        }
        let guard = PanicGuard(self);
        // Before the collect: what is written from now on may be missed by it, and is dirty again.
        self.dirty.store(false, Ordering::SeqCst);
        let cut = self.source.collect(batch);
        let result = if batch.is_empty() { Ok(()) } else { self.ledger.commit(batch) };
        batch.clear();
        if let Err(error) = result {
            std::mem::forget(guard);
            self.fail(error.clone());
            return Err(error);
        }
        self.source.durable(cut);
        std::mem::forget(guard);
        let mut state = self.lock();
        state.durable = state.durable.max(cut.upto);
        state.urgent |= cut.more;
        drop(state);
        self.ended.notify_all();
        if cut.more {
            self.work.notify_one();
        }
        Ok(cut)
    }

    fn fail(&self, error: LedgerError) {
        self.lock().failed = Some(error.clone());
        self.ended.notify_all();
        self.work.notify_all();
        self.source.failed(error);
    }

    fn wait_durable(&self, number: u64, timeout: Duration) -> Result<(), LedgerError> {
        let deadline = Instant::now().checked_add(timeout);
        let mut state = self.lock();
        if state.durable < number {
            self.dirty.store(true, Ordering::SeqCst);
        }
        loop {
            if state.durable >= number {
                return Ok(());
            }
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            if state.closing {
                return Err(LedgerError::Closed);
            }
            if self.dirty.load(Ordering::SeqCst) {
                let batch = match self.committer.try_lock() {
                    Ok(batch) => Some(batch),
                    Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                    Err(TryLockError::WouldBlock) => None,
                };
                if let Some(mut batch) = batch {
                    drop(state);
                    self.commit_once(&mut batch)?;
                    drop(batch);
                    state = self.lock();
                    continue;
                }
                // Whoever commits now may have collected too early; if so the thread goes on at once.
                state.urgent = true;
                self.work.notify_one();
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            state = match left {
                Some(left) if left.is_zero() => return Err(LedgerError::Timeout),
                Some(left) => self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Turns a panic of the source or the store into a failure, so that nobody waits for ever.
struct PanicGuard<'a, S: Source>(&'a Shared<S>);

impl<S: Source> Drop for PanicGuard<'_, S> {
    fn drop(&mut self) {
        let error = LedgerError::Panic { detail: "the group commit of the ledger panicked".into() };
        self.0.lock().failed = Some(error);
        self.0.ended.notify_all();
        self.0.work.notify_all();
    }
}
