//! The crash matrix: the power goes at every operation of a workload, the unsynced writes are kept, dropped, torn or
//! garbled, and the file must hold every acknowledged batch entirely, the one under way entirely or not at all, and work.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::Random;
use common::disk::{Disk, Fate};
use spook_ledger::{Batch, FileOptions, FileStore, KeyRange, LedgerError, Sticky, Store, Table};

/// Short, so that a few batches cross from the journal into the tree.
const JOURNAL: u64 = 4096;
const TREE: u64 = 4096 + JOURNAL;
const BATCHES: usize = 16;

type State = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

fn options() -> FileOptions {
    let mut options = FileOptions::default();
    options.journal_bytes = JOURNAL;
    options.cache_bytes = 1 << 20;
    options
}

fn open(disk: &Disk) -> Result<Sticky<FileStore>, LedgerError> {
    FileStore::on_backend(disk.clone(), options()).map(Sticky::new)
}

/// Adds batch `number` of the workload to `batch`, and does the same to `state`.
fn next_batch(number: usize, batch: &mut Batch, state: &mut State) {
    let mut random = Random::new(number as u64 * 77 + 5);
    for _ in 0..1 + random.below(5) {
        let table = Table::ALL[random.below(5) as usize];
        let key = vec![b'k', random.below(6) as u8];
        if random.below(4) == 0 {
            batch.delete(table, &key);
            state.remove(&(table, key));
        } else {
            // Now and then one that has no room in the journal.
            let len = if number % 6 == 5 { 3000 } else { random.below(400) };
            let value = random.bytes(len as usize);
            batch.put(table, &key, &value);
            state.insert((table, key), value);
        }
    }
}

/// `states[n]` is the state after `n` batches.
fn states() -> Vec<State> {
    let mut states = vec![State::new()];
    for number in 0..BATCHES {
        let mut state = states[number].clone();
        next_batch(number, &mut Batch::new(), &mut state);
        states.push(state);
    }
    states
}

/// Runs the workload until it ends or fails; says how many batches were acknowledged.
fn work(disk: &Disk) -> usize {
    let Ok(store) = open(disk) else { return 0 };
    let mut batch = Batch::new();
    for number in 0..BATCHES {
        next_batch(number, &mut batch, &mut State::new());
        if store.commit(&mut batch).is_err() {
            return number;
        }
    }
    let _ = store.close();
    BATCHES
}

fn state_of(store: &dyn Store) -> State {
    let mut state = State::new();
    for table in Table::ALL {
        let mut each = |key: &[u8], value: &[u8]| {
            state.insert((table, key.to_vec()), value.to_vec());
            true
        };
        store.scan(table, KeyRange::all(), &mut each).unwrap();
    }
    state
}

/// What must hold after any crash once `acknowledged` batches were acknowledged.
fn check(image: Vec<u8>, acknowledged: usize, states: &[State], what: &str) {
    let disk = Disk::holding(image, TREE);
    let store = open(&disk).unwrap_or_else(|error| panic!("{what}: does not open: {error}"));
    let found = state_of(&store);
    let under_way = states.get(acknowledged + 1);
    assert!(
        found == states[acknowledged] || Some(&found) == under_way,
        "{what}: the state is neither that of {acknowledged} batches nor of one more"
    );
    let mut batch = Batch::new();
    batch.put(Table::Meta, b"after", &[7; 3000]);
    store.commit(&mut batch).unwrap_or_else(|error| panic!("{what}: does not work: {error}"));
    store.close().unwrap();
    let store = open(&disk).unwrap();
    let mut expected = found;
    expected.insert((Table::Meta, b"after".to_vec()), vec![7; 3000]);
    assert!(state_of(&store) == expected, "{what}: a later commit changed something else");
}

fn operations_of_the_workload() -> usize {
    let disk = Disk::holding(Vec::new(), TREE);
    assert_eq!(work(&disk), BATCHES);
    disk.operations()
}

#[test]
fn every_stop_and_every_fate_of_the_unsynced_writes() {
    let states = states();
    let operations = operations_of_the_workload();
    let mut random = Random::new(1);
    let mut images = 0;
    for stop in 0..=operations {
        let disk = Disk::holding(Vec::new(), TREE).stop_at(stop);
        let acknowledged = work(&disk);
        for fate in Fate::ALL {
            // One draw says all about the first two, and about a crash with nothing unsynced.
            let fixed = matches!(fate, Fate::AllKept | Fate::NoneKept) || disk.unsynced() == 0;
            for draw in 0..if fixed { 1 } else { 10 } {
                let image = disk.after_crash(fate, &mut random);
                check(image, acknowledged, &states, &format!("stop {stop}, {fate:?}, draw {draw}"));
                images += 1;
            }
        }
    }
    assert!(images > 1000, "the workload is too small to show anything: {images} images");
}

