//! Watchdogs, and what the process uses.

use std::process::abort;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Ends the process with a message if a test hangs. Dropping it calls it off.
pub struct Watchdog {
    _alive: Sender<()>,
}

/// Allows `seconds` for what follows.
pub fn watchdog(what: &'static str, seconds: u64) -> Watchdog {
    let (alive, gone) = channel::<()>();
    std::thread::spawn(move || {
        if gone.recv_timeout(Duration::from_secs(seconds)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{what} hangs: nothing for {seconds} s");
            abort();
        }
    });
    Watchdog { _alive: alive }
}

/// Waits until something holds; fails after half a minute.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(30), "still not: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Bytes of memory that the process has resident.
pub fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// Descriptors that the process has open.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
