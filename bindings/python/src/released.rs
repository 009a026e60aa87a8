//! What must not be dropped while the thread is attached to the interpreter.

use crate::ending;
use pyo3::Python;
use std::ops::Deref;

/// Something that belongs to an engine, and thereby to the process that opened it.
pub(crate) trait OfProcess {
    /// Whether this process is a child of that one.
    fn is_forked(&self) -> bool;
}

/// Holds something of an engine, and drops it detached from the interpreter: closing an engine waits for its threads, and one of them may be
/// waiting for the interpreter. When the process ends, or is the child of a fork, it is not dropped at all: those threads do not
/// run any more then.
pub(crate) struct Released<T: OfProcess + Send>(Option<T>);

impl<T: OfProcess + Send> Released<T> {
    pub(crate) fn new(held: T) -> Released<T> {
        Released(Some(held))
    }
}

impl<T: OfProcess + Send> Deref for Released<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only drop takes it out")
    }
}

impl<T: OfProcess + Send> Drop for Released<T> {
    fn drop(&mut self) {
        let mut held = self.0.take();
        if !ending::is_exiting() && !held.as_ref().is_some_and(OfProcess::is_forked) {
            Python::try_attach(|py| {
                let held = held.take();
                py.detach(|| drop(held));
            });
        }
        std::mem::forget(held);
    }
}
