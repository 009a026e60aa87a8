//! Clocks that are apart: what is written ahead of time is held at the peer until its time comes, and both sides can tell.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use spook::{Engine, EngineOptions, ObserveOptions, Pair, PairOptions, TicketOptions, Value};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const LONG: Duration = Duration::from_secs(20);

/// An engine whose time of day is ahead of the system's.
fn engine(ahead_ms: u64, listen: bool) -> Engine {
    let clock = move || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 + ahead_ms;
    let listen = if listen { vec!["mem:clocks".to_owned()] } else { Vec::new() };
    Engine::open_with(EngineOptions { listen: Some(listen), clock: Some(Arc::new(clock)), ..EngineOptions::at("") }).unwrap()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_write_from_the_future_is_held_and_both_sides_can_tell() {
    let (home, phone) = (engine(0, true), engine(11_000, false));
    let here = home.create_pair("clocks", Value::empty_object(), PairOptions::default()).unwrap();
    let there: Pair = phone.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
    let seen = here.observe("", ObserveOptions::default()).unwrap();
    there.write_state("/early", 1i64).unwrap();
    wait_until("the author is told", || there.clock().unwrap().suspect_ms.is_some_and(|ahead| (10_001..=11_500).contains(&ahead)));
    assert!(here.read_state("/early").is_err(), "it is held");
    assert_eq!(here.clock().unwrap().suspect_ms, None);
    seen.next(Some(LONG)).unwrap();
    assert_eq!(here.read_state("/early").unwrap(), Value::from(1i64));
    wait_until("the offset is measured", || here.clock().unwrap().offset_ms.is_some_and(|offset| offset.abs_diff(11_000) < 500));
    wait_until("on both sides", || there.clock().unwrap().offset_ms.is_some_and(|offset| offset.abs_diff(-11_000) < 500));
}
