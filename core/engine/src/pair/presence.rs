//! Presence: what the two sides of a Pair show each other while they are linked, and nobody stores.

use super::Pair;
use crate::error::Error;
use spook_protocol::error::Code;
use spook_protocol::estp::candidate::{self, Operation};
use spook_protocol::link::presence::PresenceError;
use spook_protocol::value::Value;
use std::collections::BTreeMap;

impl Pair {
    /// Shows the peer a value under a key while there is a link, or nothing under it any more: who is here, where a cursor is. It is not part of
    /// the state and nowhere stored; a slow link gets the last value of each key; it is sent again with each new link while this engine runs.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for a key of more than 256 bytes, a value of more than 4,096, or more than 64 keys; [`Code::Invalid`] for an empty key; [`Code::Nan`];
    /// [`Code::Closed`] and the like.
    pub fn set_presence(&self, key: &str, value: Option<Value>) -> Result<(), Error> {
        let shared = &self.open.shared;
        shared.check()?;
        if let Some(value) = &value {
            // What the state cannot hold cannot travel either.
            candidate::check(&Operation::set("", value.clone()))?;
        }
        let (changed, link) = {
            let mut state = self.core.lock();
            let changed = state.presence.set(key, value).map_err(|error| {
                let code = if error == PresenceError::Key && key.is_empty() { Code::Invalid } else { Code::TooLarge };
                Error::new(code, error.to_string())
            })?;
            (changed, state.link.clone())
        };
        let share = shared.registry().share_of(self.core.index);
        if let (true, Some(link), Some(share)) = (changed, link, share) {
            link.show(share.slot, key);
        }
        Ok(())
    }

    /// What the peer shows at present. Empty while there is no link.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like.
    pub fn presence(&self) -> Result<BTreeMap<String, Value>, Error> {
        self.open.shared.check()?;
        Ok(self.core.lock().presence.of_peer().clone())
    }
}
