//! Applying what came from the peer: as one unit, in time that depends on the delta alone.

use super::HalfPair;
use crate::error::Code;
use crate::estp::collapse::{Place, wins};
use crate::estp::delta::{Delta, Incoming};
use crate::estp::feed::Issue;
use crate::estp::lifecycle::Event;
use crate::estp::stamp::Stamp;
use crate::estp::state::Version;
use std::fmt;

/// A delta breaks a rule that every honest half keeps. Nothing of it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A candidate's stamp is not above those of its causal context, so the order would contradict causality.
    StampBelowContext {
        /// The stamp it bears.
        stamp: Stamp,
        /// A stamp of its context.
        context: Stamp,
    },
}

impl Violation {
    /// The permanent code.
    pub fn code(&self) -> Code {
        Code::Protocol
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::StampBelowContext { stamp, context } => {
                write!(out, "a candidate stamped {stamp} follows one stamped {context}")
            }
        }
    }
}

impl HalfPair {
    /// Applies a delta of the peer's. `issue` is asked for a number once the delta has been checked.
    ///
    /// Idempotent: what was applied before, or has been overwritten since, changes nothing. Returns the number of cells that changed.
    ///
    /// # Errors
    /// [`Violation`]; nothing was applied then.
    pub fn apply(&mut self, delta: &Delta, issue: impl FnOnce(Stamp) -> Issue) -> Result<usize, Violation> {
        self.check_order(delta)?;
        let latest = delta.cells.iter().map(|cell| cell.version.stamp).max().unwrap_or(Stamp::ZERO);
        let Issue { number, .. } = issue(latest);
        let mut changed = 0;
        for incoming in &delta.cells {
            changed += usize::from(self.take(incoming, number));
        }
        self.last_remote_arrival = number;
        self.on(Event::RemoteCandidate);
        Ok(changed)
    }

    /// The order extends causality by check: a candidate must be stamped above what its author had applied, as far as this half knows the stamps.
    fn check_order(&self, delta: &Delta) -> Result<(), Violation> {
        let mut last = None;
        for cell in &delta.cells {
            let version = &cell.version;
            if last == Some((version.author, version.number)) {
                continue;
            }
            last = Some((version.author, version.number));
            let earlier = self.vector.seen(version.author);
            let context = if version.number > earlier.number { earlier.stamp } else { Stamp::ZERO };
            let mine = cell.context.map_or(Stamp::ZERO, |number| self.stamp_at(number));
            let context = context.max(mine);
            if version.stamp <= context {
                return Err(Violation::StampBelowContext { stamp: version.stamp, context });
            }
        }
        Ok(())
    }

    /// The stamp of the own candidate `number`, if it is the last one: the case of a peer that is up to date. Older ones are not remembered.
    fn stamp_at(&self, number: u64) -> Stamp {
        let mine = self.vector.seen(self.me);
        if mine.number == number { mine.stamp } else { Stamp::ZERO }
    }

    fn take(&mut self, incoming: &Incoming, number: u64) -> bool {
        let Incoming { cell, version, birth, .. } = incoming;
        let cell = *cell;
        self.vector.advance(version.author, version.number, version.stamp);
        let place = |version: &Version| Place { stamp: version.stamp, author: self.vector.author(version.author), number: version.number };
        let is_held = self.state.version(cell).is_some_and(|holder| !wins(place(version), place(holder)));
        let is_renamed = match birth {
            Some(birth) if self.state.version(cell).is_some() => self.state.learn_birth(cell, *birth),
            _ => false,
        };
        if is_held {
            // The peer will use its name for the cell once it knows that this half has it: it has to be stored, though nothing else changed.
            if is_renamed {
                self.state.touch(cell, number);
            }
            return false;
        }
        self.state.set(cell, version.clone(), number, birth.unwrap_or_default());
        self.note_change(cell, number);
        true
    }
}
