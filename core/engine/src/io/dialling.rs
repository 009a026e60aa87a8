//! Those whom this engine connects to: peers of its Pairs, and issuers of tickets.

use crate::io::accept::{Newcomer, VERSIONS, link_options, own_addresses};
use crate::shared::{Counters, Shared};
use crate::time;
use spook_protocol::etcp::{
    Contact, Dialling as Handshake, ExpectWelcome, HandshakeError, Hello, MAX_ADDRESSES, PublicKeys, Refusal, TicketId, TicketSecret,
    handshake,
};
use spook_protocol::id::EndpointId;
use spook_protocol::link::records::{Inbox, put_hello_length};
use spook_protocol::link::{Connection, Directions, Resume, Verdict};
use spook_protocol::wire::Reader;
use spook_transport::{Address, Backoff, Dial, Progress, Stream, dial};
use std::io::ErrorKind;

/// Somebody to reach.
pub(crate) struct Target {
    pub(crate) keys: PublicKeys,
    pub(crate) addresses: Vec<String>,
    /// For somebody who does not know this endpoint yet.
    pub(crate) ticket: Option<TicketSecret>,
    backoff: Backoff,
    next_address: usize,
    /// The key of the attempt that is under way.
    pub(crate) attempt: Option<usize>,
}

impl Target {
    pub(crate) fn new(keys: PublicKeys, addresses: Vec<String>, ticket: Option<TicketSecret>) -> Target {
        Target { keys, addresses, ticket, backoff: Backoff::default(), next_address: 0, attempt: None }
    }

    /// Begins an attempt at the next address.
    pub(crate) fn begin(&mut self) -> Result<Dial, String> {
        let address = self.addresses.get(self.next_address % self.addresses.len().max(1)).ok_or("no address is known")?;
        self.next_address += 1;
        let address: Address = address.parse().map_err(|error: spook_transport::TransportError| error.to_string())?;
        Ok(dial(&address))
    }

    /// An attempt failed: how long to wait until the next one, in µs. All addresses are tried before waiting.
    pub(crate) fn pause(&mut self) -> u64 {
        self.attempt = None;
        if !self.addresses.is_empty() && !self.next_address.is_multiple_of(self.addresses.len()) {
            return 0;
        }
        let random = u64::from(time::random_u32()) << 32 | u64::from(time::random_u32());
        self.backoff.next(random).as_micros() as u64
    }

    /// The link is up.
    pub(crate) fn reached(&mut self) {
        self.attempt = None;
        self.ticket = None;
        self.next_address = 0;
        self.backoff.reset();
    }
}

/// An attempt to reach somebody.
pub(crate) struct Attempt {
    pub(crate) endpoint: EndpointId,
    stage: Stage,
}

enum Stage {
    Connecting(Dial),
    Greeted(Box<Greeted>),
}

/// Message 1 is on its way.
struct Greeted {
    stream: Stream,
    inbox: Inbox,
    expect: ExpectWelcome,
    mine: Resume,
    keys: PublicKeys,
    presented: Option<TicketId>,
    /// Where it answers.
    address: String,
}

/// How far an attempt got.
pub(crate) enum Step {
    Waits(Attempt),
    Up(Box<Arrival>),
    /// The responder turned this endpoint away; the ticket that it was shown.
    Refused(Refusal, Option<TicketId>),
    Failed(String),
    /// It knows of links that this ledger does not: the ledger is a copy.
    LedgerIsOld,
}

/// A link that was answered.
pub(crate) struct Arrival {
    pub(crate) connection: Connection,
    pub(crate) stream: Stream,
    pub(crate) newcomer: Newcomer,
    /// Frames that came with the welcome, and what came behind it.
    pub(crate) first_frames: Vec<u8>,
    pub(crate) farther: Vec<u8>,
}

impl Attempt {
    pub(crate) fn new(endpoint: EndpointId, dial: Dial) -> Attempt {
        Attempt { endpoint, stage: Stage::Connecting(dial) }
    }

    /// Whether message 1 was sent.
    pub(crate) fn has_greeted(&self) -> bool {
        matches!(self.stage, Stage::Greeted(_))
    }

    /// Something may have moved.
    pub(crate) fn advance(self, shared: &Shared, target: &Target, buffer: &mut Vec<u8>) -> Step {
        let Attempt { endpoint, stage } = self;
        match stage {
            Stage::Greeted(greeted) => greeted.receive(shared, endpoint, buffer),
            Stage::Connecting(dial) => {
                let address = dial.address().to_string();
                match dial.finish() {
                    Err(error) => Step::Failed(error.to_string()),
                    Ok(Progress::Pending(dial)) => Step::Waits(Attempt { endpoint, stage: Stage::Connecting(dial) }),
                    Ok(Progress::Connected(stream)) => match greet(shared, endpoint, target, stream, address) {
                        Ok(greeted) => greeted.receive(shared, endpoint, buffer),
                        Err(reason) => Step::Failed(reason),
                    },
                }
            }
        }
    }
}

