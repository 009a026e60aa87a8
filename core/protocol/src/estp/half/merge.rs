//! Writing under rules that merge: what a writer puts who sees what is there.

use super::HalfPair;
use super::superpose::Which;
use super::write::Draft;
use crate::estp::candidate::{Action, Operation, WriteError};
use crate::estp::rule::{Rule, counter, max_min, set};
use crate::estp::schema::{At, Schema};
use crate::estp::state::{CellIndex, Version};
use crate::pointer;
use crate::value::Value;

impl HalfPair {
    /// Checks an operation against the schema: the types of values, and the rule that an operation needs.
    pub(super) fn check_schema(&self, operation: &Operation<'_>) -> Result<(), WriteError> {
        let schema = self.schema();
        let at = place_in(schema, operation.path);
        let rule = &schema.rule(at).rule;
        let needs = |name: &'static str, needs: &'static str| {
            let has = rule.to_string();
            Err(WriteError::Rule { path: operation.path.to_owned(), operation: name, needs, has })
        };
        match &operation.action {
            Action::Set(_) if *rule == Rule::Member => needs("setting an element by its key", "none: add it to the set"),
            Action::Delete if *rule == Rule::Member => needs("deleting an element by its key", "none: remove it from the set"),
            Action::Set(value) if !schema.is_free() => {
                schema.check_value(at, value).map_err(|error| WriteError::Type(error.below(operation.path)))?;
                self.check_counter(operation.path, at, value)
            }
            Action::Increment(_) if *rule != Rule::Counter => needs("an increment", "counter"),
            Action::Increment(by) => self.check_total(operation.path, |own, _| counter::increment(own, *by).ok()),
            Action::Add(_) if *rule != Rule::Set => needs("adding an element", "set"),
            Action::Remove(_) if *rule != Rule::Set => needs("removing an element", "set"),
            Action::Add(element) | Action::Remove(element) => {
                let array = Value::from(vec![element.clone()]);
                schema.check_value(at, &array).map_err(|error| WriteError::Type(error.below(operation.path)))
            }
            _ => Ok(()),
        }
    }

    /// Checks every counter that a value is put at or above.
    fn check_counter(&self, path: &str, at: At, value: &Value) -> Result<(), WriteError> {
        match value {
            Value::Object(members) => members.iter().try_for_each(|(key, member)| {
                let mut below = path.to_owned();
                pointer::push_key(&mut below, key);
                self.check_counter(&below, self.schema().step(at, key), member)
            }),
            _ if self.schema().rule(at).rule == Rule::Counter => {
                let wanted = value.as_i64().unwrap_or_default();
                self.check_total(path, |own, shown| counter::set(own, shown, wanted).ok())
            }
            _ => Ok(()),
        }
    }

    fn check_total(&self, path: &str, total: impl Fn(i64, i64) -> Option<i64>) -> Result<(), WriteError> {
        let cell = self.state.find(keys(path).iter().map(String::as_str));
        let (own, shown) = cell.map_or((0, 0), |cell| (self.own_total(cell), self.shown_count(cell)));
        total(own, shown).map(|_| ()).ok_or_else(|| WriteError::Overflow { path: path.to_owned() })
    }

    /// What this author has added to a counter, unless that is deleted: then it begins anew.
    fn own_total(&self, cell: CellIndex) -> i64 {
        if self.state.live(cell).is_none() {
            // Deleted for all that can be seen: counting begins anew, whether or not that is committed.
            return 0;
        }
        let total = |version: &Version| if version.author == self.me { version.value.as_ref().and_then(Value::as_i64) } else { None };
        let total = match self.state.layer(cell) {
            Some(_) if self.folded(cell, Which::Shown).0.is_none_or(|shown| shown.value.is_none()) => None,
            Some(_) => self.survivors(cell, Which::Shown).into_iter().find_map(|survivor| total(&survivor.version)),
            None => self.state.version(cell).and_then(total),
        };
        total.unwrap_or_default()
    }

    /// What a counter shows. The fold is done anew, since it may be left until somebody looks.
    fn shown_count(&self, cell: CellIndex) -> i64 {
        let shown = match self.state.layer(cell) {
            Some(_) => self.folded(cell, Which::Shown).0,
            None => self.state.version(cell).cloned(),
        };
        shown.and_then(|version| version.value).and_then(|value| value.as_i64()).unwrap_or_default()
    }

    /// What a writer puts who sees what the cell shows and wants `value` there.
    pub(super) fn joined_with_shown(&self, cell: CellIndex, value: Value) -> Value {
        match self.rule(cell) {
            rule @ (Rule::Max | Rule::Min) => {
                let shown = self.folded(cell, Which::Shown).0.or_else(|| self.state.version(cell).cloned());
                max_min::join(rule, shown.and_then(|version| version.value).as_ref(), value)
            }
            Rule::Counter => {
                let wanted = value.as_i64().unwrap_or_default();
                // Checked before: it fits.
                Value::Int(counter::set(self.own_total(cell), self.shown_count(cell), wanted).unwrap_or(wanted))
            }
            _ => value,
        }
    }

    pub(super) fn increment(&mut self, draft: &mut Draft, cell: CellIndex, by: i64) {
        let own = self.own_total(cell);
        // Checked before: it fits.
        self.set_version(draft, cell, Some(Value::Int(counter::increment(own, by).unwrap_or(own))));
    }

    /// Writes an element of a set, or deletes it. What is not there is deleted, too: a candidate has to write something, or the peer never hears of its
    /// stamp, and what comes from there later could sort before it.
    pub(super) fn set_member(&mut self, draft: &mut Draft, cell: CellIndex, element: &Value, is_member: bool) {
        let Ok(key) = set::key(element) else { return };
        let member = self.state.enter_child(cell, &key);
        self.set_version(draft, member, is_member.then_some(set::PRESENT));
    }

    /// Puts an array in the place of a set: its elements are written, the others that the writer can see go.
    pub(super) fn put_set(&mut self, draft: &mut Draft, cell: CellIndex, elements: &[Value]) {
        if elements.is_empty() {
            // So that there is a set, and it reads as empty.
            self.set_version(draft, cell, Some(Value::from(Vec::<Value>::new())));
        }
        elements.iter().for_each(|element| self.set_member(draft, cell, element, true));
        self.remove_unwritten(draft, cell);
    }
}

fn keys(path: &str) -> Vec<String> {
    pointer::keys(path).into_iter().flatten().flatten().map(|key| key.into_owned()).collect()
}

fn place_in(schema: &Schema, path: &str) -> At {
    if schema.is_free() {
        return Schema::ROOT;
    }
    pointer::keys(path).into_iter().flatten().flatten().fold(Schema::ROOT, |at, key| schema.step(at, &key))
}
