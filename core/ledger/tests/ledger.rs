//! What a ledger in a file promises to its owner.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;

use spook_ledger::{Batch, Ledger, LedgerError, LedgerOptions, Table};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home.spook");
    (folder, path)
}

fn put(ledger: &Ledger, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(Table::Meta, key, value);
    ledger.commit(&mut batch).unwrap();
}

fn code(result: Result<Ledger, LedgerError>) -> &'static str {
    result.unwrap_err().code_name()
}

#[test]
fn what_was_committed_is_there_after_a_close_and_after_a_drop() {
    let (_folder, path) = folder();
    for round in 0..4u8 {
        let ledger = Ledger::open(LedgerOptions::file(&path)).unwrap();
        assert_eq!(ledger.get(Table::Meta, b"k").unwrap(), round.checked_sub(1).map(|before| vec![before]));
        put(&ledger, b"k", &[round]);
        if round % 2 == 0 {
            ledger.close().unwrap();
        }
    }
}

#[test]
fn a_second_open_is_refused_with_the_path_and_the_daemon() {
    let (_folder, path) = folder();
    let ledger = Ledger::open(LedgerOptions::file(&path)).unwrap();
    let error = Ledger::open(LedgerOptions::file(&path)).unwrap_err();
    assert_eq!(error.code_name(), "LOCKED");
    let text = error.to_string();
    assert!(text.contains("home.spook") && text.contains("daemon"), "{text}");
    put(&ledger, b"k", b"still works");
    ledger.close().unwrap();
    Ledger::open(LedgerOptions::file(&path)).unwrap();
}

#[test]
fn a_drop_of_the_last_clone_releases_the_file() {
    let (_folder, path) = folder();
    let ledger = Ledger::open(LedgerOptions::file(&path)).unwrap();
    let clone = ledger.clone();
    drop(ledger);
    assert_eq!(code(Ledger::open(LedgerOptions::file(&path))), "LOCKED");
    drop(clone);
    Ledger::open(LedgerOptions::file(&path)).unwrap();
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = folder();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    Ledger::open(LedgerOptions::file(&path)).unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    Ledger::open(LedgerOptions::file(&path)).unwrap();
    assert_eq!(mode(), 0o600);
}

