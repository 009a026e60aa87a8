//! Presence: what two engines show each other while they are linked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use spook::{Code, Engine, EngineOptions, Happening, Notice, ObserveOptions, PairOptions, Subscription, TicketOptions, Value};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

fn engine(listen: &[&str]) -> Engine {
    let listen = listen.iter().map(|&address| address.to_owned()).collect();
    Engine::open_with(EngineOptions { listen: Some(listen), ..EngineOptions::at("") }).unwrap()
}

fn next(seen: &Subscription) -> (String, Option<Value>) {
    loop {
        let notice = seen.next(Some(LONG)).unwrap().unwrap();
        if let Notice::Event(event) = notice
            && let Happening::Presence { key, value } = event.what
        {
            return (key.to_string(), value);
        }
    }
}

#[test]
fn what_is_shown_is_seen_until_its_owner_goes() {
    let (home, phone) = (engine(&["mem:presence"]), engine(&[]));
    let here = home.create_pair("presence", Value::empty_object(), PairOptions::default()).unwrap();
    here.set_presence("host", Some(Value::from("home"))).unwrap();
    let there = phone.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
    let events = ObserveOptions { events: true, ..ObserveOptions::default() };
    let (seen_here, seen_there) = (here.observe("", events).unwrap(), there.observe("", events).unwrap());
    there.set_presence("cursor", Some(Value::from(7i64))).unwrap();
    assert_eq!(next(&seen_here), ("cursor".to_owned(), Some(Value::from(7i64))));
    assert_eq!(here.presence().unwrap()["cursor"], Value::from(7i64));
    here.set_presence("host", Some(Value::from("still home"))).unwrap();
    while next(&seen_there).1 != Some(Value::from("still home")) {}
    assert_eq!(there.presence().unwrap().len(), 1);
    there.set_presence("cursor", None).unwrap();
    assert_eq!(next(&seen_here), ("cursor".to_owned(), None));
    there.set_presence("cursor", Some(Value::from(8i64))).unwrap();
    assert_eq!(next(&seen_here), ("cursor".to_owned(), Some(Value::from(8i64))));
    phone.close().unwrap();
    assert_eq!(next(&seen_here), ("cursor".to_owned(), None));
    assert!(here.presence().unwrap().is_empty());
    assert_eq!(here.read_state("").unwrap(), Value::empty_object());
}

#[test]
fn what_is_shown_is_bounded() {
    let engine = engine(&[]);
    let pair = engine.create_pair("bounds", Value::empty_object(), PairOptions::default()).unwrap();
    let code = |key: &str, value: &str| pair.set_presence(key, Some(Value::from(value))).unwrap_err().code();
    assert_eq!(code("", "x"), Code::Invalid);
    assert_eq!(code(&"k".repeat(300), "x"), Code::TooLarge);
    assert_eq!(code("key", &"x".repeat(5000)), Code::TooLarge);
    assert_eq!(pair.set_presence("key", Some(Value::Float(f64::NAN))).unwrap_err().code(), Code::Nan);
    for number in 0..64 {
        pair.set_presence(&format!("key {number}"), Some(Value::from(1i64))).unwrap();
    }
    assert_eq!(code("one more", "x"), Code::TooLarge);
}
