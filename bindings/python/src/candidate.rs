//! What a write gives.

use crate::error;
use crate::pair::Pair;
use pyo3::prelude::*;

/// A write: one or several paths, seen everywhere together or not at all.
#[pyclass(frozen, weakref, module = "spook")]
pub(crate) struct Candidate {
    candidate: spook::Candidate,
    pair: Py<Pair>,
}

impl Candidate {
    pub(crate) fn new(candidate: spook::Candidate, pair: Py<Pair>) -> Candidate {
        Candidate { candidate, pair }
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
