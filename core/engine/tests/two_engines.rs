//! Two engines share a Pair: over each transport, in memory and from a ledger.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use spook::{Code, CollapseOptions, Engine, EngineOptions, Notice, ObserveOptions, Operation, PairOptions, TicketOptions, Value};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(10);

fn engine(location: &str, listen: &str) -> Engine {
    let listen = if listen.is_empty() { Some(Vec::new()) } else { Some(vec![listen.to_owned()]) };
    Engine::open_with(EngineOptions { listen, ..EngineOptions::at(location) }).unwrap()
}

fn share_over(listen: &str) {
    let home = engine("", listen);
    let phone = engine("", "");
    let here = home.create_pair(
        "thermostat",
        Value::object([("target", Value::from(21.5)), ("mode", Value::from("heat"))]),
        PairOptions::default(),
    );
    let here = here.unwrap();
    let there = phone.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
    assert_eq!(there.read_state("").unwrap(), here.read_state("").unwrap());
    let seen_here = here.observe("/target", ObserveOptions::default()).unwrap();
    let seen_there = there.observe("", ObserveOptions::default()).unwrap();
    there.write_state("/target", 22.0).unwrap();
    let Some(Notice::Change(change)) = seen_here.next(Some(LONG)).unwrap() else { panic!("a change was to come") };
    assert_eq!((&*change.path, change.value.clone(), change.origin), ("/target", Some(Value::from(22.0)), phone.endpoint_id()));
    for number in 0..1000i64 {
        here.write_all(&[Operation::set("/count", number), Operation::set("/double", 2 * number)]).unwrap();
    }
    let collapsed = there.collapse(CollapseOptions::settled_within(LONG)).unwrap();
    let settled = here.collapse(CollapseOptions::settled_within(LONG)).unwrap();
    assert!(settled.settled);
    let again = there.collapse(CollapseOptions::settled_within(LONG)).unwrap();
    assert!(again.settled, "{collapsed:?}");
    assert_eq!(settled.state.digest, again.state.digest);
    assert_eq!(there.read_state("/double").unwrap(), Value::from(1998i64));
    let mut last = 0;
    while let Some(Notice::Change(change)) = seen_there.try_next() {
        assert!(change.seq > last);
        last = change.seq;
    }
    phone.close().unwrap();
    assert_eq!(there.read_state("").unwrap_err().code(), Code::Closed);
}

#[test]
fn over_memory() {
    share_over("mem:two-engines");
}

#[test]
fn over_tcp() {
    share_over("tcp:127.0.0.1:0");
}

#[cfg(unix)]
#[test]
fn over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    share_over(&format!("unix:{}", folder.path().join("s").display()));
}

#[test]
fn a_pair_comes_back_from_its_ledger_and_re_entangles() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let home = engine(&path("home"), "tcp:127.0.0.1:0");
    let port = home.addresses()[0].clone();
    let phone = engine(&path("phone"), "");
    let here = home.create_pair("p", Value::empty_object(), PairOptions::default()).unwrap();
    let there = phone.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
    there.write_state("/before", 1i64).unwrap();
    assert!(there.collapse(CollapseOptions::settled_within(LONG)).unwrap().settled);
    home.close().unwrap();
    drop((home, here));
    there.write_state("/offline/there", "x").unwrap();
    let home = engine(&path("home"), &port);
    let here = home.open_pair("p", LONG).unwrap();
    assert_eq!(here.read_state("/before").unwrap(), Value::from(1i64));
    here.write_state("/offline/here", "y").unwrap();
    let settled = here.collapse(CollapseOptions::settled_within(LONG)).unwrap();
    assert!(settled.settled);
    let there_settled = there.collapse(CollapseOptions::settled_within(LONG)).unwrap();
    assert_eq!(settled.state.digest, there_settled.state.digest);
    assert_eq!(here.read_state("/offline").unwrap().to_string(), r#"{"here": "y", "there": "x"}"#);
}

#[test]
fn a_ticket_works_once_and_not_after_its_time() {
    let home = engine("", "mem:once");
    let pair = home.create_pair("p", Value::empty_object(), PairOptions::default()).unwrap();
    let ticket = pair.ticket(TicketOptions::default()).unwrap();
    let expired = pair.ticket(TicketOptions { expires_in: Some(Duration::ZERO) }).unwrap();
    let refused = |engine: &Engine, text: &str| engine.open_pair(text, LONG).unwrap_err().code();
    assert_eq!(refused(&engine("", ""), &expired), Code::TicketExpired);

    let first = engine("", "");
    first.open_pair(&ticket, LONG).unwrap();
    assert_eq!(refused(&engine("", ""), &ticket), Code::TicketUsed);
    assert_eq!(refused(&first, "spook1abc"), Code::TicketInvalid);
    assert_eq!(refused(&first, "no-such-pair"), Code::NotFound);
}
