//! A Pair, as Python holds it.

use crate::arguments::{Given, Text, Time, type_name};
use crate::handle::PairHandle;
use crate::released::{OfProcess, Released};
use crate::subscription::{self, Subscription};
use crate::{call, error, notice, value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};
use spook::{Action, Code, CollapseOptions, Error, ObserveOptions, Operation, TicketOptions};
use std::sync::Arc;
use std::time::Duration;

static AIO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static DELETE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

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
        let handle: &PairHandle = &self.handle;
        call::call(py, &handle.home.engine, || {
            handle.check()?;
            work(&handle.pair)
        })
    }

    fn write(slf: &Bound<'_, Self>, operations: &[(Text, Action)]) -> PyResult<Candidate> {
        let written = slf.get().call(slf.py(), |pair| match operations {
            [(path, action)] => pair.write_all(&[Operation { path, action: action.clone() }]),
            many => {
                let many: Vec<_> = many.iter().map(|(path, action)| Operation { path, action: action.clone() }).collect();
                pair.write_all(&many)
            }
        })?;
        Ok(Candidate { candidate: written, pair: slf.clone().unbind() })
    }
}

/// A write: one or several paths, seen everywhere together or not at all.
#[pyclass(frozen, weakref, module = "spook")]
pub(crate) struct Candidate {
    candidate: spook::Candidate,
    pair: Py<Pair>,
}

fn action(object: &Bound<'_, PyAny>) -> PyResult<Action> {
    if object.is(error::import(object.py(), &DELETE, "spook._types", "DELETE")?) {
        return Ok(Action::Delete);
    }
    value::from_python(object).map(Action::Set)
}

/// The operations of a list of (path, value).
fn operations(list: &Bound<'_, PyAny>) -> PyResult<Vec<(Text, Action)>> {
    if list.is_instance_of::<PyString>() || list.is_instance_of::<PyDict>() {
        let detail = format!("write_state takes a path and a value, or one list of (path, value), not one {} alone", type_name(list));
        return Err(error::invalid_type(list.py(), &detail));
    }
    let pair = |item: Bound<'_, PyAny>| match item.extract::<(Text, Bound<'_, PyAny>)>() {
        Ok((path, value)) => Ok((path, action(&value)?)),
        Err(_) => {
            Err(error::invalid_type(item.py(), &format!("an operation is (path, value), with the path as str, not {}", item.repr()?)))
        }
    };
    list.try_iter()?.map(|item| pair(item?)).collect()
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
    /// default: given back if there is nothing; without it that raises NotFound.
    #[pyo3(signature = (path = Text::EMPTY, default = Given::No), text_signature = "($self, path='', default=...)")]
    fn read_state<'py>(&self, py: Python<'py>, path: Text, default: Given<'py>) -> PyResult<Bound<'py, PyAny>> {
        let may_lack = matches!(default, Given::Yes(_));
        let read = self.call(py, |pair| match pair.read_state(&path) {
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
    /// It is written at once, whether or not the other side is there. A dict replaces what is at the path. spook.DELETE as value
    /// removes what is there.
    #[pyo3(signature = (path, value = Given::No))]
    fn write_state(slf: &Bound<'_, Self>, path: &Bound<'_, PyAny>, value: Given<'_>) -> PyResult<Candidate> {
        let operations = match value {
            Given::Yes(value) => vec![(path.extract()?, action(&value)?)],
            Given::No => operations(path)?,
        };
        Pair::write(slf, &operations)
    }

    /// Removes what is at a path.
    fn delete_state(slf: &Bound<'_, Self>, path: Text) -> PyResult<Candidate> {
        Pair::write(slf, &[(path, Action::Delete)])
    }

    /// Observes the changes at and below a path, from now on.
    ///
    /// Without a callback the Subscription is iterated, with `for` or `async for`. With one, it is called with each change on a thread of the
    /// engine; what it raises goes to sys.unraisablehook. capacity: how many changes wait for a slow observer before those of one path are merged
    /// and a Gap tells so. lifecycle: Transitions of the Pair's lifecycle are told, too.
    #[pyo3(
        signature = (path = Text::EMPTY, *, callback = None, capacity = 1024, lifecycle = false),
        text_signature = "($self, path='', *, callback=None, capacity=1024, lifecycle=False)"
    )]
    fn observe(
        &self,
        py: Python<'_>,
        path: Text,
        callback: Option<Bound<'_, PyAny>>,
        capacity: usize,
        lifecycle: bool,
    ) -> PyResult<Subscription> {
        if let Some(object) = callback.as_ref().filter(|object| !object.is_callable()) {
            let detail = format!("argument 'callback': must be a function of one argument, not {}", type_name(object));
            return Err(PyTypeError::new_err(detail));
        }
        let (handle, callback) = (Arc::clone(&self.handle), callback.map(Bound::unbind));
        let options = ObserveOptions { capacity, lifecycle, ..ObserveOptions::default() };
        let watching = call::call(py, &self.handle.home.engine, || {
            handle.check()?;
            subscription::begin(handle, &path, options, callback)
        })?;
        Ok(Subscription::new(watching))
    }

    /// Says what the state is, and, with `settled`, waits until everything written before is durable on both sides.
    ///
    /// It never takes longer than `timeout` seconds (None is without limit): look at `.settled` of what it gives. What has not settled by then goes
    /// on settling.
    #[pyo3(signature = (timeout = Time::seconds(0), settled = false), text_signature = "($self, timeout=0, settled=False)")]
    fn collapse<'py>(&self, py: Python<'py>, timeout: Time, settled: bool) -> PyResult<Bound<'py, PyAny>> {
        let options = CollapseOptions { timeout: timeout.or_forever(), settled };
        let found = if settled && options.timeout > call::SLICE {
            let handle = Arc::clone(&self.handle);
            call::interruptible(py, &self.handle.home.engine, move || {
                handle.check()?;
                handle.pair.collapse(options)
            })?
        } else {
            self.call(py, |pair| pair.collapse(options))?
        };
        notice::collapse(py, found)
    }

    /// Where this half stands: one name for people, and the three facts behind it.
    #[getter]
    fn lifecycle<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let facts = self.call(py, spook::Pair::lifecycle)?;
        notice::lifecycle(py, facts)
    }

    /// How long the way to the peer and back took when it was last measured, in seconds; None without a link.
    #[getter]
    fn round_trip(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let time = self.call(py, spook::Pair::round_trip)?;
        Ok(time.as_ref().map(Duration::as_secs_f64))
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

#[pymethods]
impl Candidate {
    /// Its name, unique for ever and everywhere.
    #[getter]
    fn dot(&self) -> String {
        self.candidate.dot.to_string()
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

    /// Whether it is durable on both sides by now. Asks anew each time.
    #[getter]
    fn settled(&self, py: Python<'_>) -> PyResult<bool> {
        self.pair.get().call(py, |pair| pair.is_settled(&self.candidate))
    }

    fn __repr__(&self) -> String {
        format!("<spook.Candidate {} cells={}>", self.candidate.dot, self.candidate.cells)
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        Err(error::not_pickled(py, "Candidate"))
    }
}
