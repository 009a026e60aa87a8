//! The side that listens.

use core::fmt;

use snow::HandshakeState;
use zeroize::Zeroizing;

use crate::etcp::channel::Channel;
use crate::etcp::gate::{self, GATE_LEN, equal_in_constant_time};
use crate::etcp::identity::{Identity, PublicKeys};
use crate::etcp::ticket::{TicketId, TicketSecret};
use crate::id::EndpointId;

use super::error::{HandshakeError, StrangerReason};
use super::message::{Hello, HelloKind, Introduction, Refusal, Welcome, decode_hello, encode_refusal, encode_welcome, initiator_keys};
use super::noise::{Entropy, MESSAGE_1_OVERHEAD, MESSAGE_2_OVERHEAD, PSK_POSITION, builder, hedge, prologue};
use super::{MAX_MESSAGE_1, MAX_MESSAGE_2, PeerAuthenticated};

/// Reads message 1. The gate is checked first: a stranger's bytes cost one hash.
///
/// # Errors
/// [`HandshakeError::Stranger`] always: whatever is wrong, the answer is silence.
pub fn receive_hello(identity: &Identity, bytes: &[u8]) -> Result<ReceivedHello, HandshakeError> {
    let stranger = |reason| HandshakeError::Stranger(reason);
    if !(GATE_LEN + 1 + MESSAGE_1_OVERHEAD..=MAX_MESSAGE_1).contains(&bytes.len()) {
        return Err(stranger(StrangerReason::Gate));
    }
    let body = gate::pass(&identity.public().exchange, bytes).ok_or(stranger(StrangerReason::Gate))?;
    read_behind_the_gate(identity, body).ok_or(stranger(StrangerReason::Unreadable))
}

fn read_behind_the_gate(identity: &Identity, body: &[u8]) -> Option<ReceivedHello> {
    let (&kind, message) = body.split_first()?;
    let kind = HelloKind::from_byte(kind)?;
    let entropy = Entropy::awaiting_seed();
    let mut noise = builder(kind, &entropy)
        .ok()?
        .prologue(&prologue(kind))
        .and_then(|builder| builder.local_private_key(identity.exchange_secret()))
        .and_then(|builder| builder.build_responder())
        .ok()?;
    let mut payload = vec![0; message.len()];
    let len = noise.read_message(message, &mut payload).ok()?;
    let read = decode_hello(&payload[..len], kind)?;
    Some(ReceivedHello {
        initiator: initiator_keys(noise.get_remote_static(), read.signing)?,
        introduction: read.introduction,
        hello: read.hello,
        kind,
        answer: Answering { noise, entropy, hedge: hedge(identity), local: *identity.public(), binding: *identity.binding() },
    })
}

/// What it takes to write message 2.
struct Answering {
    noise: HandshakeState,
    entropy: Entropy,
    hedge: Zeroizing<[u8; 32]>,
    local: PublicKeys,
    binding: [u8; 64],
}

/// Message 1 was read; whether its sender is welcome is for the caller to find out, by one of the two `authorise` methods.
pub struct ReceivedHello {
    initiator: PublicKeys,
    introduction: Option<Introduction>,
    hello: Hello,
    kind: HelloKind,
    answer: Answering,
}

impl ReceivedHello {
    /// The keys the initiator claims: it holds the secret of the exchange key, and `authorise` tells of the signing key.
    pub fn initiator(&self) -> &PublicKeys {
        &self.initiator
    }

    /// The initiator's name.
    pub fn endpoint_id(&self) -> EndpointId {
        self.initiator.endpoint_id()
    }

    /// How the initiator means to be known.
    pub fn kind(&self) -> HelloKind {
        self.kind
    }

    /// The ticket it presents, if [`kind`](Self::kind) is [`HelloKind::Ticket`].
    pub fn ticket_id(&self) -> Option<TicketId> {
        self.introduction.as_ref().map(|introduction| introduction.ticket)
    }

    /// Versions, timestamp, addresses and body.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The highest version in both ranges, if there is one; else [`Authorised::refuse`] with [`Refusal::Version`].
    pub fn common_version(&self, min_version: u16, max_version: u16) -> Option<u16> {
        let highest = self.hello.max_version.min(max_version);
        (highest >= self.hello.min_version.max(min_version)).then_some(highest)
    }

    /// Accepts an endpoint whose keys are on record. `last_timestamp_ms` is the greatest timestamp accepted from it so far, 0 at
    /// first; on success the caller records this one.
    ///
    /// # Errors
    /// [`HandshakeError::Stranger`]: a replay, other keys, or a hello with a ticket.
    pub fn authorise_known(self, known: &PublicKeys, last_timestamp_ms: u64) -> Result<Authorised, HandshakeError> {
        if self.kind != HelloKind::Known {
            return Err(HandshakeError::Stranger(StrangerReason::OtherKind));
        }
        if *known != self.initiator {
            return Err(HandshakeError::Stranger(StrangerReason::OtherKeys));
        }
        self.authorise(last_timestamp_ms)
    }

