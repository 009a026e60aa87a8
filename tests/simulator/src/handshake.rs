//! How links come up: dialling, answering, proving.

use crate::engine::Engine;
use crate::event::NAMES;
use crate::host::EngineHost;
use crate::link::{Link, Proving, State};
use crate::machine::Machine;
use crate::truth::Snapshot;
use crate::world::{HANDSHAKE, World};
use spook_protocol::estp::Stamp;
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::etcp::handshake::{MAX_MESSAGE_1, MAX_MESSAGE_2};
use spook_protocol::etcp::{
    Authorised, Contact, Dialling, Hello, HelloKind, PublicKeys, ReceivedHello, TicketSecret, Welcome, receive_hello,
};
use spook_protocol::link::frame::Frame;
use spook_protocol::link::records::{Inbox, put_hello_length};
use spook_protocol::link::{Connection, Directions, Resume};
use spook_protocol::wire::Reader;

/// The longest pause between two attempts.
const LONGEST_PAUSE: u64 = 5_000_000;

/// A link that is about to come up.
struct Arrival {
    connection: Connection,
    keys: PublicKeys,
    theirs: Resume,
    /// 0 at the side that dialled.
    heard_hello: u64,
}

impl World {
    /// Dials again after a pause that grows with each failure.
    pub(crate) fn dial_later(&mut self, who: usize) {
        if self.knobs.dials & 1 << who == 0 {
            return;
        }
        let (now, random) = (self.now, self.rng.below(50_000));
        if let Some(engine) = &mut self.machines[who].engine
            && engine.link.is_none()
        {
            let pause = (50_000 << engine.failures.min(7)).min(LONGEST_PAUSE) + random;
            engine.dial_at = Some(now + pause);
        }
    }

    pub(crate) fn attempt_failed(&mut self, who: usize) {
        let Some(engine) = &mut self.machines[who].engine else { return };
        match engine.attempt {
            Some(id) => self.link_over(id, who, Reason::LinkLost),
            None => {
                engine.failures += 1;
                self.dial_later(who);
            }
        }
    }

    pub(crate) fn dial(&mut self, who: usize) {
        let other = 1 - who;
        let is_reachable = !self.ways[0].blocked && !self.ways[1].blocked && self.machines[other].engine.is_some();
        let (seed, wall_ms, now) = (self.rng.seed(), self.wall_ms(who), self.now);
        let them = *self.machines[other].identity.public();
        let Machine { engine: Some(engine), identity, asks, .. } = &mut self.machines[who] else { return };
        engine.dial_at = None;
        if engine.link.is_some() || engine.attempt.is_some() {
            return;
        }
        if !is_reachable {
            return self.attempt_failed(who);
        }
        let wanted = asks.iter().find(|ask| engine.registry.find_pair(ask.pair).is_none());
        let ticket: Option<TicketSecret> = wanted.map(|ask| ask.secret.clone());
        let peer = engine.registry.find_peer(them.endpoint_id());
        let contact = match (&ticket, peer) {
            (Some(secret), _) => Contact::Ticket(secret),
            (None, Some(_)) => Contact::Known,
            (None, None) => return,
        };
        let mine = own_resume(engine, peer);
        let timestamp_ms = match peer {
            Some(peer) => {
                let contact = &mut engine.contacts[peer.0 as usize];
                contact.sent_hello = wall_ms.max(contact.sent_hello + 1);
                contact.sent_hello
            }
            None => wall_ms,
        };
        let mut body = Vec::new();
        mine.put(&mut body);
        let hello = Hello { min_version: 1, max_version: 1, timestamp_ms, addresses: vec![], body };
        let (message, expect) = Dialling::start(identity, &them, contact, &hello, seed).expect("a hello that fits");
        let id = self.next_link;
        self.next_link += 1;
        engine.attempt = Some(id);
        engine.attempt_until = now + HANDSHAKE;
        engine.touch_ledger(now);
        let mut link = Link::new(who);
        link.ends[who].state = State::Dialling(Box::new(expect), Inbox::default(), mine);
        link.ends[other].state = State::Listening(Inbox::default());
        self.links.insert(id, link);
        self.note(|| format!("{} dials, link {id}", NAMES[who]));
        self.put_hello(id, who, &message);
    }

    fn put_hello(&mut self, id: u64, who: usize, message: &[u8]) {
        let mut bytes = Vec::new();
        put_hello_length(&mut bytes, message.len());
        bytes.extend_from_slice(message);
        self.check_sealed(&bytes);
        if self.output(who) {
            self.put(id, who, bytes);
        }
    }

