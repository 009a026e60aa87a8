//! Peers that hold valid keys and break the rules: their messages are made here with the parts that the honest sides use.

use proptest::prelude::*;
use snow::HandshakeState;

use crate::etcp::gate::{GATE_LEN, gate};
use crate::etcp::identity::{Identity, PublicKeys};
use crate::etcp::ticket::TicketSecret;

use super::error::{HandshakeError, StrangerReason};
use super::initiator::{Contact, Dialling, ExpectWelcome};
use super::message::{
    Answer, Hello, HelloKind, Introduction, Welcome, decode_answer, decode_hello, encode_hello, encode_refusal, encode_welcome,
};
use super::noise::{Entropy, PSK_POSITION, builder, prologue};
use super::responder::receive_hello;

const STRANGER: fn(StrangerReason) -> Option<HandshakeError> = |reason| Some(HandshakeError::Stranger(reason));

fn alice() -> Identity {
    Identity::generate([1; 32])
}

fn bob() -> Identity {
    Identity::generate([2; 32])
}

fn secret() -> TicketSecret {
    TicketSecret::generate([3; 32])
}

fn hello() -> Hello {
    Hello { min_version: 1, max_version: 1, timestamp_ms: 5, ..Hello::default() }
}

fn honest_payload() -> Vec<u8> {
    encode_hello(&alice().public().signing, None, &hello()).unwrap()
}

fn seeded() -> Entropy {
    let entropy = Entropy::awaiting_seed();
    entropy.seed([4; 32], &[0; 32], b"").unwrap();
    entropy
}

/// Message 1 from Alice to Bob with any prologue, kind byte and payload, behind a correct gate.
fn message_1(kind: HelloKind, prologue: &[u8], kind_byte: u8, payload: &[u8]) -> Vec<u8> {
    let entropy = seeded();
    let mut noise = builder(kind, &entropy)
        .unwrap()
        .prologue(prologue)
        .unwrap()
        .local_private_key(alice().exchange_secret())
        .unwrap()
        .remote_public_key(&bob().public().exchange)
        .unwrap()
        .build_initiator()
        .unwrap();
    let mut message = vec![0; 8192];
    message[GATE_LEN] = kind_byte;
    let len = noise.write_message(payload, &mut message[GATE_LEN + 1..]).unwrap();
    message.truncate(GATE_LEN + 1 + len);
    regate(message)
}

fn regate(mut message: Vec<u8>) -> Vec<u8> {
    let tag = gate(&bob().public().exchange, &message[GATE_LEN..]);
    message[..GATE_LEN].copy_from_slice(&tag);
    message
}

/// Alice's attempt, and Bob's Noise after he has read her hello.
fn half_way(contact: Contact<'_>, kind: HelloKind) -> (ExpectWelcome, HandshakeState) {
    let (first, expect) = Dialling::start(&alice(), bob().public(), contact, &hello(), [4; 32]).unwrap();
    let entropy = seeded();
    let mut noise = builder(kind, &entropy)
        .unwrap()
        .prologue(&prologue(kind))
        .unwrap()
        .local_private_key(bob().exchange_secret())
        .unwrap()
        .build_responder()
        .unwrap();
    noise.read_message(&first[GATE_LEN + 1..], &mut [0; 4096]).unwrap();
    (expect, noise)
}

fn message_2(noise: &mut HandshakeState, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![0; payload.len() + 64];
    let len = noise.write_message(payload, &mut message).unwrap();
    message.truncate(len);
    message
}

#[test]
fn another_prologue_makes_a_stranger() {
    let known = prologue(HelloKind::Known);
    assert_eq!((&known, &prologue(HelloKind::Ticket)), (b"libspook\x01\x01", b"libspook\x01\x02"));
    let read =
        |prologue: &[u8], kind_byte| receive_hello(&bob(), &message_1(HelloKind::Known, prologue, kind_byte, &honest_payload())).err();
    assert_eq!(read(&known, 1), None, "the honest message, made in the same way, passes");
    let mut newer = known;
    newer[8] += 1;
    for prologue in [&newer[..], &prologue(HelloKind::Ticket), b"", b"libspook"] {
        assert_eq!(read(prologue, 1), STRANGER(StrangerReason::Unreadable));
    }
    for kind_byte in [0, 2, 3, 255] {
        assert_eq!(read(&known, kind_byte), STRANGER(StrangerReason::Unreadable));
    }
}

#[test]
fn a_low_order_ephemeral_key_makes_a_stranger_or_a_forger() {
    for point in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let mut message = message_1(HelloKind::Known, &prologue(HelloKind::Known), 1, &honest_payload());
        message[GATE_LEN + 1..GATE_LEN + 33].copy_from_slice(&point);
        let result = receive_hello(&bob(), &regate(message));
        assert_eq!(result.err(), STRANGER(StrangerReason::Unreadable));

        let (expect, mut noise) = half_way(Contact::Known, HelloKind::Known);
        let mut answer = message_2(&mut noise, b"");
        answer[..32].copy_from_slice(&point);
        assert_eq!(expect.handle(&answer).err(), Some(HandshakeError::Forged));
    }
}

