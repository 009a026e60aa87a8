//! Whether the process is ending, and whether observers run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
