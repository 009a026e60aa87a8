//! A Pair, as Python holds it.

use crate::arguments::{Given, Text, Time, Wanted, type_name};
use crate::candidate::{self, Candidate};
use crate::handle::PairHandle;
use crate::released::{OfProcess, Released};
use crate::subscription::{self, Subscription};
use crate::{call, error, found, guard, operation, value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use spook::{Action, Code, CollapseOptions, Error, Expect, Guard, ObserveOptions, Operation, TicketOptions, Write};
use std::sync::Arc;
use std::time::Duration;

static AIO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// A piece of state that this program shares with another one.
///
/// All its methods can be called from any thread, and inside observers.
#[pyclass(frozen, weakref, module = "spook")]
pub(crate) struct Pair {
    handle: Released<Arc<PairHandle>>,
}

impl Pair {
    pub(crate) fn new(handle: PairHandle) -> Pair {
        Pair { handle: Released::new(Arc::new(handle)) }
    }

    /// Runs a call on the Pair, detached from the interpreter.
    fn call<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&spook::Pair) -> Result<T, Error> + Send) -> PyResult<T> {
        self.handle.call(py, work)
    }

    fn write(&self, py: Python<'_>, operations: Vec<(Text, Action)>, guards: Vec<(Text, Expect)>, wait: Wanted) -> PyResult<Candidate> {
        candidate::write(py, &self.handle, wait.0, move |pair, options| {
            let (paths, actions): (Vec<Text>, Vec<Action>) = operations.into_iter().unzip();
            let operations: Vec<_> = paths.iter().zip(actions).map(|(path, action)| Operation { path, action }).collect();
            let (paths, expected): (Vec<Text>, Vec<Expect>) = guards.into_iter().unzip();
            let guards: Vec<_> = paths.iter().zip(expected).map(|(path, expect)| Guard { path, expect }).collect();
            pair.write(&Write { operations: &operations, guards: &guards }, options)
        })
    }
}

#[pymethods]
impl Pair {
    /// Its name for ever and everywhere, as a UUID.
    #[getter]
    fn id(&self) -> String {
        self.handle.pair.id().to_string()
    }

    /// What it is called in this ledger.
    #[getter]
    fn name(&self) -> &str {
        self.handle.pair.name()
    }

    /// A ticket: text by which one other program opens the Pair, once. Whoever holds it can do so; hand it over in private.
    ///
    /// expires_in: for how many seconds (or timedelta) it is good; a day if not given.
    #[pyo3(signature = (expires_in = Time(None)), text_signature = "($self, expires_in=None)")]
    fn ticket(&self, py: Python<'_>, expires_in: Time) -> PyResult<String> {
        self.call(py, |pair| pair.ticket(TicketOptions { expires_in: expires_in.0 }))
    }

