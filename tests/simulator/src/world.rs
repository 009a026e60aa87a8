//! Two machines, the network between them, and the time: whatever is due happens, in order.

use crate::disk::Fate;
use crate::host::EngineHost;
use crate::knobs::Knobs;
use crate::link::{Link, State};
use crate::machine::Machine;
use crate::rng::Rng;
use crate::truth::{Snapshot, Truth};
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::estp::place::Place;
use spook_protocol::link::Ended;
use spook_protocol::registry::PeerIndex;
use std::collections::{BTreeMap, BTreeSet};

/// How long a handshake may take.
pub const HANDSHAKE: u64 = 10_000_000;
/// More things than this do not happen at one moment.
const AT_ONCE: u64 = 20_000;

/// What the network does to what one endpoint sends.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Nothing gets through.
    pub blocked: bool,
    /// How much longer it takes.
    pub clog: u64,
}

/// By what one sees that a half has not changed: changes, last change, candidates applied, commit point.
pub(crate) type Seen = (u64, u64, usize, Option<Place>);

/// A world.
pub struct World {
    /// µs since it began.
    pub now: u64,
    /// Its properties.
    pub knobs: Knobs,
    /// The machines.
    pub machines: [Machine; 2],
    /// The streams between them.
    pub links: BTreeMap<u64, Link>,
    /// The two ways between them, by their sender.
    pub ways: [Way; 2],
    /// What is known from outside.
    pub truth: Truth,
    /// Whatever is random.
    pub rng: Rng,
    /// What is to be checked again.
    pub dirty: bool,
    /// The power of a machine goes before anything else happens.
    pub doomed: [Option<Fate>; 2],
    /// The ends of sealed messages: no two may be alike.
    pub seals: BTreeSet<[u8; 16]>,
    /// How many deltas each endpoint has applied.
    pub applied: [u64; 2],
    /// One line for each thing that happens.
    pub trace: Option<Vec<String>>,
    pub(crate) next_link: u64,
    /// What was checked last of each half.
    pub(crate) seen: [BTreeMap<usize, Seen>; 2],
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    EndCommit(usize),
    BeginCommit(usize),
    Flush(usize),
    Deadline(usize),
    GiveUp(usize),
    Dial(usize),
    Arrival(u64, usize),
}

impl World {
    /// A world in which nothing runs yet.
    pub fn new(knobs: Knobs) -> World {
        let mut rng = Rng::new(knobs.noise);
        let machines = [0, 1].map(|who| Machine::new(who, &knobs, &mut rng));
        World {
            now: 1_000_000,
            knobs,
            machines,
            links: BTreeMap::new(),
            ways: Default::default(),
            truth: Truth::default(),
            rng,
            dirty: true,
            doomed: [None, None],
            seals: BTreeSet::new(),
            applied: [0, 0],
            trace: None,
            next_link: 0,
            seen: Default::default(),
        }
    }

