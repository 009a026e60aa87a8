//! What links coming up and going down mean for the Pairs and tickets of the engine.

use crate::contacts::Contact;
use crate::courier::PeerLink;
use crate::error::Error;
use crate::io::accept::Newcomer;
use crate::io::live::LinkHandle;
use crate::observe::Happening;
use crate::pair_core::{PairCore, PairState};
use crate::shared::Shared;
use spook_protocol::error::Code;
use spook_protocol::estp::Stamp;
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::etcp::{Refusal, Ticket, TicketId};
use spook_protocol::id::EndpointId;
use spook_protocol::link::{Held, Lost, Progress};
use spook_protocol::registry::PeerIndex;
use std::sync::Arc;

/// The peer at the other end of a link that is up: entered if it is new.
pub(crate) fn enter_peer(shared: &Shared, newcomer: &Newcomer) -> PeerIndex {
    let endpoint = newcomer.keys.endpoint_id();
    let mut registry = shared.registry();
    let known = registry.find_peer(endpoint);
    let peer = known.unwrap_or_else(|| registry.add_peer(endpoint, Held::default(), Lost::default(), Progress::default(), 0));
    let told_of = registry.begin_link(peer, &newcomer.theirs);
    let refused = registry.take_refused(peer);
    registry.confirm_meeting(peer, newcomer.meeting);
    drop(registry);
    for core in refused.into_iter().filter_map(|pair| shared.pair(pair)) {
        if let Ok(half) = core.lock().half(&core, shared) {
            half.joined_at(shared.arrive(core.index, Stamp::ZERO).number);
        }
    }
    shared.settle(&told_of);
    let mut contacts = shared.contacts();
    if known.is_none() {
        let contact = Contact { keys: newcomer.keys, addresses: Vec::new(), heard_hello: 0, sent_hello: shared.time.now_ms() };
        contacts.add(peer, contact);
    }
    contacts.heard(peer, newcomer.heard_hello, shared.time.now_ms());
    contacts.listens_at(peer, &newcomer.addresses);
    contacts.touch(peer);
    drop(contacts);
    shared.notify_ledger();
    peer
}

pub(crate) fn shared_pairs(shared: &Shared, peer: PeerIndex) -> Vec<Arc<PairCore>> {
    let pairs: Vec<_> = shared.registry().shared_with(peer).collect();
    pairs.into_iter().filter_map(|pair| shared.pair(pair)).collect()
}

/// What the peer showed is gone.
pub(crate) fn take_presence(state: &mut PairState) -> Vec<Happening> {
    state.presence.link_down().into_iter().map(|key| Happening::Presence { key: key.into(), value: None }).collect()
}

/// The link is up: the Pairs that it carries are entangled.
pub(crate) fn entangle(shared: &Shared, link: &Arc<LinkHandle>) {
    for core in shared_pairs(shared, link.peer) {
        let mut state = core.lock();
        state.link = Some(Arc::clone(link) as Arc<dyn PeerLink>);
        // Of a link whose place this one takes.
        let gone = take_presence(&mut state);
        if let Some(half) = state.half_if_awake() {
            half.link_up();
            drop(core.tell(half, gone));
        }
    }
}

/// The link is down: the Pairs that it carried are decohered.
pub(crate) fn decohere(shared: &Shared, link: &Arc<LinkHandle>, reason: Reason) {
    for core in shared_pairs(shared, link.peer) {
        let mut state = core.lock();
        if state.link.as_ref().is_some_and(|current| std::ptr::addr_eq(Arc::as_ptr(current), Arc::as_ptr(link))) {
            state.link = None;
        }
        let gone = take_presence(&mut state);
        if let Some(half) = state.half_if_awake() {
            half.link_down(reason);
            drop(core.tell(half, gone));
        }
    }
}

/// Tells those who wait for a ticket's issuer why it was not reached this time.
pub(crate) fn note_obstacle(shared: &Shared, issuer: EndpointId, reason: &str) {
    let forming = shared.forming();
    for secret in forming.to_redeem_at(issuer) {
        if let Some(redeeming) = forming.redeeming(secret.id()) {
            redeeming.note_obstacle(reason.to_owned());
        }
    }
}

/// The issuer turned this endpoint away: for the ticket that it was shown, or altogether.
pub(crate) fn refuse_redemptions(shared: &Shared, issuer: EndpointId, presented: Option<TicketId>, refusal: Refusal) {
    let (code, only) = match refusal {
        Refusal::Version => (Code::Version, None),
        Refusal::TicketExpired => (Code::TicketExpired, presented),
        Refusal::TicketUsed => (Code::TicketUsed, presented),
        Refusal::Busy | Refusal::Renewing | Refusal::LedgerIsOld => return,
        Refusal::Revoked | Refusal::Other(_) => (Code::Refused, None),
    };
    let is_meant = |ticket: &Ticket| ticket.issuer.endpoint_id() == issuer && only.is_none_or(|id| ticket.secret.id() == id);
    shared.forming().give_up(is_meant, &Error::new(code, refusal.to_string()));
}