    /// A hello comes.
    pub(crate) fn listen(&mut self, id: u64, who: usize, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let State::Listening(inbox) = &mut link.ends[who].state else { return };
        inbox.push(bytes);
        let hello = match inbox.hello(MAX_MESSAGE_1) {
            Ok(None) => return,
            Ok(Some(hello)) => hello.to_vec(),
            Err(_) => return self.link_over(id, who, Reason::LinkLost),
        };
        let seed = self.rng.seed();
        let Some((message, proving)) = self.answer(who, &hello, seed) else {
            self.note(|| format!("{} does not answer link {id}", NAMES[who]));
            return self.link_over(id, who, Reason::LinkLost);
        };
        if let Some(link) = self.links.get_mut(&id) {
            link.ends[who].state = State::Proving(Box::new(proving));
        }
        self.put_hello(id, who, &message);
    }

    fn answer(&mut self, who: usize, hello: &[u8], seed: [u8; 32]) -> Option<(Vec<u8>, Proving)> {
        let (now, wall_ms, options) = (self.now, self.wall_ms(who), self.knobs.options());
        let World { machines, truth, links, .. } = self;
        let Machine { engine: Some(engine), identity, asks, .. } = &mut machines[who] else { return None };
        let me = identity.endpoint_id();
        let received = receive_hello(identity, hello).ok()?;
        let attempt = engine.attempt.and_then(|id| links.get(&id));
        let has_greeted = attempt.is_some_and(|link| matches!(link.ends[who].state, State::Dialling(..)));
        // Both dialled at once: the hello of the smaller endpoint counts, so that one link remains.
        if has_greeted && received.endpoint_id() > me {
            return None;
        }
        let peer = engine.registry.find_peer(received.endpoint_id());
        let authorised = authorise(engine, received)?;
        let heard_hello = authorised.hello().timestamp_ms;
        if let Some(peer) = peer {
            engine.contacts[peer.0 as usize].heard(heard_hello, wall_ms);
        }
        let theirs = Resume::read(&mut Reader::new(&authorised.hello().body)).ok()?;
        let keys = *authorised.initiator();
        let mine = own_resume(engine, peer);
        let start = mine.start(me, keys.endpoint_id(), &theirs, 0);
        let mut directions = Directions::new(&start, &mine, &theirs);
        let mut body = Vec::new();
        mine.put(&mut body);
        if let Some(peer) = peer {
            let mut host = EngineHost { engine, peer, truth, carried: None, asks, wall_ms, now, applied: 0 };
            body.extend(directions.first_frames(&mut host));
        }
        let welcome = Welcome { version: 1, addresses: vec![], body };
        let (message, channel, _) = authorised.welcome(&welcome, seed).ok()?;
        Some((message, Proving { connection: directions.connect(channel, now, options), keys, theirs, heard_hello }))
    }

