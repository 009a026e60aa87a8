//! What came before its time: a candidate from too far in the future waits, and everything behind it, so that nothing is applied out of order.

use std::collections::VecDeque;

/// How many ms ahead of the time of day a stamp may be, if nothing else is said.
pub const FUTURE_MS: u64 = 10_000;
/// Bytes of frames that are held; the link ends rather than hold more. Nothing is lost by that: nothing of it was acknowledged.
const BYTES: usize = 8 << 20;
/// What a frame takes besides its bytes.
const OVERHEAD: usize = 64;
/// The time of day is looked at again after so many ms at most: somebody may have set the clock.
const LOOK_AGAIN: u64 = 10_000;

/// One thing that waits.
#[derive(Debug)]
pub(super) enum Item {
    /// A frame of state as it came, its tag first.
    Frame(Vec<u8>),
    /// An acknowledgement came here that is placing up to this number, once what stands before it is applied.
    Placing(u64),
}

/// Frames of state from the first one on that came too early. Control frames go on meanwhile.
#[derive(Debug)]
pub(super) struct Hold {
    items: VecDeque<Item>,
    bytes: usize,
    due: u64,
    /// By how many ms the first one was ahead when it came.
    pub(super) ahead_ms: u64,
}

impl Hold {
    /// Holds a frame that is `ahead_ms` ahead of the time of day, of which `future_ms` would be allowed.
    pub(super) fn begin(frame: Vec<u8>, now: u64, ahead_ms: u64, future_ms: u64) -> Hold {
        let mut hold = Hold { items: VecDeque::new(), bytes: frame.len() + OVERHEAD, due: 0, ahead_ms };
        hold.items.push_back(Item::Frame(frame));
        hold.wait(now, ahead_ms, future_ms);
        hold
    }

    /// The first frame is still ahead.
    pub(super) fn wait(&mut self, now: u64, ahead_ms: u64, future_ms: u64) {
        let ms = ahead_ms.saturating_sub(future_ms).clamp(1, LOOK_AGAIN);
        self.due = now.saturating_add(ms * 1000);
    }

    /// When to look again, in µs.
    pub(super) fn due(&self) -> u64 {
        self.due
    }

    /// Puts a frame behind what waits. Returns whether there is room.
    #[must_use]
    pub(super) fn push(&mut self, frame: &[u8]) -> bool {
        self.bytes += frame.len() + OVERHEAD;
        self.items.push_back(Item::Frame(frame.to_vec()));
        self.bytes <= BYTES
    }

    /// Puts what an acknowledgement places behind what waits.
    pub(super) fn push_placing(&mut self, placed: u64) {
        match self.items.back_mut() {
            Some(Item::Placing(last)) => *last = placed.max(*last),
            _ => self.items.push_back(Item::Placing(placed)),
        }
    }

    /// The first thing that waits.
    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front();
        if let Some(Item::Frame(frame)) = &item {
            self.bytes -= frame.len() + OVERHEAD;
        }
        item
    }

    /// Puts a frame back that is still ahead.
    pub(super) fn put_back(&mut self, frame: Vec<u8>) {
        self.bytes += frame.len() + OVERHEAD;
        self.items.push_front(Item::Frame(frame));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_comes_out_in_order() {
        let mut hold = Hold::begin(vec![1], 5, 25_000, FUTURE_MS);
        assert_eq!(hold.due(), 5 + LOOK_AGAIN * 1000);
        hold.push_placing(3);
        hold.push_placing(4);
        assert!(hold.push(&[2]));
        assert!(matches!(hold.pop(), Some(Item::Frame(frame)) if frame == [1]));
        hold.put_back(vec![1]);
        hold.wait(100, 10_001, FUTURE_MS);
        assert_eq!(hold.due(), 1_100);
        assert!(matches!(hold.pop(), Some(Item::Frame(frame)) if frame == [1]));
        assert!(matches!(hold.pop(), Some(Item::Placing(4))));
        let count = (0..).take_while(|_| hold.push(&[0; 1 << 16])).count();
        assert!((100..128).contains(&count), "{count}");
    }
}
