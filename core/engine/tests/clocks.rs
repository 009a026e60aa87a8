//! Clocks that are apart: what is written ahead of time is held at the peer until its time comes, and both sides can tell.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use spook::{Engine, EngineOptions, Happening, Notice, ObserveOptions, Pair, PairOptions, Subscription, TicketOptions, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// By how many ms the first event of that kind says that the clock is ahead.
fn suspicion(told: &Subscription) -> u64 {
    loop {
        let notice = told.next(Some(LONG)).unwrap().unwrap();
        if let Notice::Event(event) = notice
            && let Happening::ClockSuspect { ahead_ms } = event.what
        {
            return ahead_ms;
        }
    }
}

#[test]
fn a_write_from_the_future_is_held_and_both_sides_can_tell() {
    let (home, phone) = (engine(0, true), engine(11_000, false));
    let here = home.create_pair("clocks", Value::empty_object(), PairOptions::default()).unwrap();
    let there: Pair = phone.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
    let seen = here.observe("", ObserveOptions::default()).unwrap();
    let told = there.observe("", ObserveOptions { events: true, ..ObserveOptions::default() }).unwrap();
    there.write_state("/early", 1i64).unwrap();
    wait_until("the author is told", || there.clock().unwrap().suspect_ms.is_some_and(|ahead| (10_001..=11_500).contains(&ahead)));
    assert!((10_001..=11_500).contains(&suspicion(&told)));
    assert!(here.read_state("/early").is_err(), "it is held");
    assert_eq!(here.clock().unwrap().suspect_ms, None);
    seen.next(Some(LONG)).unwrap();
    assert_eq!(here.read_state("/early").unwrap(), Value::from(1i64));
    wait_until("the offset is measured", || here.clock().unwrap().offset_ms.is_some_and(|offset| offset.abs_diff(11_000) < 500));
    wait_until("on both sides", || there.clock().unwrap().offset_ms.is_some_and(|offset| offset.abs_diff(-11_000) < 500));
}

#[test]
fn a_clock_that_is_set_back_is_told_of_once() {
    let wall = Arc::new(AtomicU64::new(1_700_000_100_000));
    let clock = {
        let wall = Arc::clone(&wall);
        move || wall.load(Ordering::Relaxed)
    };
    let engine = Engine::open_with(EngineOptions { clock: Some(Arc::new(clock)), ..EngineOptions::at("") }).unwrap();
    let pair = engine.create_pair("clock", Value::empty_object(), PairOptions::default()).unwrap();
    pair.write_state("/one", 1i64).unwrap();
    assert_eq!(pair.clock().unwrap(), spook::Clock::default());
    let told = pair.observe("", ObserveOptions { events: true, ..ObserveOptions::default() }).unwrap();
    wall.store(1_700_000_000_000, Ordering::Relaxed);
    for count in 0..3i64 {
        pair.write_state("/two", count).unwrap();
    }
    assert_eq!(pair.clock().unwrap().suspect_ms, Some(100_000));
    assert_eq!(suspicion(&told), 100_000);
    wall.store(1_700_000_200_000, Ordering::Relaxed);
    pair.write_state("/three", 3i64).unwrap();
    assert_eq!(pair.clock().unwrap().suspect_ms, None);
    let more = std::iter::from_fn(|| told.try_next()).filter(|notice| matches!(notice, Notice::Event(_))).count();
    assert_eq!(more, 0, "told once");
}
