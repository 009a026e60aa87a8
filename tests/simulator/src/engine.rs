//! One running process: the protocol's halves, registry and records around a ledger, put together as the engine does it, without threads.

use crate::knobs::Knobs;
use crate::reference::{Act, FIRST, Place};
use crate::store::{self, Issued};
use crate::truth::Truth;
use spook_ledger::{Batch, FileOptions, FileStamp, FileStore, Ledger, LedgerError};
use spook_protocol::estp::feed::Sequencer;
use spook_protocol::estp::half::Written;
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::estp::{Author, Clock, HalfPair, Operation, Stamp, WriteError};
use spook_protocol::etcp::{Identity, PublicKeys, TicketId};
use spook_protocol::id::PairId;
use spook_protocol::link::meeting::Memory;
use spook_protocol::link::{Held, Lost, Progress};
use spook_protocol::record::{EndpointRecord, PairRecord, PeerRecord};
use spook_protocol::registry::{PairIndex, PeerIndex, Registry, Share};
use spook_protocol::value::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::disk::Disk;

/// A Pair in a running process.
pub struct Core {
    /// Its name for ever.
    pub id: PairId,
    /// The number in the keys of its cells.
    pub row: u32,
    /// Its schema.
    pub schema: Value,
    /// The half.
    pub half: HalfPair,
    /// Its commit point when it was looked at last.
    pub point: Place,
    /// The number with which the peer had joined then.
    pub joined: u64,
}

/// What is known of a peer besides its progress.
pub struct Contact {
    /// Its keys.
    pub keys: PublicKeys,
    /// Timestamp of the last hello accepted from it.
    pub heard_hello: u64,
    /// Timestamp of the last hello sent to it.
    pub sent_hello: u64,
}

/// How far ahead of the own clock the timestamp of a hello is remembered, ms.
const HELLO_AHEAD: u64 = 60_000;

impl Contact {
    /// A hello was accepted.
    pub fn heard(&mut self, timestamp: u64, wall_ms: u64) {
        self.heard_hello = self.heard_hello.max(timestamp.min(wall_ms + HELLO_AHEAD));
    }
}

/// A batch that was collected and is not durable yet.
pub struct UnderWay {
    batch: Batch,
    number: u64,
    ceilings: (u64, Stamp),
    /// What is still to be collected, if that is done late.
    late: Option<(Vec<PairIndex>, u64)>,
}

/// A running process.
pub struct Engine {
    /// Which endpoint it is.
    pub who: usize,
    /// Its ledger.
    pub ledger: Ledger,
    /// Who shares what with whom.
    pub registry: Registry,
    /// The Pairs, by their index.
    pub cores: Vec<Core>,
    /// The peers, by their index.
    pub contacts: Vec<Contact>,
    /// Pairs whose commit point moved on since the ledger last had it.
    committed: BTreeSet<PairIndex>,
    /// The tickets issued.
    pub tickets: BTreeMap<TicketId, Issued>,
    /// The batch that is being committed.
    pub under_way: Option<UnderWay>,
    /// When the next commit begins, and when the one that is under way ends.
    pub commit_at: Option<u64>,
    /// When the commit that is under way ends.
    pub commit_ends_at: Option<u64>,
    /// When what was written is sent.
    pub flush_at: Option<u64>,
    /// When the peer is dialled again.
    pub dial_at: Option<u64>,
    /// How often that failed since a link was up.
    pub failures: u32,
    /// The link that is up.
    pub link: Option<u64>,
    /// The link that is being dialled.
    pub attempt: Option<u64>,
    /// When that is given up.
    pub attempt_until: u64,
    /// By how many ms the peer last said that the clock here is ahead.
    pub suspect: u64,
    /// The ledger failed: nothing becomes durable any more.
    pub failed: bool,
    /// The ledger got further, and links were not told yet.
    pub durable_news: bool,
    /// Numbers and stamps for the next commits are reserved by this.
    knobs: Knobs,
}

