//! Reading: what the cells at and below a path show.

use super::StateBlock;
use super::tree::{CellIndex, ROOT};
use crate::estp::rule::{Rule, set};
use crate::value::{Object, Value};
use std::sync::Arc;

/// Gives the value of a single cell, `None` for one that is not there.
pub type View<'v> = dyn Fn(&StateBlock, CellIndex) -> Option<Value> + 'v;

/// What stands in the way of a write below it: the path of a live value that is no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Where it stands.
    pub path: String,
    /// Its type, as [`Value::type_name`] says it.
    pub type_name: &'static str,
}

impl StateBlock {
    /// The cell at a path, whether live or not.
    pub fn find<'k>(&self, keys: impl Iterator<Item = &'k str>) -> Option<CellIndex> {
        let mut at = ROOT;
        for key in keys {
            at = self.tree.child(at, key)?;
        }
        Some(at)
    }

    /// What the state shows at a cell: an object if anything below it is live, else its own value.
    ///
    /// Both can be there at once when one half wrote a value where the other added a member at the same time: the members are shown, since
    /// they would be lost to the reader otherwise; the value shows again when they are gone.
    pub fn read(&self, cell: CellIndex) -> Option<Value> {
        if !self.tree.has_live_children(cell) {
            let own = self.live(cell).cloned();
            return if cell == ROOT { Some(own.unwrap_or_else(Value::empty_object)) } else { own };
        }
        if self.path_rule(cell).rule == Rule::Set {
            let live = self.tree.children(cell).filter(|&(child, _)| self.tree.is_live(child));
            return Some(set::read(live.map(|(_, key)| key.as_str())));
        }
        let mut members = Object::new();
        for (child, key) in self.tree.children(cell) {
            if self.tree.is_live(child)
                && let Some(value) = self.read(child)
            {
                members.insert(key.as_str().into(), value);
            }
        }
        Some(Value::Object(Arc::new(members)))
    }

    /// As [`StateBlock::read`], of another view than what the state shows: takes time for all cells below, deleted ones included.
    pub fn read_view(&self, cell: CellIndex, view: &View<'_>) -> Option<Value> {
        let mut members = Object::new();
        for (child, key) in self.tree.children(cell) {
            if let Some(value) = self.read_view(child, view) {
                members.insert(key.as_str().into(), value);
            }
        }
        if !members.is_empty() && self.path_rule(cell).rule == Rule::Set {
            return Some(set::read(members.keys().map(AsRef::as_ref)));
        }
        if !members.is_empty() {
            return Some(Value::Object(Arc::new(members)));
        }
        let own = view(self, cell);
        if cell == ROOT { Some(own.unwrap_or_else(Value::empty_object)) } else { own }
    }

    /// The value that a cell itself shows: `None` for a container, a deleted cell, or one that is hidden by what lies below it.
    pub fn shown(&self, cell: CellIndex) -> Option<&Value> {
        if self.tree.has_live_children(cell) { None } else { self.live(cell) }
    }

    /// The live value, if any, that keeps a path from having members: one that is no empty object, on the way to it.
    pub fn obstacle<'k>(&self, keys: impl Iterator<Item = &'k str>) -> Option<Obstacle> {
        let mut at = Some(ROOT);
        for key in keys {
            let cell = at?;
            if let Some(value) = self.shown(cell)
                && !matches!(value, Value::Object(_))
            {
                let mut path = String::new();
                self.write_path(cell, &mut path);
                return Some(Obstacle { path, type_name: value.type_name() });
            }
            at = self.tree.child(cell, key);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estp::dot::AuthorIndex;
    use crate::estp::stamp::Stamp;
    use crate::estp::state::{Birth, Version};

    fn put(state: &mut StateBlock, path: &[&str], value: Option<Value>, number: u64) {
        let cell = state.enter(path.iter().copied());
        state.set(cell, Version { value, stamp: Stamp::new(number, 0), author: AuthorIndex(0), number }, number, Birth::default());
    }

    #[test]
    fn cells_read_as_a_tree() {
        let mut state = StateBlock::new(0);
        assert_eq!(state.read(ROOT), Some(Value::empty_object()));
        put(&mut state, &["b", "x"], Some(Value::from(1i64)), 1);
        put(&mut state, &["a"], Some(Value::Null), 2);
        assert_eq!(state.read(ROOT).unwrap().to_string(), r#"{"a": null, "b": {"x": 1}}"#);
        put(&mut state, &["b", "x"], None, 3);
        assert_eq!(state.read(ROOT).unwrap().to_string(), r#"{"a": null}"#);
        assert_eq!(state.read(state.find(["b"].into_iter()).unwrap()), None);
    }

    #[test]
    fn members_hide_a_value_at_the_same_path_until_they_are_gone() {
        let mut state = StateBlock::new(0);
        put(&mut state, &["a"], Some(Value::from(5i64)), 1);
        put(&mut state, &["a", "m"], Some(Value::from(6i64)), 2);
        let a = state.find(["a"].into_iter()).unwrap();
        assert_eq!(state.read(a).unwrap().to_string(), r#"{"m": 6}"#);
        put(&mut state, &["a", "m"], None, 3);
        assert_eq!(state.read(a), Some(Value::from(5i64)));
    }

    #[test]
    fn a_value_is_an_obstacle_to_members_but_an_empty_object_is_none() {
        let mut state = StateBlock::new(0);
        put(&mut state, &["a"], Some(Value::from("text")), 1);
        put(&mut state, &["o"], Some(Value::empty_object()), 2);
        let obstacle = state.obstacle(["a", "m", "n"].into_iter()).unwrap();
        assert_eq!((obstacle.path.as_str(), obstacle.type_name), ("/a", "string"));
        assert_eq!(state.obstacle(["o", "m"].into_iter()), None);
        assert_eq!(state.obstacle(["a"].into_iter()), None);
    }
}
