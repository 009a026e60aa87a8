//! What a child of the process may do to its parent's engine: nothing. Alone in its file, because it makes a child of its whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use spook::{Code, Engine, PairOptions};

#[test]
fn a_child_neither_closes_the_engine_nor_lets_go_of_its_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder.path().join("home.spook").display().to_string();
    let engine = Engine::open(&location).unwrap();
    let pair = engine.create_pair("thermostat", 1i64, PairOptions::default()).unwrap();
    spook::note_fork();
    assert_eq!(pair.read_state("").unwrap_err().code(), Code::Forked);
    assert_eq!(engine.close().unwrap_err().code(), Code::Forked);
    drop((engine, pair));
    // Had it been closed, the lock of the parent on its ledger would be gone.
    assert_eq!(Engine::open(&location).unwrap_err().code(), Code::Locked);
    let own = Engine::open("").unwrap();
    own.create_pair("thermostat", 1i64, PairOptions::default()).unwrap();
    own.close().unwrap();
}
