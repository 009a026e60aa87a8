//! Every scenario file, played again: what was wrong once, and the edge cases that two members can meet.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use spook_simulator::run::run;
use spook_simulator::scenario::Scenario;
use std::path::PathBuf;

/// The scenario files, by name.
fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "scn"));
    files.sort();
    files
}

#[test]
fn every_scenario_ends_well() {
    let mut failed = Vec::new();
    for file in files() {
        let scenario =
            Scenario::read(&std::fs::read_to_string(&file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if let Err(failure) = run(&scenario, false) {
            failed.push(format!("{}: at event {}: {}", file.display(), failure.at, failure.message));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(files().len() > 20);
}