fn greet(shared: &Shared, endpoint: EndpointId, target: &Target, stream: Stream, address: String) -> Result<Box<Greeted>, String> {
    let peer = shared.registry().find_peer(endpoint);
    let mine = {
        let registry = shared.registry();
        peer.map_or_else(|| registry.resume_of_stranger(), |peer| registry.resume(peer))
    };
    let timestamp_ms = match peer {
        Some(peer) => shared.contacts().next_hello(peer, shared.time.now_ms()),
        None => shared.time.now_ms(),
    };
    let mut body = Vec::new();
    mine.put(&mut body);
    let hello = Hello { min_version: VERSIONS.0, max_version: VERSIONS.1, timestamp_ms, addresses: own_addresses(shared), body };
    let contact = target.ticket.as_ref().map_or(Contact::Known, Contact::Ticket);
    let (message, expect) =
        Handshake::start(&shared.identity, &target.keys, contact, &hello, time::seed()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::with_capacity(message.len() + 2);
    put_hello_length(&mut bytes, message.len());
    bytes.extend_from_slice(&message);
    match stream.write(&bytes) {
        Ok(count) if count == bytes.len() => Counters::add(&shared.traffic.bytes_sent, count as u64),
        Ok(_) => return Err("the socket did not take the hello".to_owned()),
        Err(error) => return Err(error.to_string()),
    }
    Ok(Box::new(Greeted {
        stream,
        inbox: Inbox::default(),
        expect,
        mine,
        keys: target.keys,
        presented: target.ticket.as_ref().map(TicketSecret::id),
        address,
    }))
}

impl Greeted {
    fn receive(mut self: Box<Self>, shared: &Shared, endpoint: EndpointId, buffer: &mut Vec<u8>) -> Step {
        buffer.resize(handshake::MAX_MESSAGE_2 + 2, 0);
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Step::Failed("it closed the connection without an answer".to_owned()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Step::Waits(Attempt { endpoint, stage: Stage::Greeted(self) });
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Step::Failed(error.to_string()),
            };
            Counters::add(&shared.traffic.bytes_received, count as u64);
            self.inbox.push(&buffer[..count]);
            let message = match self.inbox.hello(handshake::MAX_MESSAGE_2) {
                Err(_) => return Step::Failed("it answered something else".to_owned()),
                Ok(None) => continue,
                Ok(Some(message)) => message.to_vec(),
            };
            return self.welcomed(shared, endpoint, &message);
        }
    }

    fn welcomed(self, shared: &Shared, endpoint: EndpointId, message: &[u8]) -> Step {
        let Greeted { stream, inbox, expect, mine, keys, presented, address } = self;
        let (channel, welcome, _proof) = match expect.handle(message) {
            Ok(arrived) => arrived,
            Err(HandshakeError::Refused(Refusal::LedgerIsOld)) => return Step::LedgerIsOld,
            Err(HandshakeError::Refused(reason)) => return Step::Refused(reason, presented),
            Err(error) => return Step::Failed(error.to_string()),
        };
        let mut reader = Reader::new(&welcome.body);
        let Ok(theirs) = Resume::read(&mut reader) else { return Step::Failed("its welcome is malformed".to_owned()) };
        let start = {
            let mut registry = shared.registry();
            match registry.find_peer(endpoint) {
                None => mine.start(registry.me(), endpoint, &theirs, 0),
                Some(peer) => match registry.judge(peer, &theirs) {
                    Verdict::Fine => registry.start(peer, &mine, &theirs),
                    Verdict::MineIsOld | Verdict::Unclear => return Step::LedgerIsOld,
                    Verdict::TheirsIsOld => {
                        // It did not know that this hello was for another copy of its ledger: the next one is for this copy.
                        registry.begin_link(peer, &theirs);
                        return Step::Failed("its ledger is an old copy".to_owned());
                    }
                },
            }
        };
        let meeting = mine.met.next(&theirs.met, channel.handshake_hash());
        Counters::add(&shared.traffic.handshakes, 1);
        let directions = Directions::new(&start, &mine, &theirs);
        // The address that worked comes first: behind a port forward or a relay it is not among those that the peer knows itself by.
        let claimed = welcome.addresses.into_iter().filter(|claimed| *claimed != address);
        let addresses = std::iter::once(address.clone()).chain(claimed).take(MAX_ADDRESSES).collect();
        let newcomer = Newcomer { keys, addresses, theirs, meeting, heard_hello: 0 };
        Step::Up(Box::new(Arrival {
            connection: directions.connect(channel, shared.time.now_us(), link_options(shared)),
            stream,
            newcomer,
            first_frames: reader.rest().to_vec(),
            farther: inbox.into_rest(),
        }))
    }
}
