//! What events do to a world.

use crate::disk::Fate;
use crate::event::{Event, NAMES};
use crate::link::State;
use crate::machine::{Machine, WallClock};
use crate::reference::{Act, Known};
use crate::rules::schema;
use crate::store::new_half;
use crate::world::World;
use spook_protocol::error::Code;
use spook_protocol::estp::half::HalfRecord;
use spook_protocol::estp::lifecycle::Reason;
use spook_protocol::etcp::{Ticket, TicketSecret};
use spook_protocol::id::PairId;
use spook_protocol::link::frame::Frame;
use spook_protocol::record::TicketRecord;
use spook_protocol::value::Value;

impl World {
    /// Something happens. What cannot happen as things are does nothing.
    pub fn play(&mut self, event: &Event) {
        self.note(|| format!("> {event}"));
        match event {
            Event::Pass(micros) => self.run_until(self.now + micros),
            Event::Write(who, pair, acts) => self.write(*who, *pair, acts),
            Event::Hurry(who) => self.hurry(*who),
            Event::Create(who, kind) => self.create(*who, *kind),
            Event::Crash(who, fate) => self.power_loss(*who, *fate),
            Event::Kill(who) => self.kill(*who),
            Event::Close(who) => self.close(*who),
            Event::Start(who) => self.start(*who),
            Event::Fuse(who, outputs) => self.machines[*who].fuse = Some(*outputs),
            Event::CommitFuse(who, operations) => self.machines[*who].commit_fuse = Some(*operations),
            Event::Suspend(who, ms) => self.machines[*who].suspended_until = self.now + ms * 1000,
            Event::Shift(who, ms) => self.machines[*who].clock.shift(*ms),
            Event::ClockAt(who, ms) => self.machines[*who].clock.set(self.now, *ms),
            Event::Coarse(who, ms) => self.machines[*who].clock.coarsen(*ms),
            Event::Cut => self.cut(),
            Event::Vanish(who) => self.vanish(*who),
            Event::Block(who, blocked) => self.ways[*who].blocked = *blocked,
            Event::Clog(who, ms) => self.ways[*who].clog = ms * 1000,
            Event::Flip(who, bit) => self.flip(*who, *bit),
            Event::Room(who, room) => self.machines[*who].disk.limit(*room),
            Event::FailSync(who, after) => self.machines[*who].disk.fail_sync(*after),
            Event::Save(who) => self.save(*who),
            Event::Restore(who) => self.restore(*who),
            Event::Heal => self.heal(),
            Event::Expect(who, pair, path, value) => self.expect(*who, *pair, path, value.as_ref()),
        }
        self.dirty = true;
        self.conclude();
    }

    // The program.

    fn write(&mut self, who: usize, pair: usize, acts: &[Act]) {
        let (now, wall_ms) = (self.now, self.wall_ms(who));
        let Some(id) = self.truth.pairs.get(pair).map(|pair| pair.id) else { return };
        let World { machines, truth, knobs, .. } = self;
        let is_suspended = machines[who].suspended_until > now;
        let Some(engine) = machines[who].engine.as_mut().filter(|engine| !is_suspended && !engine.failed) else { return };
        let Some(index) = engine.registry.find_pair(id) else { return };
        let intended = truth.intend(pair, who, engine.me(), acts);
        match (engine.write(index, acts, wall_ms), intended) {
            (Ok(written), Some(cells)) => {
                truth.wrote(pair, who, &written, cells);
                engine.touch_ledger(now);
                engine.flush_at.get_or_insert(now + knobs.flush);
                if knobs.flush == 0 {
                    engine.flush_at = None;
                    self.serve(who);
                }
            }
            (Err(_), None) => {}
            (Ok(written), None) => panic!("{} took a write to Pair {pair} that has to be refused: {acts:?} as {}", NAMES[who], written.dot),
            (Err(error), Some(_)) => panic!("{} refuses a write to Pair {pair}: {acts:?}: {error}", NAMES[who]),
        }
    }

    fn hurry(&mut self, who: usize) {
        let now = self.now;
        let Some(engine) = &mut self.machines[who].engine else { return };
        engine.hurry_ledger(now);
        let link = engine.link;
        if let Some(connection) = link.and_then(|id| self.links.get_mut(&id)).and_then(|link| link.connection(who)) {
            connection.want_prompt();
        }
        self.serve(who);
    }

