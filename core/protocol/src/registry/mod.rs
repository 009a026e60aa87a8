//! What an endpoint knows of its Pairs and peers besides the halves themselves: who shares what, who holds what, what is durable.
//!
//! An engine keeps it behind one lock that is held for a few instructions. It is always taken after the lock of a Pair, never before one.

mod lineage;
#[cfg(test)]
mod tests;

use crate::canary::{self, Canary};
use crate::estp::feed::{FeedEntry, FeedIndex, Issue, Sequencer};
use crate::estp::half::Horizon;
use crate::estp::{Author, Stamp};
use crate::id::{EndpointId, PairId};
use crate::link::{Held, Lineage, Lost, Meetings, Progress, Resume};
use std::collections::{BTreeMap, VecDeque};

/// A Pair of this endpoint: dense, in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairIndex(pub u32);

/// A peer of this endpoint: dense, in the order of first contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerIndex(pub u32);

/// How many unclean stops without a link in between are kept apart.
const GAPS: usize = 64;

/// Where a Pair is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// With whom.
    pub peer: PeerIndex,
    /// The Pair's number between the two.
    pub slot: u64,
}

#[derive(Debug)]
struct PairEntry {
    id: PairId,
    share: Option<Share>,
    /// The peer said that it does not have the Pair.
    refused: bool,
    /// The feeds that list this Pair: the ledger's unless it is kept in memory only, and the peer's.
    places: Vec<(FeedIndex, FeedEntry)>,
}

#[derive(Debug)]
struct PeerEntry {
    id: EndpointId,
    feed: FeedIndex,
    /// Pairs in the order in which they entered the feed, with their slots.
    listed: Vec<(PairIndex, u64)>,
    slots: BTreeMap<u64, PairIndex>,
    held: Held,
    /// The links with it, under the present author epochs of both.
    met: Meetings,
    /// Those under the author epoch that this endpoint had before, until there is one under the present epoch.
    before: (u32, Meetings),
    /// What is remembered of its other author epochs, the last one first.
    former: Vec<Lineage>,
    /// The largest of its numbers that anything here speaks of.
    seen: u64,
    /// What the ledger's record says of `held`, and what it will say once the present batch is durable.
    recorded: u64,
    collected: u64,
    lost: Lost,
    /// The same to the number.
    gaps: Vec<Lost>,
    /// Marks of the peer that are applied but not durable here: (its number, the own number from which on it is durable).
    marks: VecDeque<(u64, u64)>,
    progress: Progress,
    /// Up to which of the own numbers the peer's acknowledgements were placing, and what they place is durable here.
    placed: u64,
    /// Placing acknowledgements of which what they place is not durable here: (own number, the own number from which on it is).
    placing: VecDeque<(u64, u64)>,
    /// The last own number that was given to a delta of this peer's.
    arrived: u64,
    /// What the peer had lost when the present link began.
    peer_lost: Lost,
}

/// The Pairs and peers of one endpoint, its counter and its clock.
#[derive(Debug)]
pub struct Registry {
    me: EndpointId,
    epoch: u32,
    /// The last number that was given before this epoch, or this run.
    begun_after: u64,
    sequencer: Sequencer,
    ledger: FeedIndex,
    durable: u64,
    /// A ledger keeps what is held of the peers: they are told of no more than its records say.
    keeps_records: bool,
    pairs: Vec<PairEntry>,
    in_ledger: Vec<PairIndex>,
    peers: Vec<PeerEntry>,
}

/// What the ledger is to store in one batch.
#[derive(Debug)]
pub struct LedgerCut {
    /// The batch is complete up to this number.
    pub number: u64,
    /// The Pairs that changed after the last durable number.
    pub pairs: Vec<PairIndex>,
}

impl Registry {
    /// The registry of `me` in an author epoch. Everything up to `durable` is in the ledger.
    pub fn new(me: EndpointId, epoch: u32, mut sequencer: Sequencer, durable: u64) -> Registry {
        let (ledger, begun_after) = (sequencer.add_feed(), sequencer.last());
        let (pairs, in_ledger, peers) = (Vec::new(), Vec::new(), Vec::new());
        Registry { me, epoch, begun_after, sequencer, ledger, durable, keeps_records: false, pairs, in_ledger, peers }
    }

