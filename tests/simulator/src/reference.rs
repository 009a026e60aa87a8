//! What is right, said in the plainest way: every candidate ever written is kept, with everything its author had applied when it wrote it, and a
//! state is the fold of a set of them. Slow, and written to be read; it shares no code with the protocol.

pub use crate::rules::Place;
use crate::rules::{Rule, Version, delete_policy_of, element, fold, member, rule_of, worth};
use spook_protocol::estp::{Author, Stamp};
use spook_protocol::id::EndpointId;
use spook_protocol::value::{Object, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// A candidate, by its place in the list of all candidates of its Pair.
pub type Id = u32;

/// Before every candidate.
pub const FIRST: Place = (Stamp::ZERO, Author { endpoint: EndpointId::from_bytes([0; 16]), epoch: 0 }, 0);

/// A set of candidates.
pub type Known = Rc<BTreeSet<Id>>;

/// What a candidate does to the leaves of the state: a value, or none for a removal.
pub type Cells = BTreeMap<String, Option<Value>>;

/// One operation of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Sets a value; an object replaces what the writer can see at the path.
    Set(String, Value),
    /// Removes what the writer can see at and below the path.
    Delete(String),
    /// Adds to a counter.
    Increment(String, i64),
    /// Adds an element to a set.
    Add(String, Value),
    /// Removes an element from a set.
    Remove(String, Value),
}

impl Act {
    /// Where.
    pub fn path(&self) -> &str {
        match self {
            Act::Set(path, _) | Act::Delete(path) | Act::Increment(path, _) | Act::Add(path, _) | Act::Remove(path, _) => path,
        }
    }
}

/// One atomic write.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Who wrote it.
    pub author: Author,
    /// Its number there.
    pub number: u64,
    /// Its stamp.
    pub stamp: Stamp,
    /// Everything its author had applied when it wrote this.
    pub context: Known,
    /// What it does.
    pub cells: Cells,
}

/// All candidates of one Pair.
#[derive(Debug, Default)]
pub struct Model {
    candidates: Vec<Candidate>,
    /// The kind of its schema.
    kind: u64,
}

impl Model {
    /// Nothing yet, under a kind of schema.
    pub fn new(kind: u64) -> Model {
        Model { candidates: Vec::new(), kind }
    }

    /// The candidate of that name.
    pub fn get(&self, id: Id) -> &Candidate {
        &self.candidates[id as usize]
    }

    /// Adds a candidate.
    pub fn add(&mut self, candidate: Candidate) -> Id {
        self.candidates.push(candidate);
        self.candidates.len() as Id - 1
    }

    /// All candidates, in the order in which they were written.
    pub fn all(&self) -> impl Iterator<Item = (Id, &Candidate)> {
        (0..).zip(&self.candidates)
    }

    /// Of the candidates in `known` that write a leaf, those that no other one of them has overwritten, in order.
    pub fn survivors(&self, known: &BTreeSet<Id>, path: &str) -> Vec<Id> {
        let writers: Vec<Id> = known.iter().copied().filter(|id| self.get(*id).cells.contains_key(path)).collect();
        let is_overwritten = |id: Id| writers.iter().any(|other| *other != id && self.overwrites(*other, id, path));
        let mut survivors: Vec<Id> = writers.iter().copied().filter(|id| !is_overwritten(*id)).collect();
        if rule_of(self.kind, path) == Rule::Counter {
            // A deletion takes the contributions that its author had seen, and does nothing to those whose authors had seen it.
            let has_seen = |by: Id, id: Id| self.get(by).cells[path].is_some() && self.is_known_to(id, by);
            let all = survivors.clone();
            survivors.retain(|id| self.get(*id).cells[path].is_some() || !all.iter().any(|by| has_seen(*by, *id)));
        }
        survivors.sort_by_key(|id| self.place(*id));
        survivors
    }

    /// Whether the author of `x` wrote `y` before, or had applied it.
    fn is_known_to(&self, y: Id, x: Id) -> bool {
        let (later, earlier) = (self.get(x), self.get(y));
        later.context.contains(&y) || (later.author == earlier.author && later.number > earlier.number)
    }

