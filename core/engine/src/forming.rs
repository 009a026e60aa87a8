//! How a Pair comes to have two members: tickets issued here, and tickets of others being redeemed.

use crate::error::Error;
use crate::storage::{self, Issued};
use spook_ledger::{Batch, Ledger};
use spook_protocol::error::Code;
use spook_protocol::etcp::{Ticket, TicketId, TicketSecret};
use spook_protocol::id::EndpointId;
use spook_protocol::registry::PairIndex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tickets, both ways.
#[derive(Default)]
pub(crate) struct Forming {
    issued: BTreeMap<TicketId, Issued>,
    /// Tickets that the ledger has to hear of; whether it knows their secret is told beside.
    dirty: BTreeMap<TicketId, bool>,
    redeeming: BTreeMap<TicketId, Arc<Redeeming>>,
    /// Pairs that were offered and whose state has not come yet.
    awaited: BTreeSet<(PairIndex, TicketId)>,
}

impl Forming {
    /// Takes in a ticket that the ledger has.
    pub(crate) fn restore(&mut self, id: TicketId, ticket: Issued) {
        self.issued.insert(id, ticket);
    }

    /// Takes in a ticket that was just issued.
    pub(crate) fn issue(&mut self, ticket: Issued) {
        let id = ticket.secret.id();
        self.dirty.insert(id, true);
        self.issued.insert(id, ticket);
    }

    pub(crate) fn issued(&self, id: TicketId) -> Option<&Issued> {
        self.issued.get(&id)
    }

    /// Whether `peer` may use the ticket now.
    pub(crate) fn check(&self, id: TicketId, peer: EndpointId, now_ms: u64) -> Result<&Issued, Code> {
        let ticket = self.issued.get(&id).ok_or(Code::Refused)?;
        if ticket.record.used_by.is_some_and(|user| user != peer) {
            return Err(Code::TicketUsed);
        }
        if ticket.record.used_by.is_none() && ticket.record.expires != 0 && now_ms / 1000 >= ticket.record.expires {
            return Err(Code::TicketExpired);
        }
        Ok(ticket)
    }

    /// The ticket belongs to that peer from now on.
    pub(crate) fn mark_used(&mut self, id: TicketId, peer: EndpointId) {
        if let Some(ticket) = self.issued.get_mut(&id) {
            ticket.record.used_by = Some(peer);
            self.dirty.entry(id).or_insert(false);
        }
    }

    pub(crate) fn put_dirty(&mut self, ledger: &Ledger, batch: &mut Batch) {
        for (id, is_new) in std::mem::take(&mut self.dirty) {
            if let Some(ticket) = self.issued.get(&id)
                && storage::put_ticket(ledger, batch, id, ticket, is_new).is_err()
            {
                // The commit that follows fails for the same reason, and says so.
                self.dirty.insert(id, is_new);
            }
        }
    }

    /// Begins to redeem somebody's ticket, or joins whoever is at it.
    pub(crate) fn redeem(&mut self, ticket: Ticket) -> Arc<Redeeming> {
        let id = ticket.secret.id();
        Arc::clone(self.redeeming.entry(id).or_insert_with(|| Arc::new(Redeeming::new(ticket))))
    }

    pub(crate) fn redeeming(&self, id: TicketId) -> Option<Arc<Redeeming>> {
        self.redeeming.get(&id).cloned()
    }

    /// The secrets to send to an issuer once there is a link.
    pub(crate) fn to_redeem_at(&self, issuer: EndpointId) -> Vec<TicketSecret> {
        let of_issuer = |redeeming: &&Arc<Redeeming>| redeeming.ticket.issuer.endpoint_id() == issuer;
        self.redeeming.values().filter(of_issuer).map(|redeeming| redeeming.ticket.secret.clone()).collect()
    }

    /// The Pair of a ticket was offered; its state is on the way.
    pub(crate) fn offered(&mut self, ticket: TicketId, pair: PairIndex) {
        self.awaited.insert((pair, ticket));
    }

    /// Whether the state of any Pair is on the way.
    pub(crate) fn is_awaiting(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Takes the tickets whose Pairs have got their state: those of one Pair, or of all.
    pub(crate) fn take_arrived(&mut self, pairs: &[PairIndex]) -> Vec<(PairIndex, Arc<Redeeming>)> {
        if self.awaited.is_empty() {
            return Vec::new();
        }
        let mut arrived = Vec::new();
        self.awaited.retain(|&(pair, ticket)| {
            let has_come = pairs.contains(&pair);
            if has_come && let Some(redeeming) = self.redeeming.get(&ticket) {
                arrived.push((pair, Arc::clone(redeeming)));
            }
            !has_come
        });
        arrived
    }

    /// Ends the redemptions of some tickets with an error.
    pub(crate) fn give_up(&mut self, is_meant: impl Fn(&Ticket) -> bool, error: &Error) {
        self.redeeming.retain(|_, redeeming| {
            let ends = is_meant(&redeeming.ticket);
            if ends {
                redeeming.finish(Err(error.clone()));
            }
            !ends
        });
    }

    /// Gives a redemption up, or forgets it when it is done.
    pub(crate) fn forget(&mut self, id: TicketId) {
        self.redeeming.remove(&id);
    }
}

/// A ticket being redeemed, and who waits for it.
pub(crate) struct Redeeming {
    pub(crate) ticket: Ticket,
    outcome: Mutex<Outcome>,
    changed: Condvar,
}

#[derive(Default)]
struct Outcome {
    result: Option<Result<PairIndex, Error>>,
    /// Why the last attempt to reach the issuer failed.
    obstacle: Option<String>,
}

impl Redeeming {
    fn new(ticket: Ticket) -> Redeeming {
        Redeeming { ticket, outcome: Mutex::default(), changed: Condvar::new() }
    }

    pub(crate) fn finish(&self, result: Result<PairIndex, Error>) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.result.get_or_insert(result);
        self.changed.notify_all();
    }

    pub(crate) fn note_obstacle(&self, reason: String) {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).obstacle = Some(reason);
    }

    pub(crate) fn wait(&self, timeout: Duration) -> Result<PairIndex, Error> {
        let deadline = Instant::now().checked_add(timeout);
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = &outcome.result {
                return result.clone();
            }
            let left = deadline.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                let reason = outcome.obstacle.clone().unwrap_or_else(|| "no answer".to_owned());
                return Err(Error::new(Code::Unreachable, format!("{}: {reason}", self.ticket.addresses.join(", "))));
            }
            outcome = self.changed.wait_timeout(outcome, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
