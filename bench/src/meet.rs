//! P6: what it takes to come together after both sides changed apart.
//!
//! The wire is cut, both sides write, the wire is mended; the side that dialled finds the way back by itself. Counted is everything above
//! TCP from the first hello on, acknowledgements included, until nothing goes by any more. The handshake itself, whose size depends on
//! keys and addresses and not on the state, is told apart: its size is that of the same handshake with nothing to say in it.

use crate::figures::{bytes, count, time};
use crate::linked::{Linked, QUIET, path, state, words};
use crate::options::{Options, Row};
use crate::peers::{Figure, Peers, shown};
use crate::relay::{Passed, Way};
use crate::table::Line;
use spook::Pair;
use spook_protocol::etcp::{Contact, Dialling, Hello, Identity, Welcome, receive_hello};
use std::time::{Duration, Instant};

/// Bytes that an acknowledgement on its own stays below, and ten changes do not.
const LONE_ACK: usize = 40;
/// Keys, changes of each side, most bytes.
const CASES: [(usize, usize, f64); 4] = [(10_000, 0, 130.0), (10_000, 10, 260.0), (1_000_000, 10, 260.0), (10_000, 1_000, 10_000.0)];

/// Row P6.
///
/// # Errors
/// In words.
pub fn rows(_: &Options, peers: &Peers) -> Result<Vec<Line>, String> {
    let figures = peers.figures("P6")?;
    let mut lines = Vec::new();
    let mut linked: Option<(usize, Linked)> = None;
    for (keys, changes, limit) in CASES {
        eprintln!("bench: P6, {changes} + {changes} of {keys}");
        let (_, pair) = match linked.take().filter(|(size, _)| *size == keys) {
            Some(same) => same,
            None => (keys, Linked::new(state(keys))?),
        };
        let outcome = come_together(&pair, keys, changes)?;
        lines.extend(report(keys, changes, limit, &outcome, &figures));
        linked = Some((keys, pair));
    }
    Ok(lines)
}

/// What went by.
struct Outcome {
    /// Bytes of both hellos.
    hellos: f64,
    /// Bytes that the hellos have with nothing to say in them.
    handshake: f64,
    /// All bytes.
    total: f64,
    /// Bytes when both sides held the same; what came later is acknowledgements.
    until_equal: f64,
    /// How many times a side spoke until both held the same, from the first hello on.
    turns: usize,
    /// From the first hello until both sides held the same.
    time: Duration,
}

fn come_together(linked: &Linked, keys: usize, changes: usize) -> Result<Outcome, String> {
    linked.relay.settle(QUIET);
    linked.relay.cut();
    // Let both sides notice, so that nothing is left in their sockets.
    std::thread::sleep(Duration::from_millis(20));
    for change in 0..changes {
        let number = change * (keys / changes);
        let value = -1 - change as i64;
        linked.here.write_state(&path(number), value).map_err(words)?;
        linked.there.write_state(&path(number + 1), value).map_err(words)?;
    }
    linked.relay.forget();
    let before = linked.dialling.traffic();
    linked.relay.mend()?;
    while linked.relay.passed().iter().filter(|passed| passed.is_hello).count() < 2 {
        std::thread::sleep(Duration::from_micros(100));
    }
    linked.wait_until_equal()?;
    let equal = Instant::now();
    linked.relay.settle(QUIET);
    check(&linked.here, &linked.there, keys, changes)?;
    let outcome = outcome(linked, equal)?;
    let after = linked.dialling.traffic();
    let counted = (after.bytes_sent + after.bytes_received - before.bytes_sent - before.bytes_received) as f64;
    if counted == outcome.total { Ok(outcome) } else { Err(format!("the wire counted {} bytes, the engine {counted}", outcome.total)) }
}

fn outcome(linked: &Linked, equal: Instant) -> Result<Outcome, String> {
    let passed = linked.relay.passed();
    // Behind the hellos, what is larger than this bears state; acknowledgements and marks do not make the sides more equal.
    let bears_state = |passed: &Passed| passed.is_hello || passed.bytes > LONE_ACK;
    let until = passed.iter().rposition(bears_state).map_or(0, |last| last + 1);
    let first = passed.first().ok_or("nothing went by")?;
    // Nothing had to become equal: then it is done with the welcome.
    let equal = if until == 2 { passed[1].at } else { equal };
    let sum = |passed: &[Passed]| passed.iter().map(|passed| passed.bytes as f64).sum::<f64>();
    let ways: Vec<Way> = passed[..until].iter().map(|passed| passed.way).collect();
    Ok(Outcome {
        hellos: passed.iter().filter(|passed| passed.is_hello).map(|passed| passed.bytes as f64).sum(),
        handshake: empty_handshake(linked)?,
        total: sum(&passed),
        until_equal: sum(&passed[..until]),
        turns: 1 + ways.windows(2).filter(|pair| pair[0] != pair[1]).count(),
        time: equal.saturating_duration_since(first.at),
    })
}

