//! One endpoint: what it runs with, what its ledger holds, and how the one becomes the other.

use super::image::{Batch, Image};
use spook_protocol::estp::feed::Sequencer;
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::estp::schema::Schema;
use spook_protocol::estp::{Author, Clock, HalfPair, Operation, Stamp};
use spook_protocol::etcp::{Identity, PairId, PublicKeys, Ticket, TicketId};
use spook_protocol::id::EndpointId;
use spook_protocol::link::meeting::Memory;
use spook_protocol::link::presence::Presence;
use spook_protocol::link::{Held, Lost, Options, Progress};
use spook_protocol::record::{PairRecord, PeerRecord, TicketRecord, put_cell};
use spook_protocol::registry::{PairIndex, PeerIndex, Registry, Share};
use spook_protocol::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// When the time of the world begins, Unix ms.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// What endpoints of a world have in common.
#[derive(Clone, Copy)]
pub struct Config {
    /// How far ahead numbers are reserved with each commit, and how many ms of stamps.
    pub numbers_ahead: u64,
    pub stamps_ahead: u64,
    /// Cells are collected at the end of a commit, not with the number that it is told to be complete up to: it may hold more than it says.
    pub collects_late: bool,
    /// All Pairs are of eventual consistency.
    pub eventual: bool,
    pub options: Options,
}

impl Default for Config {
    fn default() -> Config {
        Config { numbers_ahead: 1 << 20, stamps_ahead: 5_000, collects_late: false, eventual: false, options: Options::default() }
    }
}

impl Config {
    /// What all Pairs agree on.
    pub fn schema(&self) -> Arc<Schema> {
        let consistency = if self.eventual { "eventual" } else { "causal" };
        Arc::new(Schema::parse(&Value::object([("version", Value::from(1i64)), ("consistency", Value::from(consistency))])).unwrap())
    }
}

pub struct Endpoint {
    pub index: u8,
    pub identity: Identity,
    pub config: Config,
    pub image: Image,
    pub running: Running,
    /// When candidates of others were first applied, as far as this endpoint has not lost it: the own number by Pair,
    /// author, epoch and number of the author.
    pub applied: BTreeMap<([u8; 16], [u8; 16], u32, u64), u64>,
    pub tickets: BTreeMap<[u8; 8], ([u8; 16], TicketRecord)>,
    /// Tickets of others that the program wants to use; it remembers them whatever happens here.
    pub redeeming: Vec<Ticket>,
    /// Tickets that were refused, with the code's name.
    pub refused: Vec<(TicketId, &'static str)>,
    /// Pairs that the program does not share any more, whatever happens here.
    pub declined: BTreeSet<PairId>,
    /// How far the wall clock is off, ms.
    pub skew: u64,
    /// What is shown in each Pair; nothing of it is stored.
    pub presence: BTreeMap<PairIndex, Presence>,
    /// By how many ms peers said that its clock is ahead.
    pub suspected: Vec<u64>,
    pub batch: Option<Batch>,
    late: (Vec<PairIndex>, u64),
    /// The ledger got further and the links were not told yet.
    pub durable_news: bool,
    created: u8,
    starts: u32,
}

/// What is gone when the endpoint stops.
pub struct Running {
    pub registry: Registry,
    pub halves: Vec<HalfPair>,
    pub keys: Vec<PublicKeys>,
    /// Timestamps of hellos, received and sent, by peer.
    pub hellos: Vec<(u64, u64)>,
}

impl Running {
    pub fn half(&self, pair: PairIndex) -> &HalfPair {
        &self.halves[pair.0 as usize]
    }

    pub fn settle(&mut self, pairs: &[PairIndex]) {
        for &pair in pairs {
            let horizon = self.registry.horizon(pair);
            self.halves[pair.0 as usize].settle(horizon);
        }
    }