    /// The value at a path (JSON Pointer, "/a/b"); the whole state at "". A consistent snapshot, which is the caller's to change.
    ///
    /// default: given back if there is nothing; without it that raises NotFound. committed: True for what is final on both sides, which passes
    /// through the same states there; False for everything that was applied here; if not given, the former in a strong Pair, else the latter.
    #[pyo3(
        signature = (path = Text::EMPTY, default = Given::No, *, committed = None),
        text_signature = "($self, path='', default=..., *, committed=None)"
    )]
    fn read_state<'py>(&self, py: Python<'py>, path: Text, default: Given<'py>, committed: Option<bool>) -> PyResult<Bound<'py, PyAny>> {
        let may_lack = matches!(default, Given::Yes(_));
        let read = match committed {
            None => spook::Pair::read_state,
            Some(true) => spook::Pair::read_committed,
            Some(false) => spook::Pair::read_tentative,
        };
        let read = self.call(py, |pair| match read(pair, &path) {
            Err(error) if may_lack && error.code() == Code::NotFound => Ok(None),
            read => read.map(Some),
        })?;
        match (read, default) {
            (None, Given::Yes(default)) => Ok(default),
            (read, _) => value::to_python(py, &read.unwrap_or_default()),
        }
    }

    /// Writes a value at a path, or a list of (path, value) as one candidate: everywhere, all of it is seen or nothing.
    ///
    /// It is written at once, whether or not the other side is there. A dict replaces what is at the path. In place of a value: spook.DELETE
    /// removes what is there; spook.increment(by), spook.add(element) and spook.remove(element) are for counters and sets.
    ///
    /// expect: what must hold before it, {path: value}, in a Pair with guards; in place of a value: spook.absent(), spook.at_least(least),
    /// spook.at_most(most), spook.between(least, most), spook.unchanged_since(fingerprint). Both sides judge alike, in the order of all writes, so the
    /// outcome is open until they have met: see the Candidate's status. wait: whether to wait for the outcome. In a strong Pair a write waits, for the
    /// Pair's write_timeout, in any other it does not; a bool or a number of seconds says otherwise. One that waits raises Decohered if the
    /// outcome is open by then (it stays pending and will settle), and Voided if it was decided against; the exception's .candidate is it.
    #[pyo3(
        signature = (path, value = Given::No, *, expect = None, wait = Wanted::AS_AGREED),
        text_signature = "($self, path, value=..., *, expect=None, wait=None)"
    )]
    fn write_state(
        &self,
        path: &Bound<'_, PyAny>,
        value: Given<'_>,
        expect: Option<Bound<'_, PyAny>>,
        wait: Wanted,
    ) -> PyResult<Candidate> {
        let operations = match value {
            Given::Yes(value) => vec![(path.extract()?, operation::action(&value)?)],
            Given::No => operation::list(path)?,
        };
        self.write(path.py(), operations, guard::guards(expect.as_ref())?, wait)
    }

    /// Removes what is at a path. expect, wait: as for write_state.
    #[pyo3(signature = (path, *, expect = None, wait = Wanted::AS_AGREED), text_signature = "($self, path, *, expect=None, wait=None)")]
    fn delete_state(&self, py: Python<'_>, path: Text, expect: Option<Bound<'_, PyAny>>, wait: Wanted) -> PyResult<Candidate> {
        self.write(py, vec![(path, Action::Delete)], guard::guards(expect.as_ref())?, wait)
    }

    /// Names the versions at and below a path as they are now, for spook.unchanged_since. For Pairs with guards.
    #[pyo3(signature = (path = Text::EMPTY), text_signature = "($self, path='')")]
    fn fingerprint(&self, py: Python<'_>, path: Text) -> PyResult<String> {
        self.call(py, |pair| pair.fingerprint(&path)).map(|print| print.to_string())
    }

    /// The candidate of a key that was kept: `candidate.key`.
    fn candidate(&self, py: Python<'_>, key: Text) -> PyResult<Candidate> {
        candidate::of_key(py, &self.handle, &key)
    }

    /// Observes the changes at and below a path, from now on.
    ///
    /// Without a callback the Subscription is iterated, with `for` or `async for`. With one, it is called with each change on a thread of the
    /// engine; what it raises goes to sys.unraisablehook. capacity: how many changes wait for a slow observer before those of one path are merged
    /// and a Gap tells so. lifecycle: Transitions of the Pair's lifecycle are told, too. events: so is what else happens (spook.Event).
    #[pyo3(
        signature = (path = Text::EMPTY, *, callback = None, capacity = 1024, lifecycle = false, events = false),
        text_signature = "($self, path='', *, callback=None, capacity=1024, lifecycle=False, events=False)"
    )]
    fn observe(
        &self,
        py: Python<'_>,
        path: Text,
        callback: Option<Bound<'_, PyAny>>,
        capacity: usize,
        lifecycle: bool,
        events: bool,
    ) -> PyResult<Subscription> {
        if let Some(object) = callback.as_ref().filter(|object| !object.is_callable()) {
            let detail = format!("argument 'callback': must be a function of one argument, not {}", type_name(object));
            return Err(PyTypeError::new_err(detail));
        }
        let (handle, callback) = (Arc::clone(&self.handle), callback.map(Bound::unbind));
        let options = ObserveOptions { capacity, lifecycle, events };
        let watching = call::call(py, &self.handle.home.engine, || {
            handle.check()?;
            subscription::begin(handle, &path, options, callback)
        })?;
        Ok(Subscription::new(watching))
    }

    /// Says what the state is, and, with `settled`, waits until everything written before is committed: final on both sides.
    ///
    /// It never takes longer than `timeout` seconds (None is without limit): look at `.settled` of what it gives. What has not settled by then goes
    /// on settling.
    #[pyo3(signature = (timeout = Time::seconds(0), settled = false), text_signature = "($self, timeout=0, settled=False)")]
    fn collapse<'py>(&self, py: Python<'py>, timeout: Time, settled: bool) -> PyResult<Bound<'py, PyAny>> {
        let options = CollapseOptions { timeout: timeout.or_forever(), settled };
        let found = if settled && options.timeout > call::SLICE {
            self.handle.call_interruptibly(py, move |pair| pair.collapse(options))?
        } else {
            self.call(py, |pair| pair.collapse(options))?
        };
        found::collapse(py, &found)
    }

    /// Where this half stands: one name for people, and the three facts behind it.
    #[getter]
    fn lifecycle<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let facts = self.call(py, spook::Pair::lifecycle)?;
        found::lifecycle(py, facts)
    }

    /// How long the way to the peer and back took when it was last measured, in seconds; None without a link.
    #[getter]
    fn round_trip(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let time = self.call(py, spook::Pair::round_trip)?;
        Ok(time.as_ref().map(Duration::as_secs_f64))
    }

    /// How the clocks of both sides stand to each other.
    #[getter]
    fn clock<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let clock = self.call(py, spook::Pair::clock)?;
        found::clock(py, clock)
    }

    /// What both sides agreed on when the Pair was created: rules by path, consistency, guards, registers.
    #[getter]
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        value::to_python(py, self.handle.pair.schema())
    }

    /// The cells at and below a path that hold candidates which know nothing of each other, of which some are not committed, and those whose
    /// rule could not decide.
    #[pyo3(signature = (prefix = Text::EMPTY), text_signature = "($self, prefix='')")]
    fn conflicts<'py>(&self, py: Python<'py>, prefix: Text) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let conflicts = self.call(py, |pair| pair.conflicts(&prefix))?;
        conflicts.iter().map(|conflict| found::conflict(py, conflict)).collect()
    }

    /// Shows the peer a value under a key while there is a link: who is here, where a cursor is. It is no part of the state and stored nowhere.
    /// spook.DELETE shows nothing under the key any more.
    fn set_presence(&self, py: Python<'_>, key: Text, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let shown = if operation::is_delete(value)? { None } else { Some(value::from_python(value)?) };
        self.call(py, |pair| pair.set_presence(&key, shown))
    }

    /// What the peer shows at present, by key. Empty while there is no link.
    fn presence<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let shown = self.call(py, spook::Pair::presence)?;
        let dict = PyDict::new(py);
        for (key, value) in &shown {
            dict.set_item(key, value::to_python(py, value)?)?;
        }
        Ok(dict)
    }

    /// Closes this handle and ends the subscriptions made through it. The Pair itself stays, and goes on being shared while its Node is open.
    /// Waits for callbacks that run, unless it is called inside one. Closing again does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.handle.is_forked() {
            return Err(error::fail(py, Code::Forked, ""));
        }
        let handle: &PairHandle = &self.handle;
        call::call(py, &handle.home.engine, || {
            handle.close();
            Ok(())
        })
    }

    /// The calls that can wait, as coroutines: `await pair.aio.collapse(timeout=5, settled=True)`.
    #[getter]
    fn aio<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        error::import(slf.py(), &AIO, "spook.aio", "AsyncPair")?.call1((slf,))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        format!("<spook.Pair {:?} {}>", self.handle.pair.name(), self.handle.pair.id())
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        Err(error::not_pickled(py, "Pair"))
    }
}
