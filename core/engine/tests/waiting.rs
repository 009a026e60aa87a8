//! Waits end when what they wait for happens, and when it cannot happen any more. No test here measures time: one that waited in vain would hang.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use spook::{Code, CollapseOptions, Durability, Engine, EngineOptions, Pair, PairOptions, TicketOptions, Value};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const HOURS: CollapseOptions = CollapseOptions { timeout: Duration::from_secs(9000), settled: true };
const LONG: Duration = Duration::from_secs(60);

fn engine(location: &str, listen: &str) -> Engine {
    let listen = if listen.is_empty() { Some(Vec::new()) } else { Some(vec![listen.to_owned()]) };
    Engine::open_with(EngineOptions { listen, ..EngineOptions::at(location) }).unwrap()
}

/// A wait in a thread of its own; the pause lets it begin, most of the time.
fn wait_for_settling(pair: &Pair) -> JoinHandle<Result<bool, Code>> {
    let pair = pair.clone();
    let waiting = thread::spawn(move || pair.collapse(HOURS).map(|collapse| collapse.settled).map_err(|error| error.code()));
    thread::sleep(Duration::from_millis(20));
    waiting
}

#[test]
fn a_wait_ends_when_the_engine_closes_or_stops_after_a_panic() {
    for ends in [|engine: &Engine| engine.close().unwrap(), |engine: &Engine| engine.poison("a test")] {
        let home = engine("", "mem:waiting-close");
        let here = home.create_pair("p", Value::empty_object(), PairOptions::default()).unwrap();
        let phone = engine("", "");
        phone.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
        phone.close().unwrap();
        here.write_state("/x", 1i64).unwrap();
        let waiting = wait_for_settling(&here);
        ends(&home);
        assert!(matches!(waiting.join().unwrap(), Err(Code::Closed | Code::Panic)));
    }
}

#[test]
fn a_pair_that_is_not_in_the_ledger_settles_with_the_numbers_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = engine(&folder.path().join("home").display().to_string(), "");
    let options = PairOptions { durability: Durability::Memory, ..PairOptions::default() };
    let here = home.create_pair("p", Value::empty_object(), options).unwrap();
    here.write_state("/x", 1i64).unwrap();
    assert_eq!(wait_for_settling(&here).join().unwrap(), Ok(true));
}

#[test]
fn those_who_wait_when_the_peer_comes_back_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let home = engine(&path("home"), "tcp:127.0.0.1:0");
    let here = home.create_pair("p", Value::empty_object(), PairOptions::default()).unwrap();
    let phone = engine(&path("phone"), "");
    phone.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
    phone.close().unwrap();
    here.write_state("/x", 1i64).unwrap();
    let waiting = [wait_for_settling(&here), wait_for_settling(&here)];
    let phone = engine(&path("phone"), "");
    let there = phone.open_pair("p", LONG).unwrap();
    assert_eq!(waiting.map(|waiting| waiting.join().unwrap()), [Ok(true), Ok(true)]);
    assert_eq!(there.read_state("/x").unwrap(), Value::from(1i64));
}
