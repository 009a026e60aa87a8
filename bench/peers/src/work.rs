//! P1, P2 and P3: one number in a map of 100 keys, written, read, and sent.

use crate::document::{Document, key};
use crate::lines::median;
use std::hint::black_box;
use std::time::Instant;

const KEYS: usize = 100;
/// Writes before the clock starts.
const WARM: usize = 1_000;
const UPDATES: usize = 200;

/// Steps through the keys so that neighbours in time are no neighbours in the map.
fn key_of(step: usize) -> usize {
    step * 37 % KEYS
}

fn prepared<D: Document>() -> (D, Vec<String>) {
    let mut document = D::new();
    document.fill(KEYS, 1);
    let keys: Vec<String> = (0..KEYS).map(key).collect();
    for step in 0..WARM {
        document.set(&keys[key_of(step)], step as i64);
    }
    (document, keys)
}

/// ns for one write, each a commit of its own, over one batch on a fresh document.
pub fn write<D: Document>() -> f64 {
    let (mut document, keys) = prepared::<D>();
    let begin = Instant::now();
    for step in 0..D::BATCH {
        document.set(&keys[key_of(step)], step as i64);
    }
    begin.elapsed().as_nanos() as f64 / D::BATCH as f64
}

/// ns for one read, over one batch.
pub fn read<D: Document>() -> f64 {
    let (document, keys) = prepared::<D>();
    let reads = D::BATCH * 5;
    let begin = Instant::now();
    for step in 0..reads {
        assert!(black_box(document.get(&keys[key_of(step)])).is_some());
    }
    begin.elapsed().as_nanos() as f64 / reads as f64
}

/// Bytes of the update for one write: the median.
pub fn update<D: Document>() -> f64 {
    let (mut document, keys) = prepared::<D>();
    median((0..UPDATES).map(|step| document.update(&keys[key_of(step)], 1000 + step as i64).len() as f64).collect())
}
