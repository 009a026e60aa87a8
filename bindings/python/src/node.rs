//! An engine, as Python holds it.

use crate::arguments::{Given, Text, Time, type_name};
use crate::handle::PairHandle;
use crate::pair::Pair;
use crate::process::Listed;
use crate::released::Released;
use crate::{call, error, found, rule, schema, value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};
use spook::{Code, Engine, EngineOptions, RuleLimits, Value};
use std::sync::Arc;

/// How every ticket begins: what does not is a name, and looked up at once.
const TICKET: &str = "spook1";

static AIO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static ENTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static EXIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// An engine: one endpoint with its Pairs, in this process. `spook.open()` makes one.
///
/// It is a context manager, in the ordinary and in the asynchronous way. Without either it closes by `close()`, at the end of the process, or when
/// neither it nor any Pair of it is referred to any more and no callback observes one.
#[pyclass(frozen, weakref, module = "spook")]
pub(crate) struct Node {
    home: Released<Arc<Listed>>,
}

/// Opens an engine.
///
/// location: nothing or ":memory:" for one that forgets; else the path of its ledger, a file that is made if it is missing. A ledger is open in one
/// process at a time. key: 32 bytes that encrypt the keys in the ledger. listen: addresses "unix:PATH", "tcp:HOST:PORT"; None is a private local
/// socket, which reaches programs of this machine only; [] is nowhere. heartbeat_timeout: after how many seconds of silence a peer
/// counts as gone (5 if not given).
#[pyfunction]
#[pyo3(
    signature = (location = None, *, key = None, listen = None, heartbeat_timeout = Time(None)),
    text_signature = "(location='', *, key=None, listen=None, heartbeat_timeout=None)"
)]
pub(crate) fn open(
    py: Python<'_>,
    location: Option<Bound<'_, PyAny>>,
    key: Option<Bound<'_, PyAny>>,
    listen: Option<Bound<'_, PyAny>>,
    heartbeat_timeout: Time,
) -> PyResult<Node> {
    let options = EngineOptions {
        location: location.map_or(Ok(String::new()), |location| place(&location))?,
        key: key.map(|key| ledger_key(&key)).transpose()?,
        listen: listen.map(|listen| addresses(&listen)).transpose()?,
        heartbeat_timeout: heartbeat_timeout.0,
        clock: None,
    };
    call::check_outside_rule(py)?;
    let opened = py.detach(|| Engine::open_with(options));
    let engine = opened.map_err(|error| error::raise(py, &error))?;
    Ok(Node { home: Released::new(Listed::new(engine)) })
}

/// A str as it is; a path object is a path, whatever it looks like.
fn place(location: &Bound<'_, PyAny>) -> PyResult<String> {
    if location.is_instance_of::<PyString>() {
        return Ok(location.extract::<Text>()?.to_owned());
    }
    if !location.hasattr("__fspath__")? {
        return Err(PyTypeError::new_err(format!("argument 'location': must be a str or a path, not {}", type_name(location))));
    }
    let path = location.py().import("os")?.call_method1("fsdecode", (location,))?;
    Ok(format!("file:{}", &*path.extract::<Text>()?))
}

fn ledger_key(key: &Bound<'_, PyAny>) -> PyResult<[u8; 32]> {
    let Some(bytes) = value::bytes(key)? else {
        return Err(PyTypeError::new_err(format!("argument 'key': must be 32 bytes, not {}", type_name(key))));
    };
    <[u8; 32]>::try_from(&*bytes).map_err(|_| {
        let detail = format!("the key has {} bytes and needs 32; hashlib.scrypt(..., dklen=32) makes such from a password", bytes.len());
        error::fail(key.py(), Code::Invalid, detail)
    })
}

/// One address, or several.
fn addresses(listen: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if listen.is_instance_of::<PyString>() {
        return Ok(vec![listen.extract::<Text>()?.to_owned()]);
    }
    listen.try_iter()?.map(|address| Ok(address?.extract::<Text>()?.to_owned())).collect()
}

impl Node {
    fn call<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&Engine) -> Result<T, spook::Error> + Send) -> PyResult<T> {
        let engine = &self.home.engine;
        call::call(py, engine, || work(engine))
    }
}

