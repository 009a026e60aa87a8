//! Writing: a list of operations becomes one candidate, at once, in all or none.

use super::HalfPair;
use super::change::Change;
use crate::estp::candidate::{self, Action, Operation, WriteError};
use crate::estp::context::Context;
use crate::estp::dot::{AuthorIndex, Dot, Seen};
use crate::estp::feed::Issue;
use crate::estp::lifecycle::{Event, LinkFact, PhaseFact};
use crate::estp::place::Place;
use crate::estp::rule::Rule;
use crate::estp::stamp::Stamp;
use crate::estp::state::{Birth, CellIndex, ROOT, Survivor, Version};
use crate::pointer;
use crate::value::{Object, Value};

/// A candidate that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub dot: Dot,
    /// Its stamp.
    pub stamp: Stamp,
    /// How many cells it set or removed.
    pub cells: usize,
}

/// The candidate being written.
pub(super) struct Draft {
    issue: Issue,
    place: u32,
    /// What this half has applied: all that it overwrites.
    context: Context,
}

impl HalfPair {
    /// Writes one candidate. `issue` is asked for a number and a stamp once everything has been checked.
    ///
    /// # Errors
    /// [`WriteError`] for the first operation that cannot be done; then nothing was changed and no number taken.
    pub fn write(&mut self, operations: &[Operation<'_>], issue: impl FnOnce() -> Issue) -> Result<Written, WriteError> {
        if self.is_ordered() {
            return self.write_guarded(operations, Vec::new(), issue);
        }
        self.check(operations)?;
        let mut draft = Draft { issue: issue(), place: 0, context: self.context() };
        for operation in operations {
            let cell = self.enter_checked(operation.path);
            match &operation.action {
                Action::Set(value) => self.put(&mut draft, cell, value),
                Action::Delete => self.remove_below(&mut draft, cell),
                Action::Increment(by) => self.increment(&mut draft, cell, *by),
                Action::Add(element) => self.set_member(&mut draft, cell, element, true),
                Action::Remove(element) => self.set_member(&mut draft, cell, element, false),
            }
        }
        Ok(self.finish(&draft))
    }

    /// What this half has applied of all other authors.
    pub(super) fn context(&self) -> Context {
        let of_others = |(index, seen): (usize, &Seen)| {
            let author = AuthorIndex(index as u16);
            (author != self.me).then_some((author, seen.number))
        };
        self.vector.entries().iter().enumerate().filter_map(of_others).collect()
    }

    /// Refuses to write in a half that takes no writes.
    pub(super) fn check_open(&self) -> Result<(), WriteError> {
        if self.lifecycle.link == LinkFact::Closed || self.lifecycle.phase == PhaseFact::Failed {
            let state = if self.lifecycle.link == LinkFact::Closed { "closed" } else { "failed" };
            return Err(WriteError::NotOpen { state });
        }
        Ok(())
    }

    pub(super) fn check(&self, operations: &[Operation<'_>]) -> Result<(), WriteError> {
        self.check_open()?;
        if operations.is_empty() {
            return Err(WriteError::Empty);
        }
        for operation in operations {
            candidate::check(operation)?;
            self.check_schema(operation)?;
            self.check_against_state(operation)?;
        }
        if operations.len() > 1 { candidate::check_apart(operations) } else { Ok(()) }
    }

    fn check_against_state(&self, operation: &Operation<'_>) -> Result<(), WriteError> {
        let mut at = Some(ROOT);
        for key in pointer::keys(operation.path).into_iter().flatten().flatten() {
            if let Some(cell) = at
                && let Some(value) = self.state.shown(cell)
                && !matches!(value, Value::Object(_))
            {
                return Err(self.obstacle(operation.path));
            }
            at = at.and_then(|cell| self.state.child(cell, &key));
        }
        let nothing_there = || at.is_none_or(|cell| self.state.live_below(cell).is_empty());
        match operation.action {
            Action::Delete if nothing_there() => Err(WriteError::NothingThere { path: operation.path.to_owned() }),
            _ => Ok(()),
        }
    }

    fn obstacle(&self, path: &str) -> WriteError {
        let keys: Vec<_> = pointer::keys(path).into_iter().flatten().flatten().collect();
        match self.state.obstacle(keys.iter().map(AsRef::as_ref)) {
            Some(obstacle) => WriteError::Obstacle { path: path.to_owned(), obstacle },
            None => WriteError::NothingThere { path: path.to_owned() },
        }
    }

    /// The cell of a path that [`HalfPair::check`] has found well formed.
    fn enter_checked(&mut self, path: &str) -> CellIndex {
        let mut at = ROOT;
        for key in pointer::keys(path).into_iter().flatten().flatten() {
            at = self.state.enter_child(at, &key);
        }
        at
    }

    fn put(&mut self, draft: &mut Draft, cell: CellIndex, value: &Value) {
        let replaces_members = self.state.has_members(cell);
        match value {
            Value::Object(members) if !members.is_empty() => {
                self.put_members(draft, cell, members);
                self.remove_unwritten(draft, cell);
            }
            Value::Array(elements) if *self.rule(cell) == Rule::Set => self.put_set(draft, cell, elements),
            leaf => {
                self.set_cell(draft, cell, Some(leaf.clone()));
                if replaces_members {
                    self.remove_unwritten(draft, cell);
                }
            }
        }
    }

    fn put_members(&mut self, draft: &mut Draft, cell: CellIndex, members: &Object) {
        for (key, value) in members {
            let child = self.state.enter_child(cell, key);
            match value {
                Value::Object(members) if !members.is_empty() => self.put_members(draft, child, members),
                Value::Array(elements) if *self.rule(child) == Rule::Set => {
                    elements.iter().for_each(|element| self.set_member(draft, child, element, true));
                    if elements.is_empty() {
                        self.put_set(draft, child, elements);
                    }
                }
                leaf => self.set_cell(draft, child, Some(leaf.clone())),
            }
        }
    }

    /// Observed-replace: what this half can see at and below the cell and did not write with this candidate goes.
    pub(super) fn remove_unwritten(&mut self, draft: &mut Draft, cell: CellIndex) {
        let me = self.me;
        let is_new = |version: &Version| version.author == me && version.number == draft.issue.number;
        let mut old = self.state.live_below(cell);
        old.retain(|&cell| !self.state.version(cell).is_some_and(is_new));
        for cell in old {
            self.set_cell(draft, cell, None);
        }
    }

    fn remove_below(&mut self, draft: &mut Draft, cell: CellIndex) {
        for cell in self.state.live_below(cell) {
            self.set_cell(draft, cell, None);
        }
    }

    fn set_cell(&mut self, draft: &mut Draft, cell: CellIndex, value: Option<Value>) {
        let value = value.map(|value| self.joined_with_shown(cell, value));
        self.set_version(draft, cell, value);
    }

    /// Gives a cell the candidate's version of it.
    pub(super) fn set_version(&mut self, draft: &mut Draft, cell: CellIndex, value: Option<Value>) {
        let Issue { number, stamp } = draft.issue;
        let birth = Birth { author: self.me, number, place: draft.place };
        draft.place += 1;
        let version = Version { value, stamp, author: self.me, number };
        let shown = self.state.version(cell);
        // Also to delete it again: who has pruned it does not know it by its old name.
        let is_created_again = shown.is_some_and(|shown| shown.value.is_none());
        let is_alone = self.peer.is_none() && shown.is_none_or(|shown| shown.author == self.me);
        if is_alone && self.state.layer(cell).is_none() {
            // Nobody else can write: there is nothing to hold apart.
            if version.value.is_none() {
                self.prunable.push(cell);
            }
            self.state.set(cell, version, number, birth);
        } else {
            self.admit(cell, Survivor::new(version, draft.context.clone()), number, birth);
            if is_created_again {
                self.create_again(cell, birth, stamp);
            }
            self.show(cell);
        }
        self.note_change(cell, number);
    }

    /// Whoever has pruned the cell does not know its name any more; candidates that know nothing of the deletion still use it.
    fn create_again(&mut self, cell: CellIndex, birth: Birth, stamp: Stamp) {
        let old = self.state.birth(cell);
        let is_told = old.author != self.me || old.number <= self.told;
        self.state.give_new_birth(cell, birth, is_told);
        if is_told {
            self.old_names.push_back((Place { stamp, author: self.me(), number: birth.number }, old));
        }
    }

    /// Counts a change, and keeps it if somebody observes.
    pub(super) fn note_change(&mut self, cell: CellIndex, number: u64) {
        self.observed.seq += 1;
        if !self.observed.watching {
            return;
        }
        let mut path = String::new();
        self.state.write_path(cell, &mut path);
        let author = self.state.version(cell).map_or(self.me, |version| version.author);
        self.observed.changes.push(Change {
            seq: self.observed.seq,
            path: path.into(),
            value: self.state.live(cell).cloned(),
            origin: self.vector.author(author).endpoint,
            number,
        });
    }

    fn finish(&mut self, draft: &Draft) -> Written {
        let Issue { number, stamp } = draft.issue;
        self.vector.advance(self.me, number, stamp);
        for lost in &mut self.lost {
            // What is written from now on is known.
            lost.to = lost.to.min(number - 1);
        }
        self.await_own(number, stamp);
        self.on(Event::LocalCandidate);
        Written { dot: Dot { author: self.me(), number }, stamp, cells: draft.place as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::estp::dot::Author;
    use crate::id::EndpointId;

    fn half() -> HalfPair {
        HalfPair::new(Author { endpoint: EndpointId::from_bytes([1; 16]), epoch: 1 }, None, 0)
    }

    fn write(half: &mut HalfPair, operations: &[Operation<'_>]) -> Result<usize, WriteError> {
        let number = half.state().last_arrival() + 1;
        half.write(operations, || Issue { number, stamp: Stamp::new(number, 0) }).map(|written| written.cells)
    }

    fn show(half: &HalfPair) -> String {
        half.read("").unwrap().unwrap().to_string()
    }

    #[test]
    fn an_object_replaces_what_the_writer_could_see() {
        let mut half = half();
        write(&mut half, &[Operation::set("", Value::object([("a", 1i64), ("b", 2)]))]).unwrap();
        let cells = write(&mut half, &[Operation::set("", Value::object([("b", 3i64), ("c", 4)]))]).unwrap();
        assert_eq!((show(&half).as_str(), cells), (r#"{"b": 3, "c": 4}"#, 3));
        write(&mut half, &[Operation::set("/b", Value::object([("x", 5i64)]))]).unwrap();
        assert_eq!(show(&half), r#"{"b": {"x": 5}, "c": 4}"#);
        write(&mut half, &[Operation::set("/b", 6i64)]).unwrap();
        assert_eq!(show(&half), r#"{"b": 6, "c": 4}"#);
        write(&mut half, &[Operation::set("", "whole")]).unwrap();
        assert_eq!(show(&half), r#""whole""#);
    }

    #[test]
    fn an_empty_object_stays_when_its_members_are_gone() {
        let mut half = half();
        write(&mut half, &[Operation::set("/o", Value::empty_object())]).unwrap();
        write(&mut half, &[Operation::set("/o/m", 1i64)]).unwrap();
        write(&mut half, &[Operation::delete("/o/m")]).unwrap();
        assert_eq!(show(&half), r#"{"o": {}}"#);
        write(&mut half, &[Operation::delete("/o")]).unwrap();
        assert_eq!(show(&half), "{}");
    }

    #[test]
    fn a_refused_operation_changes_nothing_of_its_candidate() {
        let mut half = half();
        write(&mut half, &[Operation::set("/a", 1i64)]).unwrap();
        let refused = |half: &mut HalfPair, operations: &[Operation<'_>]| write(half, operations).unwrap_err().code();
        assert_eq!(refused(&mut half, &[Operation::set("/b", 1i64), Operation::set("/a/x", 2i64)]), Code::Type);
        assert_eq!(refused(&mut half, &[Operation::set("/b", 1i64), Operation::delete("/zz")]), Code::NotFound);
        assert_eq!(refused(&mut half, &[Operation::set("/b", 1i64), Operation::set("/b/c", 1i64)]), Code::Invalid);
        assert_eq!(refused(&mut half, &[]), Code::Invalid);
        assert_eq!(show(&half), r#"{"a": 1}"#);
        half.on(Event::Violation);
        assert_eq!(refused(&mut half, &[Operation::set("/a", 1i64)]), Code::Failed);
        half.close();
        assert_eq!(refused(&mut half, &[Operation::set("/a", 1i64)]), Code::Closed);
    }

    #[test]
    fn changes_are_counted_and_kept_while_observed() {
        let mut half = half();
        write(&mut half, &[Operation::set("/a", 1i64)]).unwrap();
        half.watch(true);
        write(&mut half, &[Operation::set("/a~1b", 2i64), Operation::delete("/a")]).unwrap();
        let changes = half.take_changes();
        let told: Vec<_> = changes.iter().map(|change| (change.seq, &*change.path, change.value.is_some())).collect();
        assert_eq!(told, [(2, "/a~1b", true), (3, "/a", false)]);
        assert!(half.take_changes().is_empty());
    }
}