/// Every change is there, on both sides.
fn check(here: &Pair, there: &Pair, keys: usize, changes: usize) -> Result<(), String> {
    for change in 0..changes {
        let number = change * (keys / changes);
        for path in [path(number), path(number + 1)] {
            let values = [here, there].map(|pair| pair.read_state(&path).ok().and_then(|value| value.as_i64()));
            if values != [Some(-1 - change as i64); 2] {
                return Err(format!("{path} is {values:?} after coming together"));
            }
        }
    }
    Ok(())
}

/// Bytes of both hellos, lengths included, when nothing is said in them but where the side that listens can be reached.
fn empty_handshake(linked: &Linked) -> Result<f64, String> {
    let words = |error: spook_protocol::etcp::HandshakeError| format!("the handshake says: {error}");
    let (dialling, listening) = (Identity::generate([1; 32]), Identity::generate([2; 32]));
    let hello = Hello { min_version: 1, max_version: 1, timestamp_ms: 1, addresses: linked.dialling.addresses(), body: Vec::new() };
    let (first, _) = Dialling::start(&dialling, listening.public(), Contact::Known, &hello, [3; 32]).map_err(words)?;
    let received = receive_hello(&listening, &first).map_err(words)?;
    let authorised = received.authorise_known(dialling.public(), 0).map_err(words)?;
    let welcome = Welcome { version: 1, addresses: linked.listening.addresses(), body: Vec::new() };
    let (second, _, _) = authorised.welcome(&welcome, [4; 32]).map_err(words)?;
    Ok((2 + first.len() + 2 + second.len()) as f64)
}

fn report(keys: usize, changes: usize, limit: f64, outcome: &Outcome, figures: &[Figure]) -> Vec<Line> {
    let what = format!("{changes} + {changes} of {keys}");
    let title = if changes == 0 {
        "re-entangle, nothing changed".to_owned()
    } else {
        format!("re-entangle, {changes} + {changes} of {}", count(keys as f64))
    };
    let (beside, least) = shown(figures, &what, "bytes", bytes);
    let (trips, _) = shown(figures, &what, "round trips", |trips| format!("{trips}"));
    let (durations, shortest) = shown(figures, &what, "us", |us| time(us * 1e3));
    let beyond = outcome.total - outcome.handshake;
    // The side that dialled has everything with the welcome; the other with what answers it.
    let trips_of_both = outcome.turns as f64 / 2.0;
    let once = || "one meeting".to_owned();
    vec![
        Line {
            target: format!("<= {}", bytes(limit)),
            ours: format!(
                "{} ({} until equal; handshake {} besides, {} said in it)",
                bytes(beyond),
                bytes(outcome.until_equal - outcome.handshake),
                bytes(outcome.handshake),
                bytes(outcome.hellos - outcome.handshake)
            ),
            beside: if beside.is_empty() { beside } else { format!("{beside}, none encrypted or framed") },
            ratio: Some(beyond / least),
            reached: Some(beyond <= limit),
            samples: once(),
            ..Line::new(Row::P6, format!("{title}: bytes both ways"))
        },
        Line {
            target: "1 for the first side, handshake included".into(),
            ours: format!("{} for the side that dials, {trips_of_both} for both", trips_of_both.min(1.0)),
            beside: if trips.is_empty() { trips } else { format!("{trips}, behind a handshake") },
            reached: Some(trips_of_both <= 1.5),
            samples: once(),
            ..Line::new(Row::P6, format!("{title}: round trips"))
        },
        Line {
            ours: format!("{}, handshake included", time(outcome.time.as_nanos() as f64)),
            beside: if durations.is_empty() { durations } else { format!("{durations}, without transport") },
            ratio: Some(outcome.time.as_micros() as f64 / shortest),
            samples: once(),
            ..Line::new(Row::P6, format!("{title}: time"))
        },
    ]
}
