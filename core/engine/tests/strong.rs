//! Strong Pairs: a write is committed or its outcome is open, and reads show what is committed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::{Couple, LONG, settle};
use spook::{
    Code, CollapseOptions, Engine, Happening, Notice, ObserveOptions, Operation, Pair, RuleKind, RuleLimits, RuleStep, Status, Value,
    Verdict, Wait, Write, WriteOptions,
};
use std::time::Duration;

const STRONG: &str = r#"{"consistency": "strong"}"#;
const SOON: WriteOptions = WriteOptions { wait: Wait::Committed(Duration::from_millis(50)) };

#[test]
fn a_write_returns_when_it_is_committed() {
    let (_couple, here, there) = Couple::new(STRONG, r#"{"n": 0}"#);
    assert_eq!(there.read(""), r#"{"n": 0}"#);
    let candidate = here.pair.write_state("/n", 1i64).unwrap();
    assert_eq!(here.pair.status(&candidate).unwrap(), Status::Committed);
    assert_eq!(here.read("/n"), "1");
    let candidate = there.pair.write_state("/n", 2i64).unwrap();
    assert_eq!(here.pair.wait_committed(&candidate, LONG).unwrap(), Status::Committed);
    assert_eq!((here.read("/n"), there.read("/n")), ("2".to_owned(), "2".to_owned()));
}

#[test]
fn observers_of_both_sides_are_told_the_same_sequence_and_only_what_can_be_read() {
    let (_couple, here, there) = Couple::new(STRONG, r#"{"n": 0}"#);
    settle([&here.pair, &there.pair]);
    let seen = [&here.pair, &there.pair].map(|pair| pair.observe("/n", ObserveOptions::default()).unwrap());
    let later = WriteOptions { wait: Wait::No };
    for number in 1..=20i64 {
        let pair = if number % 2 == 0 { &here.pair } else { &there.pair };
        pair.write(&Write { operations: &[Operation::set("/n", number)], guards: &[] }, later).unwrap();
    }
    settle([&here.pair, &there.pair]);
    let told = seen.map(|seen| {
        let changes = std::iter::from_fn(|| seen.try_next());
        changes
            .map(|notice| if let Notice::Change(change) = notice { (change.value, change.origin) } else { panic!("{notice:?}") })
            .collect::<Vec<_>>()
    });
    // Writes of one millisecond are ties, which are settled and committed together.
    assert!(told[0] == told[1] && (1..=20).contains(&told[0].len()), "{told:?}");
    let digest = |pair: &Pair| pair.collapse(CollapseOptions::default()).unwrap().state.digest;
    assert_eq!(digest(&here.pair), digest(&there.pair));
    let seen = here.pair.observe("/n", ObserveOptions::default()).unwrap();
    there.close();
    here.pair.write(&Write { operations: &[Operation::set("/n", 0i64)], guards: &[] }, later).unwrap();
    assert_eq!((seen.try_next(), here.read("/n")), (None, told_text(&told[0])));
}

fn told_text(told: &[(Option<Value>, spook::EndpointId)]) -> String {
    told.last().and_then(|(value, _)| value.as_ref()).unwrap().to_string()
}

#[test]
fn with_the_peer_away_the_outcome_is_open_and_settles_later() {
    let (couple, here, there) = Couple::new(STRONG, r#"{"n": 0}"#);
    settle([&here.pair, &there.pair]);
    there.close();
    let write = Write { operations: &[Operation::set("/n", 1i64)], guards: &[] };
    let open = here.pair.write(&write, SOON).unwrap_err();
    assert_eq!(open.code(), Code::Decohered);
    let candidate = open.candidate().unwrap();
    assert!(!here.pair.status(&candidate).unwrap().is_final());
    assert_eq!((here.read("/n"), here.pair.read_tentative("/n").unwrap()), ("0".to_owned(), Value::from(1i64)));
    here.close();
    let here = couple.open("home");
    assert_eq!((here.read("/n"), here.pair.read_tentative("/n").unwrap()), ("0".to_owned(), Value::from(1i64)), "after a restart");
    let there = couple.open("phone");
    assert_eq!(here.pair.wait_committed(&candidate, LONG).unwrap(), Status::Committed);
    assert_eq!(here.read("/n"), "1");
    settle([&here.pair, &there.pair]);
    assert_eq!(there.read("/n"), "1");
}

fn order_rule(engine: &Engine) {
    let step = RuleKind::transition(|_, state, candidate| {
        let next = candidate.value.as_ref().and_then(Value::as_str).unwrap_or_default();
        let step = (state.and_then(Value::as_str), next);
        let allowed = matches!(step, (None, "placed") | (Some("placed"), "paid" | "cancelled") | (Some("paid"), "shipped"));
        Ok(if allowed { RuleStep::To(candidate.value.clone()) } else { RuleStep::Reject(format!("{state:?} does not lead to {next}")) })
    });
    engine.register_rule("order", step, RuleLimits::default()).unwrap();
}

#[test]
fn an_order_goes_from_pending_through_resolving_to_committed_with_a_restart_in_between() {
    let schema = r#"{"consistency": "strong", "rules": {"/order": "transition:order"}}"#;
    let (couple, here, there) = Couple::prepared(schema, "{}", order_rule);
    here.pair.write_state("/order", "placed").unwrap();
    settle([&here.pair, &there.pair]);
    there.close();
    let pay = Write { operations: &[Operation::set("/order", "paid")], guards: &[] };
    let pending = here.pair.write(&pay, SOON).unwrap_err().candidate().unwrap();
    assert!(matches!(here.pair.status(&pending).unwrap(), Status::Tentative { held_by_peer: false, .. }));
    here.close();
    let there = couple.open("phone");
    let cancel = Write { operations: &[Operation::set("/order", "cancelled")], guards: &[] };
    let refused = there.pair.write(&cancel, SOON).unwrap_err().candidate().unwrap();
    let here = couple.open("home");
    assert_eq!(here.pair.wait_committed(&pending, LONG).unwrap(), Status::Committed);
    assert!(matches!(there.pair.wait_committed(&refused, LONG).unwrap(), Status::Voided(why) if why.contains("cancelled")));
    settle([&here.pair, &there.pair]);
    assert_eq!((here.read("/order"), there.read("/order")), (r#""paid""#.to_owned(), r#""paid""#.to_owned()));
    let skip = there.pair.write_state("/order", "placed").unwrap_err();
    assert_eq!(skip.code(), Code::Voided);
    there.pair.write_state("/order", "shipped").unwrap();
}

#[test]
fn the_anchor_goes_on_alone_and_the_other_waits_for_it() {
    let schema = r#"{"consistency": "strong", "anchor": "creator"}"#;
    let (couple, here, there) = Couple::new(schema, r#"{"n": 0}"#);
    there.pair.write_state("/n", 1i64).unwrap();
    settle([&here.pair, &there.pair]);
    there.close();
    here.pair.write_state("/n", 2i64).unwrap();
    assert_eq!(here.read("/n"), "2");
    here.close();
    let there = couple.open("phone");
    let write = Write { operations: &[Operation::set("/m", 3i64)], guards: &[] };
    let open = there.pair.write(&write, SOON).unwrap_err();
    assert_eq!(open.code(), Code::Decohered);
    let here = couple.open("home");
    assert_eq!(there.pair.wait_committed(&open.candidate().unwrap(), LONG).unwrap(), Status::Committed);
    settle([&here.pair, &there.pair]);
    assert_eq!((here.read(""), there.read("")), (r#"{"m": 3, "n": 2}"#.to_owned(), r#"{"m": 3, "n": 2}"#.to_owned()));
}

#[test]
fn where_the_transition_is_missing_nothing_behind_it_is_decided_until_it_is_registered() {
    let schema = r#"{"guards": true, "rules": {"/order": "transition:order"}}"#;
    let (_couple, here, there) = Couple::new(schema, "{}");
    order_rule(&there.engine);
    let placed = there.pair.write_state("/order", "placed").unwrap();
    let other = here.pair.write_state("/other", 1i64).unwrap();
    let seen = here.pair.observe("", ObserveOptions { events: true, ..ObserveOptions::default() }).unwrap();
    assert_eq!(there.pair.wait_committed(&placed, LONG).unwrap(), Status::Committed, "where the rule is");
    let status = loop {
        // It may not have arrived yet.
        match here.pair.status(&placed) {
            Ok(status) => break status,
            Err(error) => assert_eq!(error.code(), Code::NotFound),
        }
    };
    assert!(matches!(status, Status::Tentative { verdict: Verdict::Undecided(_), .. }), "{status:?}");
    assert!(here.pair.read_state("/order").is_err());
    order_rule(&here.engine);
    assert_eq!(here.pair.wait_committed(&placed, LONG).unwrap(), Status::Committed);
    assert_eq!(here.pair.wait_committed(&other, LONG).unwrap(), Status::Committed);
    settle([&here.pair, &there.pair]);
    assert_eq!(
        (here.read(""), there.read("")),
        (r#"{"order": "placed", "other": 1}"#.to_owned(), r#"{"order": "placed", "other": 1}"#.to_owned())
    );
    let failed = |notice: &Notice| matches!(notice, Notice::Event(event) if matches!(event.what, Happening::RuleFailed { .. }));
    assert!(std::iter::from_fn(|| seen.try_next()).filter(failed).count() <= 1);
}
