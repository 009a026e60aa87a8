//! Halves that hold different states, which must not happen: here a ledger is changed behind their backs. Both find out, say where, and take no
//! more writes, until one is repaired from the other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use spook::{Code, CollapseOptions, Engine, EngineOptions, Happening, Notice, ObserveOptions, Pair, PairOptions, TicketOptions, Value};
use spook_ledger::{Batch, KeyRange, Ledger, LedgerOptions, Table};
use std::path::Path;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

fn open(ledger: &Path, listen: &[&str]) -> Engine {
    let listen = Some(listen.iter().map(|&address| address.to_owned()).collect());
    // An idle link is asked after a third of this, and states are compared then.
    let heartbeat_timeout = Some(Duration::from_millis(600));
    Engine::open_with(EngineOptions { listen, heartbeat_timeout, ..EngineOptions::at(ledger.to_str().unwrap()) }).unwrap()
}

/// Changes a value in a ledger that nobody has open.
fn corrupt(ledger: &Path, from: &[u8], to: &[u8]) {
    let ledger = Ledger::open(LedgerOptions::file(ledger)).unwrap();
    let mut batch = Batch::new();
    let mut changed = 0;
    ledger
        .scan(Table::Cells, KeyRange::all(), &mut |key, value| {
            if let Some(at) = value.windows(from.len()).position(|bytes| bytes == from) {
                let value = [&value[..at], to, &value[at + from.len()..]].concat();
                batch.put(Table::Cells, key, &value);
                changed += 1;
            }
            true
        })
        .unwrap();
    assert_eq!(changed, 1);
    ledger.commit(&mut batch).unwrap();
    ledger.close().unwrap();
}

fn settle(pairs: [&Pair; 2]) {
    for pair in pairs {
        assert!(pair.collapse(CollapseOptions::settled_within(LONG)).unwrap().settled);
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn members(pair: &Pair) -> Vec<String> {
    let Value::Object(members) = pair.read_state("").unwrap() else { panic!("an object") };
    members.iter().map(|(key, value)| format!("{key}: {value}")).collect()
}

/// What one shows and the other does not.
fn differing(one: &Pair, other: &Pair) -> Vec<String> {
    let (one, other) = (members(one), members(other));
    one.iter().filter(|member| !other.contains(member)).chain(other.iter().filter(|member| !one.contains(member))).cloned().collect()
}

fn differ_and_repair(options: PairOptions) {
    let folder = tempfile::tempdir().unwrap();
    let (home, phone) = (folder.path().join("home"), folder.path().join("phone"));
    let home = open(&home, &["tcp:127.0.0.1:0"]);
    let keys = (0..200i64).map(|key| (format!("key{key:03}"), Value::from(format!("value {key:03}"))));
    let here = home.create_pair("p", Value::object(keys), options).unwrap();
    let engine = open(&phone, &[]);
    let there = engine.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
    settle([&here, &there]);
    engine.close().unwrap();
    drop(there);
    corrupt(&phone, b"value 077", b"VALUE 077");

    let engine = open(&phone, &[]);
    let there = engine.open_pair("p", LONG).unwrap();
    let told = here.observe("", ObserveOptions { events: true, ..ObserveOptions::default() }).unwrap();
    there.write_state("/news", 1i64).unwrap();
    settle([&there, &here]);
    let found = |pair: &Pair| pair.failure().unwrap().and_then(|failure| failure.path);
    until("both halves fail, and find where they differ", || found(&here).is_some() && found(&there).is_some());
    for (pair, other) in [(&here, &there), (&there, &here)] {
        let failure = pair.failure().unwrap().unwrap();
        assert_eq!(failure.path.as_deref(), Some("/key077"));
        assert_ne!(failure.mine, failure.theirs);
        assert_eq!(failure.mine, other.failure().unwrap().unwrap().theirs);
        assert_eq!(pair.write_state("/more", 1i64).unwrap_err().code(), Code::Failed);
    }
    let mut is_told = false;
    while let Some(notice) = told.try_next() {
        is_told |= matches!(notice, Notice::Event(event) if matches!(event.what, Happening::Failed { .. }));
    }
    assert!(is_told, "observers hear of it");

    there.repair(LONG).unwrap();
    assert_eq!(there.read_state("/key077").unwrap(), Value::from("value 077"));
    for pair in [&here, &there] {
        assert_eq!(pair.failure().unwrap(), None);
    }
    there.write_state("/more", 2i64).unwrap();
    here.write_state("/again", 3i64).unwrap();
    settle([&there, &here]);
    settle([&here, &there]);
    assert_eq!(differing(&there, &here), Vec::<String>::new());
    let digest = |pair: &Pair| pair.collapse(CollapseOptions::settled_within(LONG)).unwrap().state.digest;
    assert_eq!(digest(&there), digest(&here));
    engine.close().unwrap();
    let engine = open(&phone, &[]);
    assert_eq!(engine.open_pair("p", LONG).unwrap().read_state("").unwrap(), here.read_state("").unwrap());
}

#[test]
fn halves_that_differ_fail_say_where_and_are_repaired() {
    differ_and_repair(PairOptions::default());
}

#[test]
fn so_do_those_of_an_ordered_pair() {
    let schema = Value::object([("guards", true)]);
    differ_and_repair(PairOptions { schema, ..PairOptions::default() });
}

#[test]
fn a_half_without_its_peer_cannot_be_repaired() {
    let engine = Engine::open("").unwrap();
    let pair = engine.create_pair("p", 1i64, PairOptions::default()).unwrap();
    assert_eq!(pair.failure().unwrap(), None);
    assert_eq!(pair.repair(LONG).unwrap_err().code(), Code::Decohered);
    pair.write_state("", 2i64).unwrap();
}
