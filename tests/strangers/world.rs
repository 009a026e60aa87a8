//! A listener with an honest peer, who is served whatever the others do.

use spook::{Engine, Pair, PairOptions, TicketOptions, Value};
use spook_protocol::etcp::{PublicKeys, Ticket, TicketSecret};
use spook_tests::couple::{LONG, agree, at, engine, share, unix};
use spook_tests::limits::{resident, until};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// One after the other: memory is that of the whole process.
static TURN: Mutex<()> = Mutex::new(());

pub struct World {
    pub home: Engine,
    pub keys: PublicKeys,
    pub address: String,
    phone: Engine,
    here: Pair,
    there: Pair,
    served: i64,
    links: u64,
    resident: usize,
    pub folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// Runs a test at a TCP port and at a unix socket.
pub fn at_each_listener(mut test: impl FnMut(&mut World)) {
    for is_tcp in [true, false] {
        let mut world = World::new(is_tcp);
        world.serve();
        test(&mut world);
        world.serve();
    }
}

impl World {
    fn new(is_tcp: bool) -> World {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let listen = if is_tcp { "tcp:127.0.0.1:0".to_owned() } else { unix(folder.path(), "h") };
        let home = engine(&at(folder.path(), "home"), &listen);
        let phone = engine("", "");
        let (here, there) = share(&home, &phone, "honest", str::to_owned);
        let address = home.addresses()[0].clone();
        let ticket: Ticket =
            home.create_pair("spare", 1i64, PairOptions::default()).unwrap().ticket(TicketOptions::default()).unwrap().parse().unwrap();
        World { home, keys: ticket.issuer, address, phone, here, there, served: 0, links: 1, resident: resident(), folder, _turn: turn }
    }

    /// The honest peer is served: what either side writes is settled on both.
    pub fn serve(&mut self) {
        self.served += 1;
        self.here.write_state("/here", self.served).unwrap();
        self.there.write_state("/there", self.served).unwrap();
        agree(&self.here, &self.there);
        assert_eq!(self.phone.traffic().handshakes, self.links, "the honest peer's link was lost");
    }

    /// A Pair that somebody may join, and the secret of its ticket.
    pub fn ticket(&self, name: &str, expires_in: Option<Duration>) -> (Pair, TicketSecret) {
        let pair = self.home.create_pair(name, Value::empty_object(), PairOptions::default()).unwrap();
        let ticket: Ticket = pair.ticket(TicketOptions { expires_in }).unwrap().parse().unwrap();
        (pair, ticket.secret)
    }

    /// Somebody new with a ticket is let in.
    pub fn serve_a_newcomer(&self, name: &str) {
        let pair = self.home.create_pair(name, 1i64, PairOptions::default()).unwrap();
        let newcomer = engine("", "");
        let theirs = newcomer.open_pair(&pair.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
        agree(&pair, &theirs);
    }

    /// Memory since the beginning, in MiB, is within a bound.
    pub fn check_memory(&self, what: &str, most: usize) {
        let grown = resident().saturating_sub(self.resident) >> 20;
        println!("{what} at {}: memory grew by {grown} MiB", self.address.split(':').next().unwrap());
        assert!(grown <= most, "{what}: {grown} MiB more");
    }

    /// The listener ends and starts again from its ledger.
    pub fn restart(&mut self) {
        self.home.close().unwrap();
        self.home = engine(&at(self.folder.path(), "home"), &self.address);
        self.here = self.home.open_pair("honest", LONG).unwrap();
        self.links += 1;
        until("the honest peer is back", || self.phone.traffic().handshakes == self.links);
        agree(&self.here, &self.there);
    }
}
