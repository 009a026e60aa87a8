//! P5: decoding and applying a delta of one cell, against the size of the state it is applied to.
//!
//! Each state lives in a process of its own, which applies a batch when told to; so the sizes take turns. The same process runs a second
//! time under valgrind for the number of instructions.
//!
//! The deltas name cells by their birth, as a link does at the first use of a path: the receiver has to find each cell, wherever it lies.
//! What a link does from the second use on, a number that is looked up in a list, costs less.

use crate::callgrind;
use crate::child::{Second, orders, reply};
use crate::figures::{Figures, count, time};
use crate::linked::path;
use crate::options::{Options, Row};
use crate::plain;
use crate::table::Line;
use spook_protocol::estp::candidate::Operation;
use spook_protocol::estp::delta::{Baseline, Cut, Encoder, Ends, decode, encode};
use spook_protocol::estp::dot::Lost;
use spook_protocol::estp::feed::Issue;
use spook_protocol::estp::half::HalfRecord;
use spook_protocol::estp::state::{Birth, StoredCell, Version};
use spook_protocol::estp::{Author, AuthorIndex, HalfPair, Stamp, VersionVector};
use spook_protocol::id::EndpointId;
use spook_protocol::value::Value;
use std::time::Instant;

/// Deltas of one batch.
const BATCH: usize = 2_000;
const SLOT: u64 = 1;

/// Which cells the deltas of a batch change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// Cells drawn at random from all.
    Any,
    /// A hundred cells, scattered, again and again.
    Few,
}

impl Which {
    const ALL: [Which; 2] = [Which::Any, Which::Few];

    fn words(self) -> &'static str {
        match self {
            Which::Any => "any cell",
            Which::Few => "one of 100 that change often",
        }
    }
}

/// Row P5.
///
/// # Errors
/// In words.
pub fn rows(options: &Options) -> Result<Vec<Line>, String> {
    let sizes: &[usize] = if options.fast { &[100, 10_000, 1_000_000] } else { &[100, 10_000, 1_000_000, 10_000_000] };
    eprintln!("bench: P5, building states of {sizes:?} cells");
    let mut processes = Vec::new();
    for cells in sizes {
        let mut process = Second::start(&["apply", &cells.to_string()])?;
        process.hear()?;
        processes.push(process);
    }
    let mut times = vec![[Figures::default(), Figures::default()]; sizes.len()];
    for round in 0..=options.rounds() {
        for (process, figures) in processes.iter_mut().zip(&mut times) {
            for which in Which::ALL {
                process.ask(&format!("prepare {which:?}"))?;
                let figure = process.ask("go")?;
                // The first batch warms up.
                if round > 0 {
                    figures[which as usize].push(figure);
                }
            }
        }
    }
    drop(processes);
    let plain = plain::times(sizes, options.rounds())?;
    let counts = instructions(sizes)?;
    let mut lines = Vec::new();
    for which in Which::ALL {
        for (index, cells) in sizes.iter().enumerate() {
            let of = |index: usize| (&times[index][which as usize], counts.as_ref().map(|counts| counts[index][which as usize]));
            let mut line = line(which, *cells, of(index), (index > 0).then(|| of(0)));
            if which == Which::Any {
                let (here, least) = (plain[index].median(), plain[0].median());
                let separator = if line.beside.is_empty() { "" } else { "; " };
                line.beside += &format!("{separator}overwrite in a HashMap {}, {:.1} x that of 100", time(here), here / least);
            }
            lines.push(line);
        }
    }
    Ok(lines)
}

/// Time and instructions of one delta.
type Cost<'f> = (&'f Figures, Option<f64>);

