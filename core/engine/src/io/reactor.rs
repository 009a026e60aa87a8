//! The loop of the I/O thread: commands, sockets, timers.

use crate::error::Error;
use crate::io::accept::{self, Accepting, Newcomer};
use crate::io::dialling::{self, Arrival, Attempt, Target};
use crate::io::live::{LinkHandle, Outcome};
use crate::io::timers::{Timer, Timers};
use crate::io::{Command, Mail, links};
use crate::shared::Shared;
use spook_protocol::error::Code;
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::etcp::{ReceivedHello, Refusal, TicketId, TicketSecret};
use spook_protocol::id::EndpointId;
use spook_protocol::link::Connection;
use spook_protocol::link::frame::Frame;
use spook_protocol::registry::PeerIndex;
use spook_transport::{Address, Key, Listener, Poller, Ready, Stream, private_address};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How long a handshake may take, in µs.
const HANDSHAKE: u64 = 5_000_000;
/// Strangers that are listened to at a time; the oldest goes when one more comes.
const STRANGERS: usize = 256;
/// When to accept again after the system had no descriptor left, in µs.
const ACCEPT_AGAIN: u64 = 100_000;

enum Socket {
    Listener(Listener),
    Accepting(Accepting),
    Attempt(Attempt),
    Link(Arc<LinkHandle>),
}

pub(crate) struct Reactor {
    shared: Arc<Shared>,
    mail: Mail,
    poller: Poller,
    sockets: BTreeMap<usize, Socket>,
    next_key: usize,
    timers: Timers,
    /// The one link to each peer that has one.
    links: BTreeMap<PeerIndex, Arc<LinkHandle>>,
    targets: BTreeMap<EndpointId, Target>,
    /// Links with more to read than one turn takes.
    again: Vec<usize>,
    buffer: Vec<u8>,
}

impl Reactor {
    pub(super) fn new(shared: Arc<Shared>) -> Result<Reactor, Error> {
        let poller = Poller::new()?;
        let mail = Mail { commands: Arc::default(), waker: poller.waker() };
        let mut reactor = Reactor {
            shared,
            mail,
            poller,
            links: BTreeMap::new(),
            sockets: BTreeMap::new(),
            next_key: 0,
            timers: Timers::default(),
            targets: BTreeMap::new(),
            again: Vec::new(),
            buffer: Vec::new(),
        };
        reactor.listen()?;
        reactor.target_known_peers();
        Ok(reactor)
    }

    fn listen(&mut self) -> Result<(), Error> {
        let addresses: Vec<Address> = match &self.shared.options.listen {
            Some(addresses) => addresses.iter().map(|address| address.parse()).collect::<Result<_, _>>()?,
            None => vec![private_address(&self.shared.identity.endpoint_id().to_string()[..13])?],
        };
        for address in addresses {
            let mut listener = Listener::bind(&address)?;
            let key = self.take_key();
            self.poller.register(&mut listener, Key(key))?;
            self.sockets.insert(key, Socket::Listener(listener));
        }
        Ok(())
    }

    fn target_known_peers(&mut self) {
        let peers: Vec<_> = self.shared.registry().peers().collect();
        for peer in peers {
            let endpoint = self.shared.registry().peer_id(peer);
            let contact = self.shared.contacts().get(peer).cloned();
            if let Some(contact) = contact.filter(|contact| !contact.addresses.is_empty()) {
                self.targets.entry(endpoint).or_insert_with(|| Target::new(contact.keys, contact.addresses, None));
                self.timers.set(Timer::Target(endpoint), 0);
            }
        }
    }

    pub(super) fn mail(&self) -> Mail {
        self.mail.clone()
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        let address = |socket: &Socket| match socket {
            Socket::Listener(listener) => Some(listener.address().to_string()),
            _ => None,
        };
        self.sockets.values().filter_map(address).collect()
    }

    fn take_key(&mut self) -> usize {
        self.next_key += 1;
        self.next_key
    }

