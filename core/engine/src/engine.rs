//! An engine: one endpoint with its Pairs, in this process.

use crate::contacts::Contact;
use crate::error::Error;
use crate::io::Io;
use crate::lifetime::{Open, close};
use crate::options::{Durability, EngineOptions, PairOptions, Place};
use crate::pair::Pair;
use crate::pair_core::{PairCore, Surroundings, Terms};
use crate::rules::{RuleKind, RuleLimits};
use crate::shared::{Shared, WriteBehind};
use crate::storage::{self, Opened, Outfit};
use crate::time;
use spook_ledger::{GroupCommit, Ledger, LedgerOptions};
use spook_protocol::error::Code;
use spook_protocol::estp::feed::Sequencer;
use spook_protocol::estp::schema::Schema;
use spook_protocol::estp::{Author, Clock, Operation, Stamp};
use spook_protocol::etcp::{Ticket, TicketError};
use spook_protocol::id::{EndpointId, PairId};
use spook_protocol::limits;
use spook_protocol::link::Lost;
use spook_protocol::record::PeerRecord;
use spook_protocol::registry::{Registry, Share};
use spook_protocol::value::Value;
use spook_protocol::wire;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// An engine. Clones share it; it closes when it is told to, or when the last clone is dropped and no Pair of it is held either.
#[derive(Clone)]
pub struct Engine {
    open: Arc<Open>,
}

/// Bytes and messages that an engine has exchanged with its peers since it was opened, above the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes given to sockets.
    pub bytes_sent: u64,
    /// Bytes taken from sockets.
    pub bytes_received: u64,
    /// Sealed messages sent, handshakes not counted.
    pub messages_sent: u64,
    /// Sealed messages received.
    pub messages_received: u64,
    /// Handshakes done, of either side.
    pub handshakes: u64,
}

impl Engine {
    /// Opens an engine: nothing or `:memory:` for one that forgets, a path for the ledger in that file.
    ///
    /// # Errors
    /// As [`Engine::open_with`].
    pub fn open(location: &str) -> Result<Engine, Error> {
        Engine::open_with(EngineOptions::at(location))
    }

    /// Opens an engine.
    ///
    /// # Errors
    /// [`Code::Locked`] if the ledger is open elsewhere; [`Code::LedgerKey`], [`Code::LedgerCorrupt`], [`Code::LedgerVersion`] for what the file
    /// says; [`Code::Address`] for a location or an address to listen on that cannot be used; [`Code::Io`].
    pub fn open_with(options: EngineOptions) -> Result<Engine, Error> {
        let place = options.place()?;
        let ledger = Ledger::open(ledger_options(&options, &place))?;
        let opened = storage::open(&ledger);
        let built = opened.and_then(|opened| build(opened, options, &ledger, &place));
        if built.is_err() {
            // The error that is returned is the one that matters.
            let _ = ledger.close();
        }
        built
    }

    /// Creates a Pair with an initial value. Give its [ticket](Pair::ticket) to the other side.
    ///
    /// # Errors
    /// [`Code::Exists`] for a name that is taken; [`Code::TooLarge`] or [`Code::Nan`] for a value that cannot be held; [`Code::Invalid`] for a name
    /// that is empty or too long; [`Code::Schema`]; the sticky error of a failed ledger.
    pub fn create_pair(&self, name: &str, initial: impl Into<Value>, options: PairOptions) -> Result<Pair, Error> {
        let shared = &self.open.shared;
        shared.check_writable()?;
        if name.is_empty() || name.len() > limits::NAME_BYTES || name.starts_with(TICKET_PREFIX) {
            let detail =
                format!("a Pair's name has 1 to {} bytes and does not begin as a ticket does, unlike {name:?}", limits::NAME_BYTES);
            return Err(Error::new(Code::Invalid, detail));
        }
        let operation = Operation::set("", initial);
        spook_protocol::estp::candidate::check(&operation)?;
        let schema = Arc::new(parse_schema(&options.schema)?);
        let in_ledger = !shared.is_in_memory() && options.durability != Durability::Memory;
        let core = shared.add_pair(name, false, |name, row| {
            let id = PairId::generate(time::seed());
            let mut registry = shared.registry();
            let changed = registry.sequencer().last();
            let index = registry.add_pair(id, changed, in_ledger);
            let half = Outfit { schema: Arc::clone(&schema), rules: shared.rules() }.new_half(registry.author(), None);
            let terms = Terms { row, id, name, durability: options.durability, schema, write_timeout: options.write_timeout };
            Ok(PairCore::awake(index, terms, half))
        })?;
        let pair = Pair::new(Arc::clone(&self.open), core);
        pair.begin_with(&operation)?;
        Ok(pair)
    }