    /// There is a ledger, whose batches have what [`Registry::record_held`] gives. From then on peers are told of what these records say, so that
    /// an endpoint that says less than before is one whose ledger went back.
    pub fn keep_records(&mut self) {
        self.keeps_records = true;
    }

    /// This endpoint.
    pub fn me(&self) -> EndpointId {
        self.me
    }

    /// Its author epoch.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Who writes here.
    pub fn author(&self) -> Author {
        Author { endpoint: self.me, epoch: self.epoch }
    }

    /// The counter and the clock.
    pub fn sequencer(&mut self) -> &mut Sequencer {
        &mut self.sequencer
    }

    /// Enters a Pair that is created now. `changed` is not below the last change of any Pair.
    pub fn add_pair(&mut self, id: PairId, changed: u64, in_ledger: bool) -> PairIndex {
        let index = self.add_pair_unlisted(id);
        if in_ledger {
            self.list_in_ledger(index, changed);
        }
        index
    }

    /// Enters a Pair that is in no feed yet: the ledger gives Pairs in the order of their indices, and feeds want that of their last change.
    pub fn add_pair_unlisted(&mut self, id: PairId) -> PairIndex {
        self.pairs.push(PairEntry { id, share: None, refused: false, places: Vec::new() });
        PairIndex(self.pairs.len() as u32 - 1)
    }

    /// Lists a Pair among those that the ledger keeps. `changed` is its last change, not below that of any Pair listed before.
    pub fn list_in_ledger(&mut self, pair: PairIndex, changed: u64) {
        self.pairs[pair.0 as usize].places.push((self.ledger, self.sequencer.feed(self.ledger).enter(changed)));
        self.in_ledger.push(pair);
    }

    /// How many Pairs there are.
    pub fn pair_count(&self) -> usize {
        self.pairs.len()
    }

    /// The name of a Pair.
    pub fn pair_id(&self, pair: PairIndex) -> PairId {
        self.pairs[pair.0 as usize].id
    }

    /// The Pair of that name.
    pub fn find_pair(&self, id: PairId) -> Option<PairIndex> {
        self.pairs.iter().position(|pair| pair.id == id).map(|index| PairIndex(index as u32))
    }

    /// Enters a peer. `lost` is what this endpoint lost when it was stopped uncleanly, `progress` the last that it knows of the peer, and `placed` up
    /// to which of the own numbers the peer's acknowledgements were placing.
    pub fn add_peer(&mut self, id: EndpointId, held: Held, lost: Lost, progress: Progress, placed: u64) -> PeerIndex {
        let lost = lineage::lost_to(lost, progress);
        let feed = self.sequencer.add_feed();
        self.peers.push(PeerEntry {
            id,
            feed,
            listed: Vec::new(),
            slots: BTreeMap::new(),
            held,
            met: Meetings::default(),
            before: (0, Meetings::default()),
            former: Vec::new(),
            seen: held.number,
            recorded: held.number,
            collected: held.number,
            lost,
            gaps: Vec::new(),
            marks: VecDeque::new(),
            progress,
            placed,
            placing: VecDeque::new(),
            arrived: 0,
            peer_lost: Lost::default(),
        });
        PeerIndex(self.peers.len() as u32 - 1)
    }

    /// The peer of that name.
    pub fn find_peer(&self, id: EndpointId) -> Option<PeerIndex> {
        self.peers.iter().position(|peer| peer.id == id).map(|index| PeerIndex(index as u32))
    }

    /// The name of a peer.
    pub fn peer_id(&self, peer: PeerIndex) -> EndpointId {
        self.peers[peer.0 as usize].id
    }

    /// All peers.
    pub fn peers(&self) -> impl Iterator<Item = PeerIndex> {
        (0..self.peers.len() as u32).map(PeerIndex)
    }

    /// A slot that neither side has given yet: even numbers are the smaller endpoint's to give, odd ones the larger's.
    pub fn free_slot(&self, peer: PeerIndex) -> u64 {
        let entry = &self.peers[peer.0 as usize];
        let parity = u64::from(self.me > entry.id);
        entry.slots.keys().rev().find(|slot| *slot & 1 == parity).map_or(parity, |slot| slot + 2)
    }