    /// Whether the author of `x` wrote `y` before, or had applied it. But contributions to a counter add up, except that each of an author takes the
    /// place of its earlier one; and a deletion stays beside those that follow it.
    fn overwrites(&self, x: Id, y: Id, path: &str) -> bool {
        let (later, earlier) = (self.get(x), self.get(y));
        let are_contributions = later.cells[path].is_some() && earlier.cells[path].is_some();
        let stands_beside = later.cells[path].is_some() && !(are_contributions && later.author == earlier.author);
        self.is_known_to(y, x) && !(rule_of(self.kind, path) == Rule::Counter && stands_beside)
    }

    /// The place in the order of all candidates.
    pub fn place(&self, id: Id) -> Place {
        let Candidate { stamp, author, number, .. } = *self.get(id);
        (stamp, author, number)
    }

    /// What of a set of candidates is at or before a place.
    pub fn up_to(&self, known: &BTreeSet<Id>, place: Place) -> BTreeSet<Id> {
        known.iter().copied().filter(|id| self.place(*id) <= place).collect()
    }

    /// Whether a candidate is a survivor anywhere.
    pub fn survives(&self, known: &BTreeSet<Id>, id: Id) -> bool {
        self.get(id).cells.keys().any(|path| self.survivors(known, path).contains(&id))
    }

    /// What a leaf shows.
    fn fold(&self, known: &BTreeSet<Id>, path: &str) -> Option<Value> {
        let survivors = self.survivors(known, path);
        let versions: Vec<Version<'_>> = survivors.iter().map(|id| (self.place(*id), self.get(*id).cells[path].as_ref())).collect();
        if versions.len() < 2 {
            return versions.first().and_then(|(_, value)| value.cloned());
        }
        fold(rule_of(self.kind, path), delete_policy_of(self.kind, path), &versions)
    }

    /// The leaves that have several survivors, with these.
    pub fn superposed(&self, known: &BTreeSet<Id>) -> BTreeMap<String, Vec<Id>> {
        let paths = self.paths(known).into_iter().map(|path| (path.to_owned(), self.survivors(known, path)));
        paths.filter(|(_, survivors)| survivors.len() > 1).collect()
    }

    /// Every path that a candidate in `known` writes.
    pub fn paths(&self, known: &BTreeSet<Id>) -> BTreeSet<&str> {
        known.iter().flat_map(|id| self.get(*id).cells.keys().map(String::as_str)).collect()
    }

    /// The leaves that are there.
    pub fn leaves(&self, known: &BTreeSet<Id>) -> BTreeMap<String, Value> {
        let mut leaves = BTreeMap::new();
        for path in self.paths(known) {
            if let Some(value) = self.fold(known, path) {
                leaves.insert(path.to_owned(), value);
            }
        }
        leaves
    }

    /// What a reader sees at the root.
    pub fn show(&self, known: &BTreeSet<Id>) -> Value {
        show(self.kind, &self.leaves(known), "").unwrap_or_else(Value::empty_object)
    }

    /// What a reader sees at a path.
    pub fn show_at(&self, known: &BTreeSet<Id>, path: &str) -> Option<Value> {
        show(self.kind, &self.leaves(known), path)
    }

    /// The paths at and below which only candidates of `committed` have written: elsewhere a value that was overwritten before it was committed is
    /// not kept.
    pub fn settled_paths(&self, known: &BTreeSet<Id>, committed: &BTreeSet<Id>) -> Vec<&str> {
        let pending: BTreeSet<Id> = known.difference(committed).copied().collect();
        let unsettled = self.paths(&pending);
        let is_settled = |path: &&str| !unsettled.iter().any(|other| is_at_or_below(other, path));
        self.paths(known).into_iter().filter(is_settled).filter(|path| !path.is_empty()).collect()
    }

