//! What has to be looked at when, in µs of the engine's clock.

use spook_protocol::id::EndpointId;
use std::collections::{BTreeMap, BTreeSet};

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A socket: a handshake that takes too long, a link's heartbeat or acknowledgement.
    Socket(usize),
    /// The next attempt to reach somebody.
    Target(EndpointId),
    /// Connections that could not be accepted for want of descriptors.
    Accept,
}

/// One deadline for each timer.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeSet<(u64, Timer)>,
    set: BTreeMap<Timer, u64>,
}

impl Timers {
    /// Sets a timer, in place of when it was set to before.
    pub(crate) fn set(&mut self, timer: Timer, at: u64) {
        if let Some(before) = self.set.insert(timer, at) {
            self.queue.remove(&(before, timer));
        }
        self.queue.insert((at, timer));
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.set.remove(&timer) {
            self.queue.remove(&(at, timer));
        }
    }

    /// When the first timer is due.
    pub(crate) fn first(&self) -> Option<u64> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes a timer that is due.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<Timer> {
        let &(at, timer) = self.queue.first().filter(|(at, _)| *at <= now)?;
        self.queue.remove(&(at, timer));
        self.set.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_order_and_once() {
        let mut timers = Timers::default();
        timers.set(Timer::Socket(1), 50);
        timers.set(Timer::Socket(2), 20);
        timers.set(Timer::Socket(1), 10);
        timers.set(Timer::Accept, 30);
        timers.cancel(Timer::Accept);
        assert_eq!(timers.first(), Some(10));
        assert_eq!(timers.take_due(9), None);
        assert_eq!(timers.take_due(100), Some(Timer::Socket(1)));
        assert_eq!(timers.take_due(100), Some(Timer::Socket(2)));
        assert_eq!(timers.take_due(100), None);
    }
}
