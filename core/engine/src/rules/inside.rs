//! Whether a thread is inside a rule.

use std::cell::Cell;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a rule of any engine. It must then not call an engine: the caller of the rule waits, under the lock of a Pair.
pub(crate) fn is_inside() -> bool {
    INSIDE.get()
}

/// This thread runs rules and nothing else.
pub(super) fn enter() {
    INSIDE.set(true);
}
