//! The two clocks of an engine, and its random numbers.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock of the time of day: milliseconds since 1970.
pub type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Time since the engine was opened, and the time of day.
pub(crate) struct Time {
    start: Instant,
    wall: WallClock,
}

impl Time {
    pub(crate) fn begin(wall: Option<WallClock>) -> Time {
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        Time { start: Instant::now(), wall: wall.unwrap_or_else(|| Arc::new(system)) }
    }

    /// Microseconds of a clock that never goes back.
    pub(crate) fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// Milliseconds since 1970; 0 before.
    pub(crate) fn now_ms(&self) -> u64 {
        (self.wall)()
    }
}

/// Fresh random bytes from the system.
///
/// # Panics
/// If the system has none to give, which leaves nothing safe to do; the C boundary turns it into `SPOOK_E_PANIC`.
pub(crate) fn seed() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random number that is not 0.
pub(crate) fn random_u32() -> u32 {
    let [a, b, c, d, ..] = seed();
    u32::from_le_bytes([a, b, c, d]).max(1)
}
