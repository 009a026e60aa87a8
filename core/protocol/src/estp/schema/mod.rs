//! The schema of a Pair: what its members agree on when it is created.
//!
//! A schema is a JSON value, so that any language can write it and a newer version can add fields: fields that are not known here stay in it
//! and travel with it. It is compiled once; the state walks it along with its own tree, one step for each key.

mod compile;
mod error;
mod parse;
#[cfg(test)]
mod tests;
mod trie;

pub use error::{SchemaError, TypeError};

use super::rule::{PathRule, Rule};
use crate::limits;
use crate::pointer;
use crate::value::Value;
use crate::wire;
use trie::Trie;

/// The version of schemas that is known here.
pub const VERSION: i64 = 1;

/// A place in a schema, reached by steps from [`Schema::ROOT`]. It means nothing in another schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(u16);

/// What a Pair promises about order and agreement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// A candidate is never visible before what it depends on.
    #[default]
    Causal,
    /// Candidates as they come.
    Eventual,
    /// All members pass through the same sequence of committed states.
    Strong,
}

/// The one member whose order is the order of commits (strong Pairs only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Who created the Pair.
    Creator,
    /// Who opened it.
    Opener,
}

/// When cells are collapsed. A hint to one half; both give the same state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CollapseMode {
    /// When they are observed.
    #[default]
    Lazy,
    /// When candidates arrive.
    Eager,
}

/// What the fields of a schema say, apart from the rules.
#[derive(Clone, Debug)]
struct Settings {
    consistency: Consistency,
    anchor: Option<Anchor>,
    guards: bool,
    pending: usize,
    collapse: CollapseMode,
    registers: Vec<String>,
}

/// A schema, parsed and compiled.
#[derive(Clone, Debug)]
pub struct Schema {
    document: Value,
    digest: u64,
    settings: Settings,
    trie: Trie,
}

impl Schema {
    /// The place of path "".
    pub const ROOT: At = At(0);

    /// Parses and compiles a schema. The empty object is the schema that says nothing.
    ///
    /// # Errors
    /// [`SchemaError`]: which field, what is wrong with it, and what is known.
    pub fn parse(document: &Value) -> Result<Schema, SchemaError> {
        parse::parse(document)
    }

    /// The document as it was parsed, unknown fields included.
    pub fn to_value(&self) -> &Value {
        &self.document
    }

    /// Equal schemas have equal digests: BLAKE3 of the encoded document, without `collapse`, which each half chooses for itself.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Whether every path is `lww` and takes any value: there is nothing to step through and nothing to check.
    pub fn is_free(&self) -> bool {
        self.trie.is_free()
    }

    /// What the Pair promises.
    pub fn consistency(&self) -> Consistency {
        self.settings.consistency
    }

    /// Who orders commits, if one member alone does.
    pub fn anchor(&self) -> Option<Anchor> {
        self.settings.anchor
    }

    /// Whether candidates are kept whole until they are committed: with guards, with transitions, and in strong Pairs.
    pub fn is_ordered(&self) -> bool {
        self.settings.guards || self.settings.consistency == Consistency::Strong || self.trie.has_transitions()
    }

    /// The registers: first keys of paths. Empty means that there are none and the first key is free.
    pub fn registers(&self) -> &[String] {
        &self.settings.registers
    }

    /// How many candidates of an ordered Pair may be uncommitted.
    pub fn pending_limit(&self) -> usize {
        self.settings.pending
    }

    /// When this half collapses.
    pub fn collapse_mode(&self) -> CollapseMode {
        self.settings.collapse
    }

    /// The names of all functions that rules name, sorted, each as the schema writes it (`custom:best`).
    pub fn functions(&self) -> Vec<String> {
        self.trie.functions()
    }

    /// The place of a member. A key that is named wins over `*`; there is no way back from it.
    pub fn step(&self, at: At, key: &str) -> At {
        self.trie.step(at, key)
    }

    /// What the schema says of a place.
    pub fn rule(&self, at: At) -> &PathRule {
        self.trie.rule(at)
    }

    /// Checks a value that is to be put at a place: the members of an object each at theirs, the elements of a set too.
    ///
    /// # Errors
    /// [`TypeError`] with the path below `at` of the first value that may not be there.
    pub fn check_value(&self, at: At, value: &Value) -> Result<(), TypeError> {
        let mut path = String::new();
        self.check_below(at, value, &mut path, 0)
    }

    fn check_below(&self, at: At, value: &Value, path: &mut String, depth: usize) -> Result<(), TypeError> {
        let rule = self.rule(at);
        if !rule.types.allow(value) {
            return Err(self.refusal(at, value, path));
        }
        match (&rule.rule, value) {
            (Rule::Set, Value::Array(elements)) => match elements.iter().find(|element| !rule.members.allow(element)) {
                Some(element) => {
                    let expected = format!("{} as element of the set", rule.members);
                    Err(TypeError { path: path.clone(), expected, got: element.type_name() })
                }
                None => Ok(()),
            },
            // A transition is given the object whole.
            (Rule::Transition(_), _) => Ok(()),
            // Deeper values than these are refused for their depth.
            (_, Value::Object(members)) if depth < limits::DEPTH => {
                let length = path.len();
                for (key, member) in members.iter() {
                    pointer::push_key(path, key);
                    self.check_below(self.step(at, key), member, path, depth + 1)?;
                    path.truncate(length);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn refusal(&self, at: At, value: &Value, path: &str) -> TypeError {
        let rule = self.rule(at);
        let expected = match &rule.rule {
            _ if self.trie.is_outside(at) => format!("a register as first key ({})", some_of(&self.settings.registers)),
            _ if *rule == PathRule::CLOSED => "nothing, since a single value lies above".to_owned(),
            Rule::Lww => rule.types.to_string(),
            rule_name => format!("{} (rule {rule_name})", rule.types),
        };
        TypeError { path: path.to_owned(), expected, got: value.type_name() }
    }
}

/// The empty schema.
impl Default for Schema {
    fn default() -> Schema {
        parse::free()
    }
}

/// Equality of what is agreed.
impl PartialEq for Schema {
    fn eq(&self, other: &Schema) -> bool {
        self.digest == other.digest
    }
}

/// The first few names, for messages.
fn some_of(names: &[String]) -> String {
    let few: Vec<String> = names.iter().take(8).map(|name| name.chars().take(40).collect()).collect();
    few.join(", ") + if names.len() > few.len() { ", ..." } else { "" }
}

fn digest(document: &Value) -> u64 {
    let mut agreed = document.clone();
    if let Value::Object(members) = &mut agreed {
        std::sync::Arc::make_mut(members).remove("collapse");
    }
    let mut bytes = Vec::new();
    wire::put_value(&mut bytes, &agreed);
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..8]);
    u64::from_le_bytes(first)
}
