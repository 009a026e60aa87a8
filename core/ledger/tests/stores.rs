//! Both stores keep the contract of `Store`: random work gives the same answers as a plain map.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::Random;
use spook_ledger::{Batch, FileOptions, FileStore, KeyRange, MemoryStore, Store, Table};

type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

fn scanned(store: &dyn Store, table: Table, range: KeyRange<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    store
        .scan(table, range, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            true
        })
        .unwrap();
    found
}

fn modelled(model: &Model, table: Table, range: &KeyRange<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let within = |key: &[u8]| key >= range.start() && range.end().is_none_or(|end| key < end);
    let of_table = model.iter().filter(|((t, key), _)| *t == table && within(key));
    of_table.map(|((_, key), value)| (key.clone(), value.clone())).collect()
}

fn random_key(random: &mut Random) -> Vec<u8> {
    let len = random.below(4) as usize;
    (0..len).map(|_| [0, 1, b'a', 0xff][random.below(4) as usize]).collect()
}

fn random_batch(random: &mut Random, batch: &mut Batch, model: &mut Model) {
    for _ in 0..random.below(12) {
        let table = Table::ALL[random.below(5) as usize];
        let key = random_key(random);
        if random.below(3) == 0 {
            batch.delete(table, &key);
            model.remove(&(table, key));
        } else {
            let len = if random.below(40) == 0 { 5000 } else { random.below(60) };
            let value = random.bytes(len as usize);
            batch.put(table, &key, &value);
            model.insert((table, key), value);
        }
    }
}

fn compare(store: &dyn Store, model: &Model, random: &mut Random) {
    for table in Table::ALL {
        assert_eq!(scanned(store, table, KeyRange::all()), modelled(model, table, &KeyRange::all()));
        let (a, b) = (random_key(random), random_key(random));
        for range in [KeyRange::prefix(&a), KeyRange::between(&a, &b), KeyRange::from(&b)] {
            assert_eq!(scanned(store, table, range.clone()), modelled(model, table, &range), "{range:?}");
        }
        assert_eq!(store.get(table, &a).unwrap(), model.get(&(table, a)).cloned());
    }
}

#[test]
fn a_memory_store_answers_like_a_map() {
    let mut random = Random::new(1);
    let (store, mut batch, mut model) = (MemoryStore::new(), Batch::new(), Model::new());
    for _ in 0..300 {
        random_batch(&mut random, &mut batch, &mut model);
        store.commit(&mut batch).unwrap();
        assert!(batch.is_empty());
        compare(&store, &model, &mut random);
    }
}

#[test]
fn a_file_store_answers_like_a_map_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.spook");
    // A short journal, so that the work crosses from the journal into the tree again and again.
    let mut options = FileOptions::default();
    options.journal_bytes = 8192;
    let mut random = Random::new(2);
    let (mut batch, mut model) = (Batch::new(), Model::new());
    for round in 0..30 {
        let store = FileStore::open(&path, options).unwrap();
        compare(&store, &model, &mut random);
        for _ in 0..20 {
            random_batch(&mut random, &mut batch, &mut model);
            store.commit(&mut batch).unwrap();
            assert!(batch.is_empty());
            compare(&store, &model, &mut random);
        }
        // Every other time it is dropped, as a crash of the process would leave it.
        if round % 2 == 0 {
            store.close().unwrap();
        }
    }
}

#[test]
fn a_scan_stops_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = FileOptions::default();
    options.journal_bytes = 4096;
    let file = FileStore::open(&folder.path().join("a"), options).unwrap();
    for store in [&file as &dyn Store, &MemoryStore::new()] {
        let mut batch = Batch::new();
        for key in [b"a", b"b", b"c", b"d"] {
            batch.put(Table::Cells, key, &[1; 1500]);
            // The fourth finds the journal full, so some of the keys lie in the tree and some in the journal.
            store.commit(&mut batch).unwrap();
        }
        for stop_after in 1..=4 {
            let mut seen = 0;
            let mut each = |_: &[u8], _: &[u8]| {
                seen += 1;
                seen < stop_after
            };
            store.scan(Table::Cells, KeyRange::all(), &mut each).unwrap();
            assert_eq!(seen, stop_after);
        }
    }
}

#[test]
fn a_closed_store_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = FileStore::open(&folder.path().join("a"), FileOptions::default()).unwrap();
    for store in [&file as &dyn Store, &MemoryStore::new()] {
        let mut batch = Batch::new();
        batch.put(Table::Meta, b"k", b"v");
        store.commit(&mut batch).unwrap();
        store.close().unwrap();
        store.close().unwrap();
        batch.put(Table::Meta, b"k", b"w");
        assert_eq!(store.commit(&mut batch).unwrap_err().code_name(), "CLOSED");
        assert_eq!(store.get(Table::Meta, b"k").unwrap_err().code_name(), "CLOSED");
        assert_eq!(store.scan(Table::Meta, KeyRange::all(), &mut |_, _| true).unwrap_err().code_name(), "CLOSED");
        assert_eq!(store.size_bytes().unwrap_err().code_name(), "CLOSED");
    }
}

/// Memory and disk hold the state, not its history.
#[test]
fn a_million_overwrites_take_no_more_room_than_a_few() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(&folder.path().join("a"), FileOptions::default()).unwrap();
    let mut batch = Batch::new();
    let mut size_after_one = 0;
    for round in 0..1000u32 {
        for overwrite in 0..1000u32 {
            batch.put(Table::Cells, b"/a", &(round * 1000 + overwrite).to_be_bytes());
        }
        store.commit(&mut batch).unwrap();
        if round == 0 {
            size_after_one = store.size_bytes().unwrap();
        }
    }
    assert_eq!(store.get(Table::Cells, b"/a").unwrap(), Some(999_999u32.to_be_bytes().to_vec()));
    assert!(store.size_bytes().unwrap() <= size_after_one + 64 * 1024);
}

/// A reader sees a batch entirely or not at all, also while its records move from the journal to the tree.
#[test]
fn readers_see_whole_batches_while_a_writer_commits() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = FileOptions::default();
    options.journal_bytes = 4096;
    let store = FileStore::open(&folder.path().join("a"), options).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers = [0, 1].map(|_| {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let found = scanned(&store, Table::Cells, KeyRange::all());
                    let number = found.first().map_or(0, |(_, v)| u32::from_be_bytes(v[..4].try_into().unwrap()));
                    assert!(found.iter().all(|(_, value)| value[..4] == number.to_be_bytes()), "half a batch");
                    assert!(number >= last, "time ran backwards");
                    last = number;
                }
            })
        });
        let mut batch = Batch::new();
        for number in 1..=200u32 {
            for key in 0..5u8 {
                batch.put(Table::Cells, &[key], &[&number.to_be_bytes()[..], &[0; 100]].concat());
            }
            store.commit(&mut batch).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
