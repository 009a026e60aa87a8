//! What became of writes.

use super::Pair;
use crate::candidate::Candidate;
use crate::error::Error;
use crate::observe::Verdict;
use crate::writing::{Fingerprint, Status};
use spook_protocol::error::Code;
use spook_protocol::estp::half::Horizon;
use spook_protocol::estp::place::Place;
use spook_protocol::estp::{HalfPair, ordered};
use std::time::{Duration, Instant};

impl Pair {
    /// What became of a write, of this endpoint or the peer. Of an ordered Pair, the reasons of the last 1,024 that were voided are remembered.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a candidate that this half has not applied; [`Code::Closed`] and the like.
    pub fn status(&self, candidate: &Candidate) -> Result<Status, Error> {
        self.wait_committed(candidate, Duration::ZERO)
    }

    /// Waits until a write is committed or voided, for so long at the most: what became of it by then.
    ///
    /// # Errors
    /// As [`Pair::status`].
    pub fn wait_committed(&self, candidate: &Candidate, timeout: Duration) -> Result<Status, Error> {
        let shared = &self.open.shared;
        shared.check()?;
        let mut last = None;
        self.wait_until(Instant::now().checked_add(timeout), |half, _| {
            let horizon = shared.registry().horizon(self.core.index);
            let status = status_of(half, candidate, horizon);
            let is_over = status.as_ref().is_none_or(Status::is_final);
            last = status;
            is_over.then_some(())
        })?;
        last.ok_or_else(|| Error::new(Code::NotFound, "the candidate is not known here"))
    }

    /// Whether a candidate written here is final at both halves: committed, or voided.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like; [`Code::Invalid`] for a candidate of another endpoint.
    pub fn is_settled(&self, candidate: &Candidate) -> Result<bool, Error> {
        if candidate.dot.author.endpoint != self.core.endpoint {
            return Err(Error::new(Code::Invalid, "the candidate was not written here"));
        }
        self.status(candidate).map(|status| status.is_final())
    }

    /// Names the versions at and below a path as they are now, for a [guard](crate::Guard::unchanged) that nothing be written there in between.
    ///
    /// # Errors
    /// [`Code::Guard`] in a Pair without guards; [`Code::Pointer`]; [`Code::Closed`] and the like.
    pub fn fingerprint(&self, path: &str) -> Result<Fingerprint, Error> {
        if !self.core.schema.is_ordered() {
            return Err(Error::new(Code::Guard, "this Pair was created without guards"));
        }
        spook_protocol::pointer::keys(path).map_err(|error| Error::pointer(path, error))?;
        self.with_half(|half| Fingerprint(half.fingerprint(path)))
    }
}

fn status_of(half: &mut HalfPair, candidate: &Candidate, horizon: Horizon) -> Option<Status> {
    let Candidate { dot, stamp, .. } = *candidate;
    let held_by_peer = dot.author.endpoint != half.me().endpoint || dot.number.max(half.joined()) <= horizon.peer_holds;
    if half.is_ordered() {
        return Some(match half.status(dot)? {
            ordered::Status::Committed => Status::Committed,
            ordered::Status::Voided(rejection) => Status::Voided(rejection.to_string().into()),
            ordered::Status::Tentative(verdict) => Status::Tentative { verdict: verdict.into(), held_by_peer },
        });
    }
    let author = half.vector().index_of(dot.author)?;
    if dot.number > half.vector().seen(author).number {
        return None;
    }
    let place = Place { stamp, author: dot.author, number: dot.number };
    let is_committed = half.commit_point().is_some_and(|point| place <= point);
    Some(if is_committed { Status::Committed } else { Status::Tentative { verdict: Verdict::Accepted, held_by_peer } })
}
