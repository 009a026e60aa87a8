//! P4: a write here to an observer there, in two processes over a unix socket, beside bare sealed pings over the same kind of socket.

use crate::bare::Bare;
use crate::child::{Second, orders, reply};
use crate::figures::{Figures, time};
use crate::linked::{PATIENCE, engine, words};
use crate::options::{Options, Row};
use crate::table::Line;
use spook::{Engine, Notice, ObserveOptions, Pair, PairOptions, Subscription, TicketOptions, Value};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

const PINGS: usize = 2_000;
/// Length and AEAD tag of a sealed message.
const SEAL: usize = 1 + 16;

/// Row P4.
///
/// # Errors
/// In words.
pub fn rows(options: &Options) -> Result<Vec<Line>, String> {
    eprintln!("bench: P4");
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let mut ours = Ours::start(&folder.path().join("spook"))?;
    ours.round()?;
    let before = ours.engine.traffic();
    ours.round()?;
    let after = ours.engine.traffic();
    let sent = (after.bytes_sent - before.bytes_sent) as f64 / (after.messages_sent - before.messages_sent).max(1) as f64;
    let payload = (sent.round() as usize).saturating_sub(SEAL);
    let mut bare = Bare::start(&folder.path().join("bare"))?;
    bare.round(PINGS, payload)?;
    let mut lines =
        [("median", 0.5), ("99 of 100 within", 0.99)].map(|(what, share)| (what, share, Figures::default(), Figures::default()));
    for _ in 0..options.rounds() {
        let (mine, theirs) = (Figures::from_iter(ours.round()?), Figures::from_iter(bare.round(PINGS, payload)?));
        for (_, share, of_ours, of_bare) in &mut lines {
            of_ours.push(mine.quantile(*share));
            of_bare.push(theirs.quantile(*share));
        }
    }
    let line = |(what, share, ours, bare): (&str, f64, Figures, Figures)| {
        let ratio = ours.median() / bare.median();
        let judged = share == 0.5;
        Line {
            target: if judged { "<= 1.5 x a bare AES-256-GCM ping".into() } else { String::new() },
            ours: ours.shown(time),
            beside: format!("bare ping of {} B {}", payload + SEAL, bare.shown(time)),
            ratio: Some(ratio),
            reached: judged.then_some(ratio <= 1.5),
            samples: format!("median of {} rounds of {PINGS}, interleaved", ours.len()),
            ..Line::new(Row::P4, format!("write here to observer there, {what}"))
        }
    };
    Ok(lines.map(line).into())
}

/// This side of libspook's pings, and the other process.
struct Ours {
    engine: Engine,
    pair: Pair,
    round: Arc<Mutex<Round>>,
    done: Receiver<Result<Vec<f64>, String>>,
    _observer: Subscription,
    _second: Second,
}

/// The pings of one round: the observer of an answer writes the next ping.
struct Round {
    left: usize,
    began: Instant,
    times: Vec<f64>,
    done: Sender<Result<Vec<f64>, String>>,
}

impl Ours {
    fn start(socket: &Path) -> Result<Ours, String> {
        let engine = engine(Some(socket))?;
        let initial = Value::object([("ping", 0_i64), ("pong", 0_i64)]);
        let pair = engine.create_pair("bench", initial, PairOptions::default()).map_err(words)?;
        let mut second = Second::start(&["answer"])?;
        second.say(&pair.ticket(TicketOptions::default()).map_err(words)?)?;
        second.hear()?;
        let (sender, done) = channel();
        let round = Arc::new(Mutex::new(Round { left: 0, began: Instant::now(), times: Vec::new(), done: sender }));
        let (writer, shared) = (pair.clone(), Arc::clone(&round));
        let observer = move |notice| {
            if let Notice::Change(_) = notice {
                shared.lock().expect("no observer panics while it holds this").answered(&writer);
            }
        };
        let observer = pair.observe_with("/pong", ObserveOptions::default(), observer).map_err(words)?;
        Ok(Ours { engine, pair, round, done, _observer: observer, _second: second })
    }

    /// Half of each round trip in ns.
    fn round(&mut self) -> Result<Vec<f64>, String> {
        self.round.lock().expect("no observer panics while it holds this").begin(&self.pair)?;
        self.done.recv_timeout(PATIENCE).map_err(|_| "a ping was not answered")?
    }
}

impl Round {
    fn begin(&mut self, pair: &Pair) -> Result<(), String> {
        (self.left, self.times) = (PINGS, Vec::with_capacity(PINGS));
        self.ping(pair)
    }

    fn ping(&mut self, pair: &Pair) -> Result<(), String> {
        self.left -= 1;
        self.began = Instant::now();
        pair.write_state("/ping", self.left as i64).map(|_| ()).map_err(words)
    }

    fn answered(&mut self, pair: &Pair) {
        self.times.push(self.began.elapsed().as_nanos() as f64 / 2.0);
        let result = if self.left > 0 { self.ping(pair) } else { Err(String::new()) };
        match result {
            Ok(()) => {}
            // Whoever waits may have given up; then there is nobody to tell.
            Err(_) if self.left == 0 => drop(self.done.send(Ok(std::mem::take(&mut self.times)))),
            Err(problem) => drop(self.done.send(Err(problem))),
        }
    }
}

/// The second process: its observer writes back what it is told.
///
/// # Errors
/// In words.
pub fn answer() -> Result<(), String> {
    let mut orders = orders();
    let engine = engine(None)?;
    let pair = engine.open_pair(&orders.next().ok_or("no ticket came")?, PATIENCE).map_err(words)?;
    let writer = pair.clone();
    let observer = move |notice| {
        if let Notice::Change(change) = notice {
            let value = change.value.unwrap_or(Value::Null);
            writer.write_state("/pong", value).expect("a Pair that is open can be written");
        }
    };
    let _observer = pair.observe_with("/ping", ObserveOptions::default(), observer).map_err(words)?;
    reply("ready")?;
    orders.for_each(drop);
    Ok(())
}
