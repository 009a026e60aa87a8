//! A schema is agreed on when a Pair is created, travels with the offer, and stays.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use spook::{Code, CollapseOptions, Engine, EngineOptions, Operation, Pair, PairOptions, RuleKind, RuleLimits, TicketOptions, Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn engine(location: &str, listen: &str) -> Engine {
    let listen = if listen.is_empty() { Some(Vec::new()) } else { Some(vec![listen.to_owned()]) };
    Engine::open_with(EngineOptions { listen, ..EngineOptions::at(location) }).unwrap()
}

fn with_schema(text: &str) -> PairOptions {
    PairOptions::with_schema(json::from_str(text).unwrap())
}

#[test]
fn both_sides_have_the_schema_of_the_creator_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let text = r#"{"version": 1, "rules": {"/hits": "counter"}, "what a newer version adds": [1]}"#;
    let schema = json::from_str(text).unwrap();
    let home = engine(&path("home"), "mem:schema");
    let phone = engine(&path("phone"), "");
    let here = home.create_pair("p", Value::empty_object(), with_schema(text)).unwrap();
    let there = phone.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
    assert_eq!((here.schema(), there.schema()), (&schema, &schema));
    home.close().unwrap();
    phone.close().unwrap();
    for name in ["home", "phone"] {
        assert_eq!(engine(&path(name), "").open_pair("p", LONG).unwrap().schema(), &schema);
    }
}

#[test]
fn a_schema_that_says_nothing_known_is_refused_and_no_pair_is_made() {
    let home = engine("", "");
    for text in ["[]", r#"{"rules": {"/x": "sum"}}"#, r#"{"consistency": "total"}"#, r#"{"rules": {"x": "lww"}}"#] {
        let refused = home.create_pair("p", Value::empty_object(), with_schema(text)).unwrap_err();
        assert_eq!(refused.code(), Code::Schema, "{text}");
    }
    let long = Value::object([("note", "x".repeat(40_000))]);
    assert_eq!(home.create_pair("p", Value::empty_object(), PairOptions::with_schema(long)).unwrap_err().code(), Code::Schema);
    assert!(home.pairs().unwrap().is_empty());
}

#[test]
fn a_rule_is_registered_once() {
    let home = engine("", "");
    let register = || home.register_rule("best", RuleKind::function(|_, _| Ok(Value::Null)), RuleLimits::default());
    register().unwrap();
    assert_eq!(register().unwrap_err().code(), Code::Rule);
}

#[test]
fn registers_have_digests_of_their_own_and_are_written_as_one() {
    let schema = r#"{"registers": {"stock": {"rules": {"/apples": "counter"}}, "orders": {}}}"#;
    let home = engine("", "mem:registers");
    let phone = engine("", "");
    let here = home.create_pair("p", json::from_str(r#"{"stock": {"apples": 5}, "orders": {}}"#).unwrap(), with_schema(schema)).unwrap();
    let there = phone.open_pair(&here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
    let vector = |pair: &Pair| {
        let collapse = pair.collapse(CollapseOptions::settled_within(LONG)).unwrap();
        assert!(collapse.settled);
        collapse.registers
    };
    let before = vector(&here);
    assert_eq!(before.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["orders", "stock"]);
    here.write_all(&[Operation::increment("/stock/apples", -1), Operation::set("/orders/1", "apple")]).unwrap();
    vector(&here);
    assert_eq!(vector(&here), vector(&there));
    let both = vector(&here);
    assert!(both[0].1 != before[0].1 && both[1].1 != before[1].1);
    there.write_state("/orders/2", "pear").unwrap();
    vector(&there);
    assert_eq!(vector(&here), vector(&there));
    let one = vector(&here);
    assert!(one[0].1 != both[0].1 && one[1].1 == both[1].1, "only the orders have changed");
    assert_eq!(here.write_state("/elsewhere", 1i64).unwrap_err().code(), Code::Type);
}
