//! Prints row P7 of the peers: what a million overwrites of one key leave in memory and in storage.

use cap::Cap;
use spook_bench_peers::automerge::Automerge;
use spook_bench_peers::document::{Document, key};
use spook_bench_peers::lines::print;
use spook_bench_peers::loro::Loro;
use spook_bench_peers::yrs::Yrs;
use std::alloc::System;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

fn main() {
    let overwrites = std::env::args().nth(1).map_or(1_000_000, |count| count.parse().expect("a number of overwrites"));
    overwrite::<Yrs>(overwrites);
    overwrite::<Loro>(overwrites);
    overwrite::<Automerge>(overwrites);
}

fn overwrite<D: Document>(overwrites: i64) {
    let key = key(0);
    let what = format!("{overwrites} overwrites");
    let mut document = D::new();
    document.set(&key, 0);
    let saved_before = document.save().len();
    let state_before = document.save_state().map(|bytes| bytes.len());
    let live_before = HEAP.allocated();
    for number in 1..=overwrites {
        document.set(&key, number);
    }
    let live = HEAP.allocated().saturating_sub(live_before);
    print("P7", &what, D::NAME, live as f64, "bytes of memory");
    print("P7", &what, D::NAME, document.save().len().saturating_sub(saved_before) as f64, "bytes saved");
    if let (Some(state), Some(before)) = (document.save_state(), state_before) {
        print("P7", &what, D::NAME, state.len().saturating_sub(before) as f64, "bytes saved without history");
    }
    assert_eq!(document.get(&key), Some(overwrites));
}
