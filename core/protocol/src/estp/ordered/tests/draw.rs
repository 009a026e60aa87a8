//! What happens to two halves, drawn at random.

use super::sim::Event;
use crate::estp::ordered::{Expect, Guard, LeafAction, LeafOperation};
use crate::value::Value;
use proptest::prelude::*;
use std::sync::Arc;

const PATHS: [&str; 9] = ["/a", "/b/x", "/b/y", "/n/1", "/n/2", "/m", "/f", "/u", "/d"];

fn operations() -> impl Strategy<Value = Vec<LeafOperation>> {
    let operation = (0usize..10, 0i64..4, 0u8..4).prop_map(|(path, number, action)| {
        let path = PATHS.get(path).copied().unwrap_or("/t");
        let action = match (path, action) {
            (_, 0) => LeafAction::Delete,
            ("/n/1" | "/n/2", 1) => LeafAction::Increment(-number),
            ("/n/1" | "/n/2", _) => LeafAction::Increment(number),
            ("/f", _) => LeafAction::Set(Value::Bool(number > 1)),
            _ => LeafAction::Set(Value::Int(number)),
        };
        LeafOperation { path: path.into(), action }
    });
    prop::collection::vec(operation, 1..4).prop_map(|mut operations| {
        operations.sort_by(|a, b| a.path.cmp(&b.path));
        operations.dedup_by(|a, b| a.path == b.path);
        operations
    })
}

fn guard() -> impl Strategy<Value = Guard> {
    (0usize..3, 0i64..4).prop_map(|(kind, number)| {
        let (path, expect) = match kind {
            0 => ("/n/1", Expect::Range { min: Some(Value::Int(number)), max: None }),
            1 => ("/a", Expect::Equals(Value::Int(number))),
            _ => ("/u", Expect::Absent),
        };
        Guard { path: path.into(), expect }
    })
}

pub(super) fn event(crashes: bool) -> impl Strategy<Value = Event> {
    let half = || 0usize..2;
    let write = (half(), 0u64..6, prop::collection::vec(guard(), 0..2), operations())
        .prop_map(|(half, now, guards, operations)| Event::Write { half, now, guards, operations });
    prop_oneof![
        10 => write,
        5 => (half(), 0u64..4).prop_map(|(to, again)| Event::Deliver { to, again }),
        3 => half().prop_map(|half| Event::Observe { half }),
        4 => half().prop_map(|half| Event::Store { half }),
        4 => (half(), 0usize..3).prop_map(|(half, back)| Event::Commit { half, back }),
        u32::from(crashes) => half().prop_map(|half| Event::Crash { half }),
    ]
}

pub(super) fn set(path: &str, value: impl Into<Value>) -> LeafOperation {
    LeafOperation { path: Arc::from(path), action: LeafAction::Set(value.into()) }
}

pub(super) fn add(path: &str, number: i64) -> LeafOperation {
    LeafOperation { path: Arc::from(path), action: LeafAction::Increment(number) }
}
