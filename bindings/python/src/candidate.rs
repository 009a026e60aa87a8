//! A write, as Python holds it.

use crate::handle::PairHandle;
use crate::released::Released;
use crate::{error, found};
use pyo3::prelude::*;
use std::sync::Arc;

/// A write: one or several paths, seen everywhere together or not at all.
#[pyclass(frozen, weakref, module = "spook")]
pub(crate) struct Candidate {
    candidate: spook::Candidate,
    handle: Released<Arc<PairHandle>>,
}

impl Candidate {
    pub(crate) fn new(candidate: spook::Candidate, handle: Arc<PairHandle>) -> Candidate {
        Candidate { candidate, handle: Released::new(handle) }
    }
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

    /// Whether it is final on both sides by now. Asks anew each time.
    #[getter]
    fn settled(&self, py: Python<'_>) -> PyResult<bool> {
        self.handle.call(py, |pair| pair.is_settled(&self.candidate))
    }

    fn __repr__(&self) -> String {
        format!("<spook.Candidate {} cells={}>", self.candidate.dot, self.candidate.cells)
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        Err(error::not_pickled(py, "Candidate"))
    }
}