    /// Shares a Pair with a peer. `changed` is its last change, not below that of any Pair shared with the peer already.
    ///
    /// Returns false if the slot is taken by another Pair or the Pair is shared already.
    #[must_use]
    pub fn share(&mut self, pair: PairIndex, share: Share, changed: u64) -> bool {
        let peer = &mut self.peers[share.peer.0 as usize];
        let entry = &mut self.pairs[pair.0 as usize];
        if entry.share.is_some() || peer.slots.contains_key(&share.slot) {
            return false;
        }
        entry.share = Some(share);
        peer.slots.insert(share.slot, pair);
        peer.listed.push((pair, share.slot));
        entry.places.push((peer.feed, self.sequencer.feed(peer.feed).enter(changed)));
        true
    }

    /// The peer does not have a Pair, or has it again. While it has not, its acknowledgements say nothing of the Pair, and nothing is committed.
    pub fn set_refused(&mut self, pair: PairIndex, refused: bool) {
        self.pairs[pair.0 as usize].refused = refused;
    }

    /// A link begins: the Pairs that the peer had refused count as shared again, for its acceptance may have been lost with the last link. Each is to
    /// take a number and be told of it with [`HalfPair::joined_at`](crate::estp::HalfPair::joined_at), so that what was acknowledged meanwhile says
    /// nothing of it. A peer that still does not have one refuses it again.
    pub fn take_refused(&mut self, peer: PeerIndex) -> Vec<PairIndex> {
        let shared: Vec<PairIndex> = self.shared_with(peer).collect();
        shared.into_iter().filter(|pair| std::mem::take(&mut self.pairs[pair.0 as usize].refused)).collect()
    }

    /// Where a Pair is shared.
    pub fn share_of(&self, pair: PairIndex) -> Option<Share> {
        self.pairs[pair.0 as usize].share
    }

    /// The Pair in a peer's slot.
    pub fn in_slot(&self, peer: PeerIndex, slot: u64) -> Option<PairIndex> {
        self.peers[peer.0 as usize].slots.get(&slot).copied()
    }

    /// The Pairs shared with a peer.
    pub fn shared_with(&self, peer: PeerIndex) -> impl Iterator<Item = PairIndex> {
        self.peers[peer.0 as usize].slots.values().copied()
    }

    /// A number and a stamp for a local write.
    pub fn issue(&mut self, pair: PairIndex, now_ms: u64) -> Issue {
        self.sequencer.issue(now_ms, &self.pairs[pair.0 as usize].places)
    }

    /// A number for a delta about to be applied.
    pub fn arrive(&mut self, pair: PairIndex, latest: Stamp) -> Issue {
        let entry = &self.pairs[pair.0 as usize];
        let issue = self.sequencer.apply(latest, &entry.places);
        if let Some(share) = entry.share {
            self.peers[share.peer.0 as usize].arrived = issue.number;
        }
        issue
    }

    /// The slots of a peer's Pairs that changed after `number`, the last one first, and up to where that list is complete; `None` while nothing
    /// may leave.
    pub fn changed_after(&mut self, peer: PeerIndex, number: u64, slots: &mut Vec<u64>) -> Option<u64> {
        if !self.sequencer.may_leave() {
            return None;
        }
        let peer = &self.peers[peer.0 as usize];
        slots.extend(self.sequencer.feed(peer.feed).after(number).map(|entry| peer.listed[entry.0 as usize].1));
        Some(self.sequencer.last())
    }

    /// Everything that the peer had up to `mark` was applied: it is held once all numbers given so far are durable.
    pub fn received_up_to(&mut self, peer: PeerIndex, mark: u64) {
        let last = self.sequencer.last();
        let peer = &mut self.peers[peer.0 as usize];
        peer.seen = peer.seen.max(mark);
        match peer.marks.back_mut() {
            Some((waiting, number)) if *number == last => *waiting = mark.max(*waiting),
            _ => peer.marks.push_back((mark, last)),
        }
        let durable = if canary::sings(Canary::AcknowledgeBeforeSync) { last } else { self.durable };
        peer.settle_marks(durable);
    }

