//! Silence and round trips. Time is in microseconds of a clock that never goes back.

/// How often round trip and clock are measured on a link that is never quiet, in µs.
const MEASURE: u64 = 10_000_000;
/// By how many ms two measured offsets may differ and still be one clock: beyond that, somebody has set it.
const STEP: u64 = 1_000;

/// Suspects a peer of which nothing was heard for too long, and measures round trips by the way.
///
/// Suspicion changes status and deadlines, never membership.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    floor: u64,
    heard: u64,
    asked: Option<(u64, u64)>,
    token: u64,
    round_trip: Option<u64>,
    /// By how many ms the peer's clock is ahead.
    offset: Option<i64>,
    measured: u64,
}

impl Heartbeat {
    /// Begins at `now`; the peer is suspected after `floor` µs of silence, or more where round trips are long.
    pub fn new(now: u64, floor: u64) -> Heartbeat {
        Heartbeat { floor, heard: now, asked: None, token: 0, round_trip: None, offset: None, measured: now }
    }

    /// Something came.
    pub fn heard(&mut self, now: u64) {
        self.heard = now;
    }

    /// A pong came. Returns the round trip if it answers the last ping.
    pub fn pong(&mut self, token: u64, now: u64) -> Option<u64> {
        let (asked, at) = self.asked?;
        if asked != token {
            return None;
        }
        self.asked = None;
        self.measured = now;
        let sample = now.saturating_sub(at);
        // Smoothed as in RFC 6298: an eighth of each new sample.
        self.round_trip = Some(self.round_trip.map_or(sample, |smooth| (smooth * 7 + sample) / 8));
        Some(sample)
    }

    /// The pong of a round trip of `sample` µs came at `here` and was sent at `there`, both in ms since 1970: it was half-way, as in RFC 5905.
    pub fn clock(&mut self, sample: u64, here: u64, there: u64) {
        let offset = there as i64 - here.saturating_sub(sample / 2000) as i64;
        self.offset = Some(match self.offset {
            Some(smooth) if offset.abs_diff(smooth) < STEP => smooth + (offset - smooth) / 4,
            _ => offset,
        });
    }

    /// By how many ms the peer's clock is ahead of this one's, once that was measured.
    pub fn clock_offset(&self) -> Option<i64> {
        self.offset
    }

    /// The smoothed round trip in µs, once a ping was answered.
    pub fn round_trip(&self) -> Option<u64> {
        self.round_trip
    }

    /// Nothing may be heard for this long, in µs.
    pub fn timeout(&self) -> u64 {
        self.floor.max(self.round_trip.unwrap_or(0).saturating_mul(8))
    }

    /// Whether the peer is suspected to be gone.
    pub fn is_silent(&self, now: u64) -> bool {
        now.saturating_sub(self.heard) >= self.timeout()
    }

    /// The token of a ping that is due: after a third of the timeout without anything heard, once until it is answered or a third goes by again;
    /// and now and then on a link that is never quiet.
    pub fn due_ping(&mut self, now: u64) -> Option<u64> {
        if now < self.next_ping() {
            return None;
        }
        self.token += 1;
        self.asked = Some((self.token, now));
        Some(self.token)
    }

    fn next_ping(&self) -> u64 {
        let third = self.timeout() / 3;
        let quiet = self.asked.map_or(self.heard, |(_, at)| at.max(self.heard)) + third;
        let measure = self.asked.map_or(0, |(_, at)| at + third).max(self.measured + MEASURE);
        quiet.min(measure)
    }

    /// When to look again.
    pub fn deadline(&self) -> u64 {
        self.next_ping().min(self.heard + self.timeout())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: u64 = 3_000_000;

    #[test]
    fn an_idle_link_is_pinged_and_a_silent_one_suspected() {
        let mut beat = Heartbeat::new(0, FLOOR);
        assert_eq!(beat.due_ping(999_999), None);
        assert_eq!(beat.due_ping(1_000_000), Some(1));
        assert_eq!(beat.due_ping(1_000_001), None);
        assert!(!beat.is_silent(2_999_999));
        assert!(beat.is_silent(3_000_000));
        beat.heard(2_999_999);
        assert!(!beat.is_silent(3_000_000));
    }

    #[test]
    fn the_timeout_follows_long_round_trips() {
        let mut beat = Heartbeat::new(0, FLOOR);
        let token = beat.due_ping(1_000_000).unwrap();
        assert_eq!(beat.pong(token + 1, 1_500_000), None);
        assert_eq!(beat.pong(token, 1_500_000), Some(500_000));
        assert_eq!(beat.timeout(), 4_000_000);
        assert_eq!(beat.pong(token, 1_600_000), None);
    }

    #[test]
    fn a_link_in_use_is_not_pinged() {
        let mut beat = Heartbeat::new(0, FLOOR);
        for now in (0..10_000_000).step_by(500_000) {
            beat.heard(now);
            assert_eq!(beat.due_ping(now), None);
        }
    }

    #[test]
    fn a_link_in_use_is_measured_now_and_then() {
        let mut beat = Heartbeat::new(0, FLOOR);
        let mut pings = Vec::new();
        for now in (0..35_000_000).step_by(500_000) {
            beat.heard(now);
            if let Some(token) = beat.due_ping(now) {
                pings.push(now);
                beat.pong(token, now + 1_000);
            }
        }
        assert_eq!(pings.len(), 3, "{pings:?}");
    }

    #[test]
    fn the_offset_of_the_clocks_is_smoothed_and_follows_a_step() {
        let mut beat = Heartbeat::new(0, FLOOR);
        beat.clock(40_000, 1_000_020, 1_007_000);
        assert_eq!(beat.clock_offset(), Some(7_000));
        beat.clock(40_000, 2_000_020, 2_007_080);
        assert_eq!(beat.clock_offset(), Some(7_020));
        beat.clock(0, 3_000_000, 2_000_000);
        assert_eq!(beat.clock_offset(), Some(-1_000_000));
    }

    #[test]
    fn a_deadline_is_never_past_once_it_was_served() {
        let mut beat = Heartbeat::new(0, FLOOR);
        let mut now = 0;
        for _ in 0..3 {
            now = beat.deadline();
            if beat.is_silent(now) {
                return;
            }
            beat.due_ping(now);
            assert!(beat.deadline() > now);
        }
        assert!(beat.is_silent(now));
    }
}
