//! What is known of the peers besides their progress: keys, addresses, timestamps of hellos.

use spook_protocol::etcp::PublicKeys;
use spook_protocol::id::EndpointId;
use spook_protocol::record::PeerRecord;
use spook_protocol::registry::{PeerIndex, Registry};
use std::collections::{BTreeMap, BTreeSet};

/// How far ahead of the own clock the timestamp of a hello is remembered.
const HELLO_AHEAD_MS: u64 = 60_000;

/// One peer.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub(crate) keys: PublicKeys,
    pub(crate) addresses: Vec<String>,
    pub(crate) heard_hello: u64,
    pub(crate) sent_hello: u64,
}

/// All peers, and which of them the ledger has to hear of.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    known: BTreeMap<PeerIndex, Contact>,
    dirty: BTreeSet<PeerIndex>,
}

impl Contacts {
    pub(crate) fn add(&mut self, peer: PeerIndex, contact: Contact) {
        self.known.insert(peer, contact);
    }

    pub(crate) fn get(&self, peer: PeerIndex) -> Option<&Contact> {
        self.known.get(&peer)
    }

    /// Something changed that the ledger keeps of a peer.
    pub(crate) fn touch(&mut self, peer: PeerIndex) {
        self.dirty.insert(peer);
    }

    /// Something changed that the ledger keeps of all peers.
    pub(crate) fn touch_all(&mut self) {
        self.dirty.extend(self.known.keys());
    }

    /// A hello of the peer was accepted. One whose clock was far ahead keeps the peer away for a minute, not until that time has come, should it have
    /// forgotten what it said: such a hello can be sent again by somebody, who then fails to prove it.
    pub(crate) fn heard(&mut self, peer: PeerIndex, timestamp: u64, now_ms: u64) {
        if let Some(contact) = self.known.get_mut(&peer) {
            contact.heard_hello = contact.heard_hello.max(timestamp.min(now_ms.saturating_add(HELLO_AHEAD_MS)));
            self.dirty.insert(peer);
        }
    }

    /// The peer says where it listens. A peer that says nothing keeps the addresses it had.
    pub(crate) fn listens_at(&mut self, peer: PeerIndex, addresses: &[String]) {
        if let Some(contact) = self.known.get_mut(&peer)
            && !addresses.is_empty()
            && contact.addresses != addresses
        {
            contact.addresses = addresses.to_vec();
            self.dirty.insert(peer);
        }
    }

    /// The timestamp for the next hello to the peer: the time of day, but above every earlier one.
    pub(crate) fn next_hello(&mut self, peer: PeerIndex, now_ms: u64) -> u64 {
        let Some(contact) = self.known.get_mut(&peer) else { return now_ms };
        contact.sent_hello = now_ms.max(contact.sent_hello + 1);
        self.dirty.insert(peer);
        contact.sent_hello
    }

    /// The records of the peers that the ledger has to hear of, as of a cut at `number`.
    pub(crate) fn take_dirty(&mut self, registry: &mut Registry, number: u64) -> Vec<(EndpointId, PeerRecord)> {
        let dirty = std::mem::take(&mut self.dirty);
        let record = |peer: PeerIndex| {
            let contact = self.known.get(&peer)?.clone();
            let Contact { keys, addresses, heard_hello, sent_hello } = contact;
            let (held, progress, placed) =
                (registry.record_held(peer, number), registry.peer_progress(peer), registry.placed_at(peer, number));
            let (lost, gaps) = (registry.lost(peer), registry.gaps(peer).to_vec());
            let memory = registry.memory(peer);
            let record = PeerRecord { keys, addresses, held, lost, gaps, progress, placed, heard_hello, sent_hello, memory };
            Some((registry.peer_id(peer), record))
        };
        dirty.into_iter().filter_map(record).collect()
    }
}
