//! A pipe of bytes between two endpoints, in the hands of the test, with a handshake or a connection at either end.

use super::World;
use super::endpoint::Endpoint;
use super::host::EndpointHost;
use spook_protocol::etcp::handshake::{MAX_MESSAGE_1, MAX_MESSAGE_2};
use spook_protocol::etcp::{Authorised, Contact, Dialling, ExpectWelcome, Hello, HelloKind, ReceivedHello, Welcome, receive_hello};
use spook_protocol::link::frame::Frame;
use spook_protocol::link::records::{Inbox, put_hello_length};
use spook_protocol::link::{Connection, Directions, Ended, Meeting, Resume, Verdict, Why};
use spook_protocol::registry::PeerIndex;
use spook_protocol::wire::Reader;
use std::collections::VecDeque;

/// What no byte on a pipe may show: every value that the tests write bears it, and so do the keys.
pub const MARKER: &[u8] = b"PLAIN";

/// Bytes that wait in a pipe before the sender is held up.
const WINDOW: usize = 128 << 10;

#[derive(Default)]
pub enum State {
    #[default]
    Down,
    Dialling(Box<ExpectWelcome>, Inbox, Resume),
    Listening(Inbox),
    Up(Box<Connection>, PeerIndex),
}

/// One end of a pipe.
#[derive(Default)]
pub struct Side {
    pub endpoint: usize,
    pub state: State,
    /// On the way to the other side.
    pub out: VecDeque<u8>,
    /// Bytes ever put in, and of these those of handshakes.
    pub sent: usize,
    pub hellos: usize,
    /// Why links ended here.
    pub ended: Vec<Ended>,
    /// Sizes of messages.
    pub messages: Vec<usize>,
    /// Everything that was sent, message by message, if somebody wants it.
    pub tape: Option<Vec<Vec<u8>>>,
    /// What the link is, until the other side has proved that it knows.
    pub meeting: Option<Meeting>,
    /// The last bytes of a link that this side ended.
    pub farewell: Vec<u8>,
}

pub struct Pipe {
    /// The one that dials, and the one that listens.
    pub sides: [Side; 2],
    /// Nobody dials.
    pub is_blocked: bool,
    attempts: u64,
}

impl Pipe {
    pub fn new(dials: usize, listens: usize) -> Pipe {
        Pipe { sides: [dials, listens].map(|endpoint| Side { endpoint, ..Side::default() }), is_blocked: false, attempts: 0 }
    }

    pub fn joins(&self, endpoint: usize) -> bool {
        self.sides.iter().any(|side| side.endpoint == endpoint)
    }

    pub fn is_up(&self) -> bool {
        self.sides.iter().all(|side| matches!(side.state, State::Up(..)))
    }

    /// Whether a handshake goes on.
    pub fn is_under_way(&self) -> bool {
        let [dials, listens] = &self.sides;
        match (&dials.state, &listens.state) {
            (State::Dialling(..), State::Listening(_)) => !dials.out.is_empty(),
            (State::Dialling(..), State::Up(..)) => !listens.out.is_empty(),
            _ => false,
        }
    }

    pub fn connection(&mut self, side: usize) -> Option<&mut Connection> {
        match &mut self.sides[side].state {
            State::Up(connection, _) => Some(connection),
            _ => None,
        }
    }

    pub fn made_durable(&mut self, endpoint: usize, now: u64) {
        for side in self.sides.iter_mut().filter(|side| side.endpoint == endpoint) {
            if let State::Up(connection, _) = &mut side.state {
                connection.made_durable(now);
            }
        }
    }

    /// When a link that waits for something has to be served next.
    pub fn next_deadline(&self) -> Option<u64> {
        let links = || {
            self.sides.iter().filter_map(|side| match &side.state {
                State::Up(connection, _) => Some(connection),
                _ => None,
            })
        };
        links().any(|link| !link.is_at_rest()).then(|| links().map(|link| link.poll_deadline().0).min()).flatten()
    }

    fn seed(&mut self, what: u8) -> [u8; 32] {
        self.attempts += 1;
        let mut seed = [what; 32];
        seed[..8].copy_from_slice(&self.attempts.to_le_bytes());
        seed[8] = self.sides[0].endpoint as u8;
        seed
    }
}