    /// Opens a Pair of this ledger by its name, or somebody else's by a ticket. A ticket waits until the Pair is formed and its state is here.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a name that is not in the ledger; [`Code::TicketInvalid`], [`Code::TicketExpired`], [`Code::TicketUsed`];
    /// [`Code::Unreachable`] if the issuer was not reached within `timeout`, with what was tried; [`Code::Refused`].
    pub fn open_pair(&self, ticket_or_name: &str, timeout: Duration) -> Result<Pair, Error> {
        let shared = &self.open.shared;
        shared.check()?;
        let text = ticket_or_name.trim();
        if let Some(core) = shared.pair_named(ticket_or_name) {
            return Ok(Pair::new(Arc::clone(&self.open), core));
        }
        match text.parse::<Ticket>() {
            Ok(ticket) => self.redeem(ticket, timeout),
            Err(TicketError::NotATicket) => Err(Error::new(Code::NotFound, format!("no Pair is named {ticket_or_name:?}"))),
            Err(error) => Err(error.into()),
        }
    }

    fn redeem(&self, ticket: Ticket, timeout: Duration) -> Result<Pair, Error> {
        let shared = &self.open.shared;
        shared.check_writable()?;
        let known = shared.registry().find_pair(ticket.pair);
        if let Some(core) = known.and_then(|pair| shared.pair(pair)) {
            return Ok(Pair::new(Arc::clone(&self.open), core));
        }
        if ticket.issuer.endpoint_id() == shared.identity.endpoint_id() {
            return Err(Error::new(Code::Invalid, "this ticket was issued by this very engine; give it to another one"));
        }
        if ticket.is_expired(shared.time.now_ms()) {
            return Err(Error::new(Code::TicketExpired, ""));
        }
        let id = ticket.secret.id();
        let redeeming = shared.forming().redeem(ticket);
        if let Some(io) = shared.io.get() {
            io.redeem(id);
        }
        if shared.is_closing() {
            // The I/O thread may have ended the redemptions already, and this one came after.
            redeeming.finish(Err(Error::new(Code::Closed, "the engine was closed")));
        }
        let formed = redeeming.wait(timeout);
        shared.forming().forget(id);
        let core = formed.and_then(|pair| shared.pair(pair).ok_or_else(|| Error::bug("a Pair that was formed is gone")))?;
        shared.flush_ledger()?;
        Ok(Pair::new(Arc::clone(&self.open), core))
    }

    /// Registers a rule under the name by which schemas call it, before or after Pairs need it: a cell that waits for it is decided then.
    ///
    /// It is dropped when the engine closes, or when this fails.
    ///
    /// # Errors
    /// [`Code::Rule`] for a name that is taken, or is none.
    pub fn register_rule(&self, name: &str, kind: RuleKind, limits: RuleLimits) -> Result<(), Error> {
        let shared = &self.open.shared;
        shared.check()?;
        shared.rules.register(name, kind, limits)?;
        shared.rules_changed();
        Ok(())
    }

    /// The names of all Pairs, sorted.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like.
    pub fn pairs(&self) -> Result<Vec<String>, Error> {
        self.open.shared.check()?;
        Ok(self.open.shared.pair_names())
    }

    /// Who this engine is to others.
    pub fn endpoint_id(&self) -> EndpointId {
        self.open.shared.identity.endpoint_id()
    }

    /// Where it listens, with the ports that the system gave.
    pub fn addresses(&self) -> Vec<String> {
        self.open.shared.io.get().map(|io| io.addresses().to_vec()).unwrap_or_default()
    }

    /// What it has exchanged with its peers.
    pub fn traffic(&self) -> Traffic {
        let counters = &self.open.shared.traffic;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            bytes_sent: read(&counters.bytes_sent),
            bytes_received: read(&counters.bytes_received),
            messages_sent: read(&counters.messages_sent),
            messages_received: read(&counters.messages_received),
            handshakes: read(&counters.handshakes),
        }
    }

    /// Makes everything durable that was written before, whatever the Pairs' durability.
    ///
    /// # Errors
    /// The sticky error of a failed ledger.
    pub fn flush(&self) -> Result<(), Error> {
        self.open.shared.check()?;
        self.open.shared.flush_ledger()
    }

    /// Takes leave of the peers, makes everything durable and closes the ledger. Later calls give [`Code::Closed`]; closing twice does nothing.
    ///
    /// # Errors
    /// The sticky error of a failed ledger: then what was not durable before is lost. [`Code::Forked`] in a child of the process: there nothing is
    /// closed, now or when the engine is dropped.
    pub fn close(&self) -> Result<(), Error> {
        close(&self.open.shared)
    }

    /// Stops the engine after an error of libspook itself: every later call gives [`Code::Panic`] with this detail.
    pub fn poison(&self, detail: &str) {
        self.open.shared.poison(detail);
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Engine({})", self.endpoint_id())
    }
}

/// How every ticket begins.
const TICKET_PREFIX: &str = "spook1";

/// A schema is agreed in one frame, so that its size is bounded.
fn parse_schema(document: &Value) -> Result<Schema, Error> {
    let schema = Schema::parse(document)?;
    let mut bytes = Vec::new();
    wire::put_value(&mut bytes, document);
    if bytes.len() > limits::SCHEMA_BYTES {
        return Err(Error::new(Code::Schema, format!("it takes {} bytes, more than {}", bytes.len(), limits::SCHEMA_BYTES)));
    }
    Ok(schema)
}

