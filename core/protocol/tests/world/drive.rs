//! One run of the world: what happens is drawn from a seed.

use super::World;
use super::check::MEMBERS;
use super::endpoint::{Config, Running};
use super::rng::Rng;
use spook_protocol::error::Code;
use spook_protocol::estp::Operation;
use spook_protocol::etcp::TicketSecret;
use spook_protocol::id::PairId;
use spook_protocol::link::frame::Frame;
use spook_protocol::link::incoming::Fault;
use spook_protocol::link::{Ended, Options};
use spook_protocol::value::Value;

/// A Pair and the endpoints that share it: who created it, who asked for it.
struct Shared {
    pair: PairId,
    ends: [usize; 2],
    declined: bool,
}

pub struct Drive {
    world: World,
    rng: Rng,
    shared: Vec<Shared>,
    counter: i64,
    big: usize,
}

impl Drive {
    pub fn new(seed: u64) -> Drive {
        let mut rng = Rng::new(seed);
        let ahead = [3, 20, 1 << 20];
        let options = Options {
            rekey_messages: *rng.pick(&[2, 5, 1 << 20]),
            rekey_bytes: *rng.pick(&[100, 5_000, 1 << 30]),
            rekey_after: *rng.pick(&[30_000, 600_000_000]),
            ..Options::default()
        };
        let config = Config {
            numbers_ahead: *rng.pick(&ahead),
            stamps_ahead: *rng.pick(&[2, 500, 5_000]),
            collects_late: rng.once_in(2),
            eventual: seed % 4 == 3,
            options,
        };
        let count = if rng.once_in(4) { 2 + rng.below(3) } else { 2 };
        let big = *rng.pick(&[0, 0, 0, 20_000, 40_000, 90_000]);
        let mut drive = Drive { world: World::star(count, config), rng, shared: Vec::new(), counter: 0, big };
        for spoke in 1..count {
            drive.share([0, spoke]);
        }
        drive
    }

    /// Plays `steps` steps, heals, and checks.
    pub fn run(mut self, steps: usize) {
        for step in 0..steps {
            self.step();
            self.trace(step);
            let endpoint = self.rng.below(self.world.endpoints.len());
            self.world.check_groups(endpoint);
            if self.rng.once_in(6) {
                let pipe = self.rng.below(self.world.pipes.len());
                self.world.check_promises(pipe);
            }
        }
        self.world.settle_down();
        self.trace(steps);
        // A crash may have made an endpoint forget a peer; it is met again by the ticket.
        self.world.settle_down();
        self.check_ends();
        for index in 0..self.world.pipes.len() {
            self.world.check_promises(index);
        }
        for shared in self.shared.iter().filter(|shared| !shared.declined) {
            self.world.check_agreement(shared.pair, shared.ends);
        }
    }

    /// What the world looks like, for whoever hunts a failing seed.
    fn trace(&self, step: usize) {
        if std::env::var_os("SPOOK_TRACE").is_none() {
            return;
        }
        eprintln!("-- {step} at {}", self.world.now);
        for endpoint in &self.world.endpoints {
            let Running { registry, halves, .. } = &endpoint.running;
            let halves: Vec<String> = halves
                .iter()
                .map(|half| {
                    format!(
                        "{:?} j{} {}",
                        half.lifecycle().pending,
                        half.joined(),
                        half.read("").unwrap().unwrap().to_string().chars().take(60).collect::<String>()
                    )
                })
                .collect();
            let peers: Vec<String> = registry
                .peers()
                .map(|peer| format!("{:?} {:?} lost {:?}", registry.held(peer), registry.peer_progress(peer), registry.lost(peer)))
                .collect();
            eprintln!(
                "{} last {:?} durable {} declined {:?} {peers:?} {halves:?}",
                endpoint.index,
                registry.peers().next().map(|peer| registry.resume(peer).last),
                registry.durable(),
                endpoint.declined
            );
        }
    }

    /// Honest endpoints never have anything to hold against each other.
    fn check_ends(&self) {
        assert_eq!(self.world.found_old, [0; 0], "no stop, at whatever moment, makes a ledger look like a copy");
        for ended in self.world.pipes.iter().flat_map(|pipe| pipe.sides.iter()).flat_map(|side| side.ended.iter()) {
            let is_fine = matches!(ended, Ended::Silent | Ended::Fault(Fault::Closed(Code::Refused, _)));
            assert!(is_fine, "{ended:?}");
        }
    }

    fn step(&mut self) {
        match self.rng.below(40) {
            0..=8 => self.write(),
            9..=11 => self.write_group(),
            12..=21 => {
                let limit = *self.rng.pick(&[1, 30, 300, 5_000, usize::MAX]);
                let pipe = self.rng.below(self.world.pipes.len());
                self.world.pump(pipe, limit);
            }
            22..=24 => {
                let pipe = self.rng.below(self.world.pipes.len());
                self.world.connect(pipe);
            }
            25 => self.cut(),
            26..=28 => {
                let who = self.rng.below(self.world.endpoints.len());
                self.world.endpoints[who].begin_commit();
            }
            29..=32 => {
                let who = self.rng.below(self.world.endpoints.len());
                self.world.end_commit(who);
            }
            33 if self.rng.once_in(2) => {
                let who = self.rng.below(self.world.endpoints.len());
                self.world.crash(who);
            }
            34..=35 => self.pass_time(),
            36 => {
                let who = self.rng.below(self.world.endpoints.len());
                self.world.endpoints[who].skew = self.rng.below(3) as u64 * self.rng.below(25_000) as u64;
            }
            37 if self.shared.len() < 6 => self.share_more(),
            38 => self.disturb(),
            _ => self.hurry(),
        }
    }

