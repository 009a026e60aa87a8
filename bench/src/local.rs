//! P1 and P2: a write and a read of one number in a Pair of 100 keys, in memory, without a link.

use crate::figures::{Figures, time};
use crate::linked::{engine, path, state, words};
use crate::options::{Options, Row};
use crate::peers::{Peers, TIMED};
use crate::table::Line;
use spook::{Durability, Engine, Pair, PairOptions};
use std::hint::black_box;
use std::time::Instant;

const KEYS: usize = 100;
const WRITES: usize = 20_000;
const READS: usize = 100_000;

/// Steps through the keys so that neighbours in time are no neighbours in the state; the peers do the same.
fn key_of(step: usize) -> usize {
    step * 37 % KEYS
}

/// Row P1.
///
/// # Errors
/// In words.
pub fn writes(options: &Options, peers: &Peers) -> Result<Vec<Line>, String> {
    let line = Line { target: "faster than every peer; <= 500 ns".into(), ..Line::new(Row::P1, "write one number of 100, no link") };
    timed(options, peers, line, 500.0, true, |pair, paths| {
        for step in 0..WRITES {
            pair.write_state(&paths[key_of(step)], step as i64).map_err(words)?;
        }
        Ok(WRITES)
    })
}

/// Row P2.
///
/// # Errors
/// In words.
pub fn reads(options: &Options, peers: &Peers) -> Result<Vec<Line>, String> {
    let line = Line { target: "<= 150 ns".into(), ..Line::new(Row::P2, "read one number of 100") };
    timed(options, peers, line, 150.0, false, |pair, paths| {
        for step in 0..READS {
            black_box(pair.read_state(&paths[key_of(step)]).map_err(words)?);
        }
        Ok(READS)
    })
}

/// A Pair of its own for each batch, as each batch of a peer has a document of its own.
fn timed(
    options: &Options,
    peers: &Peers,
    line: Line,
    limit: f64,
    beats_all: bool,
    work: impl Fn(&Pair, &[String]) -> Result<usize, String>,
) -> Result<Vec<Line>, String> {
    eprintln!("bench: {}", line.row);
    let mut server = peers.serve()?;
    let engine = engine(None)?;
    let paths: Vec<String> = (0..KEYS).map(path).collect();
    let mut ours = Figures::default();
    let mut theirs = [const { Vec::new() }; 3];
    for round in 0..options.rounds() {
        let pair = prepared(&engine, round, &paths)?;
        let begin = Instant::now();
        let count = work(&pair, &paths)?;
        ours.push(begin.elapsed().as_nanos() as f64 / count as f64);
        pair.close().map_err(words)?;
        let Some(server) = &mut server else { continue };
        for (figures, peer) in theirs.iter_mut().zip(TIMED) {
            figures.push(server.batch(&line.row, peer)?);
        }
    }
    let theirs: Vec<Figures> = theirs.into_iter().filter(|figures| !figures.is_empty()).map(Figures::from_iter).collect();
    let best = theirs.iter().map(Figures::median).fold(f64::NAN, f64::min);
    let beside: Vec<String> = TIMED.iter().zip(&theirs).map(|(peer, figures)| format!("{peer} {}", time(figures.median()))).collect();
    // Against the peers nothing is said while they were left out, unless the limit is missed anyway.
    let within = ours.median() <= limit;
    let reached = if beats_all && best.is_nan() && within { None } else { Some(within && (!beats_all || ours.median() < best)) };
    let samples = format!("median of {} batches, interleaved", ours.len());
    Ok(vec![Line { ours: ours.shown(time), beside: beside.join(", "), ratio: Some(ours.median() / best), reached, samples, ..line }])
}

fn prepared(engine: &Engine, round: usize, paths: &[String]) -> Result<Pair, String> {
    let options = PairOptions { durability: Durability::Memory, ..PairOptions::default() };
    let pair = engine.create_pair(&format!("local-{round}"), state(KEYS), options).map_err(words)?;
    for step in 0..1_000 {
        pair.write_state(&paths[key_of(step)], step as i64).map_err(words)?;
    }
    Ok(pair)
}
