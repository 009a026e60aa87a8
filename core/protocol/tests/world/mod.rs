//! A world of endpoints that share Pairs over byte pipes, with pretend ledgers that forget what was not committed.
//!
//! Nothing here reads a clock or draws a random number that does not come from one seed, so that every run repeats.

#![allow(dead_code, reason = "each test binary uses its own part of the world")]
#![allow(clippy::unwrap_used, reason = "a test may stop")]

pub mod check;
pub mod drive;
pub mod endpoint;
pub mod host;
pub mod image;
pub mod pipe;
pub mod rng;

pub use endpoint::{Config, Endpoint};
pub use pipe::Pipe;

use spook_protocol::etcp::{PairId, PublicKeys, Ticket, TicketSecret};
use spook_protocol::record::TicketRecord;

/// Endpoints, the pipes between them, and the time.
pub struct World {
    pub endpoints: Vec<Endpoint>,
    pub pipes: Vec<Pipe>,
    /// µs of a clock that never goes back.
    pub now: u64,
    /// Endpoints that found out that their ledger is a copy, each time.
    pub found_old: Vec<usize>,
}

impl World {
    /// Endpoint 0 is the hub; each other one is linked with it.
    pub fn star(count: usize, config: Config) -> World {
        let endpoints = (0..count).map(|index| Endpoint::new(index as u8, config)).collect();
        let pipes = (1..count).map(|spoke| Pipe::new(spoke, 0)).collect();
        World { endpoints, pipes, now: 1_000_000, found_old: Vec::new() }
    }

    /// Two endpoints that know each other and share a Pair, without a ticket having been used.
    pub fn acquainted(config: Config) -> (World, PairId) {
        let mut world = World::star(2, config);
        let pair = world.endpoints[0].create_pair("shared");
        let secret = world.issue(0, pair, 0);
        world.ask(1, 0, pair, secret);
        world.settle_down();
        (world, pair)
    }

    /// A ticket of `issuer` for one of its Pairs.
    pub fn issue(&mut self, issuer: usize, pair: PairId, expires: u64) -> TicketSecret {
        let endpoint = &mut self.endpoints[issuer];
        let secret = TicketSecret::generate([endpoint.tickets.len() as u8 + 10 * issuer as u8 + 1; 32]);
        endpoint.tickets.insert(secret.id().0, (*secret.as_bytes(), TicketRecord { pair, expires, used_by: None }));
        secret
    }

    /// `holder` wants the Pair of a ticket, and asks for it as soon as there is a link.
    pub fn ask(&mut self, holder: usize, issuer: usize, pair: PairId, secret: TicketSecret) {
        let issuer: PublicKeys = *self.endpoints[issuer].identity.public();
        let ticket = Ticket { pair, issuer, addresses: vec![], secret, expires_unix_s: 0 };
        self.endpoints[holder].redeeming.push(ticket);
    }

    /// Lets everything that is under way arrive and everything that is due happen, until nothing more does.
    pub fn settle_down(&mut self) {
        for round in 0.. {
            assert!(round < 5_000, "the world never comes to rest");
            let mut busy = false;
            for index in 0..self.pipes.len() {
                if !self.pipes[index].is_up() && !self.pipes[index].is_under_way() {
                    self.cut(index);
                }
                busy |= self.connect(index);
                busy |= self.pump(index, usize::MAX);
            }
            for index in 0..self.endpoints.len() {
                busy |= self.commit(index);
            }
            if !busy {
                let Some(due) = self.pipes.iter().filter_map(Pipe::next_deadline).min() else { return };
                self.now = self.now.max(due);
                self.tick();
            }
        }
    }

    /// Begins and ends a commit of an endpoint's ledger; returns whether there was anything to commit.
    pub fn commit(&mut self, index: usize) -> bool {
        self.endpoints[index].begin_commit();
        self.end_commit(index)
    }

    /// Ends a commit that was begun.
    pub fn end_commit(&mut self, index: usize) -> bool {
        let ended = self.endpoints[index].end_commit();
        self.tell_durable(index);
        ended
    }

    /// Tells an endpoint's links that its ledger has got further.
    pub fn tell_durable(&mut self, index: usize) {
        if std::mem::take(&mut self.endpoints[index].durable_news) {
            for pipe in &mut self.pipes {
                pipe.made_durable(index, self.now);
            }
        }
    }

    /// The endpoint stops at once; what was not committed is gone.
    pub fn crash(&mut self, index: usize) {
        for pipe in 0..self.pipes.len() {
            if self.pipes[pipe].joins(index) {
                self.cut(pipe);
            }
        }
        self.endpoints[index].crash();
    }

    /// The value of a Pair at an endpoint, as text.
    pub fn show(&self, index: usize, pair: PairId) -> Option<String> {
        let running = &self.endpoints[index].running;
        let at = running.registry.find_pair(pair)?;
        Some(running.half(at).read("").unwrap().unwrap().to_string())
    }
}