#[test]
fn a_crash_during_recovery_from_a_crash() {
    let states = states();
    let operations = operations_of_the_workload();
    let mut random = Random::new(2);
    for stop in (0..=operations).step_by(3) {
        let disk = Disk::holding(Vec::new(), TREE).stop_at(stop);
        let acknowledged = work(&disk);
        let fate = Fate::ALL[random.below(6) as usize];
        let image = disk.after_crash(fate, &mut random);
        // What the first recovery shows may have been seen, so the second has to show the same.
        let seen = open(&Disk::holding(image.clone(), TREE)).map(|store| state_of(&store)).unwrap();
        let seen_at = if seen == states[acknowledged] { acknowledged } else { acknowledged + 1 };
        for second in 0.. {
            let disk = Disk::holding(image.clone(), TREE).stop_at(second);
            let opened = open(&disk);
            let shown = opened.is_ok();
            // Before the open has returned nobody saw anything, and the batch under way may still be lost.
            let (floor, ceiling) = if shown { (seen_at, seen_at) } else { (acknowledged, BATCHES) };
            for fate in [Fate::NoneKept, Fate::Torn, Fate::Garbage] {
                let image = disk.after_crash(fate, &mut random);
                let what = format!("stop {stop}, then {second} of the recovery, {fate:?}");
                check(image, floor, &states[..=ceiling], &what);
            }
            if shown {
                break;
            }
        }
    }
}

/// A kill of the process alone keeps what was written, also what was never synced. Once somebody has seen it, it stays.
#[test]
fn what_was_seen_after_a_kill_survives_the_loss_of_power() {
    let states = states();
    for stop in 0..=operations_of_the_workload() {
        let disk = Disk::holding(Vec::new(), TREE).stop_at(stop);
        work(&disk);
        // The same disk with the same cache, in a new process.
        let mut random = Random::new(3);
        let image = disk.after_crash(Fate::AllKept, &mut random);
        let durable = disk.after_crash(Fate::NoneKept, &mut random);
        let cached = Disk::holding_cached(durable, image, TREE);
        let Ok(store) = open(&cached) else { panic!("stop {stop}: does not open after a kill") };
        let seen = state_of(&store);
        let after = Disk::holding(cached.after_crash(Fate::NoneKept, &mut random), TREE);
        assert!(state_of(&open(&after).unwrap()) == seen, "stop {stop}: something seen was lost");
        assert!(states.contains(&seen));
    }
}

#[test]
fn a_failed_sync_is_sticky_and_nothing_acknowledged_is_lost() {
    let states = states();
    let all = Disk::holding(Vec::new(), TREE);
    work(&all);
    for failing in 0..all.syncs() {
        let disk = Disk::holding(Vec::new(), TREE);
        disk.fail_sync(failing);
        let Ok(store) = open(&disk) else { continue };
        let mut batch = Batch::new();
        let mut acknowledged = 0;
        let mut first = None;
        for number in 0..BATCHES {
            next_batch(number, &mut batch, &mut State::new());
            match store.commit(&mut batch) {
                Ok(()) => {
                    assert!(first.is_none(), "sync {failing}: a commit succeeded after a failed one");
                    acknowledged += 1;
                }
                Err(error) => {
                    batch.clear();
                    let text = error.to_string();
                    assert_eq!(*first.get_or_insert(text.clone()), text, "sync {failing}: the first error is repeated");
                    assert_eq!(error.code_name(), "IO");
                }
            }
        }
        if let Some(first) = first {
            assert!(state_of(&store) == states[acknowledged], "sync {failing}: reads go on");
            assert_eq!(store.close().unwrap_err().to_string(), first);
        }
        drop(store);
        let mut random = Random::new(4);
        let image = disk.after_crash(Fate::NoneKept, &mut random);
        check(image, acknowledged, &states, &format!("sync {failing} failed"));
    }
}

#[test]
fn a_full_disk_is_sticky_and_nothing_acknowledged_is_lost() {
    let disk = Disk::holding(Vec::new(), TREE);
    let store = open(&disk).unwrap();
    disk.limit(Some(disk.len() as u64 + 100_000));
    let mut batch = Batch::new();
    let mut acknowledged = 0u32;
    let error = loop {
        batch.put(Table::Cells, &acknowledged.to_be_bytes(), &[acknowledged as u8; 20_000]);
        match store.commit(&mut batch) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code_name(), "IO");
    assert!(acknowledged > 10, "the disk was full at once");
    disk.limit(None);
    assert_eq!(store.commit(&mut batch).unwrap_err().to_string(), error.to_string());
    let whole = |store: &dyn Store| {
        (0..acknowledged).all(|number| store.get(Table::Cells, &number.to_be_bytes()).unwrap() == Some(vec![number as u8; 20_000]))
    };
    assert!(whole(&store), "reads go on");
    assert!(store.close().is_err());
    let store = open(&disk).unwrap();
    assert!(whole(&store));
    batch.clear();
    batch.put(Table::Cells, b"more", b"room");
    store.commit(&mut batch).unwrap();
}

/// A checked open finds every foreign byte that matters, and never takes the program down.
#[test]
fn a_flipped_byte_anywhere_is_found_by_a_checked_open_or_harmless() {
    let states = states();
    let disk = Disk::holding(Vec::new(), TREE);
    work(&disk);
    let good = disk.bytes();
    let mut options = options();
    options.check = true;
    let mut random = Random::new(6);
    let mut refused = 0;
    for at in (0..good.len()).step_by(good.len() / 500) {
        let mut image = good.clone();
        image[at] ^= 1 + random.below(255) as u8;
        match FileStore::on_backend(Disk::holding(image, TREE), options) {
            Ok(store) => assert!(state_of(&store) == states[BATCHES], "byte {at}"),
            Err(error) => {
                assert!(matches!(error.code_name(), "LEDGER_CORRUPT" | "LEDGER_VERSION"), "byte {at}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
}