    /// The peer, entered if it is new.
    pub fn meet(&mut self, keys: PublicKeys) -> PeerIndex {
        let id = keys.endpoint_id();
        self.registry.find_peer(id).unwrap_or_else(|| {
            self.keys.push(keys);
            self.hellos.push((0, 0));
            self.registry.add_peer(id, Held::default(), Lost::default(), Progress::default(), 0)
        })
    }

    /// Puts Pairs into a batch, with their cells that arrived after a number.
    fn collect(&mut self, batch: &mut Batch, pairs: &[PairIndex], after: u64) {
        for &pair in pairs {
            let pruned = self.halves[pair.0 as usize].take_pruned();
            batch.pruned.extend(pruned.into_iter().map(|path| (pair.0, path)));
            let half = self.half(pair);
            for cell in half.state().after(after) {
                let (mut path, mut bytes) = (String::new(), Vec::new());
                half.state().write_path(cell, &mut path);
                put_cell(&mut bytes, half.state(), cell);
                batch.cells.push(((pair.0, path), bytes));
            }
            let slot = self.registry.share_of(pair).map(|share| share.slot);
            let record = PairRecord {
                index: pair.0,
                name: "pair".to_owned(),
                sync: false,
                changed: half.last_change(),
                slot,
                schema: Value::empty_object(),
                half: half.record(),
            };
            let mut bytes = Vec::new();
            record.put(&mut bytes);
            batch.pairs.push((*self.registry.pair_id(pair).as_bytes(), bytes));
        }
    }

    /// Puts the peers into a batch, after the cells: what came over a link is never durable before the meeting that the link is.
    fn collect_peers(&mut self, batch: &mut Batch) {
        let registry = &mut self.registry;
        for peer in registry.peers().collect::<Vec<_>>() {
            let held = registry.record_held(peer, batch.number);
            let memory = registry.memory(peer);
            let record = PeerRecord {
                keys: self.keys[peer.0 as usize],
                addresses: vec![],
                held,
                lost: registry.lost(peer),
                gaps: registry.gaps(peer).to_vec(),
                progress: registry.peer_progress(peer),
                placed: registry.placed_at(peer, batch.number),
                heard_hello: self.hellos[peer.0 as usize].0,
                sent_hello: self.hellos[peer.0 as usize].1,
                memory,
            };
            let mut bytes = Vec::new();
            record.put(&mut bytes);
            batch.peers.push((*registry.peer_id(peer).as_bytes(), bytes));
        }
    }

    pub fn linked(&mut self, peer: PeerIndex, up: bool) {
        let pairs: Vec<PairIndex> = self.registry.shared_with(peer).collect();
        for pair in pairs {
            let half = &mut self.halves[pair.0 as usize];
            if up { half.link_up() } else { half.link_down(Reason::LinkLost) }
        }
    }
}

impl Endpoint {
    pub fn new(index: u8, config: Config) -> Endpoint {
        let identity = Identity::generate([index + 1; 32]);
        let image = Image::new(0x1000 + u32::from(index));
        let running = restore(&image, identity.endpoint_id());
        let (tickets, redeeming, refused) = (BTreeMap::new(), Vec::new(), Vec::new());
        Endpoint {
            index,
            identity,
            config,
            image,
            running,
            applied: BTreeMap::new(),
            tickets,
            redeeming,
            refused,
            declined: BTreeSet::new(),
            skew: 0,
            suspected: Vec::new(),
            presence: BTreeMap::new(),
            batch: None,
            late: (Vec::new(), 0),
            durable_news: false,
            created: 0,
            starts: 0,
        }
    }

    pub fn me(&self) -> Author {
        Author { endpoint: self.identity.endpoint_id(), epoch: self.running.registry.epoch() }
    }

    pub fn wall_ms(&self, now: u64) -> u64 {
        EPOCH_MS + now / 1000 + self.skew
    }

    pub fn create_pair(&mut self, _name: &str) -> PairId {
        self.created += 1;
        let id = PairId::generate([self.index * 16 + self.created; 32]);
        let registry = &mut self.running.registry;
        let last = registry.sequencer().last();
        let pair = registry.add_pair(id, last, true);
        let mut half = HalfPair::new(self.me(), None, 0);
        half.set_schema(self.config.schema());
        self.running.halves.push(half);
        self.running.registry.arrive(pair, Stamp::ZERO);
        id
    }

