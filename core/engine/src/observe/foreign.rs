//! Running code of the application.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs an observer, or its drop. A panic ends here; the panic hook has reported it, as it does for a thread.
///
/// Whoever calls this holds no lock.
pub(super) fn run(code: impl FnOnce()) {
    let before = INSIDE.replace(true);
    // The observer is not used to look at what it may have left half done: that is for the application to know.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        // Dropping the payload runs code of the application too. What panics while it is dropped is left alone.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(payload);
        }
    }
    INSIDE.set(before);
}

/// Whether this thread is inside an observer of any engine. It must then not wait for another observer: that one may be waiting for
/// this one.
pub(super) fn is_inside() -> bool {
    INSIDE.get()
}
