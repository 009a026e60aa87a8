//! Fork, and the end of the process: all that is to be done around the engines of a process as a whole.

use crate::ending;
use crate::released::OfProcess;
use pyo3::prelude::*;
use spook::Engine;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How long the end of the process waits for the disk.
const FLUSH_AT_EXIT: Duration = Duration::from_secs(5);
/// How long it waits for engines to take leave of their peers.
const CLOSE_AT_EXIT: Duration = Duration::from_secs(2);
/// How long it waits for an observer that runs.
const OBSERVER_AT_EXIT: Duration = Duration::from_millis(100);

/// An engine, listed so that the end of the process can close it.
pub(crate) struct Listed {
    pub(crate) engine: Engine,
    key: u64,
    forks: u32,
}

type List = BTreeMap<u64, Weak<Listed>>;

static OPEN: Mutex<List> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
static FORKS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Held across a fork, so that the child does not find it locked for ever by a thread that it does not have.
    static HELD: RefCell<Option<MutexGuard<'static, List>>> = const { RefCell::new(None) };
}

fn open() -> MutexGuard<'static, List> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listed {
    pub(crate) fn new(engine: Engine) -> Arc<Listed> {
        let key = NEXT.fetch_add(1, Ordering::Relaxed);
        let listed = Arc::new(Listed { engine, key, forks: FORKS.load(Ordering::Relaxed) });
        open().insert(key, Arc::downgrade(&listed));
        listed
    }
}

impl OfProcess for Arc<Listed> {
    fn is_forked(&self) -> bool {
        self.forks != FORKS.load(Ordering::Relaxed)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        open().remove(&self.key);
    }
}

/// Before `fork` (os.register_at_fork).
#[pyfunction]
#[pyo3(name = "_before_fork")]
pub(crate) fn before_fork() {
    HELD.with_borrow_mut(|held| *held = Some(open()));
}

/// After `fork`, in the parent.
#[pyfunction]
#[pyo3(name = "_after_fork_in_parent")]
pub(crate) fn after_fork_in_parent() {
    HELD.with_borrow_mut(|held| *held = None);
}

/// After `fork`, in the child: from now on each engine of the parent answers with Forked.
#[pyfunction]
#[pyo3(name = "_after_fork_in_child")]
pub(crate) fn after_fork_in_child() {
    spook::note_fork();
    FORKS.fetch_add(1, Ordering::Relaxed);
    HELD.with_borrow_mut(|held| {
        if let Some(list) = held.as_mut() {
            // The engines are the parent's to close. A Weak frees memory at most.
            list.clear();
        }
        *held = None;
    });
}

/// At the end of the process (atexit): observers are called no more, all that was written is made durable, and the engines close in good
/// order, unless an observer does not return.
#[pyfunction]
#[pyo3(name = "_at_exit")]
pub(crate) fn at_exit(py: Python<'_>) {
    ending::begin_exit();
    py.detach(|| {
        let engines: Vec<Arc<Listed>> = open().values().filter_map(Weak::upgrade).collect();
        let (flushed, all_flushed) = mpsc::channel::<()>();
        let (closed, all_closed) = mpsc::channel::<()>();
        for listed in engines {
            let ends = (flushed.clone(), closed.clone());
            // Without a thread the engine ends as by a crash: that is safe, too.
            let _ = thread::Builder::new().name("spook-exit".into()).spawn(move || {
                // There is nobody left to tell of errors.
                let _ = listed.engine.flush();
                drop(ends.0);
                let _ = listed.engine.close();
                std::mem::forget(listed);
                drop(ends.1);
            });
        }
        drop((flushed, closed));
        wait_for(&all_flushed, FLUSH_AT_EXIT);
        wait_for(&all_closed, if ending::is_observing() { OBSERVER_AT_EXIT } else { CLOSE_AT_EXIT });
    });
}

/// Waits until all senders are gone.
fn wait_for(receiver: &mpsc::Receiver<()>, limit: Duration) {
    let deadline = Instant::now() + limit;
    while receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
}
