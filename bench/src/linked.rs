//! Two engines in this process, linked through the counting relay.

use crate::relay::Relay;
use spook::{CollapseOptions, Digest, Engine, EngineOptions, Error, Pair, PairOptions, TicketOptions, Value};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// As long as this without a byte is the end of an exchange: longer than acknowledgements wait, shorter than heartbeats.
pub const QUIET: Duration = Duration::from_millis(300);

/// A key of ten characters, as a path.
pub fn path(number: usize) -> String {
    format!("/key{number:07}")
}

/// A state of that many numbers.
pub fn state(keys: usize) -> Value {
    Value::object((0..keys).map(|number| (format!("key{number:07}"), number as i64)))
}

/// An error of the engine, in words.
pub fn words(error: Error) -> String {
    format!("the engine says: {error}")
}

/// An engine without a file, which listens on a unix socket or only dials.
///
/// # Errors
/// In words.
pub fn engine(socket: Option<&Path>) -> Result<Engine, String> {
    let listen = socket.map(|path| format!("unix:{}", path.display())).into_iter().collect();
    Engine::open_with(EngineOptions { location: ":memory:".into(), listen: Some(listen), ..EngineOptions::default() }).map_err(words)
}

/// Two halves of one Pair, and the wire between them.
pub struct Linked {
    /// The half of the side that listens.
    pub here: Pair,
    /// The half of the side that dials.
    pub there: Pair,
    /// The wire.
    pub relay: Relay,
    /// The side that listens.
    pub listening: Engine,
    /// The side that dials.
    pub dialling: Engine,
    _folder: TempDir,
}

impl Linked {
    /// Forms a Pair and waits until both sides hold its state and have acknowledged it.
    ///
    /// # Errors
    /// In words.
    pub fn new(initial: Value) -> Result<Linked, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let socket = folder.path().join("engine");
        let (listening, dialling) = (engine(Some(&socket))?, engine(None)?);
        let relay = Relay::before(&socket)?;
        let here = listening.create_pair("bench", initial, PairOptions::default()).map_err(words)?;
        let ticket = here.ticket(TicketOptions::default()).map_err(words)?;
        let there = dialling.open_pair(&ticket, PATIENCE).map_err(words)?;
        let linked = Linked { here, there, relay, listening, dialling, _folder: folder };
        linked.wait_until_equal()?;
        linked.relay.settle(QUIET);
        Ok(linked)
    }

    /// Waits until both halves hold the same state.
    ///
    /// # Errors
    /// In words: they do not, for too long.
    pub fn wait_until_equal(&self) -> Result<(), String> {
        let begin = Instant::now();
        while digest(&self.here)? != digest(&self.there)? {
            if begin.elapsed() > PATIENCE {
                return Err(format!("the two halves differ after {} s", PATIENCE.as_secs()));
            }
            thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }
}

fn digest(pair: &Pair) -> Result<Digest, String> {
    let options = CollapseOptions { timeout: PATIENCE, settled: false };
    Ok(pair.collapse(options).map_err(words)?.state.digest)
}
