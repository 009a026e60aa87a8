//! Two endpoints meet: what passes, and what a stranger, a thief or a faulty wire gets.

#![allow(clippy::unwrap_used)]

use spook_protocol::etcp::handshake::MAX_MESSAGE_1;
use spook_protocol::etcp::{
    Authorised, Channel, Contact, Dialling, ExpectWelcome, HandshakeError, Hello, HelloKind, Identity, PublicKeys, ReceivedHello, Refusal,
    StrangerReason, TicketSecret, Welcome, gate, receive_hello,
};

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
    Hello {
        min_version: 1,
        max_version: 3,
        timestamp_ms: 1_700_000_000_000,
        addresses: vec!["tcp:alice.example:7766".into()],
        body: b"my cursor".to_vec(),
    }
}

fn welcome() -> Welcome {
    Welcome { version: 2, addresses: vec!["tcp:bob.example:7766".into()], body: b"your delta".to_vec() }
}

fn dial(contact: Contact<'_>) -> (Vec<u8>, ExpectWelcome) {
    Dialling::start(&alice(), bob().public(), contact, &hello(), [4; 32]).unwrap()
}

fn receive(message: &[u8]) -> ReceivedHello {
    receive_hello(&bob(), message).unwrap()
}

fn authorise(contact: Contact<'_>, received: ReceivedHello) -> Authorised {
    match contact {
        Contact::Known => received.authorise_known(alice().public(), 0),
        Contact::Ticket(secret) => received.authorise_ticket(secret, 0),
    }
    .unwrap()
}

/// Both channels, the initiator's first.
fn connect(contact: Contact<'_>) -> (Channel, Channel) {
    let (first, expect) = dial(contact);
    let (second, bobs, _) = authorise(contact, receive(&first)).welcome(&welcome(), [5; 32]).unwrap();
    (expect.handle(&second).unwrap().0, bobs)
}

fn contacts(secret: &TicketSecret) -> [Contact<'_>; 2] {
    [Contact::Known, Contact::Ticket(secret)]
}