fn ledger_options(options: &EngineOptions, place: &Place) -> LedgerOptions {
    let ledger = match place {
        Place::Memory => LedgerOptions::memory(),
        Place::File(path) => LedgerOptions::file(path),
    };
    match options.key {
        Some(key) if *place != Place::Memory => ledger.key(key),
        _ => ledger,
    }
}

fn build(opened: Opened, options: EngineOptions, ledger: &Ledger, place: &Place) -> Result<Engine, Error> {
    let Opened { identity, endpoint, moved, unclean } = opened;
    // After a clean close the ceiling is the last number that was given.
    let last = endpoint.number_ceiling;
    let mut sequencer = Sequencer::after(last, Clock::after(endpoint.stamp_ceiling));
    if *place == Place::Memory {
        sequencer.raise_ceilings(u64::MAX, Stamp::MAX);
    }
    let mut registry = Registry::new(identity.endpoint_id(), endpoint.epoch, sequencer, endpoint.durable);
    if *place != Place::Memory {
        registry.keep_records();
    }
    let shared = Arc::new(Shared::new(identity, options, ledger.clone(), registry));
    let lost = if unclean { Lost { from: endpoint.durable, to: last } } else { Lost::default() };
    restore_peers(&shared, lost)?;
    let me = {
        let mut registry = shared.registry();
        if moved {
            // Another copy may go on from here. What was written before is the same in both.
            registry.begin_epoch(time::random_u32());
        }
        registry.author()
    };
    restore_pairs(&shared, me)?;
    for (id, ticket) in storage::read_tickets(ledger)? {
        shared.forming().restore(id, ticket);
    }
    if *place != Place::Memory {
        let source = Arc::new(WriteBehind::new(Arc::downgrade(&shared)));
        shared.set_commit(GroupCommit::start(ledger.clone(), source, endpoint.durable, GroupCommit::<WriteBehind>::DELAY)?);
        // What this run may lose is recorded before it can give anything away.
        shared.flush_ledger()?;
        if unclean && shared.registry().has_copied_peers() {
            // Where several copies of a peer are about, what was lost may come back from one of them when the other has newer things already.
            shared.begin_epoch()?;
        }
    }
    Io::start(&shared)?;
    Ok(Engine { open: Arc::new(Open { shared }) })
}

fn restore_peers(shared: &Shared, lost: Lost) -> Result<(), Error> {
    for (id, record) in storage::read_peers(&shared.ledger)? {
        let PeerRecord { keys, addresses, held, lost: before, gaps, progress, placed, heard_hello, sent_hello, memory } = record;
        let peer = {
            let mut registry = shared.registry();
            let peer = registry.add_peer(id, held, before.and(lost), progress, placed);
            registry.note_gaps(peer, gaps.into_iter().chain([lost]));
            registry.remember(peer, memory, lost);
            peer
        };
        let mut contacts = shared.contacts();
        contacts.add(peer, Contact { keys, addresses, heard_hello, sent_hello });
        contacts.touch(peer);
    }
    Ok(())
}

fn restore_pairs(shared: &Shared, me: Author) -> Result<(), Error> {
    // Feeds want the order of the last change, and so the Pairs get their indices in it; cells are found by the row in the record.
    let pairs = storage::read_pairs(&shared.ledger)?;
    for (id, record) in &pairs {
        let durability = if record.sync { Durability::Sync } else { Durability::Batched };
        let schema = Arc::new(Schema::parse(&record.schema)?);
        shared.add_pair(&record.name, false, |name, _| {
            let mut registry = shared.registry();
            let index = registry.add_pair_unlisted(*id);
            let mut half = record.half.clone();
            if let Some(peer) = half.peer.and_then(|peer| registry.find_peer(peer)) {
                registry.gaps(peer).iter().for_each(|gap| half.note_lost(*gap));
            }
            drop(registry);
            let terms = Terms { row: record.index, id: *id, name, durability, schema, write_timeout: None };
            Ok(PairCore::asleep(index, terms, me, half, record.changed))
        })?;
    }
    let mut registry = shared.registry();
    for (index, (_, record)) in (0..).zip(&pairs) {
        let pair = spook_protocol::registry::PairIndex(index);
        for seen in record.half.vector.entries() {
            if let Some(peer) = registry.find_peer(seen.author.endpoint) {
                registry.saw(peer, seen.author.epoch, seen.number);
            }
        }
        registry.list_in_ledger(pair, record.changed);
        if let (Some(peer), Some(slot)) = (record.half.peer.and_then(|peer| registry.find_peer(peer)), record.slot)
            && !registry.share(pair, Share { peer, slot }, record.changed)
        {
            return Err(Error::new(Code::LedgerCorrupt, "two Pairs share a slot"));
        }
    }
    Ok(())
}
