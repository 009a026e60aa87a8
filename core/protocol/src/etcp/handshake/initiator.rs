//! The side that dials.

use core::fmt;

use snow::HandshakeState;

use crate::etcp::channel::Channel;
use crate::etcp::gate::{GATE_LEN, gate};
use crate::etcp::identity::{Identity, PublicKeys};
use crate::etcp::ticket::TicketSecret;

use super::error::HandshakeError;
use super::message::{Answer, Hello, HelloKind, Introduction, Welcome, decode_answer, encode_hello};
use super::noise::{Entropy, MESSAGE_1_OVERHEAD, PSK_POSITION, builder, hedge, prologue};
use super::{MAX_MESSAGE_1, MAX_MESSAGE_2, PeerAuthenticated};

/// How the dialling side knows the one it dials.
#[derive(Clone, Copy, Debug)]
pub enum Contact<'a> {
    /// The responder knows this endpoint.
    Known,
    /// The responder issued the ticket with this secret.
    Ticket(&'a TicketSecret),
}

impl Contact<'_> {
    fn kind(self) -> HelloKind {
        match self {
            Contact::Known => HelloKind::Known,
            Contact::Ticket(_) => HelloKind::Ticket,
        }
    }
}

/// The beginning of a handshake.
#[derive(Debug)]
pub struct Dialling;

impl Dialling {
    /// Makes message 1 to `responder` and the state that waits for the answer. `seed` must be fresh random bytes that nobody else
    /// sees.
    ///
    /// # Errors
    /// [`HandshakeError::Invalid`] for arguments out of bounds, an unusable public key of the responder among them;
    /// [`HandshakeError::TooLarge`] if message 1 would exceed [`MAX_MESSAGE_1`](super::MAX_MESSAGE_1).
    pub fn start(
        identity: &Identity,
        responder: &PublicKeys,
        contact: Contact<'_>,
        hello: &Hello,
        seed: [u8; 32],
    ) -> Result<(Vec<u8>, ExpectWelcome), HandshakeError> {
        let kind = contact.kind();
        let payload =
            encode_hello(&identity.public().signing, introduction(identity, responder, contact, hello.timestamp_ms).as_ref(), hello)?;
        let noise_len = payload.len() + MESSAGE_1_OVERHEAD;
        if GATE_LEN + 1 + noise_len > MAX_MESSAGE_1 {
            return Err(HandshakeError::TooLarge);
        }

        let entropy = Entropy::awaiting_seed();
        let particular = [&responder.exchange[..], &hello.timestamp_ms.to_be_bytes()].concat();
        entropy.seed(seed, &hedge(identity), &particular)?;
        let mut noise = build(identity, responder, contact, &entropy)?;

        let mut message = vec![0; GATE_LEN + 1 + noise_len];
        message[GATE_LEN] = kind.byte();
        noise.write_message(&payload, &mut message[GATE_LEN + 1..]).map_err(|error| match error {
            snow::Error::Dh => HandshakeError::Invalid("the responder's public key is not usable"),
            _ => HandshakeError::Bug,
        })?;
        let tag = gate(&responder.exchange, &message[GATE_LEN..]);
        message[..GATE_LEN].copy_from_slice(&tag);

        let offered = (hello.min_version, hello.max_version);
        Ok((message, ExpectWelcome { noise, responder: *responder, kind, offered }))
    }
}

fn introduction(identity: &Identity, responder: &PublicKeys, contact: Contact<'_>, timestamp_ms: u64) -> Option<Introduction> {
    let Contact::Ticket(secret) = contact else { return None };
    Some(Introduction {
        ticket: secret.id(),
        proof: secret.proof(identity.public(), responder, timestamp_ms),
        binding: *identity.binding(),
    })
}

fn build(identity: &Identity, responder: &PublicKeys, contact: Contact<'_>, entropy: &Entropy) -> Result<HandshakeState, HandshakeError> {
    let prologue = prologue(contact.kind());
    let builder = builder(contact.kind(), entropy)?;
    let build = || {
        let mut noise = builder
            .prologue(&prologue)?
            .local_private_key(identity.exchange_secret())?
            .remote_public_key(&responder.exchange)?
            .build_initiator()?;
        if let Contact::Ticket(secret) = contact {
            noise.set_psk(usize::from(PSK_POSITION), &secret.pre_shared_key()[..])?;
        }
        Ok(noise)
    };
    build().map_err(|_: snow::Error| HandshakeError::Bug)
}

/// Message 1 is on its way; message 2 is expected.
pub struct ExpectWelcome {
    noise: HandshakeState,
    responder: PublicKeys,
    kind: HelloKind,
    offered: (u16, u16),
}

impl ExpectWelcome {
    /// Reads message 2.
    ///
    /// # Errors
    /// [`HandshakeError::Forged`] if it does not come from the responder or was changed; [`HandshakeError::Refused`] with the
    /// responder's reason; [`HandshakeError::Protocol`] if it breaks the rules. Whatever the error, the attempt is over.
    pub fn handle(mut self, bytes: &[u8]) -> Result<(Channel, Welcome, PeerAuthenticated), HandshakeError> {
        if bytes.len() > MAX_MESSAGE_2 {
            return Err(HandshakeError::Protocol("message 2 is longer than 65,535 bytes"));
        }
        let mut payload = vec![0; bytes.len()];
        let len = self.noise.read_message(bytes, &mut payload).map_err(|_| HandshakeError::Forged)?;
        let (welcome, binding) = match decode_answer(&payload[..len], self.kind) {
            None => return Err(HandshakeError::Protocol("message 2 has fields out of bounds")),
            Some(Answer::Refusal(refusal)) => return Err(HandshakeError::Refused(refusal)),
            Some(Answer::Welcome { welcome, binding }) => (welcome, binding),
        };
        if !(self.offered.0..=self.offered.1).contains(&welcome.version) {
            return Err(HandshakeError::Protocol("message 2 names a version that was not offered"));
        }
        if binding.is_some_and(|binding| !self.responder.verify_binding(&binding)) {
            return Err(HandshakeError::Protocol("the ticket's two keys do not belong together"));
        }
        let channel = Channel::established(self.noise).map_err(|_| HandshakeError::Bug)?;
        Ok((channel, welcome, PeerAuthenticated::assertion(self.responder)))
    }
}

impl fmt::Debug for ExpectWelcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExpectWelcome({:?}, {:?})", self.responder, self.kind)
    }
}