fn line(which: Which, cells: usize, (ours, instructions): Cost<'_>, least: Option<Cost<'_>>) -> Line {
    let counted = instructions.map_or_else(String::new, |instructions| format!(", {} instructions", count(instructions)));
    let line = Line {
        ours: ours.shown(time) + &counted,
        samples: format!("median of {} batches of {BATCH}, sizes in turns", ours.len()),
        ..Line::new(Row::P5, format!("apply a delta of one of {} cells: {}", count(cells as f64), which.words()))
    };
    let Some((least, least_instructions)) = least else { return line };
    let ratio = ours.median() / least.median();
    let share = instructions.zip(least_instructions).map(|(more, less)| more / less);
    let reached = match share {
        Some(share) => Some((0.75..=1.25).contains(&share) && ratio <= 2.0),
        // The time alone can only show that it is not.
        None => (ratio > 2.0).then_some(false),
    };
    let share = share.map_or_else(String::new, |share| format!(", {share:.2} x the instructions"));
    Line {
        target: "<= 2 x the time of 100, instructions +-25 %".into(),
        beside: format!("of 100: {ratio:.2} x the time{share}"),
        ratio: Some(ratio),
        reached,
        ..line
    }
}

/// Instructions of one delta at each size, if valgrind is there. Two batches; only the second is counted.
fn instructions(sizes: &[usize]) -> Result<Option<Vec<[f64; 2]>>, String> {
    if !callgrind::is_there() {
        eprintln!("bench: P5 without instructions: there is no valgrind");
        return Ok(None);
    }
    let mut counts = Vec::new();
    for cells in sizes {
        eprintln!("bench: P5, {cells} cells under valgrind");
        let mut counted = callgrind::Counted::start(&["apply", &cells.to_string()])?;
        counted.process.hear()?;
        let mut of_both = [f64::NAN; 2];
        for which in Which::ALL {
            let prepare = format!("prepare {which:?}");
            for order in [prepare.as_str(), "go", prepare.as_str()] {
                counted.process.ask(order)?;
            }
            of_both[which as usize] = counted.count(|process| process.ask("go").map(drop))? / BATCH as f64;
        }
        counts.push(of_both);
    }
    Ok(Some(counts))
}

/// The second process: holds a state of that many cells, and on each `go` applies the batch that was prepared before.
///
/// # Errors
/// In words.
pub fn serve(cells: &str) -> Result<(), String> {
    let cells = cells.parse().map_err(|_| format!("`{cells}` is no number of cells"))?;
    let mut sides = Sides::new(cells);
    let mut deltas = Vec::new();
    reply("ready")?;
    for order in orders() {
        let wanted = order.strip_prefix("prepare ");
        if let Some(which) = Which::ALL.into_iter().find(|which| wanted == Some(&format!("{which:?}"))) {
            deltas = sides.deltas(which);
            reply("0")?;
            continue;
        }
        let begin = Instant::now();
        for delta in deltas.drain(..) {
            sides.receive(&delta)?;
        }
        reply(&(begin.elapsed().as_nanos() as f64 / BATCH as f64).to_string())?;
    }
    Ok(())
}

/// The half that applies, with all the cells; and one that only has those that it writes.
struct Sides {
    cells: usize,
    receiver: HalfPair,
    sender: HalfPair,
    number: u64,
    arrivals: u64,
    random: u64,
    base_out: Baseline,
    base_in: Baseline,
}

fn author(side: u8) -> Author {
    Author { endpoint: EndpointId::from_bytes([side; 16]), epoch: 1 }
}

const SENDER: u8 = 1;
const RECEIVER: u8 = 2;

fn ends() -> Ends {
    Ends { sender: author(SENDER), receiver: author(RECEIVER) }
}

/// A half that has had the sender's candidates 1 to `last`.
fn half(me: u8, peer: u8, last: u64) -> (HalfPair, AuthorIndex) {
    let mut vector = VersionVector::default();
    let sender = vector.intern(author(SENDER)).expect("an empty table has room");
    vector.advance(sender, last, Stamp::from_bits(last));
    let record = HalfRecord { vector, ..HalfRecord::new(Some(author(peer).endpoint)) };
    (HalfPair::restore(author(me), record, 1), sender)
}

