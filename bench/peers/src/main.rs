//! Prints rows P1, P2, P3 and P6 of the peers. `peers [ROW...]` prints all or some; `peers serve` runs one batch for each line
//! `ROW PEER` of its input, so that another program can run its own batches in between.

use spook_bench_peers::automerge::Automerge;
use spook_bench_peers::document::Document;
use spook_bench_peers::lines::{median, print};
use spook_bench_peers::loro::Loro;
use spook_bench_peers::sync::{CASES, Case};
use spook_bench_peers::work;
use spook_bench_peers::yrs::Yrs;
use std::io::BufRead;

const BATCHES: usize = 5;

fn main() {
    let rows: Vec<String> = std::env::args().skip(1).collect();
    if rows.iter().any(|row| row == "serve") {
        return serve();
    }
    let wanted = |row: &str| rows.is_empty() || rows.iter().any(|wanted| wanted == row);
    for row in ["P1", "P2"].into_iter().filter(|row| wanted(row)) {
        // Interleaved: one batch of each peer, then the next.
        let mut figures = [const { Vec::new() }; 3];
        for _ in 0..BATCHES {
            for (figures, (_, batch)) in figures.iter_mut().zip(batches(row)) {
                figures.push(batch());
            }
        }
        for (figures, (peer, _)) in figures.into_iter().zip(batches(row)) {
            print(row, what(row), peer, median(figures), "ns");
        }
    }
    if wanted("P3") {
        send::<Yrs>();
        send::<Yrs<2>>();
        send::<Loro>();
        send::<Automerge>();
    }
    if wanted("P6") {
        for case in CASES {
            come_together::<Yrs>(case);
            come_together::<Yrs<2>>(case);
            come_together::<Loro>(case);
            come_together::<Automerge>(case);
        }
    }
}

fn what(row: &str) -> &'static str {
    match row {
        "P1" => "write",
        "P2" => "read",
        _ => "update",
    }
}

type Batch = fn() -> f64;

fn batches(row: &str) -> [(&'static str, Batch); 3] {
    let of = |write: Batch, read: Batch| if row == "P1" { write } else { read };
    [
        (Yrs::<1>::NAME, of(work::write::<Yrs>, work::read::<Yrs>)),
        (Loro::NAME, of(work::write::<Loro>, work::read::<Loro>)),
        (Automerge::NAME, of(work::write::<Automerge>, work::read::<Automerge>)),
    ]
}

fn serve() {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (row, peer) = line.split_once(' ').unwrap_or((&line, ""));
        let Some((name, batch)) = batches(row).into_iter().find(|(name, _)| *name == peer) else {
            eprintln!("peers: no `{line}`");
            continue;
        };
        print(row, what(row), name, batch(), "ns");
    }
}

fn send<D: Document>() {
    print("P3", what("P3"), D::NAME, work::update::<D>(), "bytes");
}

fn come_together<D: Document>(case: Case) {
    let outcome = case.run::<D>();
    let name = case.name();
    print("P6", &name, D::NAME, outcome.sync.bytes as f64, "bytes");
    print("P6", &name, D::NAME, outcome.sync.steps as f64 / 2.0, "round trips");
    print("P6", &name, D::NAME, outcome.sync.messages as f64, "messages");
    print("P6", &name, D::NAME, outcome.time.as_secs_f64() * 1e6, "us");
}