    fn create(&mut self, who: usize, kind: u64) {
        let (now, wall_ms, seed, other) = (self.now, self.wall_ms(who), self.rng.seed(), 1 - who);
        let World { machines, truth, .. } = self;
        let Machine { engine: Some(engine), identity, .. } = &mut machines[who] else { return };
        if engine.failed || truth.pairs.len() >= 6 {
            return;
        }
        let id = PairId::generate(seed);
        let last = engine.registry.sequencer().last();
        let index = engine.registry.add_pair(id, last, true);
        engine.add_core(index, id, schema(kind), new_half(engine.me(), HalfRecord::new(None), &schema(kind)));
        truth.begin(id, kind);
        let pair = truth.pairs.len() - 1;
        let empty = [Act::Set(String::new(), Value::empty_object())];
        let cells = truth.intend(pair, who, engine.me(), &empty).unwrap_or_default();
        let written = engine.write(index, &empty, wall_ms).expect("an empty object can be written");
        truth.wrote(pair, who, &written, cells);
        let secret = TicketSecret::generate(seed);
        let record = TicketRecord { pair: id, expires: 0, used_by: None };
        engine.tickets.insert(secret.id(), crate::store::Issued { record, secret: secret.clone() });
        if engine.flush(truth, wall_ms, false).is_err() {
            truth.pairs[pair].orphaned = true;
            return;
        }
        let ticket = Ticket { pair: id, issuer: *identity.public(), addresses: vec![], secret: secret.clone(), expires_unix_s: 0 };
        machines.iter_mut().for_each(|machine| machine.saved = None);
        machines[other].asks.push(ticket);
        self.serve(who);
        let Some(engine) = &mut self.machines[other].engine else { return };
        match engine.link {
            Some(id) => {
                if let Some(connection) = self.links.get_mut(&id).and_then(|link| link.connection(other)) {
                    connection.send(Frame::redeem(&secret));
                }
                self.serve(other);
            }
            None if engine.attempt.is_none() => engine.dial_at = Some(now),
            None => {}
        }
    }

    fn expect(&mut self, who: usize, pair: usize, path: &str, value: Option<&Value>) {
        let Some(id) = self.truth.pairs.get(pair).map(|pair| pair.id) else { panic!("there is no Pair {pair}") };
        let engine = self.machines[who].engine.as_mut().expect("the process runs");
        let index = engine.registry.find_pair(id).unwrap_or_else(|| panic!("{} has no Pair {pair}", NAMES[who]));
        let shown = engine.core(index).half.read(path).expect("a path");
        assert!(shown.as_ref() == value, "{} shows {shown:?} at {path} of Pair {pair}, not {value:?}", NAMES[who]);
    }

    // Processes and machines.

    /// Starts the process, if it does not run.
    pub fn start(&mut self, who: usize) {
        let (now, wall_ms, dials) = (self.now, self.wall_ms(who), self.knobs.dials & 1 << who != 0);
        let World { machines, truth, knobs, .. } = self;
        let machine = &mut machines[who];
        if machine.engine.is_some() {
            return;
        }
        let mut engine = match machine.open(knobs) {
            Ok(engine) => engine,
            Err(error) => {
                // Whatever the disk did, the ledger itself must never be called damaged.
                assert!(!error.to_string().contains("damaged"), "{} does not open: {error}", NAMES[who]);
                return self.note(|| format!("{} does not open: {error}", NAMES[who]));
            }
        };
        let durable = engine.registry.durable();
        for pair in 0..truth.pairs.len() {
            let index = engine.registry.find_pair(truth.pairs[pair].id);
            let vector = index.map(|index| engine.core(index).half.vector().clone());
            truth.restored(pair, who, durable, vector.as_ref());
        }
        // What this run may lose is recorded before it can give anything away.
        if engine.flush(truth, wall_ms, false).is_err() {
            machine.disk = machine.disk.after_kill();
            return;
        }
        let asks = machine.asks.iter().any(|ask| engine.registry.find_pair(ask.pair).is_none());
        engine.dial_at = (dials || asks).then_some(now);
        machine.engine = Some(engine);
        machine.suspended_until = 0;
    }

    /// The power goes.
    pub(crate) fn power_loss(&mut self, who: usize, fate: Fate) {
        self.note(|| format!("{} power loss", NAMES[who]));
        if self.machines[who].engine.take().is_none() {
            return;
        }
        let World { machines, links, rng, .. } = self;
        machines[who].disk = machines[who].disk.after_crash(fate, rng);
        for link in links.values_mut() {
            link.ends[who].state = State::Silent;
            // Some of what the process had given to the system had not left the machine.
            let out = &mut link.ends[who].out;
            out.truncate(rng.index(out.len() + 1));
        }
        self.forget_process(who);
    }

