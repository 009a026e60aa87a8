//! What a handshake refuses, sorted by whose fault it is.

use core::fmt;

use super::message::Refusal;

/// Why a handshake ended without a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// Peer (responder's side): somebody who is not expected here. **Answer with silence.** The reason is for the log.
    Stranger(StrangerReason),
    /// Peer (initiator's side): the answer does not come from the endpoint that was dialled, or was changed on the way.
    Forged,
    /// Peer: authenticated, but its message breaks the rule named here.
    Protocol(&'static str),
    /// Peer (initiator's side): it answered with a reason instead of a welcome.
    Refused(Refusal),
    /// Caller: an argument is outside its bounds.
    Invalid(&'static str),
    /// Caller: the hello or the welcome does not fit its message.
    TooLarge,
    /// Bug: the Noise machinery refused what can never be refused.
    Bug,
}

/// Why nobody answers a stranger. Never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrangerReason {
    /// Too short, too long, or not made for this endpoint's public key.
    Gate,
    /// Behind a correct gate: another version, changed bytes, a bad key, or fields out of bounds.
    Unreadable,
    /// The timestamp is not above the last one seen from this endpoint.
    Replay,
    /// The keys are not those that the caller knows for this endpoint.
    OtherKeys,
    /// The caller wanted a ticket and there is none, or the other way round.
    OtherKind,
    /// The ticket's proof, or the signature that ties the peer's two keys together, does not hold.
    Proof,
}

impl HandshakeError {
    /// Whether the other side is to get no answer at all.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self, HandshakeError::Stranger(_))
    }

    /// Name of the permanent code in `ffi/errors.toml`.
    pub fn code_name(&self) -> &'static str {
        match self {
            HandshakeError::Stranger(_) | HandshakeError::Forged | HandshakeError::Protocol(_) => "PROTOCOL",
            HandshakeError::Refused(refusal) => refusal.code_name(),
            HandshakeError::Invalid(_) => "INVALID",
            HandshakeError::TooLarge => "TOO_LARGE",
            HandshakeError::Bug => "PANIC",
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Stranger(reason) => write!(f, "a stranger, not answered: {reason}"),
            HandshakeError::Forged => f.write_str("the answer does not come from the endpoint that was dialled"),
            HandshakeError::Protocol(rule) => write!(f, "the peer broke the protocol: {rule}"),
            HandshakeError::Refused(refusal) => write!(f, "the peer refused: {refusal}"),
            HandshakeError::Invalid(what) => f.write_str(what),
            HandshakeError::TooLarge => f.write_str("addresses and body do not fit into the message"),
            HandshakeError::Bug => f.write_str("the Noise machinery refused what can never be refused"),
        }
    }
}

impl fmt::Display for StrangerReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StrangerReason::Gate => "the gate does not fit",
            StrangerReason::Unreadable => "the hello cannot be read",
            StrangerReason::Replay => "the timestamp is not above the last one",
            StrangerReason::OtherKeys => "the keys are not the known ones",
            StrangerReason::OtherKind => "a hello of the other kind was expected",
            StrangerReason::Proof => "the proof does not hold",
        })
    }
}

impl core::error::Error for HandshakeError {}
