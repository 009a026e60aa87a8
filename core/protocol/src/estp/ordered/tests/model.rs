//! The definition, executed: every candidate from the first one on, in order, each time anew. Nothing is remembered, undone or pruned.

use super::cells::assemble;
use crate::estp::ordered::{Body, Expect, Key, LeafAction, Order};
use crate::estp::place::{Place, Survivor};
use crate::estp::rule::amalgamate;
use crate::value::Value;
use std::collections::BTreeMap;

/// What a path of the test schema does, by its first key.
fn kind(path: &str) -> char {
    path.chars().nth(1).unwrap_or('a')
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    cells: BTreeMap<String, (Key, Option<Value>)>,
    /// Whether each candidate counts.
    pub(super) verdicts: Vec<(Key, bool)>,
}

impl State {
    pub(super) fn read(&self, path: &str) -> Option<Value> {
        assemble(self.cells.iter().filter_map(|(at, (_, value))| Some((at.as_str(), value.as_ref()?))), path)
    }

    fn live(&self, path: &str) -> Option<&Value> {
        self.cells.get(path)?.1.as_ref()
    }

    fn holds(&self, path: &str, expect: &Expect) -> bool {
        let number = |value: &Option<Value>, default: i64| value.as_ref().map_or(default, |value| value.as_i64().unwrap());
        match expect {
            Expect::Equals(value) => self.read(path).as_ref() == Some(value),
            Expect::Absent => self.read(path).is_none(),
            Expect::Range { min, max } => {
                let range = number(min, i64::MIN)..=number(max, i64::MAX);
                self.read(path).and_then(|value| value.as_i64()).is_some_and(|value| range.contains(&value))
            }
            Expect::Same(_) => unreachable!("not drawn"),
        }
    }
}

/// The state after candidates in order.
pub(super) fn fold(bodies: &[(Place, Body)], order: Order) -> State {
    let mut state = State::default();
    for (at, (place, body)) in bodies.iter().enumerate() {
        let before = state.clone();
        let holds = body.guards.iter().all(|guard| state.holds(&guard.path, &guard.expect));
        let is_accepted = holds && body.operations.iter().all(|operation| apply(&mut state, bodies, at, &operation.path, order));
        if !is_accepted {
            state = before;
        }
        state.verdicts.push(((body.author, body.number), is_accepted));
        let _ = place;
    }
    state
}

fn action<'b>(body: &'b Body, path: &str) -> Option<&'b LeafAction> {
    body.operations.iter().find(|operation| &*operation.path == path).map(|operation| &operation.action)
}

fn apply(state: &mut State, bodies: &[(Place, Body)], at: usize, path: &str, order: Order) -> bool {
    let (_, body) = &bodies[at];
    let action = action(body, path).unwrap();
    let kind = kind(path);
    let shown = state.cells.get(path).cloned();
    let live = state.live(path).cloned();
    let saw = shown.as_ref().is_none_or(|(key, _)| body.saw(*key));
    let saw_grave = live.is_some() || saw || order != Order::Stamps;
    let wanted = match action {
        LeafAction::Set(value) => Some(value.clone()),
        LeafAction::Delete => None,
        LeafAction::Increment(number) => {
            let total = live.as_ref().map_or(0, |value| value.as_i64().unwrap());
            let Some(total) = total.checked_add(*number) else { return false };
            state.cells.insert(path.to_owned(), (body.key(), Some(Value::Int(total))));
            return true;
        }
    };
    // The others of the same stamp, in a Pair that stamps order, on a path where the last one would win.
    let tied: Vec<usize> = (0..at)
        .filter(|&other| order == Order::Stamps && bodies[other].1.stamp == body.stamp)
        .filter(|&other| state.verdicts[other].1 && bodies[other].1.operations.iter().any(|operation| &*operation.path == path))
        .collect();
    if !tied.is_empty() && !matches!(kind, 'm' | 'f' | 'n' | 't') {
        let mut versions: Vec<(Place, Key, Option<Value>)> = Vec::new();
        for other in tied.into_iter().chain([at]) {
            let (place, body) = &bodies[other];
            let value = if let LeafAction::Set(value) = self::action(body, path).unwrap() { Some(value.clone()) } else { None };
            versions.push((*place, body.key(), value));
        }
        let is_preferred = |version: &(Place, Key, Option<Value>)| match kind {
            'u' => version.2.is_some(),
            'd' => version.2.is_none(),
            _ => true,
        };
        if versions.iter().any(is_preferred) {
            versions.retain(is_preferred);
        }
        let survivors: Vec<_> = versions.iter().map(|(place, _, value)| Survivor { place: *place, value: value.as_ref() }).collect();
        let (_, key, value) = versions[amalgamate::winner(&survivors)].clone();
        if value.is_some() || live.is_some() {
            state.cells.insert(path.to_owned(), (key, value));
        }
        return true;
    }
    let stays = match (kind, &wanted, &live) {
        ('u', None, Some(_)) => !saw,
        ('d', Some(_), None) => !saw_grave,
        ('m', Some(Value::Int(wanted)), Some(Value::Int(held))) => held >= wanted,
        ('f', Some(Value::Bool(false)), Some(Value::Bool(true))) => !saw,
        ('t', Some(Value::Int(wanted)), Some(Value::Int(held))) if held >= wanted => return false,
        _ => wanted.is_none() && live.is_none(),
    };
    if !(stays || kind == 't' && wanted == live) {
        state.cells.insert(path.to_owned(), (body.key(), wanted));
    }
    true
}