#[test]
fn other_files_are_refused_and_left_as_they_are() {
    let (_folder, path) = folder();
    let redb_like = [b"redb\x1a\x0a\xa9\x0d\x0a".as_slice(), &[0; 8000]].concat();
    let files: [&[u8]; 4] = [b"hello, this is my diary", &[0; 100_000], &redb_like, &[0x7f; 4096]];
    for bytes in files {
        fs::write(&path, bytes).unwrap();
        let error = Ledger::open(LedgerOptions::file(&path)).unwrap_err();
        assert_eq!(error.code_name(), "LEDGER_CORRUPT");
        assert!(error.to_string().contains("home.spook"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_folder_and_a_missing_folder_are_clear_errors() {
    let (folder, _path) = folder();
    assert_eq!(code(Ledger::open(LedgerOptions::file(folder.path()))), "IO");
    let error = Ledger::open(LedgerOptions::file(folder.path().join("no/home.spook"))).unwrap_err();
    assert!(error.to_string().contains("no/home.spook"), "{error}");
}

#[test]
fn a_newer_format_is_refused_and_left_as_it_is() {
    let (_folder, path) = folder();
    Ledger::open(LedgerOptions::file(&path)).unwrap().close().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    fs::write(&path, &bytes).unwrap();
    let error = Ledger::open(LedgerOptions::file(&path)).unwrap_err();
    assert_eq!(error.code_name(), "LEDGER_VERSION");
    assert!(error.to_string().contains('9'), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn the_key_decides_at_once() {
    let (_folder, path) = folder();
    let open = |key: Option<[u8; 32]>| {
        let options = LedgerOptions::file(&path);
        Ledger::open(match key {
            Some(key) => options.key(key),
            None => options,
        })
    };
    let ledger = open(Some([1; 32])).unwrap();
    let mut batch = Batch::new();
    ledger.put_secret(&mut batch, Table::Meta, b"identity", b"the signing key").unwrap();
    ledger.commit(&mut batch).unwrap();
    ledger.close().unwrap();
    assert!(!fs::read(&path).unwrap().windows(11).any(|part| part == b"signing key"));
    assert_eq!(code(open(None)), "LEDGER_KEY");
    assert_eq!(code(open(Some([2; 32]))), "LEDGER_KEY");
    let ledger = open(Some([1; 32])).unwrap();
    assert_eq!(**ledger.get_secret(Table::Meta, b"identity").unwrap().unwrap(), *b"the signing key");
    assert!(ledger.get_secret(Table::Meta, b"other").unwrap().is_none());
}

#[test]
fn a_key_for_a_ledger_made_without_one_is_an_error_that_says_so() {
    let (_folder, path) = folder();
    Ledger::open(LedgerOptions::file(&path)).unwrap().close().unwrap();
    let error = Ledger::open(LedgerOptions::file(&path).key([1; 32])).unwrap_err();
    assert_eq!(error.code_name(), "LEDGER_KEY");
    assert!(error.to_string().contains("without a key"), "{error}");
    Ledger::open(LedgerOptions::file(&path)).unwrap();
}

#[test]
fn a_copy_knows_that_it_moved_until_it_is_written() {
    let (folder, path) = folder();
    let ledger = Ledger::open(LedgerOptions::file(&path)).unwrap();
    put(&ledger, b"k", b"v");
    assert!(!ledger.moved());
    ledger.close().unwrap();

    let renamed = folder.path().join("renamed.spook");
    fs::rename(&path, &renamed).unwrap();
    assert!(!Ledger::open(LedgerOptions::file(&renamed)).unwrap().moved());

    let copy = folder.path().join("copy.spook");
    fs::copy(&renamed, &copy).unwrap();
    let ledger = Ledger::open(LedgerOptions::file(&copy)).unwrap();
    assert!(ledger.moved());
    drop(ledger);
    let ledger = Ledger::open(LedgerOptions::file(&copy)).unwrap();
    assert!(ledger.moved(), "nothing was committed under the new place yet");
    put(&ledger, b"epoch", b"2");
    drop(ledger);
    assert!(!Ledger::open(LedgerOptions::file(&copy)).unwrap().moved());
}

#[test]
fn the_clean_mark_is_set_by_close_and_taken_by_the_first_commit() {
    let (_folder, path) = folder();
    let open = || Ledger::open(LedgerOptions::file(&path)).unwrap();
    let ledger = open();
    assert!(ledger.closed_cleanly());
    drop(ledger);
    assert!(open().closed_cleanly(), "nothing was written");
    let ledger = open();
    put(&ledger, b"k", b"1");
    drop(ledger);
    assert!(!open().closed_cleanly());
    assert!(!open().closed_cleanly(), "opening does not heal it");
    let ledger = open();
    put(&ledger, b"k", b"2");
    ledger.close().unwrap();
    ledger.close().unwrap();
    assert!(open().closed_cleanly());
}

#[test]
fn nothing_is_written_behind_the_mark_of_a_clean_close() {
    let (_folder, path) = folder();
    let ledger = Ledger::open(LedgerOptions::file(&path)).unwrap();
    put(&ledger, b"k", b"1");
    ledger.clone().close().unwrap();
    let mut batch = Batch::new();
    batch.put(Table::Meta, b"k", b"2");
    assert_eq!(ledger.commit(&mut batch).unwrap_err().code_name(), "CLOSED");
}

#[test]
fn a_ledger_in_memory_does_the_same() {
    let ledger = Ledger::open(LedgerOptions::memory().key([3; 32])).unwrap();
    assert!(ledger.closed_cleanly() && !ledger.moved());
    let mut batch = Batch::new();
    ledger.put_secret(&mut batch, Table::Peers, b"p", b"psk").unwrap();
    ledger.commit(&mut batch).unwrap();
    assert_eq!(**ledger.get_secret(Table::Peers, b"p").unwrap().unwrap(), *b"psk");
    ledger.close().unwrap();
    assert_eq!(ledger.get(Table::Meta, b"k").unwrap_err().code_name(), "CLOSED");
}

/// A closed ledger of a few records is small enough for a phone with a hundred programs.
#[cfg(unix)]
#[test]
fn a_closed_small_ledger_takes_little_room() {
    use std::os::unix::fs::MetadataExt;
    let (_folder, path) = folder();
    let ledger = Ledger::open(LedgerOptions::file(&path)).unwrap();
    put(&ledger, b"k", b"v");
    ledger.close().unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert!(metadata.len() < 2 << 20);
    assert!(metadata.blocks() * 512 < 200 << 10, "{} bytes of disk", metadata.blocks() * 512);
}
