//! The group commit: bounded delay, shared syncs, no wake-ups when idle, an error that sticks.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use spook_ledger::{Batch, Cut, GroupCommit, Ledger, LedgerError, LedgerOptions, MemoryStore, Source, Store, Table};

/// So long that nothing in these tests may wait for it.
const NEVER: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(60);

/// A source of numbered writes to one cell each.
struct Writes {
    written: AtomicU64,
    collected: Mutex<u64>,
    at_most: u64,
    commits: AtomicUsize,
    collects: AtomicUsize,
    durable: Mutex<Sender<u64>>,
    failed: Mutex<Vec<LedgerError>>,
    panics: AtomicBool,
}

impl Writes {
    fn new(at_most: u64) -> (Arc<Writes>, Receiver<u64>) {
        let (sender, receiver) = channel();
        let writes = Writes {
            written: AtomicU64::new(0),
            collected: Mutex::new(0),
            at_most,
            commits: AtomicUsize::new(0),
            collects: AtomicUsize::new(0),
            durable: Mutex::new(sender),
            failed: Mutex::new(Vec::new()),
            panics: AtomicBool::new(false),
        };
        (Arc::new(writes), receiver)
    }

    fn write(&self) -> u64 {
        self.written.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl Source for Writes {
    fn collect(&self, batch: &mut Batch) -> Cut {
        assert!(batch.is_empty());
        assert!(!self.panics.load(Ordering::SeqCst), "a broken source");
        self.collects.fetch_add(1, Ordering::SeqCst);
        let mut collected = self.collected.lock().unwrap();
        let written = self.written.load(Ordering::SeqCst);
        let upto = written.min(collected.saturating_add(self.at_most));
        for number in *collected + 1..=upto {
            batch.put(Table::Cells, &number.to_be_bytes(), b"value");
        }
        self.commits.fetch_add(usize::from(!batch.is_empty()), Ordering::SeqCst);
        *collected = upto;
        Cut { upto, more: upto < written }
    }

    fn durable(&self, cut: Cut) {
        let _ = self.durable.lock().unwrap().send(cut.upto);
    }

    fn failed(&self, error: LedgerError) {
        self.failed.lock().unwrap().push(error);
    }
}

fn memory() -> Ledger {
    Ledger::open(LedgerOptions::memory()).unwrap()
}

fn wait_for(receiver: &Receiver<u64>, number: u64) {
    while receiver.recv_timeout(PATIENCE).expect("it never became durable") < number {}
}

#[test]
fn a_notified_write_becomes_durable_by_itself() {
    let (writes, durable) = Writes::new(u64::MAX);
    let ledger = memory();
    let group = GroupCommit::start(ledger.clone(), writes.clone(), 0, Duration::from_millis(1)).unwrap();
    for _ in 0..20 {
        let number = writes.write();
        group.notify();
        wait_for(&durable, number);
        assert!(ledger.get(Table::Cells, &number.to_be_bytes()).unwrap().is_some());
    }
    group.close().unwrap();
}

#[test]
fn many_writes_within_the_delay_share_a_commit() {
    let (writes, _durable) = Writes::new(u64::MAX);
    let group = GroupCommit::start(memory(), writes.clone(), 0, NEVER).unwrap();
    for _ in 0..1000 {
        writes.write();
        group.notify();
    }
    assert_eq!(group.durable(), 0);
    group.close().unwrap();
    assert_eq!((group.durable(), writes.commits.load(Ordering::SeqCst)), (1000, 1));
}

#[test]
fn a_request_cuts_the_delay() {
    let (writes, durable) = Writes::new(u64::MAX);
    let group = GroupCommit::start(memory(), writes.clone(), 0, NEVER).unwrap();
    for _ in 0..20 {
        let number = writes.write();
        group.notify();
        group.request_now();
        wait_for(&durable, number);
    }
}

#[test]
fn a_waiter_cuts_the_delay_too() {
    let (writes, _durable) = Writes::new(u64::MAX);
    let group = GroupCommit::start(memory(), writes.clone(), 0, NEVER).unwrap();
    for notify in [true, false] {
        let number = writes.write();
        if notify {
            group.notify();
        }
        group.wait_durable(number, PATIENCE).unwrap();
        assert!(group.durable() >= number);
    }
}

#[test]
fn a_number_that_nobody_wrote_times_out() {
    let (writes, _durable) = Writes::new(u64::MAX);
    let group = GroupCommit::start(memory(), writes, 7, NEVER).unwrap();
    group.wait_durable(7, Duration::ZERO).unwrap();
    assert_eq!(group.wait_durable(8, Duration::from_millis(10)).unwrap_err().code_name(), "TIMEOUT");
}

#[test]
fn a_source_that_gives_parts_is_asked_until_it_is_done() {
    let (writes, durable) = Writes::new(10);
    let group = GroupCommit::start(memory(), writes.clone(), 0, Duration::from_millis(1)).unwrap();
    for _ in 0..95 {
        writes.write();
    }
    group.notify();
    wait_for(&durable, 95);
    for _ in 0..95 {
        writes.write();
    }
    group.flush().unwrap();
    assert_eq!(group.durable(), 190);
    for _ in 0..95 {
        writes.write();
    }
    group.wait_durable(285, PATIENCE).unwrap();
}

/// Memory store whose commits can be held up and counted.
struct Gate {
    store: MemoryStore,
    entered: Mutex<Sender<()>>,
    leave: Mutex<Receiver<bool>>,
}

impl Store for Gate {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.store.get(table, key)
    }

    fn scan(&self, table: Table, range: spook_ledger::KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), LedgerError> {
        self.store.scan(table, range, each)
    }

    fn commit(&self, batch: &mut Batch) -> Result<(), LedgerError> {
        self.entered.lock().unwrap().send(()).unwrap();
        if self.leave.lock().unwrap().recv().unwrap() {
            self.store.commit(batch)
        } else {
            let source = Arc::new(std::io::Error::other("the disk is gone"));
            Err(LedgerError::Io { operation: "writing".into(), source })
        }
    }

    fn size_bytes(&self) -> Result<u64, LedgerError> {
        self.store.size_bytes()
    }

    fn close(&self) -> Result<(), LedgerError> {
        self.store.close()
    }
}

/// A ledger whose commits wait for a word: `true` lets one through, `false` makes it fail.
fn gated() -> (Ledger, Receiver<()>, Sender<bool>) {
    let (entered, when_entered) = channel();
    let (allow, leave) = channel();
    let gate = Gate { store: MemoryStore::new(), entered: Mutex::new(entered), leave: Mutex::new(leave) };
    allow.send(true).unwrap(); // the records of a new ledger
    let ledger = Ledger::with_store(Box::new(gate), None, None).unwrap();
    when_entered.recv().unwrap();
    (ledger, when_entered, allow)
}

#[test]
fn writes_made_during_a_commit_share_the_next_one() {
    let (writes, _durable) = Writes::new(u64::MAX);
    let (ledger, entered, allow) = gated();
    let group = Arc::new(GroupCommit::start(ledger, writes.clone(), 0, NEVER).unwrap());
    let first = writes.write();
    group.notify();
    group.request_now();
    entered.recv_timeout(PATIENCE).unwrap();
    // The first commit is under way and does not hold these.
    let waiters: Vec<_> = (0..16)
        .map(|_| {
            let (group, writes) = (group.clone(), writes.clone());
            let number = writes.write();
            thread::spawn(move || {
                group.notify();
                group.wait_durable(number, PATIENCE)
            })
        })
        .collect();
    for _ in 0..17 {
        allow.send(true).unwrap();
    }
    for waiter in waiters {
        waiter.join().unwrap().unwrap();
    }
    assert_eq!(group.durable(), first + 16);
    assert_eq!(writes.commits.load(Ordering::SeqCst), 2);
}

#[test]
fn a_failed_commit_is_told_once_and_sticks() {
    let (writes, _durable) = Writes::new(u64::MAX);
    let (ledger, _entered, allow) = gated();
    let group = GroupCommit::start(ledger.clone(), writes.clone(), 0, NEVER).unwrap();
    allow.send(true).unwrap();
    allow.send(false).unwrap();
    let good = writes.write();
    group.wait_durable(good, PATIENCE).unwrap();
    let bad = writes.write();
    for _ in 0..3 {
        let error = group.wait_durable(bad, PATIENCE).unwrap_err();
        assert_eq!((error.code_name(), error.to_string().contains("the disk is gone")), ("IO", true));
    }
    assert_eq!(group.flush().unwrap_err().code_name(), "IO");
    group.notify();
    group.request_now();
    assert_eq!(group.close().unwrap_err().code_name(), "IO");
    assert_eq!(writes.failed.lock().unwrap().len(), 1);
    assert_eq!((group.durable(), ledger.first_error().unwrap().code_name()), (good, "IO"));
    assert!(ledger.get(Table::Cells, &good.to_be_bytes()).unwrap().is_some(), "reads go on");
}

#[test]
fn a_failure_on_the_thread_wakes_those_who_wait() {
    let (writes, _durable) = Writes::new(u64::MAX);
    let (ledger, entered, allow) = gated();
    let group = Arc::new(GroupCommit::start(ledger, writes.clone(), 0, NEVER).unwrap());
    let number = writes.write();
    group.notify();
    group.request_now();
    entered.recv_timeout(PATIENCE).unwrap();
    let waiter = {
        let group = group.clone();
        thread::spawn(move || group.wait_durable(number, PATIENCE))
    };
    allow.send(false).unwrap();
    assert_eq!(waiter.join().unwrap().unwrap_err().code_name(), "IO");
}

#[test]
fn a_source_that_panics_fails_the_waiters_instead_of_hanging_them() {
    let (writes, _durable) = Writes::new(u64::MAX);
    let group = GroupCommit::start(memory(), writes.clone(), 0, NEVER).unwrap();
    writes.panics.store(true, Ordering::SeqCst);
    group.notify();
    group.request_now();
    // Whoever of the two commits meets the panic; the waiter of the other one gets it as an error.
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| group.wait_durable(1, PATIENCE)));
    assert!(waited.is_err() || waited.unwrap().unwrap_err().code_name() == "PANIC");
    assert_eq!(group.flush().unwrap_err().code_name(), "PANIC");
    assert_eq!(group.close().unwrap_err().code_name(), "PANIC");
}

#[test]
fn an_idle_group_commit_does_nothing() {
    let (writes, durable) = Writes::new(u64::MAX);
    let group = GroupCommit::start(memory(), writes.clone(), 0, Duration::from_millis(1)).unwrap();
    let number = writes.write();
    group.notify();
    wait_for(&durable, number);
    let collects = writes.collects.load(Ordering::SeqCst);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(writes.collects.load(Ordering::SeqCst), collects);
}

#[test]
fn many_threads_write_and_wait_and_nothing_is_lost() {
    let (writes, _durable) = Writes::new(7);
    let ledger = memory();
    let group = Arc::new(GroupCommit::start(ledger.clone(), writes.clone(), 0, Duration::from_millis(1)).unwrap());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (group, writes, ledger) = (group.clone(), writes.clone(), ledger.clone());
            thread::spawn(move || {
                for round in 0..500 {
                    let number = writes.write();
                    group.notify();
                    if (round + thread) % 3 == 0 {
                        group.wait_durable(number, PATIENCE).unwrap();
                        assert!(ledger.get(Table::Cells, &number.to_be_bytes()).unwrap().is_some());
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    group.close().unwrap();
    assert_eq!(group.durable(), 4000);
}