    /// A link begins: the numbers of the peer that count from now on are those of its epoch. Returns the Pairs for which what it said of its
    /// progress may settle something.
    pub fn begin_link(&mut self, index: PeerIndex, theirs: &Resume) -> Vec<PairIndex> {
        let peer = &mut self.peers[index.0 as usize];
        let mut before = peer.progress.held;
        peer.marks.clear();
        if peer.held.epoch != theirs.epoch && canary::sings(Canary::StaleCursor) {
            peer.held.epoch = theirs.epoch;
        }
        if peer.held.epoch != theirs.epoch {
            before = 0;
            peer.enter_lineage(theirs.epoch, self.keeps_records);
        }
        peer.progress.durable = theirs.durable;
        peer.peer_lost = theirs.lost;
        if theirs.held.epoch == self.epoch {
            peer.progress.held = peer.progress.held.max(theirs.held.number);
        }
        self.unsettled(index, before)
    }

    /// What this endpoint says of itself at the beginning of a link.
    pub fn resume(&self, peer: PeerIndex) -> Resume {
        let PeerEntry { lost, met, .. } = self.peers[peer.0 as usize];
        let held = self.told(peer);
        Resume { epoch: self.epoch, last: self.sequencer.last(), durable: self.durable, lost, held, met }
    }

    /// How far the peer's state is held durably here.
    pub fn held(&self, peer: PeerIndex) -> Held {
        self.peers[peer.0 as usize].held
    }

    /// Notes what was lost at each unclean stop, as it is stored with the peer and as it was found at the last start.
    pub fn note_gaps(&mut self, peer: PeerIndex, gaps: impl IntoIterator<Item = Lost>) {
        let entry = &mut self.peers[peer.0 as usize];
        entry.gaps.extend(gaps.into_iter().filter(|gap| !gap.is_empty()));
        while entry.gaps.len() > GAPS {
            let (first, second) = (entry.gaps.remove(0), entry.gaps[0]);
            entry.gaps[0] = first.and(second);
        }
    }

    /// To the number, what this endpoint has lost of its own and a peer may still have to give back.
    pub fn gaps(&self, peer: PeerIndex) -> &[Lost] {
        &self.peers[peer.0 as usize].gaps
    }

    /// What this endpoint has lost of its own and a peer may still have to give back.
    pub fn lost(&self, peer: PeerIndex) -> Lost {
        self.peers[peer.0 as usize].lost
    }

    /// What the peer said of its own progress.
    pub fn peer_progress(&self, peer: PeerIndex) -> Progress {
        self.peers[peer.0 as usize].progress
    }

    /// How far this endpoint has got, as the peer is told.
    pub fn progress(&self, peer: PeerIndex) -> Progress {
        Progress { held: self.told(peer).number, durable: self.durable }
    }

    fn told(&self, peer: PeerIndex) -> Held {
        self.peers[peer.0 as usize].told(self.keeps_records)
    }

    /// The peer said how far it has got, and that everything it had issued before it applied the own numbers up to `placed` has come: that counts
    /// once it is durable here. Returns the Pairs for which that may settle something.
    pub fn acknowledged(&mut self, peer: PeerIndex, progress: Progress, placed: u64) -> Vec<PairIndex> {
        let entry = &mut self.peers[peer.0 as usize];
        let (before, placed_before) = (entry.progress, entry.placed);
        entry.progress = Progress { held: before.held.max(progress.held), durable: before.durable.max(progress.durable) };
        if placed > entry.last_placed() {
            entry.placing.push_back((placed, entry.arrived));
            entry.settle_placing(self.durable);
        }
        self.unsettled(peer, before.held.min(placed_before))
    }

    /// Up to which of the own numbers the peer's acknowledgements were placing, whether what they place is durable here or not.
    pub fn placed(&self, peer: PeerIndex) -> u64 {
        self.peers[peer.0 as usize].last_placed()
    }