/// Where the tree of a ledger with such a journal begins.
pub fn tree_of(knobs: &Knobs) -> u64 {
    4096 + knobs.journal
}

impl Engine {
    /// Opens the ledger on a disk and brings back what it holds.
    ///
    /// # Errors
    /// As the ledger's own.
    pub fn open(who: usize, identity: &Identity, disk: &Disk, place: FileStamp, epoch: u32, knobs: &Knobs) -> Result<Engine, LedgerError> {
        let mut options = FileOptions::default();
        options.journal_bytes = knobs.journal;
        options.cache_bytes = 1 << 20;
        let store = FileStore::on_backend(disk.clone(), options)?;
        let ledger = Ledger::with_store(Box::new(store), Some(place), None)?;
        let mut record = store::read_endpoint(&ledger, epoch)?;
        if ledger.moved() {
            record.epoch = epoch;
        }
        let last = record.number_ceiling;
        let sequencer = Sequencer::after(last, Clock::after(record.stamp_ceiling));
        let registry = Registry::new(identity.endpoint_id(), record.epoch, sequencer, record.durable);
        let mut engine = Engine {
            who,
            registry,
            cores: Vec::new(),
            contacts: Vec::new(),
            tickets: BTreeMap::new(),
            committed: BTreeSet::new(),
            under_way: None,
            commit_at: None,
            commit_ends_at: None,
            flush_at: None,
            dial_at: None,
            failures: 0,
            link: None,
            attempt: None,
            attempt_until: 0,
            suspect: 0,
            failed: false,
            durable_news: false,
            knobs: knobs.clone(),
            ledger,
        };
        let lost = if engine.ledger.closed_cleanly() { Lost::default() } else { Lost { from: record.durable, to: last } };
        engine.restore(Author { endpoint: identity.endpoint_id(), epoch: record.epoch }, lost)?;
        Ok(engine)
    }

    fn restore(&mut self, me: Author, lost: Lost) -> Result<(), LedgerError> {
        for (id, record) in store::read_peers(&self.ledger)? {
            let PeerRecord { keys, held, lost: before, gaps, progress, placed, heard_hello, sent_hello, .. } = record;
            let peer = self.registry.add_peer(id, held, before.and(lost), progress, placed);
            self.registry.note_gaps(peer, gaps.into_iter().chain([lost]));
            self.contacts.push(Contact { keys, heard_hello, sent_hello });
        }
        for (id, record) in store::read_pairs(&self.ledger)? {
            let PairRecord { index: row, changed, slot, schema, mut half, .. } = record;
            let peer = half.peer.and_then(|peer| self.registry.find_peer(peer));
            if let Some(peer) = peer {
                self.registry.gaps(peer).iter().for_each(|gap| half.note_lost(*gap));
            }
            let half = store::load_half(&self.ledger, row, me, half, &schema)?;
            let index = self.registry.add_pair_unlisted(id);
            self.registry.list_in_ledger(index, changed);
            if let (Some(peer), Some(slot)) = (peer, slot) {
                assert!(self.registry.share(index, Share { peer, slot }, changed), "two Pairs share a slot in the ledger");
            }
            self.cores.push(Core { id, row, schema, half, point: FIRST, joined: 0 });
        }
        for ticket in store::read_tickets(&self.ledger)? {
            self.tickets.insert(ticket.secret.id(), ticket);
        }
        let all: Vec<PairIndex> = (0..self.cores.len() as u32).map(PairIndex).collect();
        self.settle(&all);
        Ok(())
    }

    /// Who it writes as.
    pub fn me(&self) -> Author {
        Author { endpoint: self.registry.me(), epoch: self.registry.epoch() }
    }

    /// A Pair.
    pub fn core(&mut self, pair: PairIndex) -> &mut Core {
        &mut self.cores[pair.0 as usize]
    }

