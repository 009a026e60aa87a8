//! Ledgers: full disks, second processes, wrong keys, copies, and Pairs that are not kept.

use spook::{Code, Durability, Engine, EngineOptions, PairOptions, TicketOptions, Value};
use spook_tests::child::Process;
use spook_tests::couple::{LONG, agree, at, engine, options, share, unix};
use spook_tests::limits::watchdog;
use std::process::Command;

fn memory() -> PairOptions {
    PairOptions { durability: Durability::Memory, ..PairOptions::default() }
}

#[test]
fn pairs_that_are_kept_come_back_beside_those_that_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(folder.path(), "home");
    {
        let home = engine(&path, "");
        home.create_pair("passing", 1i64, memory()).unwrap();
        home.create_pair("kept", 2i64, PairOptions::default()).unwrap();
        home.create_pair("passing too", 3i64, memory()).unwrap();
        home.create_pair("kept too", 4i64, PairOptions::default()).unwrap();
        home.close().unwrap();
    }
    for round in 0..3i64 {
        let home = engine(&path, "");
        assert_eq!(home.pairs().unwrap().len(), 2 + round as usize);
        assert_eq!(home.open_pair("kept", LONG).unwrap().read_state("").unwrap(), Value::from(2i64));
        assert_eq!(home.open_pair("kept too", LONG).unwrap().read_state("").unwrap(), Value::from(4i64));
        home.create_pair("passing", 5i64, memory()).unwrap();
        home.create_pair(&format!("new {round}"), round, PairOptions::default()).unwrap();
        for before in 0..=round {
            assert_eq!(home.open_pair(&format!("new {before}"), LONG).unwrap().read_state("").unwrap(), Value::from(before));
        }
        home.close().unwrap();
    }
}

/// One side forgets a Pair, because it was not to be kept. The other Pairs of the two go on all the same.
#[test]
fn a_pair_that_one_side_forgot_holds_up_no_other() {
    let _watchdog = watchdog("a Pair that one side forgot", 60);
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| engine(&at(folder.path(), name), &unix(folder.path(), &name[..1]));
    let (home, phone) = (open("home"), open("phone"));
    let passing = home.create_pair("passing", 1i64, memory()).unwrap();
    let left = phone.open_pair(&passing.ticket(TicketOptions::default()).unwrap(), LONG).unwrap();
    let (here, there) = share(&home, &phone, "kept", str::to_owned);
    agree(&here, &there);
    home.close().unwrap();
    drop((home, passing, here));
    left.write_state("", 2i64).unwrap();
    there.write_state("/there", 2i64).unwrap();
    let home = open("home");
    let here = home.open_pair("kept", LONG).unwrap();
    agree(&here, &there);
    here.write_state("/here", 3i64).unwrap();
    agree(&here, &there);
    let candidate = left.write_state("", 4i64).unwrap();
    there.write_state("/there", 4i64).unwrap();
    agree(&here, &there);
    assert!(!left.is_settled(&candidate).unwrap(), "settled with a peer that does not have the Pair");
}

#[test]
fn a_ledger_is_opened_once_and_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(folder.path(), "home");
    let keyed = |key: Option<u8>| Engine::open_with(EngineOptions { key: key.map(|byte| [byte; 32]), ..options(&path, "") });
    let code = |opened: Result<Engine, spook::Error>| opened.unwrap_err().code();
    let home = keyed(Some(1)).unwrap();
    home.create_pair("p", 1i64, PairOptions::default()).unwrap();
    assert_eq!(code(keyed(Some(1))), Code::Locked);
    let mut command = Command::new(env!("CARGO_BIN_EXE_spook-half"));
    let (succeeded, _) = Process::start(command.args([&path, "", "create-sync"])).wait();
    assert!(!succeeded, "a second process opened the same ledger");
    home.close().unwrap();
    assert_eq!(code(keyed(Some(2))), Code::LedgerKey);
    assert_eq!(code(keyed(None)), Code::LedgerKey);
    keyed(Some(1)).unwrap().open_pair("p", LONG).unwrap();
}

