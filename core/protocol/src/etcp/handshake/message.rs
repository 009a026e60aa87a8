//! The payloads inside both messages. Integers are big-endian; a body is whatever is left.
//!
//! Message 1: minimum version (2), maximum version (2), timestamp (8), signing key (32); of kind 2 only: ticket id (8), proof (16),
//! key binding (64); then addresses and body. Message 2: status (1), 0 = welcome, else a [`Refusal`] and nothing more; version (2);
//! of kind 2 only: key binding (64); then addresses and body.

use core::fmt;

use crate::etcp::fields::{Reader, put_addresses};
use crate::etcp::identity::PublicKeys;
use crate::etcp::ticket::TicketId;

use super::error::HandshakeError;

/// How the two sides know each other; the byte behind the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloKind {
    /// 1: Noise IK, both know the other's keys.
    Known,
    /// 2: Noise IKpsk2, the initiator holds a ticket of the responder.
    Ticket,
}

impl HelloKind {
    pub(super) fn byte(self) -> u8 {
        match self {
            HelloKind::Known => 1,
            HelloKind::Ticket => 2,
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(HelloKind::Known),
            2 => Some(HelloKind::Ticket),
            _ => None,
        }
    }
}

/// What the initiator says in message 1, besides who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Lowest protocol version it speaks.
    pub min_version: u16,
    /// Highest protocol version it speaks.
    pub max_version: u16,
    /// Unix milliseconds, but always above the last one that it sent to this responder: the guard against replays.
    pub timestamp_ms: u64,
    /// Where the initiator listens itself; at most 8 of at most 255 bytes each.
    pub addresses: Vec<String>,
    /// What the layer above wants to say (the resume cursor).
    pub body: Vec<u8>,
}

/// What the responder says in message 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// The protocol version of this link, one that the hello offered.
    pub version: u16,
    /// Where the responder listens; at most 8 of at most 255 bytes each.
    pub addresses: Vec<String>,
    /// What the layer above wants to say (the resume cursor, the first deltas).
    pub body: Vec<u8>,
}

/// Why a responder turns an endpoint away that it knows or that holds one of its tickets. The numbers are permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 1: no protocol version in common.
    Version,
    /// 2: the endpoint has lost its right.
    Revoked,
    /// 3: the ticket has expired.
    TicketExpired,
    /// 4: the ticket was used by another endpoint.
    TicketUsed,
    /// 5: too many links; try again later.
    Busy,
    /// 6: its ledger turned out to be a copy, and it is about to go on under a new author epoch; try again.
    Renewing,
    /// 7: the ledger of the initiator is a copy: it has to go on under a new author epoch.
    LedgerIsOld,
    /// A reason that a newer version gave.
    Other(u8),
}

impl Refusal {
    fn byte(self) -> u8 {
        match self {
            Refusal::Version => 1,
            Refusal::Revoked => 2,
            Refusal::TicketExpired => 3,
            Refusal::TicketUsed => 4,
            Refusal::Busy => 5,
            Refusal::Renewing => 6,
            Refusal::LedgerIsOld => 7,
            Refusal::Other(byte) => byte,
        }
    }

    fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Refusal::Version,
            2 => Refusal::Revoked,
            3 => Refusal::TicketExpired,
            4 => Refusal::TicketUsed,
            5 => Refusal::Busy,
            6 => Refusal::Renewing,
            7 => Refusal::LedgerIsOld,
            other => Refusal::Other(other),
        }
    }

    /// Name of the permanent code in `ffi/errors.toml`.
    pub fn code_name(&self) -> &'static str {
        match self {
            Refusal::Version => "VERSION",
            Refusal::TicketExpired => "TICKET_EXPIRED",
            Refusal::TicketUsed => "TICKET_USED",
            Refusal::Busy | Refusal::Renewing | Refusal::LedgerIsOld => "BACKPRESSURE",
            Refusal::Revoked | Refusal::Other(_) => "REFUSED",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Version => f.write_str("no protocol version in common"),
            Refusal::Revoked => f.write_str("this endpoint has lost its right"),
            Refusal::TicketExpired => f.write_str("the ticket has expired"),
            Refusal::TicketUsed => f.write_str("the ticket was used by another endpoint"),
            Refusal::Busy => f.write_str("it has too many links"),
            Refusal::Renewing => f.write_str("its ledger is a copy, and it goes on under a new author epoch"),
            Refusal::LedgerIsOld => f.write_str("the ledger here is a copy that another one has gone beyond"),
            Refusal::Other(byte) => write!(f, "reason {byte}"),
        }
    }
}