    /// Enters a Pair.
    pub fn add_core(&mut self, pair: PairIndex, id: PairId, schema: Value, half: HalfPair) {
        assert_eq!(pair.0 as usize, self.cores.len(), "the index of a Pair is not the next one");
        let row = self.cores.iter().map(|core| core.row + 1).max().unwrap_or(0);
        self.cores.push(Core { id, row, schema, half, point: FIRST, joined: 0 });
    }

    /// The peer, entered if it is new.
    pub fn meet(&mut self, keys: PublicKeys) -> PeerIndex {
        let id = keys.endpoint_id();
        self.registry.find_peer(id).unwrap_or_else(|| {
            self.contacts.push(Contact { keys, heard_hello: 0, sent_hello: 0 });
            self.registry.add_peer(id, Held::default(), Lost::default(), Progress::default(), 0)
        })
    }

    /// Writes one candidate.
    ///
    /// # Errors
    /// As the half's own.
    pub fn write(&mut self, pair: PairIndex, acts: &[Act], wall_ms: u64) -> Result<Written, WriteError> {
        let operations: Vec<Operation<'_>> = acts
            .iter()
            .map(|act| match act {
                Act::Set(path, value) => Operation::set(path, value.clone()),
                Act::Delete(path) => Operation::delete(path),
                Act::Increment(path, by) => Operation::increment(path, *by),
                Act::Add(path, element) => Operation::add(path, element.clone()),
                Act::Remove(path, element) => Operation::remove(path, element.clone()),
            })
            .collect();
        let Engine { registry, cores, .. } = self;
        let written = cores[pair.0 as usize].half.write(&operations, || registry.issue(pair, wall_ms));
        self.settle(&[pair]);
        written
    }

    /// Draws the conclusions for some Pairs.
    pub fn settle(&mut self, pairs: &[PairIndex]) {
        for &pair in pairs {
            let half = &mut self.cores[pair.0 as usize].half;
            let before = half.commit_point();
            half.settle(self.registry.horizon(pair));
            if half.commit_point() != before {
                self.committed.insert(pair);
            }
        }
    }

    /// The link to the peer came up or went down.
    pub fn linked(&mut self, peer: PeerIndex, down: Option<Reason>) {
        let pairs: Vec<PairIndex> = self.registry.shared_with(peer).collect();
        for pair in pairs {
            let half = &mut self.cores[pair.0 as usize].half;
            match down {
                None => half.link_up(),
                Some(reason) => half.link_down(reason),
            }
        }
    }

    /// Something changed that the ledger has to get.
    pub fn touch_ledger(&mut self, now: u64) {
        if !self.failed {
            self.commit_at.get_or_insert(now + self.knobs.gather);
        }
    }

    /// Somebody waits for the ledger.
    pub fn hurry_ledger(&mut self, now: u64) {
        if !self.failed {
            self.commit_at = Some(now);
        }
    }

    /// Takes what the ledger lacks. What is written from now on is not in it, or not all of it.
    pub fn begin_commit(&mut self, truth: &mut Truth, wall_ms: u64, closing: bool) {
        let after = self.registry.durable();
        let mut cut = self.registry.ledger_cut();
        let committed = std::mem::take(&mut self.committed);
        cut.pairs.extend(committed.into_iter().filter(|pair| !cut.pairs.contains(pair)).collect::<Vec<_>>());
        let mut batch = Batch::new();
        for peer in self.registry.peers().collect::<Vec<_>>() {
            let Contact { keys, heard_hello, sent_hello } = self.contacts[peer.0 as usize];
            let record = PeerRecord {
                keys,
                addresses: vec![],
                held: self.registry.record_held(peer, cut.number),
                lost: self.registry.lost(peer),
                gaps: self.registry.gaps(peer).to_vec(),
                progress: self.registry.peer_progress(peer),
                placed: self.registry.placed_at(peer, cut.number),
                heard_hello,
                sent_hello,
                memory: Memory::default(),
            };
            store::put_peer(&mut batch, self.registry.peer_id(peer), &record);
        }
        for ticket in self.tickets.values() {
            store::put_ticket(&self.ledger, &mut batch, ticket).expect("a ledger without a key seals nothing");
        }
        let late = if self.knobs.late != 0 && !closing {
            Some((cut.pairs, after))
        } else {
            self.collect(&mut batch, &cut.pairs, (after, cut.number), truth);
            None
        };
        let ceilings = self.ceilings(wall_ms, closing);
        self.under_way = Some(UnderWay { batch, number: cut.number, ceilings, late });
    }