impl World {
    /// Begins a handshake if the pipe is down and the two may meet.
    pub fn connect(&mut self, index: usize) -> bool {
        let hellos: u64 = self.pipes.iter().map(|pipe| pipe.attempts).sum();
        let (now, pipe) = (self.now, &mut self.pipes[index]);
        if pipe.is_blocked || !matches!(pipe.sides[0].state, State::Down) {
            return false;
        }
        self.cut(index);
        let pipe = &mut self.pipes[index];
        let [dials, listens] = [0, 1].map(|side| pipe.sides[side].endpoint);
        let them = *self.endpoints[listens].identity.public();
        let me = self.endpoints[dials].identity.endpoint_id();
        let is_known = self.endpoints[listens].running.registry.find_peer(me).is_some();
        let endpoint = &mut self.endpoints[dials];
        let ticket = endpoint.redeeming.iter().find(|ticket| ticket.issuer == them).map(|ticket| ticket.secret.clone());
        let contact = match &ticket {
            _ if is_known => Contact::Known,
            Some(secret) => Contact::Ticket(secret),
            None => return false,
        };
        let peer = endpoint.running.meet(them);
        // A crash may have lost the last timestamp; a clock that does not go back is what the endpoint needs then.
        let timestamp_ms = 1_700_000_000_000 + now + hellos;
        endpoint.running.hellos[peer.0 as usize].1 = timestamp_ms;
        let mine = endpoint.running.registry.resume(peer);
        let mut body = Vec::new();
        mine.put(&mut body);
        let hello = Hello { min_version: 1, max_version: 1, timestamp_ms, addresses: vec![], body };
        let seed = pipe.seed(1);
        let (message, expect) = Dialling::start(&endpoint.identity, &them, contact, &hello, seed).unwrap();
        pipe.sides[0].put_hello(&message);
        pipe.sides[0].state = State::Dialling(Box::new(expect), Inbox::default(), mine);
        pipe.sides[1].state = State::Listening(Inbox::default());
        true
    }

    /// The pipe breaks; what was on the way is lost.
    pub fn cut(&mut self, index: usize) {
        self.cut_side(index, 0);
        self.cut_side(index, 1);
    }

    /// Serves the timers of all links.
    pub fn tick(&mut self) {
        for index in 0..self.pipes.len() {
            for at in [0, 1] {
                let now = self.now;
                let side = &mut self.pipes[index].sides[at];
                let State::Up(connection, peer) = &mut side.state else { continue };
                let mut host = EndpointHost { endpoint: &mut self.endpoints[side.endpoint], peer: *peer, now };
                if let Err(ended) = connection.handle_time(now, &mut host) {
                    side.ended.push(ended);
                    self.cut_side(index, at);
                } else {
                    self.transmit(index, at);
                    let side = &mut self.pipes[index].sides[at];
                    if let State::Up(connection, _) = &side.state {
                        assert!(
                            side.out.len() >= WINDOW || connection.poll_deadline().0 > now,
                            "a deadline that was served is still there"
                        );
                    }
                }
            }
        }
    }

    /// One side notices that the pipe is broken.
    pub fn cut_side(&mut self, index: usize, side: usize) {
        let side = &mut self.pipes[index].sides[side];
        side.out.clear();
        side.meeting = None;
        if let State::Up(_, peer) = std::mem::take(&mut side.state) {
            let endpoint = &mut self.endpoints[side.endpoint];
            endpoint.running.linked(peer, false);
            for pair in endpoint.running.registry.shared_with(peer) {
                endpoint.presence.entry(pair).or_default().link_down();
            }
        }
    }

    /// Carries up to `limit` bytes each way. Returns whether anything happened.
    pub fn pump(&mut self, index: usize, limit: usize) -> bool {
        let mut busy = false;
        for side in [0, 1] {
            busy |= self.transmit(index, side);
            busy |= self.deliver(index, side, limit);
        }
        busy
    }

    /// Lets one side put what it has to say into the pipe.
    pub fn transmit(&mut self, index: usize, at: usize) -> bool {
        let now = self.now;
        let side = &mut self.pipes[index].sides[at];
        let State::Up(connection, peer) = &mut side.state else { return false };
        let mut host = EndpointHost { endpoint: &mut self.endpoints[side.endpoint], peer: *peer, now };
        let mut count = 0;
        let mut sealed = Vec::new();
        while side.out.len() < WINDOW && connection.poll_transmit(now, &mut host, &mut sealed) {
            assert!(!sealed.windows(MARKER.len()).any(|window| window == MARKER), "plaintext on the wire");
            side.messages.push(sealed.len());
            side.tape.iter_mut().for_each(|tape| tape.push(sealed.clone()));
            side.sent += sealed.len();
            side.out.extend(sealed.drain(..));
            count += 1;
            assert!(count < 10_000, "a link never stops talking");
        }
        if side.out.len() < WINDOW {
            let (due, why) = connection.poll_deadline();
            assert!(due > now || why != Why::Acknowledgement, "a deadline in the past: {due} at {now}");
        }
        count > 0
    }