    /// The process is killed; the system goes on, and closes its streams.
    fn kill(&mut self, who: usize) {
        if self.machines[who].engine.take().is_none() {
            return;
        }
        self.machines[who].disk = self.machines[who].disk.after_kill();
        let ids: Vec<u64> = self.links.keys().copied().collect();
        for id in ids {
            self.put(id, who, Vec::new());
            if let Some(link) = self.links.get_mut(&id) {
                link.ends[who].state = State::Gone;
            }
        }
        self.forget_process(who);
    }

    fn forget_process(&mut self, who: usize) {
        let machine = &mut self.machines[who];
        (machine.fuse, machine.commit_fuse, machine.suspended_until) = (None, None, 0);
        self.doomed[who] = None;
        self.dirty = true;
    }

    /// The process ends in good order.
    fn close(&mut self, who: usize) {
        let wall_ms = self.wall_ms(who);
        let Some(engine) = &mut self.machines[who].engine else { return };
        if let Some(id) = engine.link {
            self.transmit(id, who);
            if let Some(connection) = self.links.get_mut(&id).and_then(|link| link.connection(who)) {
                connection.close(Code::Closed, "");
            }
            self.transmit(id, who);
        }
        let World { machines, truth, .. } = self;
        if let Some(engine) = &mut machines[who].engine {
            let flushed = engine.flush(truth, wall_ms, true);
            let closed = engine.ledger.close();
            self.note(|| format!("{} closes: {:?}", NAMES[who], flushed.and(closed)));
        }
        self.kill(who);
    }

    fn save(&mut self, who: usize) {
        let wall_ms = self.wall_ms(who);
        let World { machines, truth, .. } = self;
        let is_whole = |machine: &Machine| {
            let Some(engine) = &machine.engine else { return false };
            let is_shared = |id| engine.registry.find_pair(id).is_some_and(|pair| engine.registry.share_of(pair).is_some());
            !engine.failed && truth.pairs.iter().all(|pair| is_shared(pair.id))
        };
        if !machines.iter().all(is_whole) {
            return;
        }
        let machine = &mut machines[who];
        let Some(engine) = &mut machine.engine else { return };
        if engine.flush(truth, wall_ms, false).is_ok() {
            let promised: Vec<Known> = truth.pairs.iter().map(|pair| pair.halves[who].promised.clone()).collect();
            let under_way = vec![None; promised.len()];
            machine.save(promised, under_way);
        }
        self.serve(who);
    }

    /// An old copy takes the place of the ledger, and the process starts on it.
    fn restore(&mut self, who: usize) {
        if self.machines[who].saved.is_none() {
            return;
        }
        self.kill(who);
        let World { machines, truth, .. } = self;
        machines[who].restore();
        if let Some(saved) = &machines[who].saved {
            for (pair, (promised, under_way)) in truth.pairs.iter_mut().zip(saved.promised.iter().zip(&saved.under_way)) {
                let half = &mut pair.halves[who];
                half.taken_back.extend(half.promised.difference(promised));
                (half.promised, half.under_way) = (promised.clone(), under_way.clone());
            }
        }
        self.start(who);
    }

    // The network.

    fn cut(&mut self) {
        let ids: Vec<u64> = self.links.keys().copied().collect();
        for id in ids {
            for who in [0, 1] {
                self.forget_link(id, who, Reason::LinkLost, State::Gone);
            }
        }
        self.links.clear();
    }

    fn vanish(&mut self, who: usize) {
        let link = self.machines[who].engine.as_ref().and_then(|engine| engine.link.or(engine.attempt));
        if let Some(id) = link {
            self.forget_link(id, who, Reason::LinkLost, State::Silent);
        }
    }

    fn flip(&mut self, who: usize, bit: u64) {
        let chunks = self.links.values_mut().rev().filter_map(|link| link.ends[who].out.back_mut());
        if let Some(chunk) = chunks.into_iter().find(|chunk| !chunk.bytes.is_empty()) {
            let bit = bit % (chunk.bytes.len() as u64 * 8);
            chunk.bytes[bit as usize / 8] ^= 1 << (bit % 8);
            // Twice is as it was.
            if !chunk.flipped.remove(&bit) {
                chunk.flipped.insert(bit);
            }
        }
    }

    /// Clocks are right again.
    pub(crate) fn set_clocks_right(&mut self) {
        for machine in &mut self.machines {
            machine.clock = WallClock::right();
        }
    }
}
