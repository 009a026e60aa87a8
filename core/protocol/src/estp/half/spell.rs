//! Spelling out: what a writer replaces or removes as a whole becomes operations on single cells, as it stands when it is written.

use super::HalfPair;
use crate::estp::candidate::{Action, Operation, WriteError};
use crate::estp::feed::Issue;
use crate::estp::half::Written;
use crate::estp::ordered::{Draft, Guard, LeafAction, LeafOperation};
use crate::estp::rule::{Rule, set};
use crate::estp::schema::{At, Schema};
use crate::pointer;
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The operations of one candidate by path. What a writer puts counts over what goes with the same stroke.
#[derive(Default)]
struct Spelled {
    actions: BTreeMap<String, LeafAction>,
}

impl HalfPair {
    /// Writes one candidate with guards, which an ordered Pair judges in order, together with all others.
    ///
    /// # Errors
    /// As [`HalfPair::write`]; [`WriteError::Guards`] for a Pair that keeps no log, [`WriteError::Backpressure`] when its log is full.
    pub fn write_guarded(
        &mut self,
        operations: &[Operation<'_>],
        guards: Vec<Guard>,
        issue: impl FnOnce() -> Issue,
    ) -> Result<Written, WriteError> {
        if !self.is_ordered() {
            return if guards.is_empty() { self.write(operations, issue) } else { Err(WriteError::Guards) };
        }
        self.refold();
        self.check(operations)?;
        let mut spelled = Spelled::default();
        for operation in operations {
            self.spell(operation, &mut spelled)?;
        }
        let operations = spelled.actions.into_iter().map(|(path, action)| LeafOperation { path: path.into(), action }).collect();
        self.write_draft(Draft { context: self.context(), guards, operations }, issue)
    }

    fn spell(&self, operation: &Operation<'_>, spelled: &mut Spelled) -> Result<(), WriteError> {
        let schema = Arc::clone(self.schema());
        let (mut path, mut at) = (String::new(), Schema::ROOT);
        for key in pointer::keys(operation.path).into_iter().flatten().flatten() {
            pointer::push_key(&mut path, &key);
            at = schema.step(at, &key);
        }
        match &operation.action {
            Action::Set(value) => {
                let before: Vec<String> = self.live_paths(&schema, &path);
                self.put_spelled(&schema, &mut path, at, value, spelled)?;
                spelled.remove_all(before);
            }
            Action::Delete => spelled.remove_all(self.live_paths(&schema, &path)),
            Action::Increment(by) => spelled.put(path, LeafAction::Increment(*by)),
            Action::Add(element) => spelled.put_member(&path, element, LeafAction::Set(set::PRESENT)),
            Action::Remove(element) => spelled.put_member(&path, element, LeafAction::Delete),
        }
        Ok(())
    }

    fn put_spelled(&self, schema: &Schema, path: &mut String, at: At, value: &Value, spelled: &mut Spelled) -> Result<(), WriteError> {
        match (&schema.rule(at).rule, value) {
            (Rule::Transition(_), value) => spelled.put(path.clone(), LeafAction::Set(value.clone())),
            (Rule::Counter, Value::Int(wanted)) => {
                let shown = self.counted(path);
                let by = wanted.checked_sub(shown).ok_or_else(|| WriteError::Overflow { path: path.clone() })?;
                spelled.put(path.clone(), LeafAction::Increment(by));
            }
            (Rule::Set, Value::Array(elements)) if !elements.is_empty() => {
                elements.iter().for_each(|element| spelled.put_member(path, element, LeafAction::Set(set::PRESENT)));
            }
            (_, Value::Object(members)) if !members.is_empty() => {
                for (key, member) in members.iter() {
                    let length = path.len();
                    pointer::push_key(path, key);
                    self.put_spelled(schema, path, schema.step(at, key), member, spelled)?;
                    path.truncate(length);
                }
            }
            (_, leaf) => spelled.put(path.clone(), LeafAction::Set(leaf.clone())),
        }
        Ok(())
    }

    fn counted(&self, path: &str) -> i64 {
        self.read_tentative(path).ok().flatten().and_then(|value| value.as_i64()).unwrap_or_default()
    }

    /// The live cells at and below a path; of what a transition rule governs, the path with the rule.
    fn live_paths(&self, schema: &Schema, path: &str) -> Vec<String> {
        let Ok(Some(cell)) = self.find(path) else { return Vec::new() };
        let mut paths = Vec::new();
        for cell in self.state.live_below(cell) {
            let mut text = String::new();
            self.state.write_path(cell, &mut text);
            paths.push(governed(schema, text));
        }
        paths
    }
}

/// The path itself, or the one above it with a transition rule.
fn governed(schema: &Schema, path: String) -> String {
    let (mut above, mut at) = (String::new(), Schema::ROOT);
    for key in pointer::keys(&path).into_iter().flatten().flatten() {
        if matches!(schema.rule(at).rule, Rule::Transition(_)) {
            return above;
        }
        pointer::push_key(&mut above, &key);
        at = schema.step(at, &key);
    }
    path
}

impl Spelled {
    fn put(&mut self, path: String, action: LeafAction) {
        self.actions.insert(path, action);
    }

    fn put_member(&mut self, path: &str, element: &Value, action: LeafAction) {
        // Checked before: it can be an element.
        if let Ok(key) = set::key(element) {
            let mut member = path.to_owned();
            pointer::push_key(&mut member, &key);
            self.put(member, action);
        }
    }

    fn remove_all(&mut self, paths: Vec<String>) {
        for path in paths {
            self.actions.entry(path).or_insert(LeafAction::Delete);
        }
    }
}
