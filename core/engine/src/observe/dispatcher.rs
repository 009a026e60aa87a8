//! The one thread of an engine that calls observers.

use super::foreign;
use crate::error::Error;
use spook_protocol::error::Code;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Something that calls an observer once in a turn.
pub(super) trait Turn: Send + Sync {
    /// Calls the observer at most once. Whether another turn is wanted.
    fn turn(&self) -> bool;
}

/// Calls observers, one call at a time, in turns: after one call the next observer that has something waiting comes first.
///
/// The thread starts with the first callback. A process may exit while it runs.
#[derive(Clone, Default)]
pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<dyn Turn>>,
    /// Whether the thread waits for `wake`; who adds something must wake it then, and only then.
    asleep: bool,
    closed: bool,
    started: bool,
    thread: Option<JoinHandle<()>>,
}

impl Dispatcher {
    /// Starts the thread if it does not run yet.
    ///
    /// # Errors
    /// [`Code::Closed`] after [`Dispatcher::close`]; [`Code::Io`] when the system gives no thread.
    pub(crate) fn start(&self) -> Result<(), Error> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(Error::new(Code::Closed, "the engine is closed"));
        }
        if !state.started {
            let shared = Arc::clone(&self.shared);
            let spawned = thread::Builder::new().name("spook-observers".into()).spawn(move || shared.run());
            state.thread = Some(spawned.map_err(|error| Error::new(Code::Io, format!("starting the thread of observers: {error}")))?);
            state.started = true;
        }
        Ok(())
    }

    /// Gives `task` a turn when all that are ready have had theirs.
    pub(super) fn schedule(&self, task: Arc<dyn Turn>) {
        self.shared.schedule(task);
    }

    /// Ends the thread after the call that is running, and waits for that, unless this is called from inside an observer. The subscriptions
    /// must have been closed before. Can be called again.
    pub(crate) fn close(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let ready = std::mem::take(&mut state.ready);
        let thread = state.thread.take();
        drop(state);
        self.shared.wake.notify_all();
        drop(ready);
        if let Some(thread) = thread
            && !foreign::is_inside()
        {
            // The thread catches what observers throw, so there is no panic to learn of here.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Dispatcher").finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while let Some(task) = self.next() {
            if task.turn() {
                self.schedule(task);
            }
        }
    }

    fn schedule(&self, task: Arc<dyn Turn>) {
        let mut state = self.lock();
        if state.closed {
            // The task is dropped after the lock.
            return;
        }
        state.ready.push_back(task);
        let asleep = state.asleep;
        drop(state);
        if asleep {
            self.wake.notify_one();
        }
    }

    /// Waits for the next turn; `None` when closed.
    fn next(&self) -> Option<Arc<dyn Turn>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(task) = state.ready.pop_front() {
                return Some(task);
            }
            state.asleep = true;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep = false;
        }
    }
}