    /// What a write comes to at a half of `me` that has applied `known`; `None` if it has to be refused.
    pub fn intend(&self, known: &BTreeSet<Id>, me: Author, acts: &[Act]) -> Option<Cells> {
        let leaves = self.leaves(known);
        let mut cells = Cells::new();
        for act in acts {
            let path = act.path();
            let needs = match act {
                Act::Increment(..) => Some(Rule::Counter),
                Act::Add(..) | Act::Remove(..) => Some(Rule::Set),
                _ => None,
            };
            if needs.is_some_and(|rule| rule_of(self.kind, path) != rule) {
                return None;
            }
            if has_obstacle(&leaves, path) {
                return None;
            }
            let visible = || leaves.keys().filter(|leaf| is_at_or_below(leaf, path));
            match act {
                Act::Delete(_) if visible().next().is_none() => return None,
                Act::Delete(_) => cells.extend(visible().map(|leaf| (leaf.clone(), None))),
                Act::Set(_, value) => {
                    cells.extend(visible().map(|leaf| (leaf.clone(), None)));
                    self.put(&mut cells, known, me, path, value);
                }
                Act::Increment(_, by) => {
                    let total = self.own_total(known, me, path).checked_add(*by)?;
                    cells.insert(path.to_owned(), Some(Value::from(total)));
                }
                Act::Add(_, element) => {
                    cells.insert(member(path, element), Some(Value::from(true)));
                }
                Act::Remove(_, element) => {
                    cells.insert(member(path, element), None);
                }
            }
        }
        Some(cells)
    }

    /// Sets the leaves of a value.
    fn put(&self, cells: &mut Cells, known: &BTreeSet<Id>, me: Author, path: &str, value: &Value) {
        let mut set = |path: String, value: Value| cells.insert(path, Some(value));
        match (value, rule_of(self.kind, path)) {
            (Value::Object(members), _) if !members.is_empty() => {
                members.iter().for_each(|(key, member)| self.put(cells, known, me, &format!("{path}/{}", escape(key)), member));
            }
            (Value::Array(elements), Rule::Set) if !elements.is_empty() => {
                elements.iter().for_each(|element| drop(set(member(path, element), Value::from(true))));
            }
            (value, Rule::Counter) => {
                let shown = self.fold(known, path).and_then(|value| value.as_i64()).unwrap_or(0);
                let total = self.own_total(known, me, path) + value.as_i64().unwrap_or(0) - shown;
                set(path.to_owned(), Value::from(total));
            }
            (value, Rule::Max | Rule::Min) => {
                let shown = self.fold(known, path);
                let is_max = rule_of(self.kind, path) == Rule::Max;
                let keeps = shown.filter(|shown| if is_max { worth(shown) >= worth(value) } else { worth(shown) <= worth(value) });
                set(path.to_owned(), keeps.unwrap_or_else(|| value.clone()));
            }
            (leaf, _) => {
                set(path.to_owned(), leaf.clone());
            }
        }
    }

    /// What an author has added to a counter since it was last deleted.
    fn own_total(&self, known: &BTreeSet<Id>, me: Author, path: &str) -> i64 {
        if self.fold(known, path).is_none() {
            return 0;
        }
        let own = self.survivors(known, path).into_iter().filter(|id| self.get(*id).author == me);
        own.filter_map(|id| self.get(id).cells[path].as_ref()?.as_i64()).next_back().unwrap_or(0)
    }
}

/// Whether a value that can have no members stands above the path.
fn has_obstacle(leaves: &BTreeMap<String, Value>, path: &str) -> bool {
    let above = path.match_indices('/').map(|(at, _)| &path[..at]);
    above.into_iter().any(|above| {
        let is_hidden = leaves.keys().any(|leaf| leaf != above && is_at_or_below(leaf, above));
        !is_hidden && leaves.get(above).is_some_and(|value| !matches!(value, Value::Object(_)))
    })
}

