//! The native half of the Python package `spook`.
//!
//! | module | holds |
//! |---|---|
//! | `node`, `pair`, `candidate`, `subscription` | the classes with which Python works |
//! | `handle` | what stands behind them |
//! | `schema`, `operation`, `guard` | what a Pair is created with, what is written to it, and on what conditions |
//! | `observer`, `rule` | functions of Python that the engine calls |
//! | `notice`, `found` | what observers are told and calls give, as Python objects |
//! | `value`, `arguments`, `tuple` | conversions |
//! | `call` | leaving and entering the interpreter around the engine's work |
//! | `error` | the engine's errors as exceptions |
//! | `process`, `ending`, `released` | fork, and the end of the process |
//!
//! Two rules keep it free of deadlocks: the engine is only ever called while the thread is detached from the interpreter (`call`, and
//! [`released::Released`] for what is dropped), and no lock of this crate is held while the interpreter is entered.

mod arguments;
mod call;
mod candidate;
mod ending;
mod error;
mod found;
mod guard;
mod handle;
mod node;
mod notice;
mod observer;
mod operation;
mod pair;
mod process;
mod released;
mod rule;
mod schema;
mod subscription;
mod tuple;
mod value;

use pyo3::prelude::*;

/// The native half of spook. Use the package `spook`.
#[pymodule(gil_used = false)]
fn _spook(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<node::Node>()?;
    module.add_class::<pair::Pair>()?;
    module.add_class::<candidate::Candidate>()?;
    module.add_class::<operation::Operation>()?;
    module.add_class::<guard::Expectation>()?;
    module.add_class::<subscription::Subscription>()?;
    module.add_function(wrap_pyfunction!(node::open, module)?)?;
    module.add_function(wrap_pyfunction!(operation::increment, module)?)?;
    module.add_function(wrap_pyfunction!(operation::add, module)?)?;
    module.add_function(wrap_pyfunction!(operation::remove, module)?)?;
    module.add_function(wrap_pyfunction!(guard::absent, module)?)?;
    module.add_function(wrap_pyfunction!(guard::at_least, module)?)?;
    module.add_function(wrap_pyfunction!(guard::at_most, module)?)?;
    module.add_function(wrap_pyfunction!(guard::between, module)?)?;
    module.add_function(wrap_pyfunction!(guard::unchanged_since, module)?)?;
    module.add_function(wrap_pyfunction!(process::before_fork, module)?)?;
    module.add_function(wrap_pyfunction!(process::after_fork_in_parent, module)?)?;
    module.add_function(wrap_pyfunction!(process::after_fork_in_child, module)?)?;
    module.add_function(wrap_pyfunction!(process::at_exit, module)?)?;
    Ok(())
}
