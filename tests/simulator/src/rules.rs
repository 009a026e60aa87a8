//! The rules of collapse in the plainest way, and the schemas under which worlds try them.

use blake3::Hasher;
use spook_protocol::estp::{Author, Stamp};
use spook_protocol::value::Value;
use spook_protocol::wire::{kind_of, put_payload};

/// How many kinds of schema there are.
pub const KINDS: u64 = 3;

/// The schema of a kind: 0 says nothing, 1 has a rule for each first key, 2 the same and collapses eagerly.
pub fn schema(kind: u64) -> Value {
    let rule = |text: &str| Value::from(text);
    let deletes = |policy: &str| Value::object([("rule", rule("lww")), ("delete", rule(policy))]);
    let rules = [
        ("/hits/*", rule("counter")),
        ("/high/*", rule("max")),
        ("/low/*", rule("min")),
        ("/up/*", rule("flag")),
        ("/tags/*", rule("set")),
        ("/map", rule("map")),
        ("/uw/*", deletes("update-wins")),
        ("/dw/*", deletes("delete-wins")),
    ];
    match kind {
        0 => Value::empty_object(),
        1 => Value::object([("version", Value::from(1i64)), ("rules", Value::object(rules))]),
        _ => Value::object([("version", Value::from(1i64)), ("collapse", rule("eager")), ("rules", Value::object(rules))]),
    }
}

/// How the survivors of a leaf become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The last one.
    Lww,
    /// The sum.
    Counter,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// True, if one is.
    Flag,
    /// Members are elements.
    Set,
}

/// What a deletion does to what was written beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletePolicy {
    /// The last one counts.
    Lww,
    /// What was written stays.
    UpdateWins,
    /// The deletion stays.
    DeleteWins,
}

/// The first key of a path, and how many there are.
fn first(path: &str) -> (&str, usize) {
    let mut keys = path.split('/').skip(1);
    (keys.next().unwrap_or(""), path.matches('/').count())
}

/// The rule of a path.
pub fn rule_of(kind: u64, path: &str) -> Rule {
    match first(path) {
        _ if kind == 0 => Rule::Lww,
        ("hits", 2) => Rule::Counter,
        ("high", 2) => Rule::Max,
        ("low", 2) => Rule::Min,
        ("up", 2) => Rule::Flag,
        ("tags", 2) => Rule::Set,
        _ => Rule::Lww,
    }
}

/// The policy for deletions of a path.
pub fn delete_policy_of(kind: u64, path: &str) -> DeletePolicy {
    match first(path) {
        _ if kind == 0 => DeletePolicy::Lww,
        ("tags", 2..) | ("map", _) | ("uw", 2..) => DeletePolicy::UpdateWins,
        ("dw", 2..) => DeletePolicy::DeleteWins,
        _ => DeletePolicy::Lww,
    }
}

/// A survivor: its place, and what it wrote.
pub type Version<'v> = (Place, Option<&'v Value>);
/// The place of a candidate in the order of all of them.
pub type Place = (Stamp, Author, u64);

/// What several survivors, in order, come to.
pub fn fold(rule: Rule, deletes: DeletePolicy, versions: &[Version<'_>]) -> Option<Value> {
    let is_deleted = versions.iter().any(|(_, value)| value.is_none());
    let is_last_one = matches!(rule, Rule::Lww | Rule::Set);
    let left: Vec<Version<'_>> = match deletes {
        DeletePolicy::DeleteWins if is_deleted => return None,
        DeletePolicy::UpdateWins => versions.iter().copied().filter(|(_, value)| value.is_some()).collect(),
        // A deletion takes part as a value does, or it takes what is before it.
        DeletePolicy::Lww if !is_last_one => versions.rsplit(|(_, value)| value.is_none()).next().unwrap_or_default().to_vec(),
        _ => versions.to_vec(),
    };
    let values = || left.iter().filter_map(|(_, value)| *value);
    match rule {
        _ if left.is_empty() => None,
        Rule::Lww | Rule::Set => last(&left).cloned(),
        Rule::Counter => Some(Value::from(values().filter_map(Value::as_i64).sum::<i64>())),
        Rule::Max => values().reduce(|held, new| if worth(new) >= worth(held) { new } else { held }).cloned(),
        Rule::Min => values().reduce(|held, new| if worth(new) <= worth(held) { new } else { held }).cloned(),
        Rule::Flag => values().find(|value| **value == Value::Bool(true)).or(values().next_back()).cloned(),
    }
}

/// The last in the order; several with its stamp are a tie that their contents settle.
fn last<'v>(versions: &[Version<'v>]) -> Option<&'v Value> {
    let stamp = versions.last()?.0.0;
    let mut ties: Vec<([u8; 32], Place, Option<&Value>)> =
        versions.iter().filter(|(place, _)| place.0 == stamp).map(|(place, value)| (content(*value), *place, *value)).collect();
    if let [only] = ties[..] {
        return only.2;
    }
    ties.sort_by_key(|(content, place, _)| (*content, *place));
    let mut seed = Hasher::new();
    for (content, ..) in &ties {
        seed.update(content);
    }
    let seed = seed.finalize();
    let first = seed.as_bytes()[..8].iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    ties[(first % ties.len() as u64) as usize].2
}

/// The digest of what a candidate wrote.
fn content(value: Option<&Value>) -> [u8; 32] {
    let mut bytes = vec![kind_of(value) as u8];
    put_payload(&mut bytes, value);
    *blake3::hash(&bytes).as_bytes()
}

/// What a value is worth to `max` and `min`. Worlds write numbers there that a float holds exactly.
pub fn worth(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::INFINITY)
}

/// The leaf of an element of a set. Worlds have integers and plain texts as elements.
pub fn member(path: &str, element: &Value) -> String {
    match element {
        Value::Int(number) => format!("{path}/i{number}"),
        other => format!("{path}/s{}", other.as_str().unwrap_or("")),
    }
}

/// The element of a key.
pub fn element(key: &str) -> Value {
    match key.strip_prefix('i').and_then(|digits| digits.parse::<i64>().ok()) {
        Some(number) => Value::from(number),
        None => Value::from(&key[1..]),
    }
}
