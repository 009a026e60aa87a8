//! A handle of a Pair with the subscriptions made through it: what stands behind the classes of Python.

use crate::call;
use crate::process::Listed;
use crate::released::OfProcess;
use pyo3::prelude::*;
use spook::{Code, Error, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A handle of a Pair, with the subscriptions that were made through it.
pub(crate) struct PairHandle {
    pub(crate) pair: spook::Pair,
    pub(crate) home: Arc<Listed>,
    /// Whether its writes wait for their outcome unless they say otherwise.
    pub(crate) is_strong: bool,
    closed: AtomicBool,
    subscriptions: Mutex<BTreeMap<u64, Kept>>,
}

impl OfProcess for Arc<PairHandle> {
    fn is_forked(&self) -> bool {
        self.home.is_forked()
    }
}

impl PairHandle {
    pub(crate) fn new(pair: spook::Pair, home: Arc<Listed>) -> PairHandle {
        let is_strong = matches!(pair.schema(), Value::Object(schema) if schema.get("consistency") == Some(&Value::from("strong")));
        PairHandle { pair, home, is_strong, closed: AtomicBool::new(false), subscriptions: Mutex::default() }
    }

    /// Runs a call on the Pair, detached from the interpreter.
    pub(crate) fn call<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&spook::Pair) -> Result<T, Error> + Send) -> PyResult<T> {
        call::call(py, &self.home.engine, || {
            self.check()?;
            work(&self.pair)
        })
    }

    /// As [`PairHandle::call`], for what can take long: a signal is seen meanwhile.
    pub(crate) fn call_interruptibly<T: Send + 'static>(
        self: &Arc<Self>,
        py: Python<'_>,
        work: impl FnOnce(&spook::Pair) -> Result<T, Error> + Send + 'static,
    ) -> PyResult<T> {
        let handle = Arc::clone(self);
        call::interruptible(py, &self.home.engine, move || {
            handle.check()?;
            work(&handle.pair)
        })
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(Code::Closed, "this handle of the Pair was closed"));
        }
        Ok(())
    }

    fn subscriptions(&self) -> MutexGuard<'_, BTreeMap<u64, Kept>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a subscription, so that it ends with this handle.
    pub(crate) fn keep(&self, key: u64, kept: Kept) -> Result<(), Error> {
        let mut subscriptions = self.subscriptions();
        // Under the lock: a close that follows finds it in the list.
        self.check()?;
        subscriptions.insert(key, kept);
        Ok(())
    }

    /// Strikes a subscription that has ended off the list.
    pub(crate) fn forget(&self, key: u64) {
        let kept = self.subscriptions().remove(&key);
        // Outside of the lock: it may be the last reference to it.
        drop(kept);
    }

    /// Ends the subscriptions; every later call through this handle is refused.
    pub(crate) fn close(&self) {
        let kept = {
            let mut subscriptions = self.subscriptions();
            self.closed.store(true, Ordering::Release);
            std::mem::take(&mut *subscriptions)
        };
        for watching in kept.values().filter_map(Kept::get) {
            watching.subscription.close();
        }
    }
}

/// A subscription of the engine, and the handle of the Pair through which it was made.
pub(crate) struct Watching {
    pub(crate) subscription: spook::Subscription,
    pub(crate) pair: Arc<PairHandle>,
    pub(crate) key: u64,
    pub(crate) has_callback: bool,
}

/// How the handle of a Pair keeps its subscriptions.
pub(crate) enum Kept {
    /// It has a callback, and lives on when Python lets go of it.
    Itself(Arc<Watching>),
    /// Nobody can take what waits in it when Python has let go of it.
    Known(Weak<Watching>),
}

impl Kept {
    fn get(&self) -> Option<Arc<Watching>> {
        match self {
            Kept::Itself(watching) => Some(Arc::clone(watching)),
            Kept::Known(watching) => watching.upgrade(),
        }
    }
}

impl OfProcess for Arc<Watching> {
    fn is_forked(&self) -> bool {
        self.pair.home.is_forked()
    }
}

impl Watching {
    /// Refuses to be pulled.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.has_callback {
            return Err(Error::new(
                Code::Invalid,
                "this subscription has a callback, which gets its changes; observe without one to iterate",
            ));
        }
        if self.pair.home.is_forked() {
            return Err(Error::new(Code::Forked, "the subscription belongs to the parent process"));
        }
        Ok(())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.pair.forget(self.key);
    }
}