#[pymethods]
impl Node {
    /// Creates a Pair with an initial value ({} if not given). Its name is unique in the ledger.
    ///
    /// schema: what both sides agree on, for as long as the Pair lives (docs/schema.md). Each field of it may be given as an argument of its own:
    /// rules={"/hits": "counter", "/tags": "set"}, consistency="strong", guards=True, registers={"stock": {}}, and the like.
    /// durability: when what is written here is durable. "batched": after a few milliseconds; "sync": when write_state returns; "memory": never.
    /// write_timeout: how many seconds a write of a strong Pair waits here until it is committed (10 if not given).
    #[pyo3(
        signature = (name, initial = Given::No, **options),
        text_signature = "($self, name, initial={}, *, schema=None, durability='batched', write_timeout=None, rules=None, consistency=None, \
                          anchor=None, guards=None, pending=None, registers=None, collapse=None)"
    )]
    fn create_pair(&self, py: Python<'_>, name: Text, initial: Given<'_>, options: Option<Bound<'_, PyDict>>) -> PyResult<Pair> {
        let initial = match initial {
            Given::No => Value::empty_object(),
            Given::Yes(object) => value::from_python(&object)?,
        };
        let options = schema::options(options.as_ref())?;
        let pair = self.call(py, |engine| engine.create_pair(&name, initial, options))?;
        Ok(Pair::new(PairHandle::new(pair, Arc::clone(&self.home))))
    }

    /// Opens a Pair: by a ticket of the side that created it, which works once, or by its name in this ledger.
    ///
    /// timeout: how many seconds to try to reach the issuer of the ticket; None is without limit.
    #[pyo3(signature = (ticket_or_name, timeout = Time::seconds(10)), text_signature = "($self, ticket_or_name, timeout=10.0)")]
    fn open_pair(&self, py: Python<'_>, ticket_or_name: Text, timeout: Time) -> PyResult<Pair> {
        let timeout = timeout.or_forever();
        let pair = if ticket_or_name.trim_start().starts_with(TICKET) {
            let engine = self.home.engine.clone();
            call::interruptible(py, &self.home.engine, move || engine.open_pair(&ticket_or_name, timeout))?
        } else {
            self.call(py, |engine| engine.open_pair(&ticket_or_name, timeout))?
        };
        Ok(Pair::new(PairHandle::new(pair, Arc::clone(&self.home))))
    }

    /// Registers a rule under the name by which schemas call it, before or after Pairs need it.
    ///
    /// kind "function", for "custom:NAME": function(path, candidates) gives the value of a cell that was written concurrently. kind "transition", for
    /// "transition:NAME": function(path, state, candidate) gives the new state, spook.DELETE to remove it, or spook.reject(reason); state is None
    /// if there is none. A rule is a pure function of what it is given, the same at both sides; it must not call spook. What it raises, or if it takes
    /// longer than `time_limit` seconds or gives more than `size_limit` bytes, leaves its cell superposed: see conflicts().
    #[pyo3(
        signature = (name, function, kind = None, *, time_limit = Time::seconds(1), size_limit = 1_048_576),
        text_signature = "($self, name, function, kind='function', *, time_limit=1.0, size_limit=1048576)"
    )]
    fn register_rule(
        &self,
        py: Python<'_>,
        name: Text,
        function: Bound<'_, PyAny>,
        kind: Option<Text>,
        time_limit: Time,
        size_limit: usize,
    ) -> PyResult<()> {
        if !function.is_callable() {
            return Err(PyTypeError::new_err(format!("argument 'function': must be a function, not {}", type_name(&function))));
        }
        let rule = match kind.as_deref().unwrap_or("function") {
            "function" => rule::function(function.unbind()),
            "transition" => rule::transition(function.unbind()),
            other => {
                let detail = format!("kind is \"function\" or \"transition\", not {other:?}");
                return Err(error::fail(py, Code::Invalid, detail));
            }
        };
        let limits = RuleLimits { time: time_limit.or_forever(), bytes: size_limit };
        self.call(py, |engine| engine.register_rule(&name, rule, limits))
    }

    /// The names of all Pairs in the ledger, sorted.
    fn pairs(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.call(py, Engine::pairs)
    }

    /// Who this engine is to others. It stays the same for one ledger.
    #[getter]
    fn endpoint_id(&self) -> String {
        self.home.engine.endpoint_id().to_string()
    }

    /// Where it listens, with the ports that the system gave.
    #[getter]
    fn addresses(&self, py: Python<'_>) -> Vec<String> {
        py.detach(|| self.home.engine.addresses())
    }

    /// What it has exchanged with its peers since it was opened.
    fn traffic<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let traffic = py.detach(|| self.home.engine.traffic());
        found::traffic(py, traffic)
    }

    /// Makes everything durable that was written before, whatever the durability of its Pair.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        self.call(py, Engine::flush)
    }

    /// Takes leave of the peers, makes everything durable and closes the ledger. Ends all subscriptions, and waits for callbacks that run,
    /// unless it is called inside one. Later calls raise Closed; closing again does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.call(py, Engine::close)
    }

    /// The calls that can wait, as coroutines: `await node.aio.open_pair(ticket)`.
    #[getter]
    fn aio<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        error::import(slf.py(), &AIO, "spook.aio", "AsyncNode")?.call1((slf,))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py)
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        error::import(slf.py(), &ENTER, "spook.aio", "_enter")?.call1((slf,))
    }

    #[pyo3(signature = (*_error))]
    fn __aexit__<'py>(slf: &Bound<'py, Self>, _error: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        error::import(slf.py(), &EXIT, "spook.aio", "_exit")?.call1((slf,))
    }

    fn __repr__(&self) -> String {
        format!("<spook.Node {}>", self.home.engine.endpoint_id())
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        Err(error::not_pickled(py, "Node"))
    }
}