/// Puts back the cell with a number, as a ledger does: the sender's candidate of the same number wrote it.
fn restore(half: &mut HalfPair, sender: AuthorIndex, cell: usize, arrival: u64) {
    let number = cell as u64 + 1;
    let version = Version { value: Some(Value::from(cell as i64)), stamp: Stamp::from_bits(number), author: sender, number };
    let birth = Birth { author: sender, number, place: 0 };
    half.restore_cell(&path(cell), StoredCell { arrival, births: vec![birth], base: Some(version), survivors: Vec::new() })
        .expect("a path");
}

impl Sides {
    fn new(cells: usize) -> Sides {
        let last = cells as u64;
        let (mut receiver, author) = half(RECEIVER, SENDER, last);
        for cell in 0..cells {
            restore(&mut receiver, author, cell, cell as u64 + 1);
        }
        let (sender, _) = half(SENDER, RECEIVER, last);
        Sides {
            cells,
            receiver,
            sender,
            number: last,
            arrivals: last,
            random: 0x9e37_79b9_7f4a_7c15,
            base_out: Baseline::default(),
            base_in: Baseline::default(),
        }
    }

    /// xorshift64: the same cells in each run.
    fn draw(&mut self, which: Which) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        match which {
            Which::Any => (self.random % self.cells as u64) as usize,
            Which::Few => (self.random % 100) as usize * (self.cells / 100),
        }
    }

    /// Encoded deltas, each of one cell.
    fn deltas(&mut self, which: Which) -> Vec<Vec<u8>> {
        (0..BATCH).map(|_| self.delta(which)).collect()
    }

    fn delta(&mut self, which: Which) -> Vec<u8> {
        let cell = self.draw(which);
        let path = path(cell);
        if self.sender.read(&path).expect("a path").is_none() {
            let author = self.sender.vector().index_of(author(SENDER)).expect("it is the sender");
            // The walk over what is new takes arrivals in their order; what the receiver holds need not be encoded.
            restore(&mut self.sender, author, cell, self.number);
        }
        let sent = self.number;
        self.number += 1;
        let issue = Issue { number: self.number, stamp: Stamp::from_bits(self.number) };
        self.sender.write(&[Operation::set(&path, self.number as i64)], || issue).expect("a Pair that is open can be written");
        let mut encoder = Encoder { ends: ends(), base: self.base_out.clone(), dictionary: None };
        let cut = Cut {
            after: sent,
            receiver_lost: Lost::default(),
            sender_lost: Lost::default(),
            receiver_holds: self.cells as u64,
            among_copies: false,
        };
        let mut bytes = Vec::new();
        let count = encode(&mut encoder, &self.sender, SLOT, cut, &mut bytes);
        self.base_out = encoder.base;
        assert_eq!(count, 1, "a delta of one cell");
        bytes
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<(), String> {
        let delta = decode(bytes, &mut self.receiver, SLOT, ends(), &mut self.base_in, None)
            .map_err(|error| format!("a delta cannot be read: {error}"))?;
        self.arrivals += 1;
        let number = self.arrivals;
        let changed = self.receiver.apply(&delta, |latest| Issue { number, stamp: latest }).map_err(|error| error.to_string())?;
        if changed == 1 { Ok(()) } else { Err(format!("a delta of one cell changed {changed}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delta_changes_the_cell_that_was_written() {
        let mut sides = Sides::new(500);
        for which in [Which::Few, Which::Any, Which::Few, Which::Any] {
            for delta in sides.deltas(which) {
                sides.receive(&delta).unwrap();
            }
        }
        for cell in 0..500 {
            let path = path(cell);
            assert_eq!(sides.receiver.read(&path).unwrap(), sides.sender.read(&path).unwrap(), "{path}");
        }
    }
}
