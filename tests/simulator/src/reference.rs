//! What is right, said in the plainest way: every candidate ever written is kept, with everything its author had applied when it wrote it, and a
//! state is the fold of a set of them. Slow, and written to be read; it shares no code with the protocol.

use spook_protocol::estp::{Author, Stamp};
use spook_protocol::value::{Object, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// A candidate, by its place in the list of all candidates of its Pair.
pub type Id = u32;

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
}

impl Model {
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
        let is_overwritten = |id: Id| writers.iter().any(|other| *other != id && self.overwrites(*other, id));
        let mut survivors: Vec<Id> = writers.iter().copied().filter(|id| !is_overwritten(*id)).collect();
        survivors.sort_by_key(|id| self.place(*id));
        survivors
    }

    /// Whether the author of `x` had applied `y`, or wrote it itself before.
    fn overwrites(&self, x: Id, y: Id) -> bool {
        let (later, earlier) = (self.get(x), self.get(y));
        later.context.contains(&y) || (later.author == earlier.author && later.number > earlier.number)
    }

    /// The place in the order of all candidates.
    fn place(&self, id: Id) -> (Stamp, Author, u64) {
        let Candidate { stamp, author, number, .. } = *self.get(id);
        (stamp, author, number)
    }

    /// The candidate that a leaf shows: the last of the survivors.
    pub fn winner(&self, known: &BTreeSet<Id>, path: &str) -> Option<Id> {
        self.survivors(known, path).last().copied()
    }

    /// Every path that a candidate in `known` writes.
    pub fn paths(&self, known: &BTreeSet<Id>) -> BTreeSet<&str> {
        known.iter().flat_map(|id| self.get(*id).cells.keys().map(String::as_str)).collect()
    }

    /// The leaves that are there.
    pub fn leaves(&self, known: &BTreeSet<Id>) -> BTreeMap<String, Value> {
        let mut leaves = BTreeMap::new();
        for path in self.paths(known) {
            let winner = self.winner(known, path).and_then(|id| self.get(id).cells[path].clone());
            if let Some(value) = winner {
                leaves.insert(path.to_owned(), value);
            }
        }
        leaves
    }

    /// What a reader sees at the root.
    pub fn show(&self, known: &BTreeSet<Id>) -> Value {
        show(&self.leaves(known), "").unwrap_or_else(Value::empty_object)
    }

    /// What a write comes to at a half that has applied `known`; `None` if it has to be refused.
    pub fn intend(&self, known: &BTreeSet<Id>, acts: &[Act]) -> Option<Cells> {
        let leaves = self.leaves(known);
        let mut cells = Cells::new();
        for act in acts {
            let (Act::Set(path, _) | Act::Delete(path)) = act;
            if has_obstacle(&leaves, path) {
                return None;
            }
            let visible = || leaves.keys().filter(|leaf| is_at_or_below(leaf, path));
            match act {
                Act::Delete(_) if visible().next().is_none() => return None,
                Act::Delete(_) => cells.extend(visible().map(|leaf| (leaf.clone(), None))),
                Act::Set(_, value) => {
                    cells.extend(visible().map(|leaf| (leaf.clone(), None)));
                    put(&mut cells, path, value);
                }
            }
        }
        Some(cells)
    }
}

/// Sets the leaves of a value.
fn put(cells: &mut Cells, path: &str, value: &Value) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(key, member)| put(cells, &format!("{path}/{}", escape(key)), member));
        }
        leaf => {
            cells.insert(path.to_owned(), Some(leaf.clone()));
        }
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

fn show(leaves: &BTreeMap<String, Value>, path: &str) -> Option<Value> {
    let mut members = Object::new();
    let keys: BTreeSet<&str> = leaves.keys().filter_map(|leaf| leaf.strip_prefix(path)?.strip_prefix('/')?.split('/').next()).collect();
    for key in keys {
        if let Some(member) = show(leaves, &format!("{path}/{key}")) {
            members.insert(unescape(key).into(), member);
        }
    }
    if members.is_empty() { leaves.get(path).cloned() } else { Some(Value::Object(Arc::new(members))) }
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
    use spook_protocol::id::EndpointId;

    fn write(model: &mut Model, who: u8, ms: u64, known: &[Id], acts: &[Act]) -> Id {
        let context: Known = Rc::new(known.iter().copied().collect());
        let cells = model.intend(&context, acts).unwrap();
        let author = Author { endpoint: EndpointId::from_bytes([who; 16]), epoch: 0 };
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
        assert!(model.intend(&[one].into(), &[set("/o/a/x", 1)]).is_none());
        assert!(model.intend(&[one].into(), &[Act::Delete("/p".into())]).is_none());
    }
}