    /// Hands up to `limit` bytes from one side to the other.
    pub fn deliver(&mut self, index: usize, from: usize, limit: usize) -> bool {
        let out = &mut self.pipes[index].sides[from].out;
        let count = limit.min(out.len());
        let bytes: Vec<u8> = out.drain(..count).collect();
        if bytes.is_empty() {
            return false;
        }
        self.receive(index, 1 - from, &bytes);
        true
    }

    fn receive(&mut self, index: usize, at: usize, bytes: &[u8]) {
        let side = &mut self.pipes[index].sides[at];
        let (who, now) = (side.endpoint, self.now);
        match &mut side.state {
            State::Down => {}
            State::Listening(inbox) => {
                inbox.push(bytes);
                let hello = inbox.hello(MAX_MESSAGE_1).unwrap().map(<[u8]>::to_vec);
                if let Some(hello) = hello {
                    self.answer(index, &hello);
                }
            }
            State::Dialling(_, inbox, _) => {
                inbox.push(bytes);
                let welcome = inbox.hello(MAX_MESSAGE_2).unwrap().map(<[u8]>::to_vec);
                if let Some(welcome) = welcome {
                    self.welcomed(index, &welcome);
                }
            }
            State::Up(connection, peer) => {
                let mut host = EndpointHost { endpoint: &mut self.endpoints[who], peer: *peer, now };
                let handled = connection.handle_bytes(bytes, now, &mut host);
                if connection.messages().1 > 0
                    && let Some(meeting) = side.meeting.take()
                {
                    self.endpoints[who].running.registry.confirm_meeting(*peer, meeting);
                }
                self.conclude(index, at, handled);
            }
        }
        self.tell_durable(who);
    }

    fn conclude(&mut self, index: usize, at: usize, handled: Result<(), Ended>) {
        if let Err(ended) = handled {
            self.transmit(index, at);
            self.pipes[index].sides[at].ended.push(ended);
            // The farewell still gets there.
            let farewell: Vec<u8> = self.pipes[index].sides[at].out.drain(..).collect();
            self.pipes[index].sides[at].farewell.clone_from(&farewell);
            self.cut_side(index, at);
            if matches!(self.pipes[index].sides[1 - at].state, State::Up(..)) {
                self.receive(index, 1 - at, &farewell);
            }
            self.cut(index);
        }
    }

    /// The listening side reads a hello and answers.
    fn answer(&mut self, index: usize, hello: &[u8]) {
        let now = self.now;
        let pipe = &mut self.pipes[index];
        let who = pipe.sides[1].endpoint;
        let endpoint = &mut self.endpoints[who];
        let received = receive_hello(&endpoint.identity, hello).unwrap();
        let authorised = authorise(endpoint, received);
        let peer = endpoint.running.meet(*authorised.initiator());
        endpoint.running.hellos[peer.0 as usize].0 = authorised.hello().timestamp_ms;
        let theirs = Resume::read(&mut Reader::new(&authorised.hello().body)).unwrap();
        let verdict = endpoint.running.registry.judge(peer, &theirs);
        if verdict != Verdict::Fine {
            return self.found_old(index, [verdict != Verdict::MineIsOld, verdict != Verdict::TheirsIsOld]);
        }
        let mine = endpoint.running.registry.resume_for(peer, &theirs);
        let mut directions = begin(endpoint, peer, &mine, &theirs);
        let mut body = Vec::new();
        mine.put(&mut body);
        body.extend(directions.first_frames(&mut EndpointHost { endpoint, peer, now }));
        let options = endpoint.config.options;
        let welcome = Welcome { version: 1, addresses: vec![], body };
        let (message, channel, _) = authorised.welcome(&welcome, pipe.seed(2)).unwrap();
        let meeting = mine.met.next(&theirs.met, channel.handshake_hash());
        endpoint.running.registry.offer_meeting(peer, &theirs, meeting);
        endpoint.store_meetings(peer);
        pipe.sides[1].meeting = Some(meeting);
        pipe.sides[1].put_hello(&message);
        let connection = directions.connect(channel, now, options);
        pipe.sides[1].state = State::Up(Box::new(connection), peer);
        self.link_up(index, 1, peer);
    }

