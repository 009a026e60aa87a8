//! Values that are shown to the peer while there is a link, and are nowhere stored: who is here, and where their cursor is.

use crate::limits;
use crate::value::Value;
use crate::wire::put_value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;

/// What the two sides of a Pair show each other.
#[derive(Debug, Default)]
pub struct Presence {
    mine: BTreeMap<String, Value>,
    theirs: BTreeMap<String, Value>,
}

/// A value cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresenceError {
    /// The key is empty or longer than [`limits::PRESENCE_KEY_BYTES`].
    Key,
    /// The value is larger than [`limits::PRESENCE_BYTES`].
    Value,
    /// There are [`limits::PRESENCE_KEYS`] already.
    TooMany,
}

impl fmt::Display for PresenceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PresenceError::Key => write!(out, "a key of presence has 1 to {} bytes", limits::PRESENCE_KEY_BYTES),
            PresenceError::Value => write!(out, "a value of presence has at most {} bytes", limits::PRESENCE_BYTES),
            PresenceError::TooMany => write!(out, "one side shows at most {} values", limits::PRESENCE_KEYS),
        }
    }
}

impl Presence {
    /// Shows a value under a key from now on, or nothing. Returns whether that changes anything.
    ///
    /// # Errors
    /// [`PresenceError`]; everything is as it was then.
    pub fn set(&mut self, key: &str, value: Option<Value>) -> Result<bool, PresenceError> {
        if key.is_empty() || key.len() > limits::PRESENCE_KEY_BYTES {
            return Err(PresenceError::Key);
        }
        let Some(value) = value else { return Ok(self.mine.remove(key).is_some()) };
        let mut bytes = Vec::new();
        put_value(&mut bytes, &value);
        if bytes.len() > limits::PRESENCE_BYTES {
            return Err(PresenceError::Value);
        }
        put(&mut self.mine, key, value).ok_or(PresenceError::TooMany)
    }

    /// What is shown from here under a key.
    pub fn shown(&self, key: &str) -> Option<&Value> {
        self.mine.get(key)
    }

    /// All keys that something is shown under from here.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.mine.keys().map(String::as_str)
    }

    /// What the peer shows.
    pub fn of_peer(&self) -> &BTreeMap<String, Value> {
        &self.theirs
    }

    /// The peer shows a value under a key, or nothing any more. Returns whether that is news; one key too many is not.
    pub fn told(&mut self, key: &str, value: Option<Value>) -> bool {
        match value {
            Some(value) => put(&mut self.theirs, key, value).unwrap_or(false),
            None => self.theirs.remove(key).is_some(),
        }
    }

    /// The link is down: what the peer showed is gone. Returns the keys.
    pub fn link_down(&mut self) -> Vec<String> {
        std::mem::take(&mut self.theirs).into_keys().collect()
    }
}

/// Returns whether that changes anything; `None` if there is no room.
fn put(shown: &mut BTreeMap<String, Value>, key: &str, value: Value) -> Option<bool> {
    match shown.get(key) {
        Some(before) if *before == value => return Some(false),
        None if shown.len() >= limits::PRESENCE_KEYS => return None,
        _ => {}
    }
    shown.insert(key.to_owned(), value);
    Some(true)
}

/// What changed and has to be sent: never more than one entry a key, so that a slow link gets the last value of each.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    keys: BTreeSet<(u64, String)>,
    /// The last one sent: the next one comes after it, so that a key that changes all the time holds up no other.
    last: (u64, String),
}

impl Unsent {
    /// The value under a key of the Pair in a slot changed.
    pub(super) fn note(&mut self, slot: u64, key: String) {
        self.keys.insert((slot, key));
    }

    /// The next one to send.
    pub(super) fn take(&mut self) -> Option<(u64, String)> {
        let after = (Bound::Excluded(&self.last), Bound::Unbounded);
        let next = self.keys.range(after).next().or_else(|| self.keys.first())?.clone();
        self.keys.remove(&next);
        self.last.clone_from(&next);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_bounded() {
        let mut presence = Presence::default();
        assert_eq!(presence.set("", None), Err(PresenceError::Key));
        assert_eq!(presence.set(&"k".repeat(257), None), Err(PresenceError::Key));
        assert_eq!(presence.set("k", Some(Value::from("x".repeat(4096).as_str()))), Err(PresenceError::Value));
        for number in 0..64 {
            assert_eq!(presence.set(&number.to_string(), Some(Value::from(1i64))), Ok(true));
            assert!(presence.told(&number.to_string(), Some(Value::from(1i64))));
        }
        assert_eq!(presence.set("k", Some(Value::from(1i64))), Err(PresenceError::TooMany));
        assert!(!presence.told("k", Some(Value::from(1i64))));
        assert_eq!(presence.set("7", Some(Value::from(1i64))), Ok(false));
        assert_eq!(presence.set("7", Some(Value::from(2i64))), Ok(true));
        assert_eq!(presence.set("7", None), Ok(true));
        assert_eq!(presence.set("7", None), Ok(false));
        assert_eq!(presence.link_down().len(), 64);
        assert!(presence.of_peer().is_empty() && presence.keys().count() == 63);
    }

    #[test]
    fn a_key_that_changes_all_the_time_holds_up_no_other() {
        let mut unsent = Unsent::default();
        for key in ["a", "b", "a", "c"] {
            unsent.note(1, key.to_owned());
        }
        let mut taken = Vec::new();
        while let Some((_, key)) = unsent.take() {
            taken.push(key.clone());
            if taken.len() < 5 && key == "a" {
                unsent.note(1, key);
            }
        }
        assert_eq!(taken, ["a", "b", "c", "a", "a"]);
    }
}
