//! Comparing states over a link: what is said of clean halves when the link is idle anyway, and what follows if they differ.

use super::frame::Frame;
use super::host::Host;
use super::outgoing::Outgoing;
use crate::estp::half::Search;
use std::collections::BTreeSet;

/// How many halves are spoken of with one ping.
const AT_ONCE: usize = 64;

/// Which halves the peer has to be told of.
#[derive(Debug)]
pub(super) struct Comparing {
    /// All that changed up to this number was listed.
    listed: u64,
    waiting: BTreeSet<u64>,
}

impl Comparing {
    /// Speaks of what changes after a number.
    pub(super) fn after(number: u64) -> Comparing {
        Comparing { listed: number, waiting: BTreeSet::new() }
    }

    /// Tells the peer of the halves that changed and are clean now. Those that are not wait.
    pub(super) fn speak(&mut self, host: &mut impl Host, outgoing: &mut Outgoing) {
        let mut slots = Vec::new();
        if let Some(complete) = host.changed_after(self.listed, &mut slots) {
            self.listed = complete;
        }
        self.waiting.extend(slots);
        let now: Vec<u64> = self.waiting.iter().copied().take(AT_ONCE).collect();
        for slot in now {
            match host.with_half(slot, |half| half.state_fingerprint()) {
                Some(None) => continue,
                // A queue that is full goes first.
                Some(Some(state)) if !outgoing.control(Frame::Digest(slot, state)) => return,
                _ => self.waiting.remove(&slot),
            };
        }
    }
}

/// Handles what the peer says of its state. Returns false if it causes more than the queue holds.
pub(super) fn handle(frame: Frame, host: &mut impl Host, outgoing: &mut Outgoing) -> bool {
    match frame {
        Frame::Digest(slot, theirs) => {
            let found = host.with_half(slot, |half| half.compare(theirs).then(|| (half.state_fingerprint(), half.leads_search())));
            let Some(Some((mine, leads))) = found else { return true };
            host.compared(slot);
            let mut room = mine.is_none_or(|mine| outgoing.control(Frame::Digest(slot, mine)));
            if leads {
                room &= outgoing.control(Frame::Ask(slot, (String::new(), None)));
            }
            room
        }
        Frame::Ask(slot, range) => {
            // Only a half that failed takes the trouble.
            let stretches = host.with_half(slot, |half| half.failure().is_some().then(|| half.stretches(&range))).flatten();
            stretches.is_none_or(|stretches| outgoing.control(Frame::Answer(slot, range, stretches)))
        }
        Frame::Answer(slot, range, stretches) => {
            let is_asked =
                |half: &mut crate::estp::HalfPair| half.failure().is_some_and(|failure| failure.path.is_none()) && half.leads_search();
            let next = host.with_half(slot, |half| if is_asked(half) { half.search(&range, &stretches) } else { None }).flatten();
            match next {
                None => true,
                Some(Search::Ask(range)) => outgoing.control(Frame::Ask(slot, range)),
                Some(Search::Found(path)) => {
                    host.with_half(slot, |half| half.found_difference(path.clone()));
                    host.compared(slot);
                    outgoing.control(Frame::Differs(slot, path))
                }
            }
        }
        Frame::Differs(slot, path) => {
            host.with_half(slot, |half| half.found_difference(path));
            host.compared(slot);
            true
        }
        Frame::Reseed(slot, false) => {
            if !host.reseed(slot) {
                return true;
            }
            let room = outgoing.control(Frame::Reseed(slot, true));
            outgoing.send_whole(slot);
            room
        }
        Frame::Reseed(slot, true) => {
            host.with_half(slot, |half| half.all_follows());
            outgoing.send_whole(slot);
            host.compared(slot);
            true
        }
        _ => true,
    }
}