    /// The dialling side reads the welcome, and what came with it.
    fn welcomed(&mut self, index: usize, message: &[u8]) {
        let now = self.now;
        let side = &mut self.pipes[index].sides[0];
        let endpoint = &mut self.endpoints[side.endpoint];
        let State::Dialling(expect, inbox, mine) = std::mem::take(&mut side.state) else { return };
        let (channel, welcome, evidence) = expect.handle(message).unwrap();
        let peer = endpoint.running.meet(*evidence.keys());
        let mut reader = Reader::new(&welcome.body);
        let theirs = Resume::read(&mut reader).unwrap();
        let verdict = endpoint.running.registry.judge(peer, &theirs);
        if verdict == Verdict::TheirsIsOld {
            endpoint.running.registry.begin_link(peer, &theirs);
            return self.cut(index);
        } else if verdict != Verdict::Fine {
            return self.found_old(index, [true, false]);
        }
        let directions = begin(endpoint, peer, &mine, &theirs);
        let meeting = mine.met.next(&theirs.met, channel.handshake_hash());
        endpoint.running.registry.confirm_meeting(peer, meeting);
        endpoint.store_meetings(peer);
        let mut connection = directions.connect(channel, now, endpoint.config.options);
        let mut host = EndpointHost { endpoint, peer, now };
        let farther = inbox.into_rest();
        let handled = connection.handle_first_frames(reader.rest(), now, &mut host);
        let handled = handled.and_then(|()| connection.handle_bytes(&farther, now, &mut host));
        side.state = State::Up(Box::new(connection), peer);
        self.link_up(index, 0, peer);
        self.conclude(index, 0, handled);
    }

    /// One side of a pipe, or both, found out that its ledger is a copy.
    fn found_old(&mut self, index: usize, is_old: [bool; 2]) {
        for side in [0, 1].into_iter().filter(|&side| is_old[side]) {
            let who = self.pipes[index].sides[side].endpoint;
            self.found_old.push(who);
            for pipe in 0..self.pipes.len() {
                if self.pipes[pipe].joins(who) {
                    self.cut(pipe);
                }
            }
            let epoch = 0x9000 + self.found_old.len() as u32;
            self.endpoints[who].begin_epoch(epoch);
        }
        self.cut(index);
    }

    fn link_up(&mut self, index: usize, side: usize, peer: PeerIndex) {
        let endpoint = self.pipes[index].sides[side].endpoint;
        self.endpoints[endpoint].running.linked(peer, true);
        self.redeem(index, side);
    }

    /// Sends the tickets that one side holds of the other.
    pub fn redeem(&mut self, index: usize, side: usize) {
        let [endpoint, other] = [side, 1 - side].map(|side| self.pipes[index].sides[side].endpoint);
        let them = *self.endpoints[other].identity.public();
        let tickets = &self.endpoints[endpoint].redeeming;
        if let State::Up(connection, _) = &mut self.pipes[index].sides[side].state {
            for ticket in tickets.iter().filter(|ticket| ticket.issuer == them) {
                connection.send(Frame::redeem(&ticket.secret));
            }
        }
    }
}

impl Side {
    fn put_hello(&mut self, message: &[u8]) {
        assert!(!message.windows(MARKER.len()).any(|window| window == MARKER), "plaintext in a handshake");
        let mut bytes = Vec::new();
        put_hello_length(&mut bytes, message.len());
        bytes.extend_from_slice(message);
        self.sent += bytes.len();
        self.hellos += bytes.len();
        self.tape.iter_mut().for_each(|tape| tape.push(bytes.clone()));
        self.out.extend(bytes);
    }
}

fn authorise(endpoint: &Endpoint, received: ReceivedHello) -> Authorised {
    let running = &endpoint.running;
    let peer = running.registry.find_peer(received.endpoint_id());
    let last = peer.map_or(0, |peer| running.hellos[peer.0 as usize].0);
    if received.kind() == HelloKind::Known {
        let keys = running.keys[peer.expect("the other side looked").0 as usize];
        return received.authorise_known(&keys, last).unwrap();
    }
    let (secret, _) = &endpoint.tickets[&received.ticket_id().unwrap().0];
    received.authorise_ticket(&spook_protocol::etcp::TicketSecret::from_bytes(*secret), last).unwrap()
}

fn begin(endpoint: &mut Endpoint, peer: PeerIndex, mine: &Resume, theirs: &Resume) -> Directions {
    let registry = &mut endpoint.running.registry;
    let start = registry.start(peer, mine, theirs);
    let pairs = registry.begin_link(peer, theirs);
    for pair in endpoint.running.registry.take_refused(peer) {
        let number = endpoint.running.registry.arrive(pair, spook_protocol::estp::Stamp::ZERO).number;
        endpoint.running.halves[pair.0 as usize].joined_at(number);
    }
    endpoint.running.settle(&pairs);
    Directions::new(&start, mine, theirs)
}