    /// Notes what happens, if somebody wants to know.
    pub fn note(&mut self, what: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>6}.{:03} {}", now / 1000, now % 1000, what()));
        }
    }

    /// The wall clock of a machine, Unix ms.
    pub fn wall_ms(&self, who: usize) -> u64 {
        self.machines[who].clock.read(self.now)
    }

    /// Runs until a time, and checks after each thing that happens.
    pub fn run_until(&mut self, target: u64) {
        let (mut at, mut count) = (self.now, 0);
        while let Some((due, what)) = self.next().filter(|(due, _)| *due <= target) {
            self.now = self.now.max(due);
            count = if self.now == at { count + 1 } else { 0 };
            at = self.now;
            assert!(count < AT_ONCE, "the world never comes to rest: {what:?} at {at}");
            self.happen(what);
            self.conclude();
        }
        self.now = self.now.max(target);
    }

    /// What follows from what just happened, before anything else does.
    pub fn conclude(&mut self) {
        for who in [0, 1] {
            if let Some(fate) = self.doomed[who].take() {
                self.power_loss(who, fate);
            }
        }
        self.check();
    }

    fn next(&self) -> Option<(u64, Due)> {
        let mut first: Option<(u64, Due)> = None;
        let mut offer = |at: Option<u64>, what: Due| {
            if let Some(at) = at
                && first.is_none_or(|first| (at, what) < first)
            {
                first = Some((at, what));
            }
        };
        for who in [0, 1] {
            let machine = &self.machines[who];
            let Some(engine) = &machine.engine else { continue };
            let awake = |at: Option<u64>| at.map(|at| at.max(machine.suspended_until));
            offer(awake(engine.commit_ends_at), Due::EndCommit(who));
            offer(awake(engine.commit_at.filter(|_| engine.under_way.is_none())), Due::BeginCommit(who));
            offer(awake(engine.flush_at), Due::Flush(who));
            offer(awake(self.deadline(who)), Due::Deadline(who));
            offer(awake(engine.attempt.map(|_| engine.attempt_until)), Due::GiveUp(who));
            offer(awake(engine.dial_at), Due::Dial(who));
        }
        for (&id, link) in &self.links {
            for from in [0, 1] {
                let chunk = link.ends[from].out.front().filter(|_| !self.ways[from].blocked);
                let awake = |at: u64| at.max(self.machines[1 - from].suspended_until);
                offer(chunk.map(|chunk| awake(chunk.due)), Due::Arrival(id, from));
            }
        }
        first
    }

    /// When the link that is up wants to be looked at.
    fn deadline(&self, who: usize) -> Option<u64> {
        let link = self.machines[who].engine.as_ref()?.link?;
        let end = &self.links.get(&link)?.ends[who];
        match &end.state {
            State::Up(connection, _) if end.held_up => Some(connection.poll_deadline().0.max(end.look_at)),
            State::Up(connection, _) => Some(connection.poll_deadline().0),
            _ => None,
        }
    }

    fn happen(&mut self, what: Due) {
        match what {
            Due::EndCommit(who) => self.end_commit(who),
            Due::BeginCommit(who) => self.begin_commit(who),
            Due::Flush(who) => self.flush(who),
            Due::Deadline(who) => self.on_time(who),
            Due::GiveUp(who) => self.attempt_failed(who),
            Due::Dial(who) => self.dial(who),
            Due::Arrival(link, from) => self.arrive(link, from),
        }
    }

    // The ledger.

    fn begin_commit(&mut self, who: usize) {
        let wall = self.wall_ms(who);
        let World { machines, truth, now, knobs, .. } = self;
        if let Some(engine) = &mut machines[who].engine {
            engine.commit_at = None;
            engine.begin_commit(truth, wall, false);
            engine.commit_ends_at = Some(*now + knobs.disk);
        }
    }

    fn end_commit(&mut self, who: usize) {
        let wall = self.wall_ms(who);
        let World { machines, truth, .. } = self;
        let machine = &mut machines[who];
        let Some(engine) = &mut machine.engine else { return };
        engine.commit_ends_at = None;
        let fuse = machine.commit_fuse.take();
        if let Some(operations) = fuse {
            machine.disk.set_fuse(operations);
        }
        let ended = engine.end_commit(truth, wall).err();
        self.note(|| format!("{} commit {}", crate::event::NAMES[who], ended.map_or("done".to_owned(), |error| error.to_string())));
        if fuse.is_some() {
            let fate = *self.rng.pick(&Fate::NAMES.map(|(_, fate)| fate));
            self.doomed[who] = Some(fate);
            return;
        }
        self.output(who);
        self.serve(who);
    }

    // Outputs.

    /// Counts an output; false if the power goes before it.
    pub(crate) fn output(&mut self, who: usize) -> bool {
        if self.doomed[who].is_some() {
            return false;
        }
        match &mut self.machines[who].fuse {
            Some(0) => {
                self.machines[who].fuse = None;
                self.doomed[who] = Some(*self.rng.pick(&Fate::NAMES.map(|(_, fate)| fate)));
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    /// Tells the link that is up what is new, and lets it say what it has to.
    pub(crate) fn serve(&mut self, who: usize) {
        self.dirty = true;
        let now = self.now;
        let Some(engine) = &mut self.machines[who].engine else { return };
        let news = std::mem::take(&mut engine.durable_news);
        let Some(id) = engine.link else { return };
        if news && let Some(connection) = self.links.get_mut(&id).and_then(|link| link.connection(who)) {
            connection.made_durable(now);
        }
        self.transmit(id, who);
    }

    fn flush(&mut self, who: usize) {
        if let Some(engine) = &mut self.machines[who].engine {
            engine.flush_at = None;
        }
        self.serve(who);
    }

    fn on_time(&mut self, who: usize) {
        let (now, wall_ms) = (self.now, self.wall_ms(who));
        let World { machines, links, truth, .. } = self;
        let Machine { engine: Some(engine), asks, .. } = &mut machines[who] else { return };
        let Some(id) = engine.link else { return };
        let Some(end) = links.get_mut(&id).map(|link| &mut link.ends[who]) else { return };
        let State::Up(connection, peer) = &mut end.state else { return };
        // What was held because it came too early is applied now.
        let carried = Some(Snapshot::clone(&end.carried));
        let mut host = EngineHost { engine, peer: *peer, truth, carried, asks, wall_ms, now, applied: 0 };
        let handled = connection.handle_time(now, &mut host);
        for _ in 0..host.applied {
            self.output(who);
        }
        if let Err(ended) = handled {
            self.link_ended(id, who, &ended);
            return;
        }
        self.transmit(id, who);
        self.dirty = true;
        let Some(link) = self.links.get_mut(&id) else { return };
        // What waits for the other end to read is looked at then; and now and then, for the peer may have fallen silent.
        link.ends[who].look_at = now + 100_000;
        let held_up = link.ends[who].held_up;
        if let Some(connection) = link.connection(who) {
            let (due, why) = connection.poll_deadline();
            assert!(held_up || due > now || self.doomed[who].is_some(), "a deadline for {why:?} that was served is still there");
        }
    }

    /// Lets one end put what it has to say into the stream.
    pub(crate) fn transmit(&mut self, id: u64, who: usize) {
        let mut count = 0;
        loop {
            let wall_ms = self.wall_ms(who);
            let World { machines, links, truth, now, knobs, .. } = self;
            let Some(link) = links.get_mut(&id) else { return };
            let end = &mut link.ends[who];
            end.held_up = end.waiting >= knobs.window;
            let Machine { engine: Some(engine), asks, .. } = &mut machines[who] else { return };
            let State::Up(connection, peer) = &mut end.state else { return };
            if end.held_up {
                return;
            }
            let mut host = EngineHost { engine, peer: *peer, truth, carried: None, asks, wall_ms, now: *now, applied: 0 };
            let mut sealed = Vec::new();
            if !connection.poll_transmit(*now, &mut host, &mut sealed) {
                break;
            }
            count += 1;
            assert!(count < 10_000, "a link never stops talking");
            self.check_sealed(&sealed);
            if !self.output(who) {
                return;
            }
            self.note(|| format!("{} sends {}", crate::event::NAMES[who], sealed.len()));
            self.put(id, who, sealed);
        }
    }

    /// Gives bytes to the network; none are the end of the stream.
    pub(crate) fn put(&mut self, id: u64, who: usize, bytes: Vec<u8>) {
        let carried = self.truth.snapshot(who);
        let jitter = self.rng.below(self.knobs.jitter + 1);
        let World { links, now, knobs, ways, .. } = self;
        let Some(link) = links.get_mut(&id) else { return };
        let end = &mut link.ends[who];
        let took = bytes.len() as u64 * 1000 / knobs.bandwidth.max(1);
        let due = (*now + knobs.latency + jitter + ways[who].clog).max(end.last_due) + took;
        end.last_due = due;
        end.waiting += bytes.len() as u64;
        end.out.push_back(crate::link::Chunk { bytes, due, carried, flipped: BTreeSet::new() });
    }

    // Links.

    fn arrive(&mut self, id: u64, from: usize) {
        let to = 1 - from;
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(chunk) = link.ends[from].out.pop_front() else { return };
        link.ends[from].waiting -= chunk.bytes.len() as u64;
        link.ends[to].damaged |= !chunk.flipped.is_empty();
        link.ends[to].carried = Snapshot::clone(&chunk.carried);
        let opens = link.ends[from].held_up && link.ends[from].waiting < self.knobs.window;
        self.dirty = true;
        match link.ends[to].state {
            State::Silent => {}
            State::Gone if chunk.bytes.is_empty() => {}
            // A reset.
            State::Gone => self.put(id, to, Vec::new()),
            _ if chunk.bytes.is_empty() => self.link_over(id, to, Reason::LinkLost),
            _ => self.receive_in_pieces(id, to, &chunk.bytes, &chunk.carried),
        }
        if opens {
            self.transmit(id, from);
        }
        if self.links.get(&id).is_some_and(|link| link.is_over() && link.ends.iter().all(|end| end.out.is_empty())) {
            self.links.remove(&id);
        }
    }

    fn receive_in_pieces(&mut self, id: u64, to: usize, bytes: &[u8], carried: &Snapshot) {
        let split = if self.knobs.pieces > 0 && self.rng.once_in(self.knobs.pieces) { self.rng.index(bytes.len()) } else { 0 };
        for piece in [&bytes[..split], &bytes[split..]] {
            if !piece.is_empty() && self.doomed[to].is_none() {
                self.receive(id, to, piece, carried);
            }
        }
    }

    fn receive(&mut self, id: u64, to: usize, bytes: &[u8], carried: &Snapshot) {
        let Some(link) = self.links.get_mut(&id) else { return };
        match &mut link.ends[to].state {
            State::Gone | State::Silent => {}
            State::Listening(_) => self.listen(id, to, bytes),
            State::Proving(_) => self.prove(id, to, bytes, carried),
            State::Dialling(..) => self.welcomed(id, to, bytes, carried),
            State::Up(..) => self.handle(id, to, bytes, carried),
        }
    }

    /// Bytes on a link that is up.
    pub(crate) fn handle(&mut self, id: u64, to: usize, bytes: &[u8], carried: &Snapshot) {
        let wall_ms = self.wall_ms(to);
        let World { machines, links, truth, now, .. } = self;
        let Machine { engine: Some(engine), asks, .. } = &mut machines[to] else { return };
        let Some(link) = links.get_mut(&id) else { return };
        let State::Up(connection, peer) = &mut link.ends[to].state else { return };
        let carried = Some(Snapshot::clone(carried));
        let mut host = EngineHost { engine, peer: *peer, truth, carried, asks, wall_ms, now: *now, applied: 0 };
        let before = connection.messages().1;
        let handled = connection.handle_bytes(bytes, *now, &mut host);
        let applied = host.applied;
        self.applied[to] += applied;
        self.check_damage(id, to, before);
        for _ in 0..applied {
            self.output(to);
        }
        match handled {
            Ok(()) => self.serve(to),
            Err(ended) => self.link_ended(id, to, &ended),
        }
    }

    /// The protocol says that a link has ended: the farewell goes first.
    pub(crate) fn link_ended(&mut self, id: u64, who: usize, ended: &Ended) {
        self.check_ended(id, who, ended);
        self.transmit(id, who);
        let reason = if *ended == Ended::Silent { Reason::PeerSilent } else { Reason::LinkLost };
        self.link_over(id, who, reason);
    }

    /// One end closes the stream.
    pub(crate) fn link_over(&mut self, id: u64, who: usize, reason: Reason) {
        self.note(|| format!("{} link {id} over: {reason:?}", crate::event::NAMES[who]));
        self.put(id, who, Vec::new());
        self.forget_link(id, who, reason, State::Gone);
    }

    /// An end is there no more; its process, if it runs, dials again after a while.
    pub(crate) fn forget_link(&mut self, id: u64, who: usize, reason: Reason, state: State) {
        self.dirty = true;
        let Some(link) = self.links.get_mut(&id) else { return };
        let before = std::mem::replace(&mut link.ends[who].state, state);
        let Some(engine) = &mut self.machines[who].engine else { return };
        if engine.link == Some(id) {
            engine.link = None;
            if let State::Up(_, peer) = before {
                engine.linked(peer, Some(reason));
            }
            self.dial_later(who);
        } else if engine.attempt == Some(id) {
            engine.attempt = None;
            engine.failures += 1;
            self.dial_later(who);
        }
    }

    /// The peer at the other end of the link that is up.
    pub fn peer_of(&self, who: usize) -> Option<PeerIndex> {
        let other = self.machines[1 - who].identity.endpoint_id();
        self.machines[who].engine.as_ref()?.registry.find_peer(other)
    }
}
