//! A callback of Python, as the engine calls it.

use crate::pair::PairHandle;
use crate::{notice, process};
use pyo3::prelude::*;
use spook::Notice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many calls run.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Whether any observer is running.
pub(crate) fn is_running() -> bool {
    RUNNING.load(Ordering::Relaxed) > 0
}

/// Calls a function of Python with each notice, and holds its subscription in place until there is nothing more to come: a subscription
/// does not end because nobody in Python refers to it.
pub(crate) struct Observer {
    callback: Option<Py<PyAny>>,
    pair: Arc<PairHandle>,
    key: u64,
}

impl Observer {
    pub(crate) fn new(callback: Py<PyAny>, pair: Arc<PairHandle>, key: u64) -> Observer {
        Observer { callback: Some(callback), pair, key }
    }

    /// On the engine's thread of observers, which holds no lock. What the function raises goes to sys.unraisablehook.
    pub(crate) fn tell(&self, notice: &Notice) {
        let Some(callback) = self.callback.as_ref().filter(|_| !process::is_exiting()) else {
            return;
        };
        RUNNING.fetch_add(1, Ordering::Relaxed);
        // While the interpreter shuts down there is nobody to be told.
        Python::try_attach(|py| {
            let callback = callback.bind(py);
            match notice::to_python(py, notice).and_then(|notice| callback.call1((notice,))) {
                // The end of the process closes the engine under a running call; nobody wants to read of that.
                Err(_) if process::is_exiting() => {}
                Err(error) => error.write_unraisable(py, Some(callback)),
                Ok(_) => {}
            }
        });
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let mut callback = self.callback.take();
        if !process::is_exiting() {
            Python::try_attach(|_| drop(callback.take()));
        }
        std::mem::forget(callback);
        self.pair.forget(self.key);
    }
}