/// The copy of a ledger goes on where it was made, under a new author epoch, while the original went on as well.
#[test]
fn a_copied_ledger_reuses_no_dot_and_loses_nothing() {
    let _watchdog = watchdog("a copied ledger", 60);
    let folder = tempfile::tempdir().unwrap();
    let (home_at, copy_at) = (at(folder.path(), "home"), at(folder.path(), "copy"));
    let listen = unix(folder.path(), "h");
    let home = engine(&home_at, &listen);
    let phone = engine(&at(folder.path(), "phone"), &unix(folder.path(), "p"));
    let (here, there) = share(&home, &phone, "p", str::to_owned);
    here.write_state("/before", 1i64).unwrap();
    agree(&here, &there);
    home.close().unwrap();
    drop((home, here));
    std::fs::copy(&home_at, &copy_at).unwrap();
    // The original goes on.
    let home = engine(&home_at, &listen);
    let here = home.open_pair("p", LONG).unwrap();
    let original = here.write_state("/original", 2i64).unwrap();
    let both = here.write_state("/both", 2i64).unwrap();
    there.write_state("/phone", 3i64).unwrap();
    agree(&here, &there);
    home.close().unwrap();
    drop((home, here));
    // And then the copy does, as the same endpoint.
    let copy = engine(&copy_at, &listen);
    let here = copy.open_pair("p", LONG).unwrap();
    let copied = [here.write_state("/copied", 4i64).unwrap(), here.write_state("/both", 4i64).unwrap()];
    for dot in copied.map(|candidate| candidate.dot) {
        assert_eq!(dot.author.endpoint, original.dot.author.endpoint);
        assert_ne!(dot.author.epoch, original.dot.author.epoch);
        assert!(dot != original.dot && dot != both.dot);
    }
    agree(&here, &there);
    let state = there.read_state("").unwrap().to_string();
    for word in [r#""before": 1"#, r#""original": 2"#, r#""phone": 3"#, r#""copied": 4"#, r#""both": 4"#] {
        assert!(state.contains(word), "{word} is lost: {state}");
    }
    copy.close().unwrap();
    drop((copy, here));
    // The copy goes on under the epoch that it has now.
    let copy = engine(&copy_at, &listen);
    let here = copy.open_pair("p", LONG).unwrap();
    assert_eq!(here.write_state("/again", 5i64).unwrap().dot.author.epoch, copied[0].dot.author.epoch);
    agree(&here, &there);
}

/// The ledger that comes back from a backup lies at the same path, as another file.
#[test]
fn a_restored_ledger_gets_back_what_the_peer_has() {
    let _watchdog = watchdog("a restored ledger", 60);
    let folder = tempfile::tempdir().unwrap();
    let (home_at, backup) = (at(folder.path(), "home"), at(folder.path(), "backup"));
    let listen = unix(folder.path(), "h");
    let phone = engine(&at(folder.path(), "phone"), &unix(folder.path(), "p"));
    let home = engine(&home_at, &listen);
    let (here, there) = share(&home, &phone, "p", str::to_owned);
    agree(&here, &there);
    home.close().unwrap();
    drop((home, here));
    std::fs::copy(&home_at, &backup).unwrap();
    let home = engine(&home_at, &listen);
    let here = home.open_pair("p", LONG).unwrap();
    for number in 0..100i64 {
        here.write_state(&format!("/lost/{number}"), number).unwrap();
    }
    agree(&here, &there);
    home.close().unwrap();
    drop((home, here));
    // As most tools do it: beside the old file, and then in its place.
    std::fs::rename(&backup, &home_at).unwrap();
    let home = engine(&home_at, &listen);
    let here = home.open_pair("p", LONG).unwrap();
    agree(&here, &there);
    let Value::Object(lost) = here.read_state("/lost").unwrap() else { panic!("it is lost") };
    assert_eq!(lost.len(), 100);
    here.write_state("/lost/7", "new").unwrap();
    agree(&here, &there);
    assert_eq!(there.read_state("/lost/7").unwrap(), Value::from("new"));
}

/// A limit on the size of files stands for a disk that is full: the process is told so by the same call.
#[test]
fn a_full_disk_is_an_error_that_stays_and_reads_go_on() {
    let _watchdog = watchdog("a full disk", 60);
    let folder = tempfile::tempdir().unwrap();
    let path = at(folder.path(), "home");
    // 512-byte blocks in `sh`; without the signal a write fails with EFBIG.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 16384; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_spook-half"), &path, "", "fill"]);
    let (succeeded, said) = Process::start(&mut command).wait();
    let failed = said.iter().find(|line| line.starts_with("failed")).unwrap_or_else(|| panic!("{said:?}"));
    assert!(failed.starts_with("failed IO IO true"), "{failed}");
    assert!(succeeded);
    // With room again, what was durable is there.
    let home = engine(&path, "");
    assert_eq!(home.open_pair("p", LONG).unwrap().read_state("/k0").unwrap(), Value::from("x".repeat(10_000)));
}
