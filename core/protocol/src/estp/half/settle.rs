//! What is settled: durable on both sides.

use super::HalfPair;
use crate::estp::dot::Lost;
use crate::estp::lifecycle::{Event, PendingFact};

/// How far the two halves have got, as far as this one knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// Up to which of my numbers my ledger is durable.
    pub durable_here: u64,
    /// Up to which of my numbers the peer holds everything durably.
    pub peer_holds: u64,
    /// Up to which of my numbers the peer's acknowledgements were placing: everything that it had issued before it applied them is durable here.
    pub placed: u64,
    /// The peer's author epoch.
    pub peer_epoch: u32,
    /// Up to which of its own numbers, in that epoch, the peer's ledger is durable.
    pub peer_durable: u64,
    /// What the peer lost of its own when it was stopped uncleanly; it counts as durable there only when the peer has got it back.
    pub peer_lost: Lost,
}

impl HalfPair {
    /// Draws the conclusions from a horizon: own candidates settle when both sides hold them durably, and so do the peer's. To be called, too, for
    /// a half that was restored: what is pending is not stored, since it follows from the horizon.
    ///
    /// Returns whether the half is now settled altogether.
    pub fn settle(&mut self, horizon: Horizon) -> bool {
        if !self.lifecycle.pending.local() && !self.local_is_settled(horizon) {
            self.on(Event::LocalCandidate);
        }
        if !self.lifecycle.pending.remote() && !self.remote_is_settled(horizon) {
            self.on(Event::RemoteCandidate);
        }
        let pending = self.lifecycle.pending;
        if pending.local() && self.local_is_settled(horizon) {
            self.on(Event::LocalSettled);
        }
        if pending.remote() && self.remote_is_settled(horizon) {
            self.on(Event::RemoteSettled);
        }
        self.contexts.forget_up_to(horizon.peer_holds);
        let settled = self.lifecycle.pending == PendingFact::Clean;
        if settled && pending != PendingFact::Clean {
            self.settled_count += 1;
        }
        settled
    }

    /// Whether a candidate of this side is settled.
    pub fn is_settled(&self, number: u64, horizon: Horizon) -> bool {
        let peer_holds = if self.peer.is_some() { horizon.peer_holds } else { u64::MAX };
        number.max(self.joined) <= horizon.durable_here.min(peer_holds)
    }

    fn local_is_settled(&self, horizon: Horizon) -> bool {
        self.is_settled(self.vector.seen(self.me).number, horizon)
    }

    fn remote_is_settled(&self, horizon: Horizon) -> bool {
        let mut of_peer = self.vector.entries().iter().filter(|seen| Some(seen.author.endpoint) == self.peer).peekable();
        let is_there = of_peer.peek().is_none()
            || match of_peer.find(|seen| seen.author.epoch == horizon.peer_epoch) {
                Some(seen) if !horizon.peer_lost.contains(seen.number) => seen.number <= horizon.peer_durable,
                // Lost there, or written in an epoch that the peer is no longer in: it is there when the peer has got it back.
                _ => self.last_remote_arrival <= horizon.peer_holds,
            };
        self.last_remote_arrival <= horizon.durable_here && is_there
    }

    /// A collapse was asked for: what is pending now is being settled.
    pub fn collapse_begun(&mut self) {
        self.on(Event::CollapseBegun);
    }

    /// The collapse ended, settled or out of time.
    pub fn collapse_done(&mut self) {
        self.on(Event::CollapseDone);
    }
}