    /// The first message after a hello that was answered: it was no recording.
    pub(crate) fn prove(&mut self, id: u64, who: usize, bytes: &[u8], carried: &Snapshot) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let State::Proving(proving) = &mut link.ends[who].state else { return };
        match proving.connection.prove(bytes, now) {
            Err(ended) => self.link_ended(id, who, &ended),
            Ok(false) => {}
            Ok(true) => {
                let State::Proving(proving) = std::mem::take(&mut link.ends[who].state) else { return };
                let Proving { connection, keys, theirs, heard_hello } = *proving;
                self.bring_up(id, who, Arrival { connection, keys, theirs, heard_hello }, &[], &[], carried);
            }
        }
    }

    /// The answer to a hello comes.
    pub(crate) fn welcomed(&mut self, id: u64, who: usize, bytes: &[u8], carried: &Snapshot) {
        let (now, options) = (self.now, self.knobs.options());
        let World { machines, links, .. } = self;
        let Some(link) = links.get_mut(&id) else { return };
        let State::Dialling(_, inbox, _) = &mut link.ends[who].state else { return };
        inbox.push(bytes);
        let message = match inbox.hello(MAX_MESSAGE_2) {
            Ok(None) => return,
            Ok(Some(message)) => message.to_vec(),
            Err(_) => return self.link_over(id, who, Reason::LinkLost),
        };
        let State::Dialling(expect, inbox, mine) = std::mem::take(&mut link.ends[who].state) else { return };
        let me = machines[who].identity.endpoint_id();
        let arrived = expect.handle(&message).ok().and_then(|(channel, welcome, evidence)| {
            let mut reader = Reader::new(&welcome.body);
            let theirs = Resume::read(&mut reader).ok()?;
            let keys = *evidence.keys();
            let start = mine.start(me, keys.endpoint_id(), &theirs, 0);
            let connection = Directions::new(&start, &mine, &theirs).connect(channel, now, options);
            Some((Arrival { connection, keys, theirs, heard_hello: 0 }, reader.rest().to_vec()))
        });
        match arrived {
            None => self.link_over(id, who, Reason::LinkLost),
            Some((arrival, first_frames)) => self.bring_up(id, who, arrival, &first_frames, &inbox.into_rest(), carried),
        }
    }

    fn bring_up(&mut self, id: u64, who: usize, arrival: Arrival, first_frames: &[u8], farther: &[u8], carried: &Snapshot) {
        let Arrival { mut connection, keys, theirs, heard_hello } = arrival;
        let wall_ms = self.wall_ms(who);
        let Machine { engine: Some(engine), asks, .. } = &mut self.machines[who] else { return };
        let peer = engine.meet(keys);
        let told_of = engine.registry.begin_link(peer, &theirs);
        for pair in engine.registry.take_refused(peer) {
            let number = engine.registry.arrive(pair, Stamp::ZERO).number;
            engine.core(pair).half.joined_at(number);
        }
        engine.settle(&told_of);
        engine.contacts[peer.0 as usize].heard(heard_hello, wall_ms);
        engine.linked(peer, None);
        // The side that dialled speaks first: it proves to the other that this is no recording.
        if heard_hello == 0 {
            connection.send(Frame::Ping(0));
        }
        for ask in asks.iter().filter(|ask| engine.registry.find_pair(ask.pair).is_none()) {
            connection.send(Frame::redeem(&ask.secret));
        }
        engine.failures = 0;
        engine.dial_at = None;
        let old = engine.link.replace(id).filter(|old| *old != id);
        let attempt = engine.attempt.take().filter(|attempt| *attempt != id);
        for gone in old.into_iter().chain(attempt) {
            self.close_quietly(gone, who);
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.ends[who].state = State::Up(Box::new(connection), peer);
        }
        self.note(|| format!("{} link {id} up", NAMES[who]));
        self.begin(id, who, first_frames, farther, carried);
    }

    /// A stream whose place another one has taken.
    fn close_quietly(&mut self, id: u64, who: usize) {
        self.put(id, who, Vec::new());
        if let Some(link) = self.links.get_mut(&id) {
            link.ends[who].state = State::Gone;
        }
    }

    /// What came with the welcome, and what came behind it.
    fn begin(&mut self, id: u64, who: usize, first_frames: &[u8], farther: &[u8], carried: &Snapshot) {
        let (now, wall_ms) = (self.now, self.wall_ms(who));
        let World { machines, links, truth, .. } = self;
        let Machine { engine: Some(engine), asks, .. } = &mut machines[who] else { return };
        let Some(link) = links.get_mut(&id) else { return };
        let State::Up(connection, peer) = &mut link.ends[who].state else { return };
        let carried_here = Some(Snapshot::clone(carried));
        let mut host = EngineHost { engine, peer: *peer, truth, carried: carried_here, asks, wall_ms, now, applied: 0 };
        match connection.handle_first_frames(first_frames, now, &mut host) {
            Err(ended) => self.link_ended(id, who, &ended),
            Ok(()) => self.handle(id, who, farther, carried),
        }
    }
}

/// What an endpoint says of its progress, to a peer or to somebody new.
fn own_resume(engine: &mut Engine, peer: Option<spook_protocol::registry::PeerIndex>) -> Resume {
    match peer {
        Some(peer) => engine.registry.resume(peer),
        None => engine.registry.resume_of_stranger(),
    }
}

/// Whether the sender is known or holds a ticket.
fn authorise(engine: &Engine, received: ReceivedHello) -> Option<Authorised> {
    let peer = engine.registry.find_peer(received.endpoint_id());
    let contact = peer.map(|peer| &engine.contacts[peer.0 as usize]);
    let last = contact.map_or(0, |contact| contact.heard_hello);
    if received.kind() == HelloKind::Known {
        return received.authorise_known(&contact?.keys, last).ok();
    }
    let issued = engine.tickets.get(&received.ticket_id()?)?;
    if issued.record.used_by.is_some_and(|user| user != received.endpoint_id()) {
        return None;
    }
    received.authorise_ticket(&issued.secret, last).ok()
}
