//! Why a link ends.

use crate::error::Code;
use crate::estp::delta::DeltaError;
use crate::estp::half::Violation;
use crate::wire::Malformed;
use std::fmt;

/// Why a link ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer sent what the protocol does not allow.
    Peer(String),
    /// The peer is newer, and needs what this version does not know.
    Version(u8),
    /// The peer closed the link, with its reason.
    Closed(Code, String),
    /// The peer's stamps are so many ms ahead, and more of them came than is held until their time comes.
    Early(u64),
}

impl Fault {
    /// The permanent code.
    pub fn code(&self) -> Code {
        match self {
            Fault::Peer(_) => Code::Protocol,
            Fault::Version(_) => Code::Version,
            Fault::Closed(code, _) => *code,
            Fault::Early(_) => Code::ClockSuspect,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Peer(what) => write!(out, "the peer sent {what}"),
            Fault::Version(kind) => write!(out, "the peer sent a mandatory frame of kind {kind}, which this version does not know"),
            Fault::Closed(code, text) => write!(out, "the peer closed the link: {} {text}", code.name()),
            Fault::Early(ahead_ms) => write!(out, "the peer's stamps are {ahead_ms} ms ahead, and more came than is held"),
        }
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Fault {
        Fault::Peer(format!("a {malformed}"))
    }
}

impl From<DeltaError> for Fault {
    fn from(error: DeltaError) -> Fault {
        Fault::Peer(error.to_string())
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Fault {
        Fault::Peer(violation.to_string())
    }
}
