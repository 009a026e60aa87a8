//! Leaving the interpreter for the engine's work.

use crate::error;
use pyo3::prelude::*;
use spook::{Code, Engine, Error};
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long a wait goes on before signals (Ctrl-C) are looked at.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

thread_local! {
    static INSIDE_RULE: Cell<bool> = const { Cell::new(false) };
}

/// Runs a rule, inside of which the engine is not to be called: the one who waits for the rule holds its Pair's lock.
pub(crate) fn inside_rule<T>(work: impl FnOnce() -> T) -> T {
    INSIDE_RULE.set(true);
    let result = work();
    INSIDE_RULE.set(false);
    result
}

/// Refuses a call inside a rule. The engine would, too, if it were called on this thread.
pub(crate) fn check_outside_rule(py: Python<'_>) -> PyResult<()> {
    if INSIDE_RULE.get() {
        return Err(error::fail(py, Code::Reentrant, ""));
    }
    Ok(())
}

/// Runs work of the engine without the interpreter's lock, so that other Python threads go on, and so do observers that the work waits
/// for. A panic ends here: it stops the engine, as at every border of libspook.
pub(crate) fn call<T: Send>(py: Python<'_>, engine: &Engine, work: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    check_outside_rule(py)?;
    let done = py.detach(|| guarded(engine, work));
    done.map_err(|error| error::raise(py, &error))
}

/// As [`call`], for work that can take long: it goes on in a thread of its own, so that a signal is seen meanwhile. An exception of the
/// signal's handler leaves the work behind; it ends at its timeout and its result is dropped.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    engine: &Engine,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> PyResult<T> {
    check_outside_rule(py)?;
    let (sender, mut receiver) = mpsc::sync_channel(1);
    let engine = engine.clone();
    let job = move || {
        // Nobody waits any more if this fails.
        let _ = sender.send(guarded(&engine, work));
    };
    if let Err(error) = thread::Builder::new().name("spook-call".into()).spawn(job) {
        return Err(error::raise(py, &Error::new(Code::Io, format!("starting a thread: {error}"))));
    }
    loop {
        // A receiver must not be shared between threads, but it may travel.
        let (received, back) = py.detach(move || (receiver.recv_timeout(SLICE), receiver));
        receiver = back;
        match received {
            Ok(done) => return done.map_err(|error| error::raise(py, &error)),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => return Err(error::raise(py, &Error::new(Code::Panic, "a call ended without a result"))),
        }
    }
}

fn guarded<T>(engine: &Engine, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // What the panic left half done is not looked at again: the engine refuses all calls from then on.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let detail = message(panic.as_ref());
        engine.poison(&detail);
        Err(Error::new(Code::Panic, detail))
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}
