//! What came from the peer enters the log.

use super::body::{Body, Key};
use super::log::{Entry, Order};
use super::wire::Item;
use super::{Cells, Ordered, Scene};
use crate::error::Code;
use crate::estp::dot::{Lost, VersionVector};
use crate::estp::place::Place;
use crate::estp::stamp::Stamp;
use std::fmt;
use std::sync::Arc;

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is in the log now.
    New,
    /// The candidate was there; now it has its position.
    Placed,
    /// It was known before.
    Known,
}

/// An item breaks a rule that every honest half keeps. It was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmitError {
    /// A candidate's stamp is not above those of its causal context, so the order would contradict causality.
    StampBelowContext {
        /// The stamp it bears.
        stamp: Stamp,
        /// A stamp of its context.
        context: Stamp,
    },
    /// The peer has more candidates pending than the Pair allows.
    TooMany,
    /// The anchor placed a candidate that is not here.
    UnknownCandidate,
    /// A position that does not follow the one before, from somebody who is not the anchor, or missing.
    Position,
}

impl AdmitError {
    /// The permanent code.
    pub fn code(&self) -> Code {
        Code::Protocol
    }
}

impl fmt::Display for AdmitError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdmitError::StampBelowContext { stamp, context } => {
                write!(out, "a candidate stamped {stamp} follows one stamped {context}")
            }
            AdmitError::TooMany => out.write_str("more candidates pending than the Pair allows"),
            AdmitError::UnknownCandidate => out.write_str("a position for a candidate that was never written"),
            AdmitError::Position => out.write_str("a candidate out of the anchor's order"),
        }
    }
}

impl Ordered {
    /// Takes an item of the peer's delta into the log. `arrival` is the number that the delta took here. The version vector must not have been
    /// advanced by the item yet. Cells change with the next [`Ordered::refold_if_stale`].
    ///
    /// # Errors
    /// [`AdmitError`]; the item was not taken.
    pub fn admit(&mut self, vector: &VersionVector, item: Item, arrival: u64) -> Result<Admission, AdmitError> {
        match (self.log.order(), item) {
            (Order::Stamps, Item::Body { body, position: None }) => self.admit_by_stamp(vector, body, arrival),
            (Order::Anchor { here: true }, Item::Body { body, position: None }) => self.admit_at_anchor(vector, body, arrival),
            (Order::Anchor { here: false }, Item::Body { body, position: Some(position) }) => {
                self.admit_placed(vector, body.key(), Some(body), position, arrival)
            }
            (Order::Anchor { here: false }, Item::Placed { key, position }) => self.admit_placed(vector, key, None, position, arrival),
            (Order::Anchor { here: false }, Item::Gap(gap)) => {
                self.displace(|position| gap.contains(position), arrival);
                Ok(Admission::Known)
            }
            _ => Err(AdmitError::Position),
        }
    }

    fn admit_by_stamp(&mut self, vector: &VersionVector, body: Body, arrival: u64) -> Result<Admission, AdmitError> {
        let place = Place { stamp: body.stamp, author: vector.author(body.author), number: body.number };
        // Nothing new sorts below what is committed, so this one is part of it.
        if self.committed.is_some_and(|committed| place <= committed) || self.log.find(body.key()).is_some() {
            return Ok(Admission::Known);
        }
        let behind = self.log.iter().rev().take_while(|entry| entry.body.stamp >= body.stamp);
        if let Some(seen) = behind.filter(|entry| body.saw(entry.body.key())).last() {
            return Err(AdmitError::StampBelowContext { stamp: body.stamp, context: seen.body.stamp });
        }
        self.check_count()?;
        self.enter(Arc::new(body), vector, arrival, None);
        Ok(Admission::New)
    }

    fn admit_at_anchor(&mut self, vector: &VersionVector, body: Body, arrival: u64) -> Result<Admission, AdmitError> {
        let (author, number) = body.key();
        let is_known = if author == self.me {
            // Only what was lost in a crash comes back; its numbers lie below those given since.
            self.log.find(body.key()).is_some() || !self.returned.insert(number)
        } else {
            number <= vector.seen(author).number
        };
        if is_known {
            return Ok(Admission::Known);
        }
        self.check_count()?;
        self.enter(Arc::new(body), vector, arrival, Some(arrival));
        Ok(Admission::New)
    }