#[test]
fn every_cut_of_a_payload_makes_a_stranger_or_breaks_the_protocol() {
    let payload = honest_payload();
    for len in 0..payload.len() {
        let message = message_1(HelloKind::Known, &prologue(HelloKind::Known), 1, &payload[..len]);
        let result = receive_hello(&bob(), &message);
        assert_eq!(result.err(), STRANGER(StrangerReason::Unreadable), "cut at {len}");
    }
    let answer = encode_welcome(&Welcome { version: 1, ..Welcome::default() }, None).unwrap();
    for len in 0..=answer.len() {
        let (expect, mut noise) = half_way(Contact::Known, HelloKind::Known);
        let result = expect.handle(&message_2(&mut noise, &answer[..len]));
        let whole = len == answer.len();
        assert_eq!(result.is_ok(), whole, "cut at {len}");
        assert!(whole || matches!(result.err(), Some(HandshakeError::Protocol(_))), "cut at {len}");
    }
}

#[test]
fn nobody_can_claim_the_signing_key_of_another() {
    // Alice holds a ticket and says that Carol's signing key is hers. The proof is right; the binding cannot be.
    let (secret, carol) = (secret(), Identity::generate([6; 32]));
    let claimed = PublicKeys { signing: carol.public().signing, ..*alice().public() };
    for binding in [*carol.binding(), *alice().binding()] {
        let introduction = Introduction { ticket: secret.id(), proof: secret.proof(&claimed, bob().public(), 5), binding };
        let payload = encode_hello(&claimed.signing, Some(&introduction), &hello()).unwrap();
        let message = message_1(HelloKind::Ticket, &prologue(HelloKind::Ticket), 2, &payload);
        let result = receive_hello(&bob(), &message).unwrap().authorise_ticket(&secret, 0);
        assert_eq!(result.err(), STRANGER(StrangerReason::Proof));
    }
}

#[test]
fn an_answer_to_a_ticket_needs_its_secret_and_the_issuers_binding() {
    let secret = secret();
    let welcome = Welcome { version: 1, ..Welcome::default() };
    let other = TicketSecret::generate([7; 32]);
    for (used, binding, error) in [
        (&secret, bob().binding(), None),
        (&other, bob().binding(), Some(HandshakeError::Forged)),
        (&secret, alice().binding(), Some(HandshakeError::Protocol("the ticket's two keys do not belong together"))),
    ] {
        let (expect, mut noise) = half_way(Contact::Ticket(&secret), HelloKind::Ticket);
        noise.set_psk(usize::from(PSK_POSITION), &used.pre_shared_key()[..]).unwrap();
        let answer = message_2(&mut noise, &encode_welcome(&welcome, Some(binding)).unwrap());
        assert_eq!(expect.handle(&answer).err(), error);
    }
}

#[test]
fn a_version_that_was_not_offered_is_noticed() {
    for version in [0, 2] {
        let (expect, mut noise) = half_way(Contact::Known, HelloKind::Known);
        let payload = encode_welcome(&Welcome { version, ..Welcome::default() }, None).unwrap();
        let result = expect.handle(&message_2(&mut noise, &payload));
        assert!(matches!(result.err(), Some(HandshakeError::Protocol(_))));
    }
}

proptest! {
    /// Arbitrary payloads are refused, or are exactly what the fields read from them write.
    #[test]
    fn hello_payloads(mut payload in proptest::collection::vec(any::<u8>(), 0..400), ticket: bool, count in 0u8..4) {
        let kind = if ticket { HelloKind::Ticket } else { HelloKind::Known };
        if let Some(byte) = payload.get_mut(if ticket { 132 } else { 44 }) {
            *byte = count;
        }
        if let Some(read) = decode_hello(&payload, kind) {
            prop_assert_eq!(read.introduction.is_some(), ticket);
            let written = encode_hello(&read.signing, read.introduction.as_ref(), &read.hello);
            prop_assert_eq!(written, Ok(payload));
        }
    }

    #[test]
    fn answer_payloads(payload in proptest::collection::vec(any::<u8>(), 0..200), ticket: bool, zero: bool) {
        let kind = if ticket { HelloKind::Ticket } else { HelloKind::Known };
        let mut payload = payload;
        if let (Some(status), true) = (payload.first_mut(), zero) {
            *status = 0;
        }
        match decode_answer(&payload, kind) {
            None => {}
            Some(Answer::Welcome { welcome, binding }) => {
                prop_assert_eq!(binding.is_some(), ticket);
                prop_assert_eq!(encode_welcome(&welcome, binding.as_ref()), Ok(payload));
            }
            Some(Answer::Refusal(refusal)) => prop_assert_eq!(encode_refusal(refusal), Ok(payload[..1].to_vec())),
        }
    }

    /// Garbage behind a correct gate.
    #[test]
    fn garbage_is_a_stranger(mut message in proptest::collection::vec(any::<u8>(), 0..300), kind in 0u8..4) {
        if message.len() > GATE_LEN {
            message[GATE_LEN] = kind;
            message = regate(message);
        }
        prop_assert!(receive_hello(&bob(), &message).is_err_and(|error| error.is_silent()));
    }
}
