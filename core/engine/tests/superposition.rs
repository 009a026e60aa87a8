//! Concurrent writes: both stand until they are committed, and then the rule has decided, alike at both halves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::{Couple, settle, value};
use spook::{Code, CollapseOptions, Operation, Value};
use std::time::Duration;

#[test]
fn a_fork_shows_as_a_conflict_until_both_sides_have_met() {
    let (couple, here, there) = Couple::new("{}", r#"{"title": "draft", "calm": 1}"#);
    settle([&here.pair, &there.pair]);
    here.close();
    there.close();
    let here = couple.open("home");
    here.pair.write_state("/title", "from home").unwrap();
    assert_eq!(here.read("/title"), r#""from home""#);
    assert_eq!(here.pair.read_committed("/title").unwrap(), Value::from("draft"));
    assert!(!here.pair.collapse(CollapseOptions::default()).unwrap().settled);
    here.close();
    let there = couple.open("phone");
    there.pair.write_state("/title", "from phone").unwrap();
    let here = couple.open("home");
    settle([&here.pair, &there.pair]);
    for side in [&here, &there] {
        assert_eq!(side.read("/title"), r#""from phone""#, "the later one");
        if side.pair.read_committed("").unwrap() != side.pair.read_tentative("").unwrap() {
            side.pair.conflicts("").unwrap();
            panic!("x");
        }
        assert!(side.pair.conflicts("").unwrap().is_empty());
    }
}

#[test]
fn a_conflict_that_is_not_committed_lists_its_candidates_and_a_collapse_tells_what_came_of_it() {
    let (couple, here, there) = Couple::new(r#"{"rules": {"/best": "max"}}"#, r#"{"best": 1, "other": 1}"#);
    settle([&here.pair, &there.pair]);
    let (here, there) = couple.fork(
        here,
        there,
        |pair| _ = pair.write_state("/best", 7i64).unwrap(),
        |pair| _ = pair.write_all(&[Operation::set("/best", 5i64), Operation::set("/other", 2i64)]).unwrap(),
    );
    // How much of the meeting is over by now is not known; the outcome is.
    let mut resolved = Vec::new();
    for _ in 0..2 {
        for side in [&here, &there] {
            let conflicts = side.pair.conflicts("/best").unwrap();
            assert!(conflicts.iter().all(|conflict| conflict.path == "/best" && conflict.candidates.len() == 2), "{conflicts:?}");
            let collapse = side.pair.collapse(CollapseOptions::settled_within(common::LONG)).unwrap();
            assert!(collapse.settled);
            resolved.extend(collapse.resolved);
        }
    }
    assert_eq!((here.read(""), there.read("")), (r#"{"best": 7, "other": 2}"#.to_owned(), r#"{"best": 7, "other": 2}"#.to_owned()));
    assert_eq!(resolved.len(), 2, "once at each side: {resolved:?}");
    assert!(
        resolved.iter().all(|resolved| resolved.path == "/best" && resolved.candidates == 2 && resolved.value == Some(Value::from(7i64)))
    );
}

#[test]
fn counters_and_sets_lose_nothing_over_a_fork_and_restarts() {
    let schema = r#"{"rules": {"/hits": "counter", "/tags": "set"}}"#;
    let (couple, here, there) = Couple::new(schema, r#"{"hits": 10, "tags": ["a", "b"]}"#);
    settle([&here.pair, &there.pair]);
    let (mut here, mut there) = couple.fork(
        here,
        there,
        |pair| {
            for _ in 0..5 {
                pair.write_all(&[Operation::increment("/hits", 1), Operation::add("/tags", "c")]).unwrap();
            }
        },
        |pair| {
            pair.write_all(&[Operation::increment("/hits", -3)]).unwrap();
            pair.write_all(&[Operation::remove("/tags", "a")]).unwrap();
        },
    );
    for _ in 0..3 {
        settle([&here.pair, &there.pair]);
        for side in [&here, &there] {
            assert_eq!(side.pair.read_state("").unwrap(), value(r#"{"hits": 12, "tags": ["b", "c"]}"#));
            assert_eq!(side.pair.read_committed("").unwrap(), value(r#"{"hits": 12, "tags": ["b", "c"]}"#));
        }
        here.close();
        there.close();
        (here, there) = (couple.open("home"), couple.open("phone"));
    }
}

#[test]
fn what_was_committed_stays_committed_after_a_restart_awake_and_asleep() {
    let (couple, here, there) = Couple::new(r#"{"rules": {"/n": "counter"}}"#, r#"{"a": 1, "n": 0}"#);
    here.pair.write_all(&[Operation::set("/a", 2i64), Operation::increment("/n", 4)]).unwrap();
    settle([&here.pair, &there.pair]);
    here.close();
    there.close();
    let here = couple.open("home");
    let asleep = (here.read(""), here.pair.read_committed("").unwrap());
    let settled = here.pair.collapse(CollapseOptions::settled_within(Duration::ZERO)).unwrap().settled;
    let awake = (here.read(""), here.pair.read_committed("").unwrap());
    assert_eq!(asleep, (r#"{"a": 2, "n": 4}"#.to_owned(), value(r#"{"a": 2, "n": 4}"#)));
    assert_eq!(asleep, awake);
    assert!(settled, "the peer held it when the engine closed");
    assert!(here.pair.conflicts("").unwrap().is_empty());
    here.pair.write_state("/a", 3i64).unwrap();
    assert_eq!(here.pair.read_committed("/a").unwrap(), Value::from(2i64));
    here.close();
    let here = couple.open("home");
    assert_eq!(here.pair.read_committed("/a").unwrap(), Value::from(2i64), "asleep");
    assert_eq!(here.read("/a"), "3");
    here.pair.lifecycle().unwrap();
    assert_eq!(here.pair.read_committed("/a").unwrap(), Value::from(2i64), "awake");
}

#[test]
fn a_committed_deletion_leaves_nothing_behind() {
    let (couple, here, there) = Couple::new("{}", r#"{"a": 1, "b": {"c": 2}}"#);
    settle([&here.pair, &there.pair]);
    here.pair.delete_state("/b").unwrap();
    settle([&here.pair, &there.pair]);
    here.close();
    there.close();
    let (here, there) = (couple.open("home"), couple.open("phone"));
    for side in [&here, &there] {
        assert_eq!((side.read(""), side.read("/b/c")), (r#"{"a": 1}"#.to_owned(), "NOT_FOUND".to_owned()));
    }
    here.pair.write_state("/b/c", 3i64).unwrap();
    settle([&here.pair, &there.pair]);
    assert_eq!(there.read(""), r#"{"a": 1, "b": {"c": 3}}"#);
}

#[test]
fn operations_that_the_schema_does_not_allow_are_refused() {
    let (_couple, here, _there) = Couple::new(r#"{"rules": {"/n": "counter", "/name": {"type": "string"}}}"#, r#"{"n": 0}"#);
    let refused = |operation: Operation<'_>| here.pair.write_all(&[operation]).unwrap_err().code();
    assert_eq!(refused(Operation::set("/name", 1i64)), Code::Type);
    assert_eq!(refused(Operation::increment("/other", 1)), Code::Type);
    assert_eq!(refused(Operation::add("/n", "x")), Code::Type);
    assert_eq!(here.read(""), r#"{"n": 0}"#);
}
