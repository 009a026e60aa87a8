//! What can be chosen when an engine is opened, a Pair created, a ticket issued, a collapse asked for.

use crate::error::Error;
use crate::time::WallClock;
use spook_protocol::error::Code;
use spook_protocol::value::Value;
use std::path::PathBuf;
use std::time::Duration;

/// How an engine is opened. The default keeps everything in memory and listens on the private local socket.
#[derive(Clone, Default)]
pub struct EngineOptions {
    /// Nothing or `:memory:` for an engine that forgets; else the path of its ledger, with or without `file:` before it.
    pub location: String,
    /// Encrypts the keys in the ledger. The same key is needed whenever the ledger is opened again.
    pub key: Option<[u8; 32]>,
    /// Where to listen: `unix:PATH`, `tcp:HOST:PORT`, `mem:NAME`. `None` is a private local socket, so that programs on this machine pair without
    /// configuration and nothing is open to the network; an empty list is nowhere.
    pub listen: Option<Vec<String>>,
    /// After how much silence a peer is suspected to be gone; 5 s if not given.
    pub heartbeat_timeout: Option<Duration>,
    /// The time of day, instead of the system's: for tests. It is asked often and under locks, so it must be quick and call nothing.
    pub clock: Option<WallClock>,
}

/// Where an engine keeps its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    File(PathBuf),
}

impl EngineOptions {
    /// Options with a location and otherwise the defaults.
    pub fn at(location: &str) -> EngineOptions {
        EngineOptions { location: location.to_owned(), ..EngineOptions::default() }
    }

    pub(crate) fn place(&self) -> Result<Place, Error> {
        match self.location.as_str() {
            "" | ":memory:" => Ok(Place::Memory),
            location => {
                if let Some(path) = location.strip_prefix("file:") {
                    // A path whatever it looks like.
                    return Ok(Place::File(PathBuf::from(path)));
                }
                if let Some((scheme, _)) = location.split_once(':')
                    && ["unix", "spook", "tcp", "ws", "wss", "quic", "http", "https"].contains(&scheme)
                {
                    let detail = format!("{location:?} is the address of a daemon; this version opens ledgers in its own process");
                    return Err(Error::new(Code::Address, detail));
                }
                Ok(Place::File(PathBuf::from(location)))
            }
        }
    }
}

/// When a write of a Pair is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Soon: the ledger gathers writes for a few milliseconds. Peers get acknowledgements only for what is durable.
    #[default]
    Batched,
    /// Never: the Pair ends with the process.
    Memory,
    /// When the write returns.
    Sync,
}

/// How a Pair is created.
#[derive(Clone, Debug)]
pub struct PairOptions {
    /// When writes are durable at this half.
    pub durability: Durability,
    /// What both sides agree on: rules per path, consistency, guards, registers. An object, empty by default: any value anywhere, and of concurrent
    /// writes the last one wins. It is agreed when the Pair is created, and stays. docs/schema.md has its fields.
    pub schema: Value,
    /// How long a write of a strong Pair waits here until it is committed; 10 s if not given. It is not stored, and no part of the agreement.
    pub write_timeout: Option<Duration>,
}

impl Default for PairOptions {
    fn default() -> PairOptions {
        PairOptions { durability: Durability::default(), schema: Value::empty_object(), write_timeout: None }
    }
}

impl PairOptions {
    /// Options with a schema and otherwise the defaults.
    pub fn with_schema(schema: Value) -> PairOptions {
        PairOptions { schema, ..PairOptions::default() }
    }
}

/// How a ticket is issued.
#[derive(Clone, Copy, Debug, Default)]
pub struct TicketOptions {
    /// How long it can be used; a day if not given.
    pub expires_in: Option<Duration>,
}

/// What a collapse waits for.
#[derive(Clone, Copy, Debug, Default)]
pub struct CollapseOptions {
    /// How long to wait at the most.
    pub timeout: Duration,
    /// Whether to wait until everything written before is committed.
    pub settled: bool,
}

impl CollapseOptions {
    /// Waits for everything to settle, for so long at the most.
    pub fn settled_within(timeout: Duration) -> CollapseOptions {
        CollapseOptions { timeout, settled: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(location: &str) -> Result<Place, Code> {
        EngineOptions::at(location).place().map_err(|error| error.code())
    }

    #[test]
    fn a_location_is_memory_or_a_file() {
        assert_eq!(place(""), Ok(Place::Memory));
        assert_eq!(place(":memory:"), Ok(Place::Memory));
        assert_eq!(place("home.spook"), Ok(Place::File("home.spook".into())));
        assert_eq!(place("file:/a/b"), Ok(Place::File("/a/b".into())));
        assert_eq!(place("file:tcp:b"), Ok(Place::File("tcp:b".into())));
        assert_eq!(place("C:\\data\\home.spook"), Ok(Place::File("C:\\data\\home.spook".into())));
        assert_eq!(place("unix:/run/spookd"), Err(Code::Address));
    }
}