fn stranger(reason: StrangerReason) -> Option<HandshakeError> {
    Some(HandshakeError::Stranger(reason))
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn both_learn_what_the_other_says_and_who_it_is() {
    let secret = secret();
    for contact in contacts(&secret) {
        let (first, expect) = dial(contact);
        let received = receive(&first);
        assert_eq!(received.initiator(), alice().public());
        assert_eq!(received.endpoint_id(), alice().endpoint_id());
        assert_eq!(received.hello(), &hello());
        let ticket = matches!(contact, Contact::Ticket(_));
        assert_eq!(received.kind(), if ticket { HelloKind::Ticket } else { HelloKind::Known });
        assert_eq!(received.ticket_id(), ticket.then(|| secret.id()));

        let authorised = authorise(contact, received);
        assert_eq!((authorised.initiator(), authorised.hello()), (alice().public(), &hello()));
        let (second, bobs, peer) = authorised.welcome(&welcome(), [5; 32]).unwrap();
        assert_eq!((peer.endpoint_id(), peer.keys()), (alice().endpoint_id(), alice().public()));

        let (alices, said, peer) = expect.handle(&second).unwrap();
        assert_eq!(said, welcome());
        assert_eq!(peer.endpoint_id(), bob().endpoint_id());
        assert_eq!(alices.handshake_hash(), bobs.handshake_hash());
    }
}

#[test]
fn the_same_seeds_give_the_same_bytes_and_others_do_not() {
    let (a, b) = (dial(Contact::Known).0, dial(Contact::Known).0);
    assert_eq!(a, b);
    let other = Dialling::start(&alice(), bob().public(), Contact::Known, &hello(), [9; 32]).unwrap().0;
    assert_ne!(a, other);
    // A seed that a broken random source repeats still gives another ephemeral key (bytes 17 to 48) at another time.
    let later = Hello { timestamp_ms: hello().timestamp_ms + 1, ..hello() };
    let repeated = Dialling::start(&alice(), bob().public(), Contact::Known, &later, [4; 32]).unwrap().0;
    assert_ne!(a[17..49], repeated[17..49]);
}

/// Written down: whatever makes these differ speaks another version of the wire format, and must say so.
#[test]
fn the_bytes_are_those_of_wire_version_1() {
    let secret = secret();
    let digests = contacts(&secret).map(|contact| {
        let (first, _) = dial(contact);
        let (second, mut bobs, _) = authorise(contact, receive(&first)).welcome(&welcome(), [5; 32]).unwrap();
        let mut wire = [first, second].concat();
        bobs.seal(b"message", &mut wire).unwrap();
        bobs.rekey_outgoing();
        bobs.seal(b"message", &mut wire).unwrap();
        blake3::hash(&wire).to_hex()[..16].to_owned()
    });
    assert_eq!(digests, ["425505727ccab8b4", "993e725b4f882251"]);
}

#[test]
fn sizes() {
    let secret = secret();
    let hello = Hello { addresses: vec![], body: vec![], ..hello() };
    let welcome = Welcome { addresses: vec![], body: vec![], ..welcome() };
    let sizes = contacts(&secret).map(|contact| {
        let (first, _) = Dialling::start(&alice(), bob().public(), contact, &hello, [4; 32]).unwrap();
        let authorised = authorise(contact, receive(&first));
        (first.len(), authorised.welcome(&welcome, [5; 32]).unwrap().0.len())
    });
    assert_eq!(sizes, [(158, 52), (246, 116)]);
}

#[test]
fn nothing_of_the_identities_or_the_text_is_visible() {
    let secret = secret();
    for contact in contacts(&secret) {
        let (first, _) = dial(contact);
        let (second, ..) = authorise(contact, receive(&first)).welcome(&welcome(), [5; 32]).unwrap();
        for wire in [first, second] {
            for identity in [alice(), bob()] {
                assert!(!find(&wire, &identity.public().signing[..8]));
                assert!(!find(&wire, &identity.public().exchange[..8]));
                assert!(!find(&wire, &identity.endpoint_id().as_bytes()[..8]));
                assert!(!find(&wire, &identity.binding()[..8]));
            }
            assert!(!find(&wire, &secret.id().0) && !find(&wire, &secret.as_bytes()[..8]));
            assert!(!find(&wire, b"example") && !find(&wire, b"cursor") && !find(&wire, b"delta"));
            assert!(!find(&wire, &hello().timestamp_ms.to_be_bytes()));
        }
    }
}

#[test]
fn every_changed_byte_of_message_1_makes_a_stranger() {
    let secret = secret();
    for contact in contacts(&secret) {
        let (first, _) = dial(contact);
        for i in 0..first.len() {
            let mut changed = first.clone();
            changed[i] ^= 0x40;
            assert_eq!(receive_hello(&bob(), &changed).err(), stranger(StrangerReason::Gate), "byte {i}");
            // An attacker who knows the public key can make the gate fit again, but not the rest. (The byte before the Noise
            // message is the kind; the prologue covers it.)
            if i >= gate::GATE_LEN {
                let tag = gate::gate(&bob().public().exchange, &changed[gate::GATE_LEN..]);
                changed[..gate::GATE_LEN].copy_from_slice(&tag);
                let result = receive_hello(&bob(), &changed).err();
                assert_eq!(result, stranger(StrangerReason::Unreadable), "byte {i}");
            }
        }
    }
}

#[test]
fn every_cut_of_message_1_makes_a_stranger() {
    let (first, _) = dial(Contact::Known);
    for len in 0..first.len() {
        let mut cut = first[..len].to_vec();
        assert!(receive_hello(&bob(), &cut).is_err_and(|error| error.is_silent()), "cut at {len}");
        if len >= gate::GATE_LEN {
            let tag = gate::gate(&bob().public().exchange, &cut[gate::GATE_LEN..]);
            cut[..gate::GATE_LEN].copy_from_slice(&tag);
            assert!(receive_hello(&bob(), &cut).is_err_and(|error| error.is_silent()), "cut at {len}");
        }
    }
    let mut long = first.clone();
    long.resize(MAX_MESSAGE_1 + 1, 0);
    assert_eq!(receive_hello(&bob(), &long).err(), stranger(StrangerReason::Gate));
}

#[test]
fn every_changed_byte_and_every_cut_of_message_2_is_an_error() {
    let secret = secret();
    for contact in contacts(&secret) {
        let (first, _) = dial(contact);
        let (second, ..) = authorise(contact, receive(&first)).welcome(&welcome(), [5; 32]).unwrap();
        for i in 0..second.len() {
            let mut changed = second.clone();
            changed[i] ^= 0x40;
            assert_eq!(dial(contact).1.handle(&changed).err(), Some(HandshakeError::Forged), "byte {i}");
            let cut = dial(contact).1.handle(&second[..i]).err();
            assert_eq!(cut, Some(HandshakeError::Forged), "cut at {i}");
        }
        assert!(matches!(dial(contact).1.handle(&[0; 65_536]).err(), Some(HandshakeError::Protocol(_))));
    }
}

#[test]
fn an_answer_belongs_to_its_hello_only() {
    let (first, _) = dial(Contact::Known);
    let (second, ..) = authorise(Contact::Known, receive(&first)).welcome(&welcome(), [5; 32]).unwrap();
    let (_, other) = Dialling::start(&alice(), bob().public(), Contact::Known, &hello(), [9; 32]).unwrap();
    assert_eq!(other.handle(&second).err(), Some(HandshakeError::Forged));
    // Reflected: the initiator's own message 1.
    let (first, expect) = dial(Contact::Known);
    assert_eq!(expect.handle(&first).err(), Some(HandshakeError::Forged));
}

#[test]
fn a_hello_for_another_endpoint_stops_at_the_gate() {
    let (first, _) = dial(Contact::Known);
    let carol = Identity::generate([6; 32]);
    assert_eq!(receive_hello(&carol, &first).err(), stranger(StrangerReason::Gate));
    // Dialled with the right exchange key and a wrong signing key: another endpoint, by name, than the one that answers.
    let mixed = PublicKeys { signing: carol.public().signing, exchange: bob().public().exchange };
    let secret = secret();
    let (first, _) = Dialling::start(&alice(), &mixed, Contact::Ticket(&secret), &hello(), [4; 32]).unwrap();
    let refused = receive(&first).authorise_ticket(&secret, 0).err();
    assert_eq!(refused, stranger(StrangerReason::Proof));
}

#[test]
fn replays_are_refused() {
    let secret = secret();
    let (known, _) = dial(Contact::Known);
    let (ticket, _) = dial(Contact::Ticket(&secret));
    let now = hello().timestamp_ms;
    for (last, passes) in [(now - 1, true), (now, false), (now + 1, false)] {
        let error = receive(&known).authorise_known(alice().public(), last).err();
        assert_eq!(error.is_none(), passes);
        assert!(error.is_none_or(|error| error == HandshakeError::Stranger(StrangerReason::Replay)));
        assert_eq!(receive(&ticket).authorise_ticket(&secret, last).is_ok(), passes);
    }
}

#[test]
fn only_the_known_keys_pass() {
    let (first, _) = dial(Contact::Known);
    for known in [
        *bob().public(),
        PublicKeys { signing: bob().public().signing, ..*alice().public() },
        PublicKeys { exchange: bob().public().exchange, ..*alice().public() },
    ] {
        let error = receive(&first).authorise_known(&known, 0).err();
        assert_eq!(error, stranger(StrangerReason::OtherKeys));
    }
}

#[test]
fn only_the_right_ticket_passes() {
    let (right, wrong) = (secret(), TicketSecret::generate([7; 32]));
    let (first, _) = dial(Contact::Ticket(&right));
    let error = receive(&first).authorise_ticket(&wrong, 0).err();
    assert_eq!(error, stranger(StrangerReason::Proof));
    // A hello of the other kind.
    let error = receive(&first).authorise_known(alice().public(), 0).err();
    assert_eq!(error, stranger(StrangerReason::OtherKind));
    let error = receive(&dial(Contact::Known).0).authorise_ticket(&right, 0).err();
    assert_eq!(error, stranger(StrangerReason::OtherKind));
}

#[test]
fn refusals_arrive_with_their_reason() {
    let secret = secret();
    for contact in contacts(&secret) {
        for (reason, code) in [
            (Refusal::Version, "VERSION"),
            (Refusal::Revoked, "REFUSED"),
            (Refusal::TicketExpired, "TICKET_EXPIRED"),
            (Refusal::TicketUsed, "TICKET_USED"),
            (Refusal::Busy, "BACKPRESSURE"),
            (Refusal::Other(200), "REFUSED"),
        ] {
            let (first, expect) = dial(contact);
            let second = authorise(contact, receive(&first)).refuse(reason, [5; 32]).unwrap();
            let error = expect.handle(&second).err().unwrap();
            assert_eq!((error, error.code_name()), (HandshakeError::Refused(reason), code));
        }
    }
    let authorised = authorise(Contact::Known, receive(&dial(Contact::Known).0));
    assert!(matches!(authorised.refuse(Refusal::Other(0), [5; 32]), Err(HandshakeError::Invalid(_))));
}

#[test]
fn versions() {
    let (first, _) = dial(Contact::Known);
    let received = receive(&first);
    for (min, max, common) in [(1, 1, Some(1)), (2, 9, Some(3)), (3, 3, Some(3)), (4, 9, None), (0, 0, None)] {
        assert_eq!(received.common_version(min, max), common, "{min} to {max}");
    }
    for version in [0, 4] {
        let authorised = authorise(Contact::Known, receive(&first));
        let result = authorised.welcome(&Welcome { version, ..welcome() }, [5; 32]);
        assert!(matches!(result, Err(HandshakeError::Invalid(_))));
    }
    let upside_down = Hello { min_version: 2, max_version: 1, ..hello() };
    let result = Dialling::start(&alice(), bob().public(), Contact::Known, &upside_down, [4; 32]);
    assert!(matches!(result, Err(HandshakeError::Invalid(_))));
}

#[test]
fn bounds_of_what_is_sent() {
    let start = |hello: &Hello| Dialling::start(&alice(), bob().public(), Contact::Known, hello, [4; 32]).map(|(message, _)| message.len());
    let bare = Hello { addresses: vec![], body: vec![], ..hello() };
    let room = MAX_MESSAGE_1 - start(&bare).unwrap();
    assert_eq!(start(&Hello { body: vec![0; room], ..bare.clone() }), Ok(MAX_MESSAGE_1));
    let too_large = start(&Hello { body: vec![0; room + 1], ..bare.clone() });
    assert_eq!(too_large, Err(HandshakeError::TooLarge));
    let most = Hello { addresses: vec!["x".repeat(255); 8], ..bare.clone() };
    assert!(start(&most).is_ok());
    for addresses in [vec!["x".to_owned(); 9], vec!["x".repeat(256)], vec![String::new()], vec!["a\nb".into()]] {
        let result = start(&Hello { addresses, ..bare.clone() });
        assert!(matches!(result, Err(HandshakeError::Invalid(_))));
    }

    let answer = |body: usize| {
        authorise(Contact::Known, receive(&dial(Contact::Known).0))
            .welcome(&Welcome { body: vec![0; body], addresses: vec![], ..welcome() }, [5; 32])
            .map(|(message, ..)| message.len())
    };
    assert_eq!(answer(65_535 - 52).ok(), Some(65_535));
    assert_eq!(answer(65_535 - 51).err(), Some(HandshakeError::TooLarge));
}

#[test]
fn a_low_order_responder_key_is_refused_before_anything_is_sent() {
    let responder = PublicKeys { exchange: [0; 32], ..*bob().public() };
    let result = Dialling::start(&alice(), &responder, Contact::Known, &hello(), [4; 32]);
    assert!(matches!(result.map(|_| ()), Err(HandshakeError::Invalid(_))));
}

#[test]
fn a_channel_carries_messages_in_order_and_nothing_else() {
    let (mut alices, mut bobs) = connect(Contact::Known);
    let (mut wire, mut text) = (Vec::new(), Vec::new());
    for (i, message) in [&b""[..], b"one", &[7; 65_519]].into_iter().enumerate() {
        wire.clear();
        alices.seal(message, &mut wire).unwrap();
        assert_eq!(wire.len(), message.len() + 16);
        assert_eq!(alices.sealed_messages(), i as u64 + 1);
        text.clear();
        bobs.open(&wire, &mut text).unwrap();
        assert_eq!(text, message);
        wire.clear();
        bobs.seal(message, &mut wire).unwrap();
        text.clear();
        alices.open(&wire, &mut text).unwrap();
        assert_eq!(text, message);
    }
    assert_eq!(alices.sealed_bytes(), 65_522);
    wire.clear();
    assert_eq!(alices.seal(&[0; 65_520], &mut wire).err().map(|error| error.code_name()), Some("TOO_LARGE"));
    assert!(wire.is_empty() && !alices.is_poisoned());
}

#[test]
fn sealing_appends_and_does_not_move_what_has_room() {
    let (mut alices, mut bobs) = connect(Contact::Known);
    let mut wire = Vec::with_capacity(64);
    wire.extend_from_slice(b"length");
    let before = wire.as_ptr();
    alices.seal(b"message", &mut wire).unwrap();
    assert_eq!((&wire[..6], wire.as_ptr()), (&b"length"[..], before));
    let mut text = b"head ".to_vec();
    bobs.open(&wire[6..], &mut text).unwrap();
    assert_eq!(text, b"head message");
}

#[test]
fn an_open_failure_poisons_the_channel() {
    use spook_protocol::etcp::ChannelError::{Forged, Poisoned};
    for damage in [0, 5, 22] {
        let (mut alices, mut bobs) = connect(Contact::Known);
        let mut wire = Vec::new();
        alices.seal(b"message", &mut wire).unwrap();
        let good = wire.clone();
        wire[damage] ^= 1;
        let mut out = b"kept".to_vec();
        assert_eq!(bobs.open(&wire, &mut out), Err(Forged));
        assert_eq!(out, b"kept");
        assert_eq!(bobs.open(&good, &mut out), Err(Poisoned));
        assert_eq!(bobs.seal(b"x", &mut out), Err(Poisoned));
        assert_eq!((out.as_slice(), bobs.is_poisoned()), (&b"kept"[..], true));
    }
    // Short, repeated, reflected, too long: none is the next message.
    let mut out = Vec::new();
    for len in 0..16 {
        assert_eq!(connect(Contact::Known).1.open(&[0; 16][..len], &mut out), Err(Forged));
    }
    assert_eq!(connect(Contact::Known).1.open(&[0; 65_536], &mut out), Err(Forged));
    let (mut alices, mut bobs) = connect(Contact::Known);
    let mut wire = Vec::new();
    alices.seal(b"message", &mut wire).unwrap();
    bobs.open(&wire, &mut out).unwrap();
    assert_eq!(bobs.open(&wire, &mut out), Err(Forged), "repeated");
    assert_eq!(alices.open(&wire, &mut out), Err(Forged), "reflected");
}

#[test]
fn rekeying_needs_both_sides() {
    let (mut alices, mut bobs) = connect(Contact::Known);
    let (mut wire, mut text) = (Vec::new(), Vec::new());
    alices.seal(b"before", &mut wire).unwrap();
    bobs.open(&wire, &mut text).unwrap();
    alices.rekey_outgoing();
    assert_eq!((alices.sealed_bytes(), alices.sealed_messages()), (0, 0));
    bobs.rekey_incoming();
    wire.clear();
    alices.seal(b" after", &mut wire).unwrap();
    bobs.open(&wire, &mut text).unwrap();
    // The other direction keeps its key.
    wire.clear();
    bobs.seal(b" back", &mut wire).unwrap();
    alices.open(&wire, &mut text).unwrap();
    assert_eq!(text, b"before after back");
    alices.rekey_outgoing();
    wire.clear();
    alices.seal(b"lost", &mut wire).unwrap();
    assert!(bobs.open(&wire, &mut text).is_err());
}

#[test]
fn a_thief_of_the_ticket_text_cannot_pass_as_its_first_user() {
    // The proof is bound to the keys: Mallory, who has the ticket too, is authorised as Mallory and nobody else.
    let (secret, mallory) = (secret(), Identity::generate([8; 32]));
    let (first, _) = Dialling::start(&mallory, bob().public(), Contact::Ticket(&secret), &hello(), [4; 32]).unwrap();
    let authorised = receive(&first).authorise_ticket(&secret, 0).unwrap();
    assert_eq!(authorised.initiator(), mallory.public());
}
