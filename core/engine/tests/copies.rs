//! Ledgers that are copied, and copies that are put back in place: the file is the same to the system, and only a peer can tell.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use spook::{CollapseOptions, Engine, EngineOptions, Pair, PairOptions, TicketOptions, Value};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

/// A home that listens, and the ledger of a phone that shares a Pair with it.
struct Scene {
    _folder: tempfile::TempDir,
    _home: Engine,
    here: Pair,
    phone: PathBuf,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let listen = Some(vec!["tcp:127.0.0.1:0".to_owned()]);
        let home = folder.path().join("home").display().to_string();
        let home = Engine::open_with(EngineOptions { listen, ..EngineOptions::at(&home) }).unwrap();
        let here = home.create_pair("p", Value::empty_object(), PairOptions::default()).unwrap();
        let phone = folder.path().join("phone");
        let scene = Scene { _folder: folder, _home: home, here, phone };
        let engine = scene.open();
        engine.open_pair(&scene.here.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
        engine.close().unwrap();
        scene
    }

    fn open(&self) -> Engine {
        Engine::open_with(EngineOptions { listen: Some(Vec::new()), ..EngineOptions::at(self.phone.to_str().unwrap()) }).unwrap()
    }

    /// The bytes of the phone's ledger, as a backup has them.
    fn copy(&self) -> Vec<u8> {
        fs::read(&self.phone).unwrap()
    }

    /// Puts a backup in the place of the phone's ledger, into the same file.
    fn put_back(&self, copy: &[u8]) {
        fs::write(&self.phone, copy).unwrap();
    }

    /// Opens the phone, writes a key of its own, waits until everything is settled, and closes it.
    fn write(&self, key: &str) {
        let engine = self.open();
        let pair = engine.open_pair("p", LONG).unwrap();
        pair.write_state(&format!("/{key}"), key).unwrap();
        self.await_agreement(&pair);
        engine.close().unwrap();
    }

    fn await_agreement(&self, there: &Pair) {
        let begun = Instant::now();
        loop {
            let settled = there.collapse(CollapseOptions::settled_within(LONG)).unwrap();
            if settled.settled && there.read_state("").unwrap() == self.here.read_state("").unwrap() {
                return;
            }
            assert!(begun.elapsed() < LONG, "{} and {}", there.read_state("").unwrap(), self.here.read_state("").unwrap());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn keys(&self) -> Vec<String> {
        let Value::Object(members) = self.here.read_state("").unwrap() else { panic!("an object") };
        members.keys().map(|key| key.to_string()).collect()
    }
}

#[test]
fn a_ledger_that_is_put_back_in_place_loses_nothing_and_takes_nothing_for_something_else() {
    let scene = Scene::new();
    scene.write("before");
    let backup = scene.copy();
    scene.write("since1");
    scene.write("since2");
    scene.put_back(&backup);
    scene.write("again");
    assert_eq!(scene.keys(), ["again", "before", "since1", "since2"]);
}

#[test]
fn two_copies_go_on_side_by_side() {
    let scene = Scene::new();
    scene.write("both");
    let mut ledgers = [scene.copy(), scene.copy()];
    for round in 0..3 {
        for (who, ledger) in ledgers.iter_mut().enumerate() {
            scene.put_back(ledger);
            scene.write(&format!("{round}by{who}"));
            *ledger = scene.copy();
        }
    }
    assert_eq!(scene.keys(), ["0by0", "0by1", "1by0", "1by1", "2by0", "2by1", "both"]);
}

#[test]
fn what_a_copy_wrote_while_it_was_alone_is_kept() {
    let scene = Scene::new();
    let backup = scene.copy();
    scene.write("first");
    let first = scene.copy();
    scene.put_back(&backup);
    // The engine that listens is out of reach, so that the copy only finds out later.
    let engine = Engine::open_with(EngineOptions { listen: Some(Vec::new()), ..EngineOptions::at(scene.phone.to_str().unwrap()) }).unwrap();
    let pair = engine.open_pair("p", LONG).unwrap();
    for number in 0..20i64 {
        pair.write_state("/alone", number).unwrap();
    }
    scene.await_agreement(&pair);
    assert_eq!(pair.read_state("/first").unwrap(), Value::from("first"));
    engine.close().unwrap();
    scene.put_back(&first);
    scene.write("last");
    assert_eq!(scene.keys(), ["alone", "first", "last"]);
}
