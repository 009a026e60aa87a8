//! Writes with conditions: judged in one order at both halves, whatever each of them saw at first.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::{Couple, LONG, settle};
use spook::{
    Candidate, Code, Guard, Happening, Notice, ObserveOptions, Operation, Pair, Status, Value, Verdict, Wait, Write, WriteOptions,
};

const GUARDS: &str = r#"{"guards": true, "rules": {"/a": "counter", "/b": "counter"}}"#;
const ACCOUNTS: &str = r#"{"a": 100, "b": 0}"#;

/// Moves an amount from one account to another, if it is there.
fn transfer(pair: &Pair, from: &str, to: &str, amount: i64, wait: Wait) -> Result<Candidate, spook::Error> {
    let write = Write {
        operations: &[Operation::increment(from, -amount), Operation::increment(to, amount)],
        guards: &[Guard::at_least(from, amount)],
    };
    pair.write(&write, WriteOptions { wait })
}

fn outcome(pair: &Pair, candidate: &Candidate) -> Status {
    pair.wait_committed(candidate, LONG).unwrap()
}

#[test]
fn a_write_is_tentative_first_and_committed_at_both_sides_then() {
    for schema in ["{}", GUARDS] {
        let (_couple, here, there) = Couple::new(schema, ACCOUNTS);
        let candidate = here.pair.write_state("/x", 1i64).unwrap();
        assert_eq!(outcome(&here.pair, &candidate), Status::Committed, "{schema}");
        settle([&here.pair, &there.pair]);
        assert_eq!(outcome(&there.pair, &candidate), Status::Committed, "{schema}");
        assert_eq!(there.read(""), r#"{"a": 100, "b": 0, "x": 1}"#);
        assert!(here.pair.is_settled(&candidate).unwrap());
    }
}

#[test]
fn what_is_written_while_the_peer_is_away_waits() {
    for schema in ["{}", GUARDS] {
        let (couple, here, there) = Couple::new(schema, ACCOUNTS);
        settle([&here.pair, &there.pair]);
        there.close();
        let candidate = here.pair.write_state("/x", 1i64).unwrap();
        assert_eq!(here.pair.status(&candidate).unwrap(), Status::Tentative { verdict: Verdict::Accepted, held_by_peer: false });
        assert_eq!(here.pair.read_committed("").unwrap(), common::value(ACCOUNTS), "{schema}");
        here.close();
        let here = couple.open("home");
        assert_eq!(here.pair.status(&candidate).unwrap(), Status::Tentative { verdict: Verdict::Accepted, held_by_peer: false });
        assert_eq!(here.read("/x"), "1", "{schema}");
        let there = couple.open("phone");
        assert_eq!(outcome(&here.pair, &candidate), Status::Committed);
        settle([&here.pair, &there.pair]);
        assert_eq!(there.read("/x"), "1");
    }
}

#[test]
fn of_two_transfers_that_do_not_go_together_one_counts_and_it_is_the_same_everywhere() {
    let (couple, here, there) = Couple::new(GUARDS, ACCOUNTS);
    settle([&here.pair, &there.pair]);
    let (mut first, mut second) = (None, None);
    let (here, there) = couple.fork(
        here,
        there,
        |pair| first = transfer(pair, "/a", "/b", 70, Wait::No).ok(),
        |pair| second = transfer(pair, "/a", "/b", 60, Wait::No).ok(),
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    settle([&here.pair, &there.pair]);
    for side in [&here, &there] {
        assert_eq!(side.read(""), r#"{"a": 30, "b": 70}"#);
        assert_eq!(outcome(&side.pair, &first), Status::Committed);
        assert!(matches!(outcome(&side.pair, &second), Status::Voided(reason) if reason.contains("/a")));
    }
    let late = transfer(&there.pair, "/a", "/b", 31, Wait::Committed(LONG)).unwrap_err();
    assert_eq!(late.code(), Code::Voided);
    assert!(matches!(there.pair.status(&late.candidate().unwrap()).unwrap(), Status::Voided(_)));
    transfer(&there.pair, "/a", "/b", 30, Wait::Committed(LONG)).unwrap();
    settle([&here.pair, &there.pair]);
    assert_eq!(here.read(""), r#"{"a": 0, "b": 100}"#);
    here.close();
    there.close();
    let (here, there) = (couple.open("home"), couple.open("phone"));
    for side in [&here, &there] {
        assert_eq!(side.read(""), r#"{"a": 0, "b": 100}"#);
        assert!(matches!(side.pair.status(&second).unwrap(), Status::Voided(_)), "also after a restart");
    }
}

#[test]
fn observers_hear_of_a_verdict_that_flips_and_of_the_last_one() {
    let (couple, here, there) = Couple::new(GUARDS, ACCOUNTS);
    settle([&here.pair, &there.pair]);
    here.close();
    there.close();
    let here = couple.open("home");
    transfer(&here.pair, "/a", "/b", 70, Wait::No).unwrap();
    here.close();
    let there = couple.open("phone");
    let seen = there.pair.observe("", ObserveOptions { events: true, ..ObserveOptions::default() }).unwrap();
    let second = transfer(&there.pair, "/a", "/b", 60, Wait::No).unwrap();
    assert_eq!(there.read("/a"), "40");
    let here = couple.open("home");
    settle([&here.pair, &there.pair]);
    let mut verdicts = Vec::new();
    while let Some(notice) = seen.try_next() {
        if let Notice::Event(event) = notice
            && let Happening::Verdict { dot, verdict: Verdict::Rejected(_), committed, .. } = event.what
        {
            verdicts.push((dot, committed));
        }
    }
    assert_eq!(verdicts, [(second.dot, false), (second.dot, true)]);
}

#[test]
fn guards_compare_what_is_there_when_the_write_has_its_turn() {
    let (_couple, here, _there) = Couple::new(GUARDS, r#"{"name": "x", "n": 5}"#);
    let put = |guards: &[Guard<'_>]| {
        let write = Write { operations: &[Operation::set("/n", 6i64)], guards };
        here.pair.write(&write, WriteOptions { wait: Wait::Committed(LONG) }).map(drop).map_err(|error| error.code())
    };
    let before = here.pair.fingerprint("/name").unwrap();
    assert_eq!(put(&[Guard::equals("/name", "x"), Guard::absent("/other"), Guard::at_most("/n", 5.0)]), Ok(()));
    assert_eq!(put(&[Guard::at_most("/n", 5i64)]), Err(Code::Voided));
    assert_eq!(put(&[Guard::absent("/name")]), Err(Code::Voided));
    assert_eq!(put(&[Guard::unchanged("/name", before)]), Ok(()));
    here.pair.write_state("/name", "x").unwrap();
    assert_eq!(put(&[Guard::unchanged("/name", before)]), Err(Code::Voided), "written, though the same");
    assert_eq!(put(&[Guard { path: "/n", expect: spook::Expect::Range { min: None, max: None } }]), Err(Code::Guard));
    assert_eq!(put(&[Guard::at_least("/n", Value::Null)]), Err(Code::Guard));
    assert_eq!(put(&[Guard::absent("n")]), Err(Code::Pointer));
}

#[test]
fn a_pair_without_guards_says_so() {
    let (_couple, here, _there) = Couple::new("{}", ACCOUNTS);
    let write = Write { operations: &[Operation::set("/x", 1i64)], guards: &[Guard::absent("/x")] };
    assert_eq!(here.pair.write(&write, WriteOptions::default()).unwrap_err().code(), Code::Guard);
    assert_eq!(here.pair.fingerprint("").unwrap_err().code(), Code::Guard);
    let candidate = here.pair.write_state("/x", 1i64).unwrap();
    assert_eq!(here.pair.revert(&candidate, WriteOptions::default()).unwrap_err().code(), Code::Guard);
}

#[test]
fn a_write_is_taken_back_if_it_still_stands() {
    let (_couple, here, there) = Couple::new(GUARDS, r#"{"a": 100, "name": "old"}"#);
    let write =
        Write { operations: &[Operation::set("/name", "new"), Operation::increment("/a", 5), Operation::set("/x", 1i64)], guards: &[] };
    let waiting = WriteOptions { wait: Wait::Committed(LONG) };
    let candidate = here.pair.write(&write, waiting).unwrap();
    settle([&here.pair, &there.pair]);
    there.pair.write_all(&[Operation::increment("/a", 1)]).unwrap();
    settle([&here.pair, &there.pair]);
    here.pair.revert(&candidate, waiting).unwrap();
    settle([&here.pair, &there.pair]);
    assert_eq!(there.read(""), r#"{"a": 101, "name": "old"}"#);
    let candidate = here.pair.write_state("/name", "newer").unwrap();
    settle([&here.pair, &there.pair]);
    there.pair.write_state("/name", "newest").unwrap();
    settle([&here.pair, &there.pair]);
    assert_eq!(here.pair.revert(&candidate, waiting).unwrap_err().code(), Code::Voided);
    assert_eq!(here.read("/name"), r#""newest""#);
}

#[test]
fn too_many_candidates_that_wait_are_refused() {
    let (couple, here, there) = Couple::new(r#"{"guards": true, "pending": 8}"#, "{}");
    settle([&here.pair, &there.pair]);
    there.close();
    let refused = (0..9i64).map(|number| here.pair.write_state("/n", number)).find_map(Result::err).unwrap();
    assert_eq!(refused.code(), Code::Backpressure);
    assert_eq!(here.read("/n"), "7");
    let there = couple.open("phone");
    settle([&here.pair, &there.pair]);
    here.pair.write_state("/n", 9i64).unwrap();
    settle([&here.pair, &there.pair]);
    assert_eq!(there.read("/n"), "9");
}

#[test]
fn a_large_pair_with_guards_is_opened_as_a_whole_and_goes_on_from_there() {
    let members: Vec<String> = (0..20_000).map(|number| format!(r#""key{number}": "value {number}""#)).collect();
    let (_couple, here, there) = Couple::new(GUARDS, &format!("{{{}}}", members.join(", ")));
    assert_eq!(there.pair.read_state("").unwrap(), here.pair.read_state("").unwrap());
    there.pair.delete_state("/key7").unwrap();
    here.pair.write_state("/key8", "other").unwrap();
    settle([&here.pair, &there.pair]);
    for side in [&here, &there] {
        assert_eq!((side.read("/key7"), side.read("/key8")), ("NOT_FOUND".to_owned(), r#""other""#.to_owned()));
    }
}
