//! Two engines with ledgers in a folder, that share a Pair and can be stopped and started.

#![allow(dead_code, reason = "each test takes what it needs")]

use spook::{CollapseOptions, Engine, EngineOptions, Pair, PairOptions, TicketOptions, Value, WallClock, json};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than anything takes.
pub const LONG: Duration = Duration::from_secs(60);

/// An engine that listens there, or nowhere.
pub fn engine(location: &str, listen: &str) -> Engine {
    engine_with(location, listen, None)
}

fn engine_with(location: &str, listen: &str, clock: Option<WallClock>) -> Engine {
    let listen = if listen.is_empty() { Some(Vec::new()) } else { Some(vec![listen.to_owned()]) };
    Engine::open_with(EngineOptions { listen, clock, ..EngineOptions::at(location) }).unwrap()
}

/// A value from JSON.
pub fn value(text: &str) -> Value {
    json::from_str(text).unwrap()
}

/// Waits until everything is committed at both.
pub fn settle(pairs: [&Pair; 2]) {
    for _ in 0..2 {
        for pair in pairs {
            assert!(pair.collapse(CollapseOptions::settled_within(LONG)).unwrap().settled);
        }
    }
}

/// One side: an engine, and its half of the Pair `p`.
pub struct Side {
    pub engine: Engine,
    pub pair: Pair,
}

/// Both sides of a Pair, and the folder of their ledgers.
pub struct Couple {
    folder: TempDir,
    port: String,
    /// Given to each side's engine, if the test has a clock of its own for it.
    pub clocks: [Option<WallClock>; 2],
    /// What is done to each engine before its Pair is opened.
    pub prepare: fn(&Engine),
}

impl Couple {
    /// Two sides that share a Pair with this schema and initial value, both as JSON.
    pub fn new(schema: &str, initial: &str) -> (Couple, Side, Side) {
        Couple::prepared(schema, initial, |_| {})
    }

    /// As [`Couple::new`], with something to do to each engine as soon as it is open.
    pub fn prepared(schema: &str, initial: &str, prepare: fn(&Engine)) -> (Couple, Side, Side) {
        let folder = tempfile::tempdir().unwrap();
        let mut couple = Couple { folder, port: "tcp:127.0.0.1:0".to_owned(), clocks: [None, None], prepare };
        let home = couple.open_engine("home");
        couple.port = home.addresses()[0].clone();
        let here = home.create_pair("p", value(initial), PairOptions::with_schema(value(schema))).unwrap();
        let phone = couple.open_engine("phone");
        let there = phone.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
        (couple, Side { engine: home, pair: here }, Side { engine: phone, pair: there })
    }

    fn open_engine(&self, name: &str) -> Engine {
        let listen = if name == "home" { self.port.as_str() } else { "" };
        let clock = self.clocks[usize::from(name != "home")].clone();
        let engine = engine_with(&self.folder.path().join(name).display().to_string(), listen, clock);
        (self.prepare)(&engine);
        engine
    }

    /// Opens a side that was closed; `home` or `phone`.
    pub fn open(&self, name: &str) -> Side {
        let engine = self.open_engine(name);
        let pair = engine.open_pair("p", LONG).unwrap();
        Side { engine, pair }
    }

    /// Closes both sides, and writes at each while the other is away.
    pub fn fork(&self, here: Side, there: Side, at_home: impl FnOnce(&Pair), at_phone: impl FnOnce(&Pair)) -> (Side, Side) {
        here.close();
        there.close();
        let here = self.open("home");
        at_home(&here.pair);
        here.close();
        let there = self.open("phone");
        at_phone(&there.pair);
        (self.open("home"), there)
    }
}

impl Side {
    /// Closes the engine.
    pub fn close(self) {
        self.engine.close().unwrap();
    }

    /// What a read of the path gives, as JSON text.
    pub fn read(&self, path: &str) -> String {
        self.pair.read_state(path).map_or_else(|error| error.code().name().to_owned(), |value| value.to_string())
    }
}
