//! What an endpoint knows of its Pairs and peers besides the halves themselves: who shares what, who holds what, what is durable.
//!
//! An engine keeps it behind one lock that is held for a few instructions. It is always taken after the lock of a Pair, never before one.

use crate::canary::{self, Canary};
use crate::estp::Stamp;
use crate::estp::feed::{FeedEntry, FeedIndex, Issue, Sequencer};
use crate::estp::half::Horizon;
use crate::id::{EndpointId, PairId};
use crate::link::{Held, Lost, Progress, Resume};
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
    sequencer: Sequencer,
    ledger: FeedIndex,
    durable: u64,
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
        let ledger = sequencer.add_feed();
        Registry { me, epoch, sequencer, ledger, durable, pairs: Vec::new(), in_ledger: Vec::new(), peers: Vec::new() }
    }

    /// This endpoint.
    pub fn me(&self) -> EndpointId {
        self.me
    }

    /// Its author epoch.
    pub fn epoch(&self) -> u32 {
        self.epoch
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
    pub fn add_peer(&mut self, id: EndpointId, held: Held, mut lost: Lost, progress: Progress, placed: u64) -> PeerIndex {
        if !lost.is_empty() {
            // What the peer acknowledged after the ledger was written may have been sent under names that are forgotten now.
            lost.from = lost.from.min(progress.held);
        }
        let feed = self.sequencer.add_feed();
        self.peers.push(PeerEntry {
            id,
            feed,
            listed: Vec::new(),
            slots: BTreeMap::new(),
            held,
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
            peer.held = Held { epoch: theirs.epoch, number: 0 };
            // Another ledger than before, perhaps an old copy: what that one held says nothing about this one.
            peer.progress = Progress::default();
            before = 0;
            peer.placed = 0;
            peer.placing.clear();
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
        let PeerEntry { held, lost, .. } = self.peers[peer.0 as usize];
        Resume { epoch: self.epoch, last: self.sequencer.last(), durable: self.durable, lost, held }
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
        Progress { held: self.peers[peer.0 as usize].held.number, durable: self.durable }
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
    pub fn held_at(&self, peer: PeerIndex, number: u64) -> Held {
        let peer = &self.peers[peer.0 as usize];
        let mark = peer.marks.iter().take_while(|(_, own)| *own <= number).map(|(mark, _)| *mark).max();
        Held { number: mark.map_or(peer.held.number, |mark| mark.max(peer.held.number)), ..peer.held }
    }

    /// The ledger is durable up to `number`. Returns the Pairs for which that may settle something.
    pub fn made_durable(&mut self, number: u64) -> Vec<PairIndex> {
        let before = self.durable;
        self.durable = before.max(number);
        let mut pairs = Vec::new();
        for index in 0..self.peers.len() {
            let peer = &mut self.peers[index];
            let placed = peer.placed;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estp::Clock;

    fn registry() -> Registry {
        let mut sequencer = Sequencer::after(0, Clock::after(Stamp::ZERO));
        sequencer.raise_ceilings(u64::MAX, Stamp::MAX);
        Registry::new(EndpointId::from_bytes([1; 16]), 7, sequencer, 0)
    }

    fn peer(registry: &mut Registry, byte: u8) -> PeerIndex {
        registry.add_peer(EndpointId::from_bytes([byte; 16]), Held::default(), Lost::default(), Progress::default(), 0)
    }

    #[test]
    fn a_peer_is_told_of_the_pairs_shared_with_it_alone() {
        let mut registry = registry();
        let (left, right) = (peer(&mut registry, 2), peer(&mut registry, 3));
        let pairs: Vec<PairIndex> = (0..3).map(|byte| registry.add_pair(PairId::from_bytes([byte; 16]), 0, true)).collect();
        assert!(registry.share(pairs[0], Share { peer: left, slot: 0 }, 0));
        assert!(registry.share(pairs[1], Share { peer: left, slot: 2 }, 0));
        assert!(registry.share(pairs[2], Share { peer: right, slot: 0 }, 0));
        assert!(!registry.share(pairs[2], Share { peer: left, slot: 4 }, 0), "shared already");
        for pair in [0, 2, 1, 0] {
            registry.issue(pairs[pair], 0);
        }
        let mut slots = Vec::new();
        assert_eq!(registry.changed_after(left, 0, &mut slots), Some(4));
        assert_eq!(slots, [0, 2]);
        assert_eq!(registry.free_slot(left), 4);
        let larger = EndpointId::from_bytes([0; 16]);
        let smaller = registry.add_peer(larger, Held::default(), Lost::default(), Progress::default(), 0);
        assert_eq!(registry.free_slot(smaller), 1);
    }

    #[test]
    fn a_mark_is_held_only_when_what_came_with_it_is_durable() {
        let mut registry = registry();
        let left = peer(&mut registry, 2);
        let pair = registry.add_pair(PairId::from_bytes([9; 16]), 0, true);
        assert!(registry.share(pair, Share { peer: left, slot: 0 }, 0));
        registry.arrive(pair, Stamp::ZERO);
        registry.received_up_to(left, 50);
        registry.arrive(pair, Stamp::ZERO);
        registry.received_up_to(left, 60);
        assert_eq!(registry.progress(left).held, 0);
        assert_eq!(registry.held_at(left, 1).number, 50);
        assert_eq!(registry.made_durable(1), [pair]);
        assert_eq!(registry.progress(left), Progress { held: 50, durable: 1 });
        registry.made_durable(2);
        assert_eq!(registry.progress(left).held, 60);
        assert!(registry.ledger_cut().pairs.is_empty());
    }

    #[test]
    fn what_a_peer_has_lost_is_known_from_the_beginning_of_the_link() {
        let mut registry = registry();
        let left = peer(&mut registry, 2);
        let pair = registry.add_pair(PairId::from_bytes([9; 16]), 0, true);
        assert!(registry.share(pair, Share { peer: left, slot: 0 }, 0));
        let lost = Lost { from: 40, to: 90 };
        registry.begin_link(left, &Resume { epoch: 3, last: 90, durable: 90, lost, held: Held::default() });
        assert_eq!(registry.horizon(pair).peer_lost, lost);
        registry.begin_link(left, &Resume { epoch: 3, last: 95, durable: 95, lost: Lost::default(), held: Held::default() });
        assert!(registry.horizon(pair).peer_lost.is_empty());
        registry.acknowledged(left, Progress { held: 7, durable: 95 }, 0);
        registry.begin_link(left, &Resume { epoch: 4, last: 95, durable: 95, lost: Lost::default(), held: Held { epoch: 7, number: 5 } });
        assert_eq!((registry.horizon(pair).peer_holds, registry.horizon(pair).peer_epoch), (5, 4), "another ledger than before");
        registry.set_refused(pair, true);
        assert_eq!(registry.horizon(pair).peer_holds, 0);
    }

    #[test]
    fn nothing_is_told_of_while_the_ceilings_are_too_low() {
        let sequencer = Sequencer::after(0, Clock::after(Stamp::ZERO));
        let mut registry = Registry::new(EndpointId::from_bytes([1; 16]), 7, sequencer, 0);
        let left = peer(&mut registry, 2);
        let pair = registry.add_pair(PairId::from_bytes([9; 16]), 0, true);
        assert!(registry.share(pair, Share { peer: left, slot: 0 }, 0));
        registry.issue(pair, 5);
        assert_eq!(registry.changed_after(left, 0, &mut Vec::new()), None);
        registry.sequencer().raise_ceilings(10, Stamp::new(10, 0));
        assert_eq!(registry.changed_after(left, 0, &mut Vec::new()), Some(1));
    }
}
