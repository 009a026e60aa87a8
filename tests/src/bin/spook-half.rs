//! A half of a Pair in a process of its own, to be killed: `spook-half LEDGER LISTEN ROLE [NAME|TICKET]`.
//!
//! | role | does |
//! |---|---|
//! | `create-sync`, `create-batched` | opens the Pair `p`, created if it is not there, and says a ticket if it has no peer |
//! | `create-counted`, `create-guarded` | the same, `sync`, and each write also counts in a counter; in the latter it has a guard, too |
//! | `join TICKET` | opens the only Pair there is, or redeems the ticket |
//! | `fill` | writes until that fails, and says how |
//!
//! It says `opened STATE` with what it found. Told `go ROUND` it writes numbers until it is told `stop`, and says `wrote N` when a write returned
//! and `settled N` when the peer has it; told `settle` it says `digest D`; told `read` it says `state JSON`; `quit` closes.

#![allow(clippy::unwrap_used, reason = "a process for tests")]

use spook::{
    Candidate, Code, CollapseOptions, Durability, Engine, Guard, Operation, Pair, PairOptions, TicketOptions, Value, Write, WriteOptions,
    json,
};
use spook_tests::couple::options;
use std::io::{BufRead, Write as _};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

/// Numbers of one round stay below this.
const ROUND: i64 = 1_000_000;
/// Each number goes into one of so many cells besides the common one.
const CELLS: i64 = 16;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ledger, listen, role, rest @ ..] = arguments.as_slice() else { panic!("spook-half LEDGER LISTEN ROLE [TICKET]") };
    let commands = commands();
    let engine = open(ledger, listen);
    say(&format!("listens {}", engine.addresses().first().map_or("", String::as_str)));
    let pair = match role.as_str() {
        "create-sync" => create(&engine, Durability::Sync, "{}"),
        "create-batched" => create(&engine, Durability::Batched, "{}"),
        "create-counted" => create(&engine, Durability::Sync, r#"{"rules": {"/n/*": "counter"}}"#),
        "create-guarded" => create(&engine, Durability::Sync, r#"{"guards": true, "rules": {"/n/*": "counter"}}"#),
        "join" => join(&engine, &rest[0]),
        "fill" => return fill(&create(&engine, Durability::Sync, "{}")),
        other => panic!("no role {other}"),
    };
    say(&format!("opened {}", json::to_string(&pair.read_state("").unwrap())));
    let side = if role == "join" { "b" } else { "a" };
    let mut half = Half { pair, side, waiting: Vec::new() };
    loop {
        let command = commands.recv().unwrap_or_default();
        match command.split_whitespace().collect::<Vec<_>>()[..] {
            ["go", round] => half.write(round.parse().unwrap(), &commands),
            ["settle"] => half.settle(),
            ["read"] => say(&format!("state {}", json::to_string(&half.pair.read_state("").unwrap()))),
            ["stop"] => say("stopped"),
            _ => break,
        }
    }
    engine.close().unwrap();
    say("closed");
}

fn commands() -> Receiver<String> {
    let (send, commands) = channel();
    std::thread::spawn(move || std::io::stdin().lock().lines().map_while(Result::ok).all(|line| send.send(line).is_ok()));
    commands
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever listens may be gone; then there is nobody to tell.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The port may be in use for a moment: by the dying connections of the process before, or by somebody who dials it from itself.
fn open(ledger: &str, listen: &str) -> Engine {
    let begin = Instant::now();
    loop {
        match Engine::open_with(options(ledger, listen)) {
            Ok(engine) => return engine,
            Err(error)
                if matches!(error.code(), Code::Io | Code::Address)
                    && begin.elapsed() < Duration::from_secs(5)
                    && listen.starts_with("tcp") =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => panic!("cannot open: {error}"),
        }
    }
}

fn create(engine: &Engine, durability: Durability, schema: &str) -> Pair {
    let pair = engine.open_pair("p", Duration::ZERO).unwrap_or_else(|error| {
        assert_eq!(error.code(), Code::NotFound, "{error}");
        let options = PairOptions { durability, ..PairOptions::with_schema(json::from_str(schema).unwrap()) };
        engine.create_pair("p", Value::empty_object(), options).unwrap()
    });
    if let Ok(ticket) = pair.ticket(TicketOptions::default()) {
        say(&format!("ticket {ticket}"));
    }
    pair
}

fn join(engine: &Engine, ticket: &str) -> Pair {
    let names = engine.pairs().unwrap();
    let pair = engine.open_pair(names.first().map_or(ticket, String::as_str), Duration::from_secs(30));
    pair.unwrap_or_else(|error| panic!("cannot join: {error}"))
}

/// Writes until the disk is full. Reads go on then, and every later write gives the same error.
fn fill(pair: &Pair) {
    let block = "x".repeat(10_000);
    for number in 0..10_000 {
        if let Err(error) = pair.write_state(&format!("/k{number}"), block.as_str()) {
            let again = pair.write_state("/again", 1i64).unwrap_err();
            let read = pair.read_state("/k0").is_ok();
            say(&format!("failed {} {} {read} after {number}: {error}", error.code().name(), again.code().name()));
            return;
        }
    }
    say("never failed");
}

struct Half {
    pair: Pair,
    side: &'static str,
    waiting: Vec<(i64, Candidate)>,
}

impl Half {
    fn write(&mut self, round: i64, commands: &Receiver<String>) {
        for number in round * ROUND.. {
            let (last, cell) = (format!("/{}/last", self.side), format!("/{}/c{}", self.side, number % CELLS));
            let Some(written) = self.put(&[Operation::set(&last, number), Operation::set(&cell, number)], commands) else { break };
            say(&format!("wrote {number}"));
            self.waiting.push((number, written));
            self.tell_settled();
            match commands.try_recv() {
                Err(TryRecvError::Empty) => {}
                _ => break,
            }
            if number % 64 == 63 {
                // A few thousand writes a second, with pauses in which acknowledgements catch up.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        say("stopped");
    }

    /// Writes one candidate as the schema of the Pair has it; `None` when told to stop before there was room for it.
    fn put(&self, operations: &[Operation<'_>; 2], commands: &Receiver<String>) -> Option<Candidate> {
        let schema = self.pair.schema();
        let count = format!("/n/{}", self.side);
        let mut operations = operations.to_vec();
        if schema.get("rules").is_some() {
            operations.push(Operation::increment(&count, 1));
        }
        let guards = [Guard::absent("/closed")];
        let guards = if schema.get("guards").is_some() { &guards[..] } else { &[] };
        loop {
            match self.pair.write(&Write { operations: &operations, guards }, WriteOptions::default()) {
                Ok(candidate) => return Some(candidate),
                // The peer is away, and nothing can be committed.
                Err(error) if error.code() == Code::Backpressure => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => panic!("cannot write: {error}"),
            }
            if !matches!(commands.try_recv(), Err(TryRecvError::Empty)) {
                return None;
            }
        }
    }

    fn tell_settled(&mut self) {
        let settled = self.waiting.iter().rposition(|(_, candidate)| self.pair.is_settled(candidate).unwrap());
        if let Some(at) = settled {
            say(&format!("settled {}", self.waiting[at].0));
            self.waiting.drain(..=at);
        }
        if self.waiting.len() > 256 {
            self.waiting.drain(..128);
        }
    }

    fn settle(&self) {
        let begin = Instant::now();
        loop {
            let collapsed = self.pair.collapse(CollapseOptions::settled_within(Duration::from_secs(1))).unwrap();
            if collapsed.settled || begin.elapsed() > Duration::from_secs(20) {
                say(&format!("digest {} {}", collapsed.settled, collapsed.state.digest));
                return;
            }
        }
    }
}
