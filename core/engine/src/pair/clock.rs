//! What a Pair says of the clocks of its two sides.

use super::Pair;
use crate::error::Error;
use spook_protocol::estp::stamp::AHEAD_MS;

/// How the clocks of the two sides of a Pair stand to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// By how many milliseconds the peer's time of day is ahead of this machine's, once that was measured on the present link.
    pub offset_ms: Option<i64>,
    /// By how many milliseconds the stamps given here are too far ahead: of the time of day here, or, as the peer said on the present link, of that
    /// there. The peer holds such writes until their time comes.
    pub suspect_ms: Option<u64>,
}

impl Pair {
    /// How the clocks of the two sides stand to each other.
    ///
    /// # Errors
    /// [`spook_protocol::error::Code::Closed`] and the like.
    pub fn clock(&self) -> Result<Clock, Error> {
        let shared = &self.open.shared;
        shared.check()?;
        let link = self.core.lock().link.clone();
        let here = shared.registry().sequencer().clock().ms().saturating_sub(shared.time.now_ms());
        let there = link.as_ref().and_then(|link| link.told_ahead());
        let suspect_ms = there.max(Some(here)).filter(|ahead| *ahead > AHEAD_MS);
        Ok(Clock { offset_ms: link.and_then(|link| link.clock_offset()), suspect_ms })
    }
}