    /// Runs until told to close. A panic poisons the engine: its callers are told, and the ledger keeps what it has.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        if catch_unwind(AssertUnwindSafe(|| self.turn_until_closed())).is_err() {
            shared.poison("the I/O thread panicked");
        }
    }

    fn turn_until_closed(&mut self) {
        let mut ready = Vec::new();
        loop {
            for command in self.mail.take() {
                match command {
                    Command::Close => return self.part_from_all(),
                    Command::Redeem(ticket) => self.redeem(ticket),
                    Command::Flush(link) => {
                        let outcome = link.flush_all(&self.shared);
                        self.conclude(&link, outcome);
                    }
                    Command::MadeDurable => self.made_durable(),
                }
            }
            for key in std::mem::take(&mut self.again) {
                self.on_ready(Ready { key: Key(key), readable: true, writable: false, closed: false });
            }
            let now = self.shared.time.now_us();
            while let Some(timer) = self.timers.take_due(now) {
                self.on_time(timer, now);
            }
            if self.poller.wait(self.wait_at_most(), &mut ready).is_err() {
                self.shared.poison("the operating system does not let the I/O thread wait");
                return;
            }
            for event in ready.drain(..) {
                self.on_ready(event);
            }
        }
    }

    fn wait_at_most(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = self.shared.time.now_us();
        // Rounded up to whole milliseconds as the system counts them, so that a timer is due when the wait ends.
        self.timers.first().map(|at| Duration::from_millis(at.saturating_sub(now).div_ceil(1000)))
    }

    fn on_ready(&mut self, ready: Ready) {
        let key = ready.key.0;
        match self.sockets.get(&key) {
            None => {}
            Some(Socket::Listener(_)) => self.accept(key),
            Some(Socket::Accepting(_)) => self.listen_to(key),
            Some(Socket::Attempt(_)) => self.attempt(key),
            Some(Socket::Link(link)) => {
                let link = Arc::clone(link);
                let outcome = if ready.readable || ready.closed {
                    link.receive(&self.shared, &mut self.buffer)
                } else {
                    link.flush_all(&self.shared)
                };
                self.conclude(&link, outcome);
            }
        }
    }

    fn on_time(&mut self, timer: Timer, now: u64) {
        match timer {
            Timer::Target(endpoint) => self.dial(endpoint),
            Timer::Accept => {
                let listeners: Vec<usize> = self.keys(|socket| matches!(socket, Socket::Listener(_)));
                listeners.into_iter().for_each(|key| self.accept(key));
            }
            Timer::Socket(key) => match self.sockets.get(&key) {
                Some(Socket::Link(link)) => {
                    let link = Arc::clone(link);
                    let outcome = link.on_time(&self.shared);
                    self.conclude(&link, outcome);
                }
                Some(Socket::Accepting(_)) => {
                    self.sockets.remove(&key);
                }
                Some(Socket::Attempt(attempt)) => {
                    let endpoint = attempt.endpoint;
                    let stage = if attempt.has_greeted() { "no answer to the hello" } else { "no connection" };
                    self.sockets.remove(&key);
                    self.attempt_failed(endpoint, format!("{stage} within {} s", HANDSHAKE / 1_000_000), now);
                }
                Some(Socket::Listener(_)) | None => {}
            },
        }
    }

    fn keys(&self, which: impl Fn(&Socket) -> bool) -> Vec<usize> {
        self.sockets.iter().filter(|(_, socket)| which(socket)).map(|(key, _)| *key).collect()
    }

    // Those who connect.

    fn accept(&mut self, key: usize) {
        loop {
            let Some(Socket::Listener(listener)) = self.sockets.get(&key) else { return };
            match listener.accept() {
                Ok(None) => return,
                Ok(Some(stream)) => self.admit(stream),
                Err(_) => return self.timers.set(Timer::Accept, self.shared.time.now_us() + ACCEPT_AGAIN),
            }
        }
    }

    fn admit(&mut self, mut stream: Stream) {
        let strangers = self.keys(|socket| matches!(socket, Socket::Accepting(_)));
        if strangers.len() >= STRANGERS {
            self.sockets.remove(&strangers[0]);
            self.timers.cancel(Timer::Socket(strangers[0]));
        }
        let key = self.take_key();
        if self.poller.register(&mut stream, Key(key)).is_ok() {
            self.sockets.insert(key, Socket::Accepting(Accepting::new(stream)));
            self.timers.set(Timer::Socket(key), self.shared.time.now_us() + HANDSHAKE);
        }
    }

    fn listen_to(&mut self, key: usize) {
        let Some(Socket::Accepting(accepting)) = self.sockets.remove(&key) else { return };
        let Reactor { shared, buffer, targets, sockets, .. } = self;
        let me = shared.identity.endpoint_id();
        // Both dialled at once: the hello of the smaller endpoint counts, so that one link remains.
        let may_answer = |hello: &ReceivedHello| {
            let endpoint = hello.endpoint_id();
            let attempt = targets.get(&endpoint).and_then(|target| target.attempt).and_then(|key| sockets.get(&key));
            let greeted = matches!(attempt, Some(Socket::Attempt(attempt)) if attempt.has_greeted());
            endpoint != me && (!greeted || endpoint < me)
        };
        match accepting.receive(shared, buffer, may_answer) {
            accept::Step::Gone => self.timers.cancel(Timer::Socket(key)),
            accept::Step::LedgerIsOld => {
                self.timers.cancel(Timer::Socket(key));
                self.begin_epoch();
            }
            accept::Step::Waits(accepting) => {
                self.sockets.insert(key, Socket::Accepting(accepting));
            }
            accept::Step::Up(up) => {
                let (connection, stream, newcomer) = *up;
                self.bring_up(key, connection, stream, newcomer, &[], &[]);
            }
        }
    }

    // Those who are dialled.

    fn redeem(&mut self, ticket: TicketId) {
        let Some(redeeming) = self.shared.forming().redeeming(ticket) else { return };
        let issuer = &redeeming.ticket.issuer;
        let endpoint = issuer.endpoint_id();
        let peer = self.shared.registry().find_peer(endpoint);
        if let Some(link) = peer.and_then(|peer| self.links.get(&peer)).cloned() {
            link.send(Frame::redeem(&redeeming.ticket.secret));
            let outcome = link.flush_all(&self.shared);
            return self.conclude(&link, outcome);
        }
        let addresses = redeeming.ticket.addresses.clone();
        let target = self.targets.entry(endpoint).or_insert_with(|| Target::new(*issuer, Vec::new(), None));
        // Also for a peer that is known here: the issuer may not have heard the end of the first contact, or have lost it.
        target.ticket = Some(redeeming.ticket.secret.clone());
        if !addresses.is_empty() {
            target.addresses = addresses;
        }
        if target.attempt.is_none() {
            self.dial(endpoint);
        }
    }

    fn dial(&mut self, endpoint: EndpointId) {
        let peer = self.shared.registry().find_peer(endpoint);
        let is_linked = peer.is_some_and(|peer| self.links.contains_key(&peer));
        let Some(target) = self.targets.get_mut(&endpoint).filter(|target| !is_linked && target.attempt.is_none()) else { return };
        let wanted = self.shared.forming().to_redeem_at(endpoint);
        let is_wanted = |ticket: &TicketSecret| wanted.iter().any(|secret| secret.id() == ticket.id());
        if !target.ticket.as_ref().is_some_and(is_wanted) {
            target.ticket = wanted.into_iter().next();
        }
        if target.ticket.is_none() && peer.is_none() {
            // Whoever wanted the ticket has given up.
            self.targets.remove(&endpoint);
            return;
        }
        let now = self.shared.time.now_us();
        let mut dial = match target.begin() {
            Ok(dial) => dial,
            Err(reason) => return self.attempt_failed(endpoint, reason, now),
        };
        let key = self.take_key();
        if let Err(error) = self.poller.register(&mut dial, Key(key)) {
            return self.attempt_failed(endpoint, error.to_string(), now);
        }
        if let Some(target) = self.targets.get_mut(&endpoint) {
            target.attempt = Some(key);
        }
        self.sockets.insert(key, Socket::Attempt(Attempt::new(endpoint, dial)));
        self.timers.set(Timer::Socket(key), now + HANDSHAKE);
        self.attempt(key);
    }

    fn attempt(&mut self, key: usize) {
        let Some(Socket::Attempt(attempt)) = self.sockets.remove(&key) else { return };
        let endpoint = attempt.endpoint;
        let Some(target) = self.targets.get(&endpoint) else { return };
        match attempt.advance(&self.shared, target, &mut self.buffer) {
            dialling::Step::Waits(attempt) => {
                self.sockets.insert(key, Socket::Attempt(attempt));
            }
            dialling::Step::Up(arrival) => {
                let Arrival { connection, stream, newcomer, first_frames, farther } = *arrival;
                self.bring_up(key, connection, stream, newcomer, &first_frames, &farther);
            }
            dialling::Step::Refused(refusal, presented) => self.refused(key, endpoint, presented, refusal),
            dialling::Step::LedgerIsOld => {
                self.timers.cancel(Timer::Socket(key));
                self.begin_epoch();
            }
            dialling::Step::Failed(reason) => {
                self.timers.cancel(Timer::Socket(key));
                let now = self.shared.time.now_us();
                self.attempt_failed(endpoint, reason, now);
            }
        }
    }

    fn refused(&mut self, key: usize, endpoint: EndpointId, presented: Option<TicketId>, refusal: Refusal) {
        self.timers.cancel(Timer::Socket(key));
        links::refuse_redemptions(&self.shared, endpoint, presented, refusal);
        let now = self.shared.time.now_us();
        self.attempt_failed(endpoint, refusal.to_string(), now);
    }

    fn attempt_failed(&mut self, endpoint: EndpointId, reason: String, now: u64) {
        links::note_obstacle(&self.shared, endpoint, &reason);
        if let Some(target) = self.targets.get_mut(&endpoint) {
            let pause = target.pause();
            self.timers.set(Timer::Target(endpoint), now + pause.max(1));
        }
    }

    // Links.

    fn bring_up(&mut self, key: usize, connection: Connection, stream: Stream, newcomer: Newcomer, frames: &[u8], farther: &[u8]) {
        let endpoint = newcomer.keys.endpoint_id();
        let peer = links::enter_peer(&self.shared, &newcomer);
        let link = LinkHandle::new(&self.shared, self.mail(), peer, key, connection, stream);
        if let Some(old) = self.links.insert(peer, Arc::clone(&link)) {
            self.sockets.remove(&old.key);
            self.timers.cancel(Timer::Socket(old.key));
        }
        if let Some(target) = self.targets.get_mut(&endpoint) {
            if let Some(attempt) = target.attempt.filter(|attempt| *attempt != key) {
                self.sockets.remove(&attempt);
                self.timers.cancel(Timer::Socket(attempt));
            }
            target.reached();
            self.timers.cancel(Timer::Target(endpoint));
        }
        self.sockets.insert(key, Socket::Link(Arc::clone(&link)));
        // Durable before anything goes over the link; a ledger that has failed says so to whoever writes.
        let _ = self.shared.flush_ledger();
        links::entangle(&self.shared, &link);
        // The side that dialled speaks first: it proves to the other that this is no recording.
        if newcomer.heard_hello == 0 {
            link.send(Frame::Ping(0));
        }
        for secret in self.shared.forming().to_redeem_at(endpoint) {
            link.send(Frame::redeem(&secret));
        }
        let begun = link.begin(&self.shared, frames, farther);
        self.conclude(&link, begun);
        self.again.push(key);
    }

    fn conclude(&mut self, link: &Arc<LinkHandle>, outcome: Outcome) {
        match outcome {
            Outcome::Over(reason) => return self.link_over(link, reason),
            Outcome::Again => self.again.push(link.key),
            Outcome::Goes => {}
        }
        if !self.sockets.contains_key(&link.key) {
            return;
        }
        let at = link.lock().connection.poll_deadline().0;
        if at != link.scheduled() {
            link.set_scheduled(at);
            self.timers.set(Timer::Socket(link.key), at);
        }
    }

    fn link_over(&mut self, link: &Arc<LinkHandle>, reason: Reason) {
        self.sockets.remove(&link.key);
        self.timers.cancel(Timer::Socket(link.key));
        if !self.links.get(&link.peer).is_some_and(|current| Arc::ptr_eq(current, link)) {
            // Another one has taken its place already.
            return;
        }
        self.links.remove(&link.peer);
        links::decohere(&self.shared, link, reason);
        let endpoint = self.shared.registry().peer_id(link.peer);
        let contact = self.shared.contacts().get(link.peer).cloned();
        let Some(contact) = contact.filter(|contact| !contact.addresses.is_empty()) else { return };
        let target = self.targets.entry(endpoint).or_insert_with(|| Target::new(contact.keys, Vec::new(), None));
        target.addresses = contact.addresses;
        let pause = target.pause();
        self.timers.set(Timer::Target(endpoint), self.shared.time.now_us() + pause.max(1));
    }

    /// The ledger is a copy that another one has gone beyond: all links end, and those who can be reached are met again under a new author epoch.
    fn begin_epoch(&mut self) {
        for link in std::mem::take(&mut self.links).into_values() {
            link.cut_off(&self.shared);
            links::decohere(&self.shared, &link, Reason::LinkLost);
        }
        for key in self.keys(|socket| !matches!(socket, Socket::Listener(_))) {
            self.sockets.remove(&key);
            self.timers.cancel(Timer::Socket(key));
        }
        if self.shared.begin_epoch().is_err() {
            // The ledger has failed, which every writer is told, or a Pair takes no more epochs: nobody is dialled.
            self.targets.clear();
            return;
        }
        self.target_known_peers();
        let now = self.shared.time.now_us();
        for (endpoint, target) in &mut self.targets {
            target.attempt = None;
            self.timers.set(Timer::Target(*endpoint), now);
        }
    }

    fn made_durable(&mut self) {
        for link in self.links.values().cloned().collect::<Vec<_>>() {
            link.lock().connection.made_durable(self.shared.time.now_us());
            let outcome = link.flush_all(&self.shared);
            self.conclude(&link, outcome);
        }
    }

    fn part_from_all(&mut self) {
        for link in std::mem::take(&mut self.links).into_values() {
            link.farewell(&self.shared);
            links::decohere(&self.shared, &link, Reason::LinkLost);
        }
        let closed = Error::new(Code::Closed, "the engine was closed");
        self.shared.forming().give_up(|_| true, &closed);
        self.sockets.clear();
    }
}
