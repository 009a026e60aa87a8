//! The named tuples of `spook/_types.py`, made from here.

use crate::error;
use pyo3::BoundObject;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// A class of named tuples.
pub(crate) struct Class {
    name: &'static str,
    class: PyOnceLock<Py<PyAny>>,
}

impl Class {
    pub(crate) const fn named(name: &'static str) -> Class {
        Class { name, class: PyOnceLock::new() }
    }

    /// One of this class. The class' own `__new__` is a function in Python; that of tuple does the same at a fraction of the time.
    pub(crate) fn make<'py>(
        &'static self,
        py: Python<'py>,
        fields: impl IntoPyObject<'py, Target = PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let class = error::import(py, &self.class, "spook._types", self.name)?;
        let new = NEW.get_or_try_init(py, || py.get_type::<PyTuple>().getattr("__new__").map(Bound::unbind))?;
        let fields = fields.into_pyobject(py).map_err(Into::into)?;
        new.bind(py).call1((class, fields.into_bound().into_any()))
    }
}
