//! Measures the ledger's store beside a bare file and beside redb alone, with the work of a ledger: records of about 100
//! bytes keyed by Pair and path, overwritten at random in batches that are durable when the call returns.
//!
//! `cargo bench -p spook-ledger --bench stores [-- CELLS [FOLDER]]`. Timings of one run are interleaved; compare them as ratios.

#![allow(clippy::unwrap_used, reason = "a measurement may panic")]

mod group;
mod harness;
mod subjects;

use harness::Candidate;

fn main() {
    let subjects: [Candidate; 6] = [
        ("append + fdatasync", || Box::new(subjects::Append::default())),
        ("write + fdatasync in place", || Box::new(subjects::Append::in_place())),
        ("ledger, journal 256 KiB", || Box::new(subjects::Spook::with_journal(256 << 10))),
        ("ledger, journal 1 MiB", || Box::new(subjects::Spook::with_journal(1 << 20))),
        ("redb", || Box::new(subjects::Redb::default())),
        ("redb, quick repair", || Box::new(subjects::Redb::with_quick_repair())),
    ];
    harness::run(&subjects, group::run);
}
