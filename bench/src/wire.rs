//! P3: bytes of a write on a link that is up, and of its acknowledgement, as they pass between two engines.

use crate::figures::{Figures, bytes};
use crate::linked::{Linked, PATIENCE, QUIET, path, state, words};
use crate::options::{Options, Row};
use crate::peers::{Peers, shown};
use crate::relay::{Passed, Way};
use crate::table::Line;
use spook::{Notice, ObserveOptions, Pair, Subscription, Value};
use std::time::Duration;

const KEYS: usize = 100;
/// By then an acknowledgement has gone alone, if there was nothing to ride on.
const ACK_GONE: Duration = Duration::from_millis(80);
/// What the cipher adds to a message.
const TAG: f64 = 16.0;

/// Row P3.
///
/// # Errors
/// In words.
pub fn rows(options: &Options, peers: &Peers) -> Result<Vec<Line>, String> {
    eprintln!("bench: P3");
    let linked = Linked::new(state(KEYS))?;
    let writes = if options.fast { 20 } else { 100 };
    let mut writer = Writer::default();
    let alone = lone_writes(&linked, &mut writer, writes)?;
    let later = answers(&linked, &mut writer, writes, ACK_GONE)?;
    let at_once = answers(&linked, &mut writer, writes, Duration::ZERO)?;
    let (beside, least) = shown(&peers.figures("P3")?, "update", "bytes", bytes);
    let samples = |figures: &Figures| format!("median of {} writes", figures.len());
    let judged = |figures: &Figures, limit: f64| Some(figures.median() <= limit);
    let riding = at_once.median() - later.median();
    Ok(vec![
        Line {
            target: "<= 32 B".into(),
            ours: alone.write.shown(bytes),
            beside: if beside.is_empty() { beside } else { format!("{beside}, none encrypted or framed") },
            ratio: Some(alone.write.median() / least),
            reached: judged(&alone.write, 32.0),
            samples: samples(&alone.write),
            ..Line::new(Row::P3, "write, above TCP, encrypted")
        },
        Line {
            target: "<= 12 B".into(),
            ours: alone.payload.shown(bytes),
            ratio: Some(alone.payload.median() / least),
            reached: judged(&alone.payload, 12.0),
            samples: samples(&alone.payload),
            ..Line::new(Row::P3, "write, without length and AEAD tag")
        },
        Line {
            target: "<= 26 B".into(),
            ours: alone.ack.shown(bytes),
            reached: judged(&alone.ack, 26.0),
            samples: samples(&alone.ack),
            ..Line::new(Row::P3, "acknowledgement alone, above TCP")
        },
        Line {
            target: "<= 6 B".into(),
            ours: bytes(riding),
            reached: Some(riding <= 6.0),
            samples: format!("median of {} answers at once, less that of {} later ones", at_once.len(), later.len()),
            ..Line::new(Row::P3, "acknowledgement riding on a write")
        },
        Line {
            target: "<= 58 B: a write and an acknowledgement".into(),
            ours: alone.all.shown(bytes),
            reached: judged(&alone.all, 58.0),
            samples: samples(&alone.all),
            ..Line::new(Row::P3, "lone write with all that follows it, both ways")
        },
    ])
}

struct Lone {
    /// The message with the write, as it is above TCP.
    write: Figures,
    /// What was sealed into it.
    payload: Figures,
    /// The first message back, as it is above TCP.
    ack: Figures,
    /// Everything, both ways, until nothing goes by any more.
    all: Figures,
}

/// Writes one by one; the next when nothing of the last one is under way any more.
fn lone_writes(linked: &Linked, writer: &mut Writer, writes: usize) -> Result<Lone, String> {
    let seen = observed(&linked.there)?;
    for _ in 0..2 * KEYS {
        // The first write of a path on a link names it; the row is about those after it.
        writer.write(&linked.here, &seen)?;
    }
    linked.relay.settle(QUIET);
    let [mut write, mut payload, mut ack, mut all] = [const { Vec::new() }; 4];
    for _ in 0..writes {
        linked.relay.forget();
        writer.write(&linked.here, &seen)?;
        linked.relay.settle(ACK_GONE);
        let passed = linked.relay.passed();
        // The engine that dials is there: what is written here goes back to it.
        let there = first(&passed, Way::Back)?;
        write.push(there.bytes as f64);
        payload.push(sealed(&there));
        ack.push(first(&passed, Way::Out)?.bytes as f64);
        all.push(passed.iter().map(|passed| passed.bytes as f64).sum());
    }
    let [write, payload, ack, all] = [write, payload, ack, all].map(Figures::from_iter);
    Ok(Lone { write, payload, ack, all })
}

fn first(passed: &[Passed], way: Way) -> Result<Passed, String> {
    passed.iter().find(|passed| passed.way == way).copied().ok_or_else(|| format!("nothing went {way:?}"))
}

/// Payloads of writes that answer a write: at once, so that its acknowledgement rides along, or after the acknowledgement has gone alone.
fn answers(linked: &Linked, writer: &mut Writer, writes: usize, pause: Duration) -> Result<Figures, String> {
    let (seen_here, seen_there) = (observed(&linked.here)?, observed(&linked.there)?);
    for _ in 0..2 * KEYS {
        writer.write(&linked.there, &seen_here)?;
    }
    linked.relay.settle(QUIET);
    let mut payload = Vec::new();
    for _ in 0..writes {
        writer.write(&linked.here, &seen_there)?;
        std::thread::sleep(pause);
        linked.relay.forget();
        writer.write(&linked.there, &seen_here)?;
        payload.push(sealed(&first(&linked.relay.passed(), Way::Out)?));
        linked.relay.settle(ACK_GONE);
    }
    Ok(Figures::from_iter(payload))
}

/// What was sealed into a message.
fn sealed(passed: &Passed) -> f64 {
    passed.sealed as f64 - TAG
}

fn observed(pair: &Pair) -> Result<Subscription, String> {
    pair.observe("", ObserveOptions::default()).map_err(words)
}

/// Writes the keys in turn, no value twice.
#[derive(Default)]
struct Writer {
    steps: usize,
}

impl Writer {
    /// Writes a number of the size that the peers write, and waits until the observer on the other side has it.
    fn write(&mut self, from: &Pair, seen: &Subscription) -> Result<(), String> {
        let value = Value::from(1000 + self.steps as i64);
        from.write_state(&path(self.steps * 37 % KEYS), value.clone()).map_err(words)?;
        self.steps += 1;
        loop {
            match seen.next(Some(PATIENCE)).map_err(words)? {
                Some(Notice::Change(change)) if change.value.as_ref() == Some(&value) => return Ok(()),
                Some(_) => {}
                None => return Err("the subscription was closed".into()),
            }
        }
    }
}
