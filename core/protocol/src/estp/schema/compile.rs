//! From entries by path to a trie.

use super::trie::{Node, Trie};
use super::{At, SchemaError};
use crate::estp::rule::{PathRule, Rule, Types};
use std::collections::BTreeMap;

/// The rules of a schema as a tree of keys, before inheritance is worked out.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What an entry says of this place, and the field of the schema that holds it.
    entry: Option<(Entry, String)>,
    named: BTreeMap<String, Draft>,
    any: Option<Box<Draft>>,
}

/// An entry: what it does not say comes from above.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What the rule is, with its own types and policy for deletes.
    pub(super) rule: PathRule,
    /// Whether the policy for deletes stands: the entry names it, or it is a set or a map.
    pub(super) deletes: bool,
}

/// The key that stands for any one key.
pub(super) const ANY_KEY: &str = "*";

impl Draft {
    /// The draft of a member, made if there is none.
    pub(super) fn member(&mut self, key: &str) -> &mut Draft {
        if key == ANY_KEY { self.any.get_or_insert_default() } else { self.named.entry(key.to_owned()).or_default() }
    }

    /// Puts an entry here. Returns the field of the entry that was here already.
    pub(super) fn put(&mut self, entry: Entry, field: &str) -> Option<String> {
        self.entry.replace((entry, field.to_owned())).map(|(_, field)| field)
    }

    /// The keys right below, `*` included.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str).chain(self.any.is_some().then_some(ANY_KEY))
    }

    /// The field of one of the entries below.
    fn field_below(&self) -> Option<&str> {
        self.named.values().chain(self.any.as_deref()).find_map(|member| match &member.entry {
            Some((_, field)) => Some(field.as_str()),
            None => member.field_below(),
        })
    }
}

/// The trie of a schema without rules.
pub(super) fn free() -> Trie {
    Trie::new(vec![Node { rule: PathRule::FREE, named: Box::default(), otherwise: At(0) }], None)
}

/// Compiles the draft of the root. With registers, the keys that the draft names are the registers, and there is nothing else.
pub(super) fn compile(root: &Draft, has_registers: bool) -> Result<Trie, SchemaError> {
    if let Some((entry, field)) = &root.entry
        && !(matches!(entry.rule.rule, Rule::Lww | Rule::Map) && entry.rule.types.contain(Types::OBJECT))
    {
        return Err(SchemaError::new(field, "is for the whole state, which is an object; it takes lww or map"));
    }
    let mut compiler = Compiler { nodes: Vec::new(), shared: BTreeMap::new() };
    let top = compiler.place(root, PathRule::FREE)?;
    let outside = if has_registers {
        let outside = compiler.add(PathRule::CLOSED)?;
        compiler.node(outside).otherwise = outside;
        compiler.node(top).otherwise = outside;
        Some(outside)
    } else {
        None
    };
    Ok(Trie::new(compiler.nodes, outside))
}

struct Compiler {
    nodes: Vec<Node>,
    /// The nodes for keys without entry, by what holds there.
    shared: BTreeMap<PathRule, At>,
}

impl Compiler {
    fn node(&mut self, at: At) -> &mut Node {
        &mut self.nodes[usize::from(at.0)]
    }

    fn add(&mut self, rule: PathRule) -> Result<At, SchemaError> {
        let at = u16::try_from(self.nodes.len()).map(At).map_err(|_| SchemaError::new("/rules", "has more than 65536 different places"))?;
        self.nodes.push(Node { rule, named: Box::default(), otherwise: at });
        Ok(at)
    }

    fn place(&mut self, draft: &Draft, inherited: PathRule) -> Result<At, SchemaError> {
        let rule = match &draft.entry {
            Some((entry, _)) if entry.deletes => entry.rule.clone(),
            Some((entry, _)) => PathRule { delete: inherited.delete, ..entry.rule.clone() },
            None => inherited,
        };
        let below = rule.below();
        let is_closed = below == PathRule::CLOSED || below.rule == Rule::Member;
        if let Some(field) = draft.field_below().filter(|_| is_closed) {
            let problem = format!("is for a path below one of rule {} and type {}, which has no members", rule.rule, rule.types);
            return Err(SchemaError::new(field, problem));
        }
        let at = self.add(rule)?;
        let mut named = Vec::with_capacity(draft.named.len());
        for (key, member) in &draft.named {
            named.push((key.as_str().into(), self.place(member, below.clone())?));
        }
        let otherwise = match &draft.any {
            Some(member) => self.place(member, below)?,
            None => self.without_entry(below)?,
        };
        let node = self.node(at);
        node.named = named.into();
        node.otherwise = otherwise;
        Ok(at)
    }

    /// The place of all keys without entry where the same holds.
    fn without_entry(&mut self, rule: PathRule) -> Result<At, SchemaError> {
        if let Some(at) = self.shared.get(&rule) {
            return Ok(*at);
        }
        let below = rule.below();
        let at = self.add(rule.clone())?;
        self.shared.insert(rule, at);
        let otherwise = self.without_entry(below)?;
        self.node(at).otherwise = otherwise;
        Ok(at)
    }
}