fn is_at_or_below(leaf: &str, path: &str) -> bool {
    leaf.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn show(kind: u64, leaves: &BTreeMap<String, Value>, path: &str) -> Option<Value> {
    let mut members = Object::new();
    let keys: BTreeSet<&str> = leaves.keys().filter_map(|leaf| leaf.strip_prefix(path)?.strip_prefix('/')?.split('/').next()).collect();
    for key in keys {
        if let Some(member) = show(kind, leaves, &format!("{path}/{key}")) {
            members.insert(unescape(key).into(), member);
        }
    }
    if members.is_empty() {
        return leaves.get(path).cloned();
    }
    if rule_of(kind, path) == Rule::Set {
        let mut elements: Vec<Value> = members.keys().map(|key| element(key)).collect();
        elements.sort_by(|one, other| worth(one).total_cmp(&worth(other)).then(one.as_str().cmp(&other.as_str())));
        return Some(Value::from(elements));
    }
    Some(Value::Object(Arc::new(members)))
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(model: &mut Model, who: u8, ms: u64, known: &[Id], acts: &[Act]) -> Id {
        let context: Known = Rc::new(known.iter().copied().collect());
        let author = Author { endpoint: EndpointId::from_bytes([who; 16]), epoch: 0 };
        let cells = model.intend(&context, author, acts).unwrap();
        model.add(Candidate { author, number: ms, stamp: Stamp::new(ms, 0), context, cells })
    }

    fn set(path: &str, value: i64) -> Act {
        Act::Set(path.to_owned(), Value::from(value))
    }

    fn shown(model: &Model, known: &[Id]) -> String {
        model.show(&known.iter().copied().collect()).to_string()
    }

    #[test]
    fn what_was_seen_is_overwritten_and_what_was_not_is_ordered() {
        let mut model = Model::default();
        let first = write(&mut model, 1, 9, &[], &[set("/k", 1)]);
        let blind = write(&mut model, 2, 5, &[], &[set("/k", 2)]);
        assert_eq!(shown(&model, &[first, blind]), r#"{"k": 1}"#);
        let seeing = write(&mut model, 2, 10, &[first, blind], &[set("/k", 3)]);
        assert_eq!(shown(&model, &[first, blind, seeing]), r#"{"k": 3}"#);
        assert_eq!(model.survivors(&[first, blind].into(), "/k"), [blind, first]);
        assert_eq!(model.survivors(&[first, blind, seeing].into(), "/k"), [seeing]);
    }

    #[test]
    fn an_object_replaces_what_its_writer_saw() {
        let mut model = Model::default();
        let one = write(&mut model, 1, 1, &[], &[set("/o/a", 1), set("/o/b", 2)]);
        let two = write(&mut model, 2, 2, &[], &[set("/o/c", 3)]);
        let object = Act::Set("/o".into(), Value::object([("b", 4i64)]));
        let three = write(&mut model, 1, 3, &[one], &[object]);
        assert_eq!(shown(&model, &[one, two, three]), r#"{"o": {"b": 4, "c": 3}}"#);
        let me = Author { endpoint: EndpointId::from_bytes([1; 16]), epoch: 0 };
        assert!(model.intend(&[one].into(), me, &[set("/o/a/x", 1)]).is_none());
        assert!(model.intend(&[one].into(), me, &[Act::Delete("/p".into())]).is_none());
    }

    #[test]
    fn contributions_to_a_counter_add_up_until_they_are_deleted() {
        let mut model = Model::new(1);
        let by = |number| Act::Increment("/hits/c".into(), number);
        let one = write(&mut model, 1, 1, &[], &[by(5)]);
        let two = write(&mut model, 2, 2, &[one], &[by(7)]);
        let three = write(&mut model, 1, 3, &[one], &[by(1)]);
        assert_eq!(shown(&model, &[one, two, three]), r#"{"hits": {"c": 13}}"#);
        let gone = write(&mut model, 2, 4, &[one, two], &[Act::Delete("/hits/c".into())]);
        assert_eq!(shown(&model, &[one, two, gone]), "{}");
        let anew = write(&mut model, 1, 5, &[one, two, three, gone], &[by(2)]);
        assert_eq!(shown(&model, &[one, two, three, gone, anew]), r#"{"hits": {"c": 2}}"#);
    }
}
