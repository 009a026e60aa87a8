//! The group commit end to end: what a writer sees.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spook_ledger::{Batch, Cut, GroupCommit, Ledger, LedgerError, LedgerOptions, Source, Table};

use crate::harness::{Subject, key, quantile, value};
use crate::subjects::Append;

const FOR: Duration = Duration::from_secs(60);
const PER_ROUND: u64 = 300;
const ROUNDS: usize = 5;
const LASTS: Duration = Duration::from_secs(2);

/// Cells in memory, and which of them changed since the last collect: an engine without everything else.
struct Cells(Mutex<State>);

struct State {
    values: Vec<u64>,
    dirty: Vec<bool>,
    changed: Vec<usize>,
    number: u64,
    collected: u64,
}

impl Cells {
    fn new(cells: usize) -> Arc<Cells> {
        let state = State { values: vec![0; cells], dirty: vec![false; cells], changed: Vec::new(), number: 0, collected: 0 };
        Arc::new(Cells(Mutex::new(state)))
    }

    fn write(&self, cell: usize) -> u64 {
        let mut state = self.0.lock().unwrap();
        state.number += 1;
        state.values[cell] = state.number;
        if !std::mem::replace(&mut state.dirty[cell], true) {
            state.changed.push(cell);
        }
        state.number
    }
}

impl Source for Cells {
    fn collect(&self, batch: &mut Batch) -> Cut {
        let mut state = self.0.lock().unwrap();
        for cell in std::mem::take(&mut state.changed) {
            state.dirty[cell] = false;
            state.collected += 1;
            batch.put(Table::Cells, &key(cell as u64), &value(state.values[cell]));
        }
        Cut { upto: state.number, more: false }
    }

    fn durable(&self, _cut: Cut) {}

    fn failed(&self, error: LedgerError) {
        panic!("{error}");
    }
}

fn started(folder: &Path, name: &str, cells: usize) -> (Arc<Cells>, Arc<GroupCommit<Cells>>, Ledger) {
    let ledger = Ledger::open(LedgerOptions::file(folder.join(name))).unwrap();
    let source = Cells::new(cells);
    let group = GroupCommit::start(ledger.clone(), source.clone(), 0, GroupCommit::<Cells>::DELAY).unwrap();
    (source, Arc::new(group), ledger)
}

/// One writer that waits for every write, beside the bare disk; then eight of them; then one that never waits.
pub fn run(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let mut append = Append::default();
    append.open(folder);
    let (cells, group, ledger) = started(folder, "sync", 1000);
    let mut ratios = Vec::new();
    let mut single = Vec::new();
    for _ in 0..ROUNDS {
        let mut bare = || {
            append.put(&key(1), &value(1));
            append.commit();
        };
        let floor = timed(&mut bare);
        let own = timed(|| group.wait_durable(cells.write(7), FOR).unwrap());
        single.push(1.0 / own);
        ratios.push(own / floor);
    }
    println!("\ngroup commit, through the ledger");
    let ratio = quantile(ratios, 0.5);
    println!("sync, 1 writer:   {:9.0} writes/s, {ratio:.2} x the time of append + fdatasync", quantile(single, 0.5));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (cells, group) = (&cells, &group);
            scope.spawn(move || (0..PER_ROUND).for_each(|_| group.wait_durable(cells.write(writer), FOR).unwrap()));
        }
    });
    println!("sync, 8 writers:  {:9.0} writes/s", 8.0 * PER_ROUND as f64 / began.elapsed().as_secs_f64());
    group.close().unwrap();
    ledger.close().unwrap();
    for cells in [100, 10_000, 100_000] {
        batched(folder, cells);
    }
}

fn timed(mut work: impl FnMut()) -> f64 {
    let began = Instant::now();
    (0..PER_ROUND).for_each(|_| work());
    began.elapsed().as_secs_f64() / PER_ROUND as f64
}

/// One writer at full speed on random cells; the flush at the end counts.
fn batched(folder: &Path, cells: usize) {
    let (source, group, ledger) = started(folder, &format!("batched-{cells}"), cells);
    let lag = Arc::new(Mutex::new(Vec::new()));
    let done = AtomicBool::new(false);
    let began = Instant::now();
    let mut written = 0u64;
    std::thread::scope(|scope| {
        let (of_probe, watched) = (lag.clone(), group.clone());
        let (done, source_of_probe) = (&done, source.clone());
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let number = source_of_probe.0.lock().unwrap().number;
                let began = Instant::now();
                while watched.durable() < number {
                    std::thread::sleep(Duration::from_micros(200));
                }
                of_probe.lock().unwrap().push(began.elapsed().as_secs_f64() * 1e3);
            }
        });
        let mut random = 1u64;
        while began.elapsed() < LASTS {
            for _ in 0..100 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                source.write((random >> 33) as usize % cells);
                group.notify();
                written += 1;
            }
        }
        done.store(true, Ordering::Relaxed);
        group.flush().unwrap();
    });
    let seconds = began.elapsed().as_secs_f64();
    let (rate, stored) = (written as f64 / seconds, source.0.lock().unwrap().collected as f64 / seconds);
    let lag = lag.lock().unwrap().clone();
    let (median, worst) = (quantile(lag.clone(), 0.5), quantile(lag, 1.0));
    println!(
        "batched, {cells:6} cells: {rate:9.0} writes/s, {stored:7.0} values/s stored; durable after {median:.0} ms, {worst:.0} at worst"
    );
    group.close().unwrap();
    ledger.close().unwrap();
}