    fn admit_placed(
        &mut self,
        vector: &VersionVector,
        key: Key,
        body: Option<Body>,
        position: u64,
        arrival: u64,
    ) -> Result<Admission, AdmitError> {
        if position <= self.committed_position {
            return Ok(Admission::Known);
        }
        let found = self.log.find(key);
        if found.is_some_and(|at| at < self.log.placed()) {
            let held = found.and_then(|at| self.log.get(at)?.position);
            return if held == Some(position) { Ok(Admission::Known) } else { Err(AdmitError::Position) };
        }
        let last = self.log.placed().checked_sub(1).and_then(|last| self.log.get(last)?.position);
        if last.is_some_and(|last| last > position) {
            return Err(AdmitError::Position);
        }
        match (found, body) {
            (Some(at), _) => {
                self.give_position(at, Some(position), arrival);
                Ok(Admission::Placed)
            }
            (None, Some(body)) => {
                self.check_count()?;
                self.enter(Arc::new(body), vector, arrival, Some(position));
                Ok(Admission::New)
            }
            (None, None) => Err(AdmitError::UnknownCandidate),
        }
    }

    /// Moves an entry to where its new position puts it.
    fn give_position(&mut self, at: usize, position: Option<u64>, number: u64) {
        let Some(entry) = self.log.remove(at) else { return };
        let key = entry.body.key();
        let arrival = if position.is_none() { number } else { entry.arrival };
        let to = self.log.insert(Entry { position, arrival, changed: number, ..entry });
        if to != at {
            self.fold.disturb(to.min(at));
            self.fold.arrived(key);
        }
    }

    /// To be called at the anchor when it was stopped uncleanly and comes back from the ledger: with the numbers that it may have given and has
    /// lost, and the first number that it takes anew. The peer is told of the gap before anything else; a gap that it is
    /// being told of already is none.
    pub fn lost(&mut self, lost: Lost, number: impl FnOnce() -> u64) {
        let is_known = self.gaps.iter().any(|(_, gap)| *gap == lost);
        if self.log.order() == (Order::Anchor { here: true }) && !lost.is_empty() && !is_known {
            self.gaps.push((number(), lost));
        }
    }

    /// The number that the last gap took, while the peer may not know of it; 0 if there is none.
    pub fn last_gap(&self) -> u64 {
        self.gaps.iter().map(|(number, _)| *number).max().unwrap_or_default()
    }

    /// The anchor lost its ledger and goes on from a seed of this half's: it counts its positions anew. `number` is the next arrival number
    /// here.
    pub fn anchor_anew(&mut self, number: u64) {
        self.displace(|_| true, number);
        self.committed_position = 0;
    }

    /// Takes the position from the entries whose position is lost. They count as arrived again, so that the anchor is sent them.
    pub(super) fn displace(&mut self, is_lost: impl Fn(u64) -> bool, number: u64) {
        if self.log.order() != (Order::Anchor { here: false }) {
            return;
        }
        while let Some(last) = self.log.placed().checked_sub(1)
            && self.log.get(last).and_then(|entry| entry.position).is_some_and(&is_lost)
        {
            self.give_position(last, None, number);
        }
    }

    /// An honest peer stops writing at the limit; what it had in flight, and what is committed there and not here yet, comes on top.
    fn check_count(&self) -> Result<(), AdmitError> {
        if self.log.len() >= self.limit.saturating_mul(4).saturating_add(64) { Err(AdmitError::TooMany) } else { Ok(()) }
    }

    /// Takes back everything that is folded in: the cells show their committed versions.
    pub(super) fn unwind<C: Cells>(&mut self, scene: &mut Scene<'_, C>, touched: &mut super::Touched) {
        self.fold.unwind(0, scene.cells, touched);
        self.fold.disturb(0);
    }
}