/// What a ticket adds to message 1.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Introduction {
    pub(super) ticket: TicketId,
    pub(super) proof: [u8; 16],
    pub(super) binding: [u8; 64],
}

/// The payload of message 1, read.
pub(super) struct HelloPayload {
    pub(super) signing: [u8; 32],
    pub(super) introduction: Option<Introduction>,
    pub(super) hello: Hello,
}

/// The payload of message 2, read.
pub(super) enum Answer {
    Welcome { welcome: Welcome, binding: Option<[u8; 64]> },
    Refusal(Refusal),
}

pub(super) fn encode_hello(signing: &[u8; 32], introduction: Option<&Introduction>, hello: &Hello) -> Result<Vec<u8>, HandshakeError> {
    if hello.min_version > hello.max_version {
        return Err(HandshakeError::Invalid("the lowest version is above the highest"));
    }
    let mut out = Vec::with_capacity(256 + hello.body.len());
    out.extend_from_slice(&hello.min_version.to_be_bytes());
    out.extend_from_slice(&hello.max_version.to_be_bytes());
    out.extend_from_slice(&hello.timestamp_ms.to_be_bytes());
    out.extend_from_slice(signing);
    if let Some(introduction) = introduction {
        out.extend_from_slice(&introduction.ticket.0);
        out.extend_from_slice(&introduction.proof);
        out.extend_from_slice(&introduction.binding);
    }
    put_addresses_and_body(&mut out, &hello.addresses, &hello.body)?;
    Ok(out)
}

pub(super) fn decode_hello(payload: &[u8], kind: HelloKind) -> Option<HelloPayload> {
    let mut reader = Reader::new(payload);
    let (min_version, max_version) = (reader.u16()?, reader.u16()?);
    let timestamp_ms = reader.u64()?;
    let signing = reader.array()?;
    let introduction = match kind {
        HelloKind::Known => None,
        HelloKind::Ticket => Some(Introduction { ticket: TicketId(reader.array()?), proof: reader.array()?, binding: reader.array()? }),
    };
    let addresses = reader.addresses()?;
    let body = reader.rest().to_vec();
    let hello = Hello { min_version, max_version, timestamp_ms, addresses, body };
    (min_version <= max_version).then_some(HelloPayload { signing, introduction, hello })
}

/// `binding` at first contact only.
pub(super) fn encode_welcome(welcome: &Welcome, binding: Option<&[u8; 64]>) -> Result<Vec<u8>, HandshakeError> {
    let mut out = Vec::with_capacity(128 + welcome.body.len());
    out.push(0);
    out.extend_from_slice(&welcome.version.to_be_bytes());
    if let Some(binding) = binding {
        out.extend_from_slice(binding);
    }
    put_addresses_and_body(&mut out, &welcome.addresses, &welcome.body)?;
    Ok(out)
}

pub(super) fn encode_refusal(refusal: Refusal) -> Result<Vec<u8>, HandshakeError> {
    match refusal.byte() {
        0 => Err(HandshakeError::Invalid("0 is no reason for a refusal")),
        byte => Ok(vec![byte]),
    }
}

pub(super) fn decode_answer(payload: &[u8], kind: HelloKind) -> Option<Answer> {
    let mut reader = Reader::new(payload);
    let status = reader.u8()?;
    if status != 0 {
        // What a newer version may say behind its reason is not understood here, and not needed.
        return Some(Answer::Refusal(Refusal::from_byte(status)));
    }
    let version = reader.u16()?;
    let binding = match kind {
        HelloKind::Known => None,
        HelloKind::Ticket => Some(reader.array()?),
    };
    let addresses = reader.addresses()?;
    let body = reader.rest().to_vec();
    Some(Answer::Welcome { welcome: Welcome { version, addresses, body }, binding })
}

/// The keys of an initiator: the exchange key from Noise, the signing key from the payload.
pub(super) fn initiator_keys(exchange: Option<&[u8]>, signing: [u8; 32]) -> Option<PublicKeys> {
    Some(PublicKeys { signing, exchange: exchange?.try_into().ok()? })
}

fn put_addresses_and_body(out: &mut Vec<u8>, addresses: &[String], body: &[u8]) -> Result<(), HandshakeError> {
    if !put_addresses(out, addresses) {
        return Err(HandshakeError::Invalid("at most 8 addresses of 1 to 255 bytes without control characters"));
    }
    out.extend_from_slice(body);
    Ok(())
}
