//! Automerge.

use crate::document::{Document, Sync, key};
use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{AutoCommit, ROOT, ReadDoc, ScalarValue, Value};

/// A replica.
pub struct Automerge {
    doc: AutoCommit,
}

impl Automerge {
    fn put(&mut self, key: &str, value: i64) {
        self.doc.put(ROOT, key, value).expect("the root takes any key");
    }

    /// The next message for the other side, as bytes.
    fn say(&mut self, state: &mut State) -> Option<Vec<u8>> {
        self.doc.sync().generate_sync_message(state).map(Message::encode)
    }

    fn hear(&mut self, state: &mut State, bytes: Option<Vec<u8>>) {
        let Some(bytes) = bytes else { return };
        let message = Message::decode(&bytes).expect("a message as the library made it");
        self.doc.sync().receive_sync_message(state, message).expect("a message that fits");
    }
}

/// What both ends remember: the library says to store this between two links.
pub struct Remembered([Vec<u8>; 2]);

fn exchange(one: &mut Automerge, other: &mut Automerge, states: &mut [State; 2]) -> Sync {
    let mut sync = Sync::default();
    let [state, other_state] = states;
    loop {
        let said = [one.say(state), other.say(other_state)];
        if said.iter().all(Option::is_none) {
            return sync;
        }
        sync.steps += 1;
        said.iter().flatten().for_each(|message| sync.message(message));
        let [by_one, by_other] = said;
        one.hear(state, by_other);
        other.hear(other_state, by_one);
    }
}

impl Document for Automerge {
    const NAME: &'static str = "automerge";
    const BATCH: usize = 2_000;

    fn new() -> Automerge {
        Automerge { doc: AutoCommit::new() }
    }

    fn fill(&mut self, keys: usize, commits: usize) {
        for commit in 0..commits {
            for number in keys * commit / commits..keys * (commit + 1) / commits {
                self.put(&key(number), number as i64);
            }
            self.doc.commit();
        }
    }

    fn set(&mut self, key: &str, value: i64) {
        self.put(key, value);
        self.doc.commit();
    }

    fn get(&self, key: &str) -> Option<i64> {
        match self.doc.get(ROOT, key) {
            Ok(Some((Value::Scalar(scalar), _))) => match *scalar {
                ScalarValue::Int(value) => Some(value),
                _ => None,
            },
            _ => None,
        }
    }

    fn update(&mut self, key: &str, value: i64) -> Vec<u8> {
        self.set(key, value);
        let mut change = self.doc.get_last_local_change().expect("a change was just made");
        change.bytes().into_owned()
    }

    fn save(&mut self) -> Vec<u8> {
        self.doc.save()
    }

    fn save_state(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn load(bytes: &[u8]) -> Automerge {
        Automerge { doc: AutoCommit::load(bytes).expect("bytes as the library made them") }
    }

    type Meeting = Remembered;

    fn meet(one: &mut Automerge, other: &mut Automerge) -> Remembered {
        let mut states = [State::new(), State::new()];
        exchange(one, other, &mut states);
        Remembered(states.map(|state| state.encode()))
    }

    fn sync(one: &mut Automerge, other: &mut Automerge, Remembered(states): &mut Remembered) -> Sync {
        let decode = |bytes: &Vec<u8>| State::decode(bytes).expect("a state as the library made it");
        let mut states = [decode(&states[0]), decode(&states[1])];
        exchange(one, other, &mut states)
    }
}