    /// Accepts an endpoint with a ticket: `secret` is that of [`ticket_id`](Self::ticket_id). `last_timestamp_ms` is the greatest
    /// timestamp accepted from this endpoint so far, 0 if there is none. Whether the ticket has expired or was used by another
    /// endpoint is for the caller to check, and to answer by [`Authorised::refuse`].
    ///
    /// # Errors
    /// [`HandshakeError::Stranger`]: a wrong proof, a signing key that does not belong to the exchange key, a replay, or no ticket.
    pub fn authorise_ticket(mut self, secret: &TicketSecret, last_timestamp_ms: u64) -> Result<Authorised, HandshakeError> {
        let Some(introduction) = &self.introduction else {
            return Err(HandshakeError::Stranger(StrangerReason::OtherKind));
        };
        let proof = secret.proof(&self.initiator, &self.answer.local, self.hello.timestamp_ms);
        if !equal_in_constant_time(&proof, &introduction.proof) || !self.initiator.verify_binding(&introduction.binding) {
            return Err(HandshakeError::Stranger(StrangerReason::Proof));
        }
        self.answer.noise.set_psk(usize::from(PSK_POSITION), &secret.pre_shared_key()[..]).map_err(|_| HandshakeError::Bug)?;
        self.authorise(last_timestamp_ms)
    }

    fn authorise(self, last_timestamp_ms: u64) -> Result<Authorised, HandshakeError> {
        if self.hello.timestamp_ms <= last_timestamp_ms {
            return Err(HandshakeError::Stranger(StrangerReason::Replay));
        }
        Ok(Authorised { initiator: self.initiator, hello: self.hello, kind: self.kind, answer: self.answer })
    }
}

impl fmt::Debug for ReceivedHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceivedHello({:?}, {:?})", self.initiator, self.kind)
    }
}

/// The initiator is known or invited; it gets an answer.
pub struct Authorised {
    initiator: PublicKeys,
    hello: Hello,
    kind: HelloKind,
    answer: Answering,
}

impl Authorised {
    /// The initiator's keys.
    pub fn initiator(&self) -> &PublicKeys {
        &self.initiator
    }

    /// Versions, timestamp, addresses and body of the hello.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Makes message 2 and the channel. `seed` must be fresh random bytes that nobody else sees.
    ///
    /// # Errors
    /// [`HandshakeError::Invalid`] for a version that was not offered, or bad addresses; [`HandshakeError::TooLarge`] if message 2
    /// would exceed [`MAX_MESSAGE_2`](super::MAX_MESSAGE_2).
    pub fn welcome(mut self, welcome: &Welcome, seed: [u8; 32]) -> Result<(Vec<u8>, Channel, PeerAuthenticated), HandshakeError> {
        if !(self.hello.min_version..=self.hello.max_version).contains(&welcome.version) {
            return Err(HandshakeError::Invalid("the hello did not offer this version"));
        }
        let binding = (self.kind == HelloKind::Ticket).then_some(&self.answer.binding);
        let payload = encode_welcome(welcome, binding)?;
        let message = self.answer.message_2(&payload, seed)?;
        let channel = Channel::established(self.answer.noise).map_err(|_| HandshakeError::Bug)?;
        Ok((message, channel, PeerAuthenticated::assertion(self.initiator)))
    }

    /// Makes a message 2 that gives a reason instead of a welcome; nothing follows it. `seed` as for [`welcome`](Self::welcome).
    ///
    /// # Errors
    /// [`HandshakeError::Invalid`] for [`Refusal::Other`] with the number 0.
    pub fn refuse(mut self, reason: Refusal, seed: [u8; 32]) -> Result<Vec<u8>, HandshakeError> {
        self.answer.message_2(&encode_refusal(reason)?, seed)
    }
}

impl Answering {
    fn message_2(&mut self, payload: &[u8], seed: [u8; 32]) -> Result<Vec<u8>, HandshakeError> {
        let len = payload.len() + MESSAGE_2_OVERHEAD;
        if len > MAX_MESSAGE_2 {
            return Err(HandshakeError::TooLarge);
        }
        self.entropy.seed(seed, &self.hedge, self.noise.get_handshake_hash())?;
        let mut message = vec![0; len];
        self.noise.write_message(payload, &mut message).map_err(|_| HandshakeError::Bug)?;
        Ok(message)
    }
}

impl fmt::Debug for Authorised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorised({:?}, {:?})", self.initiator, self.kind)
    }
}
