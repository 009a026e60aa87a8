//! A callback of Python, as the engine calls it.

use crate::handle::PairHandle;
use crate::{ending, notice};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use spook::Notice;
use std::sync::Arc;

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
        let Some(callback) = self.callback.as_ref().filter(|_| !ending::is_exiting()) else {
            return;
        };
        // While the interpreter shuts down there is nobody to be told.
        ending::observing(|| {
            Python::try_attach(|py| tell(py, callback.bind(py), notice));
        });
    }
}

/// Calls the function. What it raises has nowhere else to go.
fn tell(py: Python<'_>, callback: &Bound<'_, PyAny>, notice: &Notice) {
    let called = notice::to_python(py, notice).and_then(|notice| ending::call(callback, &PyTuple::new(py, [notice])?));
    match called {
        // The end of the process closes the engine under a running call; nobody wants to read of that.
        Err(_) if ending::is_exiting() => {}
        Err(error) => error.write_unraisable(py, Some(callback)),
        Ok(_) => {}
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let mut callback = self.callback.take();
        if !ending::is_exiting() {
            Python::try_attach(|_| drop(callback.take()));
        }
        std::mem::forget(callback);
        self.pair.forget(self.key);
    }
}