    /// How far numbers and stamps are reserved by a batch that is collected now.
    fn ceilings(&mut self, wall_ms: u64, closing: bool) -> (u64, Stamp) {
        let (last, clock) = (self.registry.sequencer().last(), self.registry.sequencer().clock());
        if closing {
            return (last, clock);
        }
        (last + self.knobs.numbers_ahead, Stamp::new(clock.ms().max(wall_ms) + self.knobs.stamps_ahead, 0))
    }

    fn collect(&mut self, batch: &mut Batch, pairs: &[PairIndex], (after, number): (u64, u64), truth: &mut Truth) {
        for &pair in pairs {
            let Core { id, row, schema, half, .. } = &mut self.cores[pair.0 as usize];
            store::put_cells(batch, *row, half, after);
            let slot = self.registry.share_of(pair).map(|share| share.slot);
            let record = PairRecord {
                index: *row,
                name: "PLAIN pair".to_owned(),
                sync: false,
                changed: half.last_change(),
                slot,
                schema: schema.clone(),
                half: half.record(),
            };
            store::put_pair(batch, *id, &record);
            if let Some(pair) = truth.find(*id) {
                let half = &mut truth.pairs[pair].halves[self.who];
                half.under_way = Some((number, half.known.clone()));
            }
        }
    }

    /// Commits the batch that is under way and tells everybody.
    ///
    /// # Errors
    /// As the ledger's own; nothing becomes durable any more then.
    pub fn end_commit(&mut self, truth: &mut Truth, wall_ms: u64) -> Result<(), LedgerError> {
        let Some(UnderWay { mut batch, number, mut ceilings, late }) = self.under_way.take() else { return Ok(()) };
        if let Some((pairs, after)) = late {
            self.collect(&mut batch, &pairs, (after, number), truth);
            // The ceilings are those of the moment when the last cell was collected, or a cell could lie above them.
            ceilings = self.ceilings(wall_ms, false);
        }
        let (number_ceiling, stamp_ceiling) = ceilings;
        store::put_endpoint(&mut batch, EndpointRecord { epoch: self.registry.epoch(), durable: number, number_ceiling, stamp_ceiling });
        if let Err(error) = self.ledger.commit(&mut batch) {
            self.failed = true;
            (self.commit_at, self.commit_ends_at) = (None, None);
            return Err(error);
        }
        for pair in &mut truth.pairs {
            let half = &mut pair.halves[self.who];
            half.promised = half.under_way.take().map_or_else(|| half.promised.clone(), |(_, known)| known);
        }
        let pairs = self.registry.made_durable(number);
        self.registry.sequencer().raise_ceilings(number_ceiling, stamp_ceiling);
        self.settle(&pairs);
        self.durable_news = true;
        Ok(())
    }

    /// Makes everything durable that was written before.
    ///
    /// # Errors
    /// As the ledger's own.
    pub fn flush(&mut self, truth: &mut Truth, wall_ms: u64, closing: bool) -> Result<(), LedgerError> {
        if let Some(error) = self.ledger.first_error() {
            return Err(error);
        }
        self.end_commit(truth, wall_ms)?;
        self.begin_commit(truth, wall_ms, closing);
        (self.commit_at, self.commit_ends_at) = (None, None);
        self.end_commit(truth, wall_ms)
    }
}