    /// The same as it will be, with durability, once everything up to `number` is durable.
    pub fn placed_at(&self, peer: PeerIndex, number: u64) -> u64 {
        let peer = &self.peers[peer.0 as usize];
        peer.placing.iter().take_while(|(_, own)| *own <= number).last().map_or(peer.placed, |(placed, _)| *placed)
    }

    /// The Pairs of a peer that changed after `number`.
    fn unsettled(&mut self, peer: PeerIndex, number: u64) -> Vec<PairIndex> {
        let peer = &self.peers[peer.0 as usize];
        self.sequencer.feed(peer.feed).after(number).map(|entry| peer.listed[entry.0 as usize].0).collect()
    }

    /// Up to which of the own numbers the ledger is durable.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// What the ledger lacks.
    pub fn ledger_cut(&mut self) -> LedgerCut {
        let number = self.sequencer.last();
        let in_ledger = &self.in_ledger;
        let pairs = self.sequencer.feed(self.ledger).after(self.durable).map(|entry| in_ledger[entry.0 as usize]).collect();
        LedgerCut { number, pairs }
    }

    /// How far a peer's state will be held once everything up to `number` is durable: what the batch up to that number has to say of the peer.
    pub fn record_held(&mut self, peer: PeerIndex, number: u64) -> Held {
        let peer = &mut self.peers[peer.0 as usize];
        let mark = peer.marks.iter().take_while(|(_, own)| *own <= number).map(|(mark, _)| *mark).max();
        peer.collected = mark.map_or(peer.held.number, |mark| mark.max(peer.held.number));
        Held { number: peer.collected, ..peer.held }
    }

    /// The ledger is durable up to `number`. Returns the Pairs for which that may settle something.
    pub fn made_durable(&mut self, number: u64) -> Vec<PairIndex> {
        let before = self.durable;
        self.durable = before.max(number);
        let mut pairs = Vec::new();
        for index in 0..self.peers.len() {
            let peer = &mut self.peers[index];
            let placed = peer.placed;
            peer.recorded = peer.collected;
            peer.settle_marks(self.durable);
            peer.settle_placing(self.durable);
            if peer.placed > placed {
                pairs.extend(self.unsettled(PeerIndex(index as u32), placed));
            }
        }
        let in_ledger = &self.in_ledger;
        pairs.extend(self.sequencer.feed(self.ledger).after(before).map(|entry| in_ledger[entry.0 as usize]));
        pairs
    }

    /// How far both sides of a Pair have got.
    pub fn horizon(&self, pair: PairIndex) -> Horizon {
        let entry = &self.pairs[pair.0 as usize];
        match entry.share {
            Some(_) if entry.refused => Horizon { durable_here: self.durable, ..Horizon::default() },
            None => {
                let everything = u64::MAX;
                let (peer_holds, placed, peer_durable) = (everything, everything, everything);
                Horizon { durable_here: self.durable, peer_holds, placed, peer_durable, ..Horizon::default() }
            }
            Some(share) => {
                let PeerEntry { progress, peer_lost, lost: lost_here, held, placed, .. } = self.peers[share.peer.0 as usize];
                let Progress { held: peer_holds, durable: peer_durable } = progress;
                Horizon { durable_here: self.durable, peer_holds, placed, peer_epoch: held.epoch, peer_durable, lost_here, peer_lost }
            }
        }
    }
}

impl PeerEntry {
    /// How far the peer's state is held, as it may be told.
    fn told(&self, keeps_records: bool) -> Held {
        Held { number: if keeps_records { self.held.number.min(self.recorded) } else { self.held.number }, ..self.held }
    }

    fn last_placed(&self) -> u64 {
        self.placing.back().map_or(self.placed, |(placed, _)| *placed)
    }

    fn settle_placing(&mut self, durable: u64) {
        while let Some(&(placed, number)) = self.placing.front()
            && number <= durable
        {
            self.placed = placed;
            self.placing.pop_front();
        }
    }

    fn settle_marks(&mut self, durable: u64) {
        while let Some(&(mark, number)) = self.marks.front()
            && number <= durable
        {
            self.held.number = self.held.number.max(mark);
            // The first mark of a link says that everything from before it has come, what was lost included.
            self.lost = Lost::default();
            self.gaps.clear();
            self.marks.pop_front();
        }
    }
}