    /// Writes; returns whether the write was taken.
    pub fn write(&mut self, pair: PairIndex, operations: &[Operation<'_>], now: u64) -> bool {
        let wall = self.wall_ms(now);
        let Running { registry, halves, .. } = &mut self.running;
        let written = halves[pair.0 as usize].write(operations, || registry.issue(pair, wall)).is_ok();
        self.running.settle(&[pair]);
        written
    }

    /// Takes what the ledger lacks. What is written from now on is not in it.
    pub fn begin_commit(&mut self) {
        if self.batch.is_some() {
            return;
        }
        let registry = &mut self.running.registry;
        let after = registry.durable();
        let cut = registry.ledger_cut();
        let clock = registry.sequencer().clock();
        let mut batch = Batch {
            number: cut.number,
            stamp_ceiling: Stamp::new(clock.ms().max(EPOCH_MS) + self.config.stamps_ahead, 0),
            number_ceiling: cut.number + self.config.numbers_ahead,
            epoch: registry.epoch(),
            pairs: Vec::new(),
            pruned: Vec::new(),
            cells: Vec::new(),
            peers: Vec::new(),
            tickets: self.tickets.clone(),
        };
        if !self.config.collects_late {
            self.running.collect(&mut batch, &cut.pairs, after);
        } else {
            self.late = (cut.pairs, after);
        }
        self.batch = Some(batch);
    }

    /// The batch is durable. Returns whether it brought the ledger further.
    pub fn end_commit(&mut self) -> bool {
        let Some(mut batch) = self.batch.take() else { return false };
        let (pairs, after) = std::mem::take(&mut self.late);
        self.running.collect(&mut batch, &pairs, after);
        self.running.collect_peers(&mut batch);
        // The ceilings are those of the moment when the last cell was collected, or a cell could lie above them.
        let sequencer = self.running.registry.sequencer();
        batch.number_ceiling = batch.number_ceiling.max(sequencer.last());
        batch.stamp_ceiling = batch.stamp_ceiling.max(sequencer.clock());
        let (number, number_ceiling, stamp_ceiling) = (batch.number, batch.number_ceiling, batch.stamp_ceiling);
        self.image.apply(batch);
        let registry = &mut self.running.registry;
        let further = number > registry.durable() || !registry.sequencer().may_leave();
        let told: Vec<_> = registry.peers().map(|peer| registry.progress(peer)).collect();
        let pairs = registry.made_durable(number);
        let further = further || registry.peers().zip(told).any(|(peer, told)| registry.progress(peer) != told);
        registry.sequencer().raise_ceilings(number_ceiling, stamp_ceiling);
        self.running.settle(&pairs);
        self.durable_news |= further;
        let image = &self.image;
        self.redeeming.retain(|ticket| image.pair(ticket.pair).is_none_or(|pair| pair.slot.is_none()));
        further
    }

    /// Makes what is remembered of links with a peer durable, and nothing else.
    pub fn store_meetings(&mut self, peer: PeerIndex) {
        let registry = &self.running.registry;
        let new = PeerRecord {
            keys: self.running.keys[peer.0 as usize],
            addresses: vec![],
            held: Held::default(),
            lost: Lost::default(),
            gaps: vec![],
            progress: Progress::default(),
            placed: 0,
            heard_hello: 0,
            sent_hello: 0,
            memory: Memory::default(),
        };
        let bytes = self.image.peers.entry(*registry.peer_id(peer).as_bytes()).or_default();
        let mut record = if bytes.is_empty() { new } else { PeerRecord::read(bytes).unwrap() };
        if record.held.epoch != registry.held(peer).epoch {
            (record.held, record.progress, record.placed) = (Held { number: 0, ..registry.held(peer) }, Progress::default(), 0);
        }
        record.memory = registry.memory(peer);
        bytes.clear();
        record.put(bytes);
    }

    /// Goes on under a new author epoch.
    pub fn begin_epoch(&mut self, epoch: u32) {
        let author = Author { epoch, ..self.me() };
        let wall = self.wall_ms(0);
        let Running { registry, halves, .. } = &mut self.running;
        for (index, half) in (0..).zip(halves) {
            let pair = PairIndex(index);
            let horizon = registry.horizon(pair);
            let held = if half.peer().is_some() && half.joined() <= horizon.peer_holds { horizon.peer_holds } else { 0 };
            half.begin_epoch(author, held, || registry.issue(pair, wall)).unwrap();
            half.settle(horizon);
        }
        registry.begin_epoch(epoch);
        self.end_commit();
        self.begin_commit();
        self.end_commit();
    }

    /// Everything is gone but the ledger; and the endpoint starts again.
    pub fn crash(&mut self) {
        self.batch = None;
        self.late = (Vec::new(), 0);
        self.durable_news = false;
        self.tickets = self.image.tickets.clone();
        let durable = self.image.endpoint.durable;
        self.presence.clear();
        self.applied.retain(|_, own| *own <= durable);
        self.start();
    }

    /// Starts on what the ledger holds.
    pub fn start(&mut self) {
        self.starts += 1;
        self.running = restore(&self.image, self.identity.endpoint_id());
        let schema = self.config.schema();
        self.running.halves.iter_mut().for_each(|half| half.set_schema(Arc::clone(&schema)));
        if self.running.registry.has_copied_peers() {
            // What was lost may come back from one copy of a peer when another one has newer things already.
            self.begin_epoch(0x0100_0000 * (u32::from(self.index) + 1) + self.starts);
        }
    }
}

fn restore(image: &Image, me: EndpointId) -> Running {
    let record = image.endpoint;
    let sequencer = Sequencer::after(record.number_ceiling, Clock::after(record.stamp_ceiling));
    let mut registry = Registry::new(me, record.epoch, sequencer, record.durable);
    registry.sequencer().raise_ceilings(record.number_ceiling, record.stamp_ceiling);
    registry.keep_records();
    let gap = Lost { from: record.durable, to: record.number_ceiling };
    let (mut keys, mut hellos) = (Vec::new(), Vec::new());
    for (id, peer) in image.read_peers() {
        let index = registry.add_peer(id, peer.held, peer.lost.and(gap), peer.progress, peer.placed);
        registry.note_gaps(index, peer.gaps.into_iter().chain([gap]));
        registry.remember(index, peer.memory, gap);
        keys.push(peer.keys);
        hellos.push((peer.heard_hello, peer.sent_hello));
    }
    let author = Author { endpoint: me, epoch: record.epoch };
    let mut halves = Vec::new();
    let mut by_change = Vec::new();
    for (id, mut pair) in image.read_pairs() {
        if let Some(peer) = pair.half.peer.and_then(|peer| registry.find_peer(peer)) {
            registry.gaps(peer).iter().for_each(|gap| pair.half.note_lost(*gap));
        }
        let index = registry.add_pair_unlisted(id);
        assert_eq!(index.0, pair.index, "a Pair is missing in the ledger");
        let peer = pair.half.peer;
        let mut half = HalfPair::restore(author, pair.half, 0);
        for (path, cell) in image.read_cells(pair.index) {
            half.restore_cell(&path, cell).unwrap();
        }
        half.restored();
        by_change.push((pair.changed, index, peer.zip(pair.slot)));
        halves.push(half);
    }
    by_change.sort();
    for (changed, index, share) in by_change {
        registry.list_in_ledger(index, changed);
        if let Some((peer, slot)) = share {
            let peer = registry.find_peer(peer).expect("a Pair's peer is in the ledger");
            assert!(registry.share(index, Share { peer, slot }, changed));
        }
    }
    let mut running = Running { registry, halves, keys, hellos };
    let all: Vec<PairIndex> = (0..running.halves.len() as u32).map(PairIndex).collect();
    running.settle(&all);
    running
}