    /// A Pair of the first, for the second to join.
    fn share(&mut self, ends: [usize; 2]) {
        let pair = self.world.endpoints[ends[0]].create_pair("");
        let secret = self.world.issue(ends[0], pair, 0);
        // The program hands a ticket over once it is durable.
        self.world.commit(ends[0]);
        self.world.commit(ends[0]);
        self.world.ask(ends[1], ends[0], pair, secret);
        self.shared.push(Shared { pair, ends, declined: false });
    }

    fn share_more(&mut self) {
        let index = self.rng.below(self.world.pipes.len());
        let [spoke, hub] = [0, 1].map(|side| self.world.pipes[index].sides[side].endpoint);
        let turned = self.rng.once_in(3) && self.world.pipes[index].is_up();
        self.share(if turned { [spoke, hub] } else { [hub, spoke] });
        if self.rng.once_in(2) {
            let at = self.shared.len() - 1;
            let who = self.shared[at].ends[0];
            self.write_to(who, self.shared[at].pair);
        }
        self.world.redeem(index, usize::from(turned));
    }

    /// A Pair that an endpoint knows by now.
    fn pick(&mut self) -> Option<(usize, PairId)> {
        let shared = &self.shared[self.rng.below(self.shared.len())];
        Some((*self.rng.pick(&shared.ends), shared.pair))
    }

    fn write(&mut self) {
        if let Some((who, pair)) = self.pick() {
            self.write_to(who, pair);
        }
    }

    fn write_to(&mut self, who: usize, pair: PairId) {
        self.counter += 1;
        let path = format!("/PLAINk{}", self.rng.below(6));
        let operation = match self.rng.below(8) {
            0 => Operation::delete(&path),
            1 => Operation::set("/PLAINobject", self.object()),
            2 if self.big > 0 => Operation::set(&path, b"PLAIN big".repeat(self.rng.below(self.big) / 9)),
            3 => Operation::set(&path, format!("PLAIN {}", self.counter).as_str()),
            _ => Operation::set(&path, self.counter),
        };
        self.put(who, pair, &[operation]);
    }

    fn object(&mut self) -> Value {
        let count = self.rng.below(4);
        Value::object((0..count).map(|_| (format!("PLAIN{}", self.rng.below(5)), self.counter)))
    }

    fn write_group(&mut self) {
        let Some((who, pair)) = self.pick() else { return };
        self.counter += 1;
        let group = format!("/PLAINg{}", self.rng.below(4));
        let size = if self.big > 0 && self.rng.once_in(4) { self.big / 3 } else { 10 };
        let value = format!("PLAIN {} {}", self.counter, "x".repeat(size));
        let paths = MEMBERS.map(|member| format!("{group}/{member}"));
        match self.rng.below(5) {
            0 => self.put(who, pair, &[Operation::delete(&group)]),
            1 => self.put(who, pair, &[Operation::set(&group, Value::object(MEMBERS.map(|member| (member, value.as_str()))))]),
            _ => self.put(who, pair, &paths.each_ref().map(|path| Operation::set(path, value.as_str()))),
        }
    }

    fn put(&mut self, who: usize, pair: PairId, operations: &[Operation<'_>]) {
        let now = self.world.now;
        if let Some(pair) = self.world.endpoints[who].running.registry.find_pair(pair) {
            self.world.endpoints[who].write(pair, operations, now);
        }
    }

    fn cut(&mut self) {
        let index = self.rng.below(self.world.pipes.len());
        let side = self.rng.below(2);
        // Some of what was on the way still arrives.
        let limit = self.rng.below(200);
        self.world.deliver(index, side, limit);
        if self.rng.once_in(3) { self.world.cut_side(index, side) } else { self.world.cut(index) }
    }

    fn pass_time(&mut self) {
        self.world.now += *self.rng.pick(&[1_000, 20_000, 20_001, 1_000_000, 1_700_000, 6_000_000]);
        self.world.tick();
    }

    /// Tickets that nobody issued, and Pairs that one side does not share any more.
    fn disturb(&mut self) {
        let index = self.rng.below(self.world.pipes.len());
        let side = self.rng.below(2);
        if self.rng.once_in(3) && self.shared.len() > 1 {
            let at = self.rng.below(self.shared.len());
            let Shared { pair, ends, .. } = self.shared[at];
            let who = *self.rng.pick(&ends);
            self.world.endpoints[who].declined.insert(pair);
            self.shared[at].declined = true;
        } else if let Some(connection) = self.world.pipes[index].connection(side) {
            connection.send(Frame::redeem(&TicketSecret::from_bytes([9; 16])));
        }
    }

    fn hurry(&mut self) {
        let index = self.rng.below(self.world.pipes.len());
        let side = self.rng.below(2);
        if let Some(connection) = self.world.pipes[index].connection(side) {
            connection.want_prompt();
        }
    }
}
