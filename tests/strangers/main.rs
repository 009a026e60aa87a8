//! Strangers, and peers that went bad, at a listener that goes on serving others: silence or a reasoned close, bounded time, bounded memory.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod peers;
mod unknown;
mod world;
