//! A subscription, as Python holds it.

use crate::arguments::Time;
use crate::handle::{Kept, PairHandle, Watching};
use crate::observer::Observer;
use crate::released::{OfProcess, Released};
use crate::{call, error, notice};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use spook::{Code, Error, Notice, ObserveOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static CHANGES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static ENTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static EXIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The changes of a Pair at and below a path, as they come: an iterator and an asynchronous iterator that end when it is closed, or its Pair or Node.
///
/// It is a context manager, in the ordinary and in the asynchronous way. Several threads may share it; each change goes to one of them.
#[pyclass(frozen, weakref, module = "spook")]
pub(crate) struct Subscription {
    watching: Released<Arc<Watching>>,
}

impl Subscription {
    pub(crate) fn new(watching: Arc<Watching>) -> Subscription {
        Subscription { watching: Released::new(watching) }
    }

    fn call<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&Watching) -> Result<T, Error> + Send) -> PyResult<T> {
        let watching: &Watching = &self.watching;
        call::call(py, &watching.pair.home.engine, || {
            watching.check()?;
            work(watching)
        })
    }

    /// Waits for the next notice, in slices, so that Ctrl-C is seen. `None` when the subscription has ended.
    fn wait<'py>(&self, py: Python<'py>, limit: Option<Duration>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut deadline = None;
        loop {
            let left = limit.map_or(call::SLICE, |limit| {
                let now = Instant::now();
                deadline.get_or_insert_with(|| now + limit).saturating_duration_since(now)
            });
            let slice = left.min(call::SLICE);
            let waited = self.call(py, |watching| match watching.subscription.next(Some(slice)) {
                Err(error) if error.code() == Code::Timeout => {
                    Ok(if limit.is_some() && left == slice { Waited::InVain } else { Waited::Still })
                }
                next => next.map(|notice| notice.map_or(Waited::Ended, Waited::Came)),
            })?;
            match waited {
                Waited::Came(notice) => return notice::to_python(py, &notice).map(Some),
                Waited::Ended => return Ok(None),
                Waited::InVain => return Err(error::fail(py, Code::Timeout, format!("no change in {:?}", limit.unwrap_or_default()))),
                Waited::Still => py.check_signals()?,
            }
        }
    }
}

enum Waited {
    Came(Notice),
    Ended,
    Still,
    InVain,
}

#[pymethods]
impl Subscription {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.wait(py, None)
    }

    /// Waits for the next change for `timeout` seconds, without limit if that is None, and raises Timeout if none came. Gives None once the
    /// subscription has ended.
    #[pyo3(signature = (timeout = Time(None)), text_signature = "($self, timeout=None)")]
    fn next<'py>(&self, py: Python<'py>, timeout: Time) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.wait(py, timeout.0)
    }

    /// The next change if one waits, else None.
    fn try_next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let notice = self.call(py, |watching| Ok(watching.subscription.try_next()))?;
        notice.map(|notice| notice::to_python(py, &notice)).transpose()
    }

    /// A file descriptor that select.poll and its kin find readable while changes wait, and once the subscription has ended. It belongs to the
    /// subscription: do not read or close it. Not on Windows.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        self.call(py, descriptor)
    }

    /// Ends the subscription and forgets what waits. After it no further call of a callback starts; it waits for one that runs, unless it is
    /// called inside a callback. Closing again does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.watching.is_forked() {
            return Err(error::fail(py, Code::Forked, ""));
        }
        let watching: &Watching = &self.watching;
        call::call(py, &watching.pair.home.engine, || {
            watching.subscription.close();
            watching.pair.forget(watching.key);
            Ok(())
        })
    }

    /// Whether it has ended. Changes can still wait if its Pair or Node was closed.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        let watching: &Watching = &self.watching;
        py.detach(|| watching.subscription.is_closed())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py)
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().watching.check().map_err(|error| error::raise(slf.py(), &error))?;
        error::import(slf.py(), &CHANGES, "spook._changes", "Changes")?.call1((slf,))
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        error::import(slf.py(), &ENTER, "spook.aio", "_enter")?.call1((slf,))
    }

    #[pyo3(signature = (*_error))]
    fn __aexit__<'py>(slf: &Bound<'py, Self>, _error: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        error::import(slf.py(), &EXIT, "spook.aio", "_exit")?.call1((slf,))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<spook.Subscription to {:?}{}>", self.watching.pair.pair.name(), if self.closed(py) { ", closed" } else { "" })
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        Err(error::not_pickled(py, "Subscription"))
    }
}

/// Subscribes, with or without a callback.
pub(crate) fn begin(
    pair: Arc<PairHandle>,
    path: &str,
    options: ObserveOptions,
    callback: Option<Py<PyAny>>,
) -> Result<Arc<Watching>, Error> {
    let key = NEXT.fetch_add(1, Ordering::Relaxed);
    let has_callback = callback.is_some();
    let subscription = match callback {
        None => pair.pair.observe(path, options)?,
        Some(callback) => {
            let observer = Observer::new(callback, Arc::clone(&pair), key);
            pair.pair.observe_with(path, options, move |notice| observer.tell(&notice))?
        }
    };
    let watching = Arc::new(Watching { subscription, pair: Arc::clone(&pair), key, has_callback });
    let kept = if has_callback { Kept::Itself(Arc::clone(&watching)) } else { Kept::Known(Arc::downgrade(&watching)) };
    pair.keep(key, kept)?;
    if watching.subscription.is_closed() {
        // The engine was closed meanwhile; then the observer is gone, or going, and may have looked for this entry too early.
        pair.forget(key);
    }
    Ok(watching)
}

#[cfg(unix)]
fn descriptor(watching: &Watching) -> Result<i32, Error> {
    use std::os::fd::AsRawFd;
    Ok(watching.subscription.descriptor()?.as_raw_fd())
}

#[cfg(not(unix))]
fn descriptor(_: &Watching) -> Result<i32, Error> {
    Err(Error::new(Code::Invalid, "this system has no file descriptors for subscriptions; iterate, or use a callback"))
}
