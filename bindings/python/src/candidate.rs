//! A write, as Python holds it.

use crate::arguments::{Time, Wanted};
use crate::handle::PairHandle;
use crate::released::Released;
use crate::{call, error, found};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use spook::{Author, Code, Dot, EndpointId, Error, Stamp, Wait, WriteOptions};
use std::sync::Arc;

static AIO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// A write: one or several paths, seen everywhere together or not at all.
///
/// It can be awaited, which gives its Status once that is final.
#[pyclass(frozen, weakref, module = "spook")]
pub(crate) struct Candidate {
    candidate: spook::Candidate,
    handle: Released<Arc<PairHandle>>,
}

impl Candidate {
    fn new(candidate: spook::Candidate, handle: &Arc<PairHandle>) -> Candidate {
        Candidate { candidate, handle: Released::new(Arc::clone(handle)) }
    }
}

/// The candidate of a key, which may come from a run before this one.
pub(crate) fn of_key(py: Python<'_>, handle: &Arc<PairHandle>, key: &str) -> PyResult<Candidate> {
    match parse(key) {
        Some(candidate) => Ok(Candidate::new(candidate, handle)),
        None => Err(error::fail(py, Code::Invalid, format!("{key:?} is no key of a candidate; candidate.key gives one"))),
    }
}

fn parse(key: &str) -> Option<spook::Candidate> {
    let (dot, rest) = key.split_once('@')?;
    let (stamp, cells) = rest.split_once('+')?;
    let (author, number) = dot.rsplit_once(':')?;
    let (endpoint, epoch) = author.split_once('/')?;
    let (ms, counter) = stamp.split_once('.')?;
    let author = Author { endpoint: endpoint.parse::<EndpointId>().ok()?, epoch: u32::from_str_radix(epoch, 16).ok()? };
    let dot = Dot { author, number: number.parse().ok()? };
    Some(spook::Candidate { dot, stamp: Stamp::new(ms.parse().ok()?, counter.parse().ok()?), cells: cells.parse().ok()? })
}

/// Does a write, and waits as the options say. The exception of one that was done, whatever its outcome, carries it.
pub(crate) fn write(
    py: Python<'_>,
    handle: &Arc<PairHandle>,
    wait: Wait,
    work: impl FnOnce(&spook::Pair, WriteOptions) -> Result<spook::Candidate, Error> + Send + 'static,
) -> PyResult<Candidate> {
    let can_wait = match wait {
        Wait::No => false,
        Wait::AsAgreed => handle.is_strong,
        Wait::Committed(timeout) => timeout > call::SLICE,
    };
    let work = move |pair: &spook::Pair| match work(pair, WriteOptions { wait }) {
        Err(error) if error.candidate().is_none() => Err(error),
        done => Ok(done),
    };
    let done = if can_wait { handle.call_interruptibly(py, work)? } else { handle.call(py, work)? };
    done.map(|candidate| Candidate::new(candidate, handle)).or_else(|failed| {
        let exception = error::raise(py, &failed);
        let candidate = failed.candidate().map(|candidate| Candidate::new(candidate, handle));
        exception.value(py).setattr("candidate", candidate)?;
        Err(exception)
    })
}

#[pymethods]
impl Candidate {
    /// Its name, unique for ever and everywhere.
    #[getter]
    fn dot(&self) -> String {
        self.candidate.dot.to_string()
    }

    /// Its place in time.
    #[getter]
    fn stamp<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        found::stamp(py, self.candidate.stamp)
    }

    /// Its arrival number here: the number of each Change that comes of it.
    #[getter]
    fn number(&self) -> u64 {
        self.candidate.dot.number
    }

    /// How many leaves it set or removed.
    #[getter]
    fn cells(&self) -> usize {
        self.candidate.cells
    }

    /// Text to keep it by: pair.candidate(key) gives it again, also after a restart and at the other side.
    #[getter]
    fn key(&self) -> String {
        format!("{}@{}+{}", self.candidate.dot, self.candidate.stamp, self.candidate.cells)
    }

    /// What became of it by now: tentative, committed or voided. Asks anew each time.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let status = self.handle.call(py, |pair| pair.status(&self.candidate))?;
        found::status(py, &status)
    }

    /// Whether it is final on both sides by now: committed or voided. Asks anew each time.
    #[getter]
    fn settled(&self, py: Python<'_>) -> PyResult<bool> {
        self.handle.call(py, |pair| Ok(pair.status(&self.candidate)?.is_final()))
    }

    /// Waits until it is committed or voided, for `timeout` seconds at the most, without limit if that is None. Gives its Status then, which is still
    /// tentative if the time was not enough.
    #[pyo3(signature = (timeout = Time(None)), text_signature = "($self, timeout=None)")]
    fn wait<'py>(&self, py: Python<'py>, timeout: Time) -> PyResult<Bound<'py, PyAny>> {
        let (candidate, timeout) = (self.candidate, timeout.or_forever());
        let wait = move |pair: &spook::Pair| pair.wait_committed(&candidate, timeout);
        let status = if timeout > call::SLICE { self.handle.call_interruptibly(py, wait)? } else { self.handle.call(py, wait)? };
        found::status(py, &status)
    }

    /// Takes it back: what it set goes to what was there before, on condition that nothing was written there since; what it added to counters is
    /// taken off. That is a write of its own, whose Candidate it gives. For Pairs with guards. wait: as for write_state.
    #[pyo3(signature = (*, wait = Wanted::AS_AGREED), text_signature = "($self, *, wait=None)")]
    fn revert(&self, py: Python<'_>, wait: Wanted) -> PyResult<Candidate> {
        let candidate = self.candidate;
        write(py, &self.handle, wait.0, move |pair, options| pair.revert(&candidate, options))
    }

    /// The calls that can wait, as coroutines: `await candidate.aio.wait(5)`.
    #[getter]
    fn aio<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        error::import(slf.py(), &AIO, "spook.aio", "AsyncCandidate")?.call1((slf,))
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Candidate::aio(slf)?.call_method0("wait")?.call_method0("__await__")
    }

    fn __repr__(&self) -> String {
        format!("<spook.Candidate {} cells={}>", self.candidate.dot, self.candidate.cells)
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        let detail = "a Candidate belongs to this process and cannot be pickled; keep its key, and ask pair.candidate(key) for it";
        Err(error::invalid_type(py, detail))
    }
}
