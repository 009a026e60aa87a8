//! Overwrites one key a million times and prints, as JSON, what that leaves in memory and in the ledger.

use cap::Cap;
use spook::{Engine, EngineOptions, Error, Pair, PairOptions, Value};
use std::alloc::System;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

const KEY: &str = "/key0000000";
/// The ledger's thread may be at work; after this long without a change of the heap it is not.
const QUIET: Duration = Duration::from_millis(200);

fn main() {
    let overwrites = std::env::args().nth(1).map_or(1_000_000, |count| count.parse().expect("a number of overwrites"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (one, many) = (folder.path().join("one.spook"), folder.path().join("many.spook"));
    let in_memory = overwrite(":memory:", overwrites).expect("an engine that writes");
    overwrite(&one.to_string_lossy(), 0).expect("an engine that writes");
    let in_file = overwrite(&many.to_string_lossy(), overwrites).expect("an engine that writes");
    let figures = serde_json::json!({
        "overwrites": overwrites,
        "memory, without a file": in_memory,
        "memory, with a file": in_file,
        "ledger in all": size(&many),
        "ledger": size(&many) as i64 - size(&one) as i64,
    });
    println!("{figures}");
}

/// Writes once, then so often, and gives the growth of the heap in between; closes the engine.
fn overwrite(location: &str, overwrites: i64) -> Result<i64, Error> {
    let options = EngineOptions { location: location.into(), listen: Some(vec![]), ..EngineOptions::default() };
    let engine = Engine::open_with(options)?;
    let pair = engine.create_pair("bench", Value::object([("key0000000", 0_i64)]), PairOptions::default())?;
    write(&pair, 0, 1)?;
    let before = live();
    write(&pair, 1, overwrites)?;
    let after = live();
    pair.close()?;
    engine.close()?;
    Ok(after - before)
}

fn write(pair: &Pair, first: i64, count: i64) -> Result<(), Error> {
    (first..first + count).try_for_each(|number| pair.write_state(KEY, number).map(drop))
}

/// Live bytes of the heap, once they have stopped changing.
fn live() -> i64 {
    let (mut bytes, mut since) = (HEAP.allocated(), Instant::now());
    while since.elapsed() < QUIET {
        thread::sleep(Duration::from_millis(5));
        let now = HEAP.allocated();
        if now != bytes {
            (bytes, since) = (now, Instant::now());
        }
    }
    bytes as i64
}

/// Bytes of the ledger: its file, and those beside it that begin with its name.
fn size(ledger: &Path) -> u64 {
    let folder = ledger.parent().expect("the ledger lies in a folder");
    let name = ledger.file_name().expect("the ledger has a name").to_string_lossy().into_owned();
    let files = std::fs::read_dir(folder).expect("the folder was just made").map_while(Result::ok);
    files.filter(|file| file.file_name().to_string_lossy().starts_with(&name)).filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}
