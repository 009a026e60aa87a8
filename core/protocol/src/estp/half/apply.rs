//! Applying what came from the peer: as one unit, in time that depends on the delta alone.

use super::HalfPair;
use crate::canary::{self, Canary};
use crate::error::Code;
use crate::estp::commit::Sample;
use crate::estp::delta::{Delta, Incoming};
use crate::estp::dot::{Author, AuthorIndex};
use crate::estp::feed::Issue;
use crate::estp::lifecycle::Event;
use crate::estp::ordered::AdmitError;
use crate::estp::place::Place;
use crate::estp::stamp::Stamp;
use crate::estp::state::{Birth, CellIndex, Survivor, Version};
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
    /// Of a candidate for the log of an ordered Pair.
    Ordered(AdmitError),
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
            Violation::Ordered(error) => error.fmt(out),
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
        if self.reseed == super::compare::Reseed::Coming {
            self.reseed = super::compare::Reseed::No;
        }
        if let Some(delta) = &delta.ordered {
            return self.apply_to_log(delta, issue);
        }
        self.check_order(delta)?;
        let latest = delta.cells.iter().map(|cell| cell.version.stamp).max().unwrap_or(Stamp::ZERO);
        let Issue { number, .. } = issue(latest);
        let known: Vec<u64> = self.vector.entries().iter().map(|seen| seen.number).collect();
        let mut changed = 0;
        for incoming in &delta.cells[usize::from(canary::sings(Canary::HalfApplied) && delta.cells.len() > 1)..] {
            changed += usize::from(self.take(incoming, number, &known));
        }
        for incoming in &delta.cells {
            // Entered to be decoded, and nothing came of it.
            if self.state.arrival(incoming.cell) == 0 {
                self.state.release(incoming.cell);
            }
        }
        self.note_arrivals(delta, number);
        Ok(changed)
    }

    /// The order extends causality by check: a candidate must be stamped above what its author had applied, as far as this half knows the stamps.
    fn check_order(&self, delta: &Delta) -> Result<(), Violation> {
        let mut last = None;
        for cell in &delta.cells {
            let version = &cell.version;
            if cell.is_settled || last == Some((version.author, version.number)) {
                continue;
            }
            last = Some((version.author, version.number));
            let earlier = self.vector.seen(version.author);
            let mut context = if version.number > earlier.number { earlier.stamp } else { Stamp::ZERO };
            for (author, number) in cell.context.entries() {
                context = context.max(self.stamp_of(author, number));
            }
            if version.stamp <= context {
                return Err(Violation::StampBelowContext { stamp: version.stamp, context });
            }
        }
        Ok(())
    }

    /// A stamp that the candidate of that author and number is not below, as far as it is remembered: the last one of each author is, and of
    /// the own ones those that are not committed.
    fn stamp_of(&self, author: AuthorIndex, number: u64) -> Stamp {
        let seen = self.vector.seen(author);
        if seen.number <= number {
            return seen.stamp;
        }
        let known = if author == self.me { self.commit.own.highest_up_to(number) } else { None };
        known.map_or(Stamp::ZERO, |place| place.stamp)
    }

    /// Enters what was applied into the vector, and among what is to be committed.
    fn note_arrivals(&mut self, delta: &Delta, arrival: u64) {
        let (mut own, mut theirs): (Option<Sample>, Option<Sample>) = (None, None);
        for Incoming { version, .. } in &delta.cells {
            let place = self.place(version);
            let before = self.vector.seen(version.author).number;
            if version.author == self.me && !self.lost.iter().any(|lost| lost.contains(version.number)) {
                continue;
            }
            self.vector.advance(version.author, version.number, version.stamp);
            if self.commit.includes(place) && version.number <= before {
                continue;
            }
            let Author { endpoint, epoch } = place.author;
            let is_own = endpoint == self.me().endpoint;
            // Another copy of this half counts for itself: what it wrote is acknowledged by the number under which it came here.
            let number = if is_own && place.author != self.me() { arrival } else { version.number };
            let line = if is_own { &mut own } else { &mut theirs };
            let sample = Sample { number, arrival, epoch: Some(epoch), low: place, high: place };
            *line = Some(line.map_or(sample, |before| before.and(sample)));
        }
        if let Some(sample) = own {
            self.commit.own.note(sample);
            self.on(Event::LocalCandidate);
        }
        if let Some(sample) = theirs {
            self.commit.theirs.note(sample);
            self.last_remote_arrival = arrival;
            self.on(Event::RemoteCandidate);
        }
    }

    fn take(&mut self, incoming: &Incoming, number: u64, known: &[u64]) -> bool {
        let Incoming { cell, version, birth, context, is_settled } = incoming;
        let cell = *cell;
        let before = self.state.arrival(cell);
        let survivor = Survivor { is_settled: *is_settled, ..Survivor::new(version.clone(), context.clone()) };
        let is_known = self.is_known(version, known);
        let stays = !is_known && self.admit(cell, survivor, number, birth.unwrap_or_default());
        // A name that comes with what is known is known, or outdated: the cell may have been created again since.
        if before > 0
            && !is_known
            && let Some(birth) = birth
        {
            self.take_birth(cell, *birth, number, stays);
        }
        if stays {
            self.show(cell);
            self.note_change(cell, number);
        }
        stays
    }

    /// Whether a version was applied before. Of own candidates only those are unknown that were lost.
    fn is_known(&self, version: &Version, known: &[u64]) -> bool {
        if version.author == self.me {
            return !self.lost.iter().any(|lost| lost.contains(version.number));
        }
        known.get(usize::from(version.author.0)).is_some_and(|&known| version.number <= known)
    }

    /// The peer will use its name for the cell once it knows that this half has it: it has to be stored, even if nothing else changed.
    fn take_birth(&mut self, cell: CellIndex, birth: Birth, number: u64, stays: bool) {
        if self.old_names.iter().any(|(_, old)| *old == birth) {
            // The sender knows nothing yet of the deletion and the new name.
            return;
        }
        let old = self.state.birth(cell);
        if !self.state.learn_birth(cell, birth) {
            return;
        }
        if !stays {
            self.state.touch(cell, number);
        } else if let Some(place) = self.created_again(cell) {
            self.old_names.push_back((place, old));
        }
    }

    /// The place of the candidate that created a cell again which was deleted here, if what shows still is the deletion.
    fn created_again(&self, cell: CellIndex) -> Option<Place> {
        let shown = self.state.version(cell)?;
        let newest = self.state.layer(cell)?.survivors.last()?;
        (shown.value.is_none() && newest.overwrites(shown)).then(|| self.place(&newest.version))
    }
}
