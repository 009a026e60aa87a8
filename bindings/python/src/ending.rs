//! Whether the process is ending, and what becomes of functions of Python that run meanwhile.

use pyo3::ffi::{PyObject, PyObject_Call};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

static EXITING: AtomicBool = AtomicBool::new(false);
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// From now on the process is ending.
pub(crate) fn begin_exit() {
    EXITING.store(true, Ordering::Release);
}

/// Whether the process is ending.
pub(crate) fn is_exiting() -> bool {
    EXITING.load(Ordering::Acquire)
}

/// Runs an observer.
pub(crate) fn observing(work: impl FnOnce()) {
    RUNNING.fetch_add(1, Ordering::Relaxed);
    work();
    RUNNING.fetch_sub(1, Ordering::Relaxed);
}

/// Whether any observer is running.
pub(crate) fn is_observing() -> bool {
    RUNNING.load(Ordering::Relaxed) > 0
}

/// A C function that may unwind, unlike those that pyo3 declares.
type Call = unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;

/// Calls a function of Python on a thread of the engine.
///
/// An interpreter that shuts down ends other threads where they wait for it, by unwinding them (before Python 3.14). That must not get past this frame:
/// behind it the interpreter would be entered again, which is fatal. So such a thread stays here, and ends with the process.
pub(crate) fn call<'py>(function: &Bound<'py, PyAny>, arguments: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let stay = Stay;
    // SAFETY: both pointers are of objects that are alive meanwhile, and this thread is attached; a third one may be null. What the call gives is an
    // owned reference, or null with an exception set. The transmute only adds that the function may unwind; the black box hides from the compiler
    // which one it is, lest it go by the declaration that says it cannot.
    let result = unsafe {
        let plain: unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject = PyObject_Call;
        let call = std::mem::transmute::<unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject, Call>(
            black_box(plain),
        );
        Bound::from_owned_ptr_or_err(function.py(), call(function.as_ptr(), arguments.as_ptr(), std::ptr::null_mut()))
    };
    std::mem::forget(stay);
    result
}

/// Dropped only if the call of a function ends in no other way than by unwinding.
struct Stay;

impl Drop for Stay {
    fn drop(&mut self) {
        while is_exiting() {
            thread::park();
        }
    }
}
