//! `kill -9` of a real process in the midst of its commits: everything it said was durable is there.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use spook_ledger::{Batch, KeyRange, Ledger, LedgerOptions, Table};

const FILE: &str = "SPOOK_LEDGER_TEST_FILE";
/// Every batch puts its number into this many cells.
const CELLS: u32 = 40;

/// The process that gets killed; does nothing in a normal run.
#[test]
fn writer() {
    let Some(path) = std::env::var_os(FILE).map(PathBuf::from) else { return };
    let ledger = Ledger::open(LedgerOptions::file(&path)).unwrap();
    let first = last_whole_batch(&ledger) + 1;
    let mut batch = Batch::new();
    let mut out = std::io::stdout();
    for number in first.. {
        for cell in 0..CELLS {
            let value = [&number.to_be_bytes()[..], &[0; 96]].concat();
            batch.put(Table::Cells, &cell.to_be_bytes(), &value);
        }
        ledger.commit(&mut batch).unwrap();
        out.write_all(format!("durable {number}\n").as_bytes()).unwrap();
    }
}

/// The number of the last batch; fails if one is there in part.
fn last_whole_batch(ledger: &Ledger) -> u32 {
    let mut found = Vec::new();
    let mut each = |_: &[u8], value: &[u8]| {
        found.push(u32::from_be_bytes(value[..4].try_into().unwrap()));
        true
    };
    ledger.scan(Table::Cells, KeyRange::all(), &mut each).unwrap();
    assert!(found.is_empty() || found.len() == CELLS as usize, "half a batch: {found:?}");
    assert!(found.iter().all(|number| *number == found[0]), "half a batch: {found:?}");
    found.first().copied().unwrap_or(0)
}

/// Lets a writer commit for a while, kills it, and gives the last number that it called durable.
fn write_and_kill(path: &Path, commits: usize) -> u32 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // The harness prints its own words around those of the test, also on the first line.
    let number = |line: String| -> Option<u32> { line.split("durable ").nth(1).and_then(|number| number.parse().ok()) };
    let before = lines.by_ref().filter_map(number).take(commits).last().expect("the writer stopped by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died counts too. Every line is one write, so none is cut short.
    lines.filter_map(number).last().unwrap_or(before)
}

#[test]
fn what_was_called_durable_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home.spook");
    for round in 0..6 {
        // From a handful of commits to several moves into the tree.
        let durable = write_and_kill(&path, 20 + round * 50);
        let ledger = Ledger::open(LedgerOptions::file(&path)).unwrap();
        assert!(!ledger.closed_cleanly());
        let found = last_whole_batch(&ledger);
        assert!(found == durable || found == durable + 1, "{durable} was durable, {found} was found");
        if round % 3 == 0 {
            ledger.close().unwrap();
        }
    }
}
