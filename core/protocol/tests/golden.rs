//! The wire format, byte for byte: what is in tests/golden was written by this code and has to be written by every later version that speaks
//! version 1. `UPDATE_GOLDEN=1` writes it again; whoever does that changes the format.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod world;

use spook_protocol::error::Code;
use spook_protocol::estp::delta::{Baseline, Cut, Encoder, Ends, WriteDictionary, encode};
use spook_protocol::estp::dot::Lost;
use spook_protocol::estp::feed::Issue;
use spook_protocol::estp::{Author, HalfPair, Operation, Stamp};
use spook_protocol::etcp::{Identity, PairId, Ticket, TicketId, TicketSecret};
use spook_protocol::id::EndpointId;
use spook_protocol::link::frame::Frame;
use spook_protocol::link::{Held, Meeting, Meetings, Offer, Resume};
use spook_protocol::value::Value;
use spook_protocol::wire::put_value;
use std::fmt::Write;

/// Lines of a name and bytes.
#[derive(Default)]
struct Golden(String);

impl Golden {
    fn put(&mut self, name: &str, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(self.0, "{name}: {hex}").unwrap();
    }

    fn check(self, file: &str) {
        let path = format!("{}/tests/golden/{file}.hex", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &self.0).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        for (fresh, golden) in self.0.lines().zip(written.lines()) {
            assert_eq!(fresh, golden, "tests/golden/{file}.hex");
        }
        assert_eq!(self.0.lines().count(), written.lines().count(), "tests/golden/{file}.hex");
    }
}

#[test]
fn tickets() {
    let ticket = Ticket {
        pair: PairId::generate([1; 32]),
        issuer: *Identity::generate([2; 32]).public(),
        addresses: vec!["tcp:node.example:7766".into(), "unix:/run/spook".into()],
        secret: TicketSecret::generate([3; 32]),
        expires_unix_s: 1_800_000_000,
    };
    let mut golden = Golden::default();
    golden.put("text as ASCII", ticket.to_text().unwrap().as_bytes());
    golden.put("ticket id", &ticket.secret.id().0);
    golden.check("ticket");
}

#[test]
fn frames() {
    let ticket = TicketId([4; 8]);
    let offer = Offer {
        slot: 300,
        pair: PairId::from_bytes([5; 16]),
        name: "thermostat".into(),
        ticket,
        clock: Stamp::new(1_700_000_000_000, 7),
        schema: Value::object([("version", 1i64)]),
    };
    let mut golden = Golden::default();
    for frame in [
        Frame::Ping(7),
        Frame::Pong(300, Some(1_700_000_000_000)),
        Frame::Held(12_345),
        Frame::Ephemeral(5, "cursor".into(), Some(Value::from("here"))),
        Frame::Ephemeral(5, "cursor".into(), None),
        Frame::Close(Code::Protocol, "why".into()),
        Frame::Rekey,
        Frame::Redeem([9; 16]),
        Frame::Offer(offer),
        Frame::Accept(2),
        Frame::RefuseTicket(ticket, Code::TicketUsed),
        Frame::RefuseSlot(5, Code::Refused),
    ] {
        let mut bytes = Vec::new();
        frame.put(&mut bytes);
        let name = format!("{frame:?}");
        golden.put(name.split(['(', ' ']).next().unwrap(), &bytes);
    }
    golden.check("frames");
}

#[test]
fn cursors() {
    let held = Held { epoch: 0x0403_0201, number: 40 };
    let whole = Resume { epoch: 0xd4c3_b2a1, last: 500, durable: 431, lost: Lost::default(), held, met: Meetings::default() };
    let mut golden = Golden::default();
    let met = Meetings { last: Meeting { count: 200, token: 0x0807_0605 }, offered: None };
    let offered = Meetings { offered: Some(Meeting { count: 201, token: 0x0c0b_0a09 }), ..met };
    for (name, cursor) in [
        ("nothing lost, never met", whole),
        ("lost 401 to 480", Resume { lost: Lost { from: 400, to: 480 }, met, ..whole }),
        ("one meeting offered", Resume { met: offered, ..whole }),
    ] {
        let mut bytes = Vec::new();
        cursor.put(&mut bytes);
        golden.put(name, &bytes);
    }
    golden.check("resume");
}

#[test]
fn values() {
    let mut golden = Golden::default();
    let nested = Value::object([("list", Value::from(vec![Value::Null, Value::from(true)])), ("z", Value::from(-1i64))]);
    for value in [
        Value::Null,
        Value::from(false),
        Value::from(true),
        Value::from(300i64),
        Value::from(-300i64),
        Value::from(u64::MAX),
        Value::from(21.5),
        Value::from(0.1),
        Value::from("21 °C"),
        Value::from(vec![1u8, 2, 3]),
        Value::from(vec![nested]),
        Value::empty_object(),
    ] {
        let mut bytes = Vec::new();
        put_value(&mut bytes, &value);
        golden.put(&value.to_string(), &bytes);
    }
    golden.check("values");
}

const SENDER: Author = Author { endpoint: EndpointId::from_bytes([1; 16]), epoch: 7 };
const RECEIVER: Author = Author { endpoint: EndpointId::from_bytes([2; 16]), epoch: 8 };

/// A sender, and what it has told on one link.
struct Sender {
    half: HalfPair,
    number: u64,
    sent: u64,
    base: Baseline,
    dictionary: WriteDictionary,
    golden: Golden,
}

impl Sender {
    fn write(&mut self, operations: &[Operation<'_>], ms: u64) {
        self.number += 1;
        let issue = Issue { number: self.number, stamp: Stamp::new(1_700_000_000_000 + ms, 0) };
        self.half.write(operations, || issue).unwrap();
    }

    fn tell(&mut self, what: &str, receiver_holds: u64) {
        let cut =
            Cut { after: self.sent, sender_lost: Lost::default(), receiver_lost: Lost::default(), receiver_holds, among_copies: false };
        let ends = Ends { sender: SENDER, receiver: RECEIVER };
        let mut encoder = Encoder { ends, base: self.base.clone(), dictionary: Some(&mut self.dictionary) };
        let mut bytes = Vec::new();
        encode(&mut encoder, &self.half, 3, cut, &mut bytes);
        self.base = encoder.base;
        self.sent = self.number;
        self.golden.put(what, &bytes);
    }

    fn relink(&mut self) {
        (self.base, self.dictionary) = (Baseline::default(), WriteDictionary::default());
    }
}

#[test]
fn deltas() {
    let half = HalfPair::new(SENDER, Some(RECEIVER.endpoint), 0);
    let (base, dictionary, golden) = (Baseline::default(), WriteDictionary::default(), Golden::default());
    let mut sender = Sender { half, number: 0, sent: 0, base, dictionary, golden };
    sender.write(&[Operation::set("/room/a", 21.5), Operation::set("/room/b", 20i64)], 0);
    sender.tell("two new cells, by path", 0);
    sender.write(&[Operation::set("/room/a", 22.5)], 100);
    sender.tell("a cell in the dictionary, 100 ms later", 0);
    sender.write(&[Operation::delete("/room/b")], 90);
    sender.tell("a deletion by a clock that went back 10 ms", 0);
    sender.write(&[Operation::set("/room", Value::object([("a", "warm"), ("c", "cold")]))], 200);
    sender.tell("an object over what is there", 0);
    sender.relink();
    sender.write(&[Operation::set("/room/a", 1i64), Operation::set("/room/b", 2i64), Operation::set("/room/c", 3i64)], 300);
    sender.tell("a new link: three cells by birth", 4);
    sender.golden.check("deltas");
}

/// Two endpoints meet by a ticket, write, break and resume, from fixed seeds.
#[test]
fn a_session() {
    let mut world = world::World::star(2, world::Config::default());
    world.pipes[0].sides.iter_mut().for_each(|side| side.tape = Some(Vec::new()));
    let pair = world.endpoints[0].create_pair("");
    let secret = world.issue(0, pair, 0);
    world.commit(0);
    world.ask(1, 0, pair, secret);
    world.settle_down();
    for (who, value) in [(0, 20i64), (1, 21), (0, 22)] {
        let at = world.endpoints[who].running.registry.find_pair(pair).unwrap();
        let now = world.now;
        assert!(world.endpoints[who].write(at, &[Operation::set("/PLAIN", value)], now));
        world.settle_down();
    }
    world.cut(0);
    world.settle_down();
    let mut golden = Golden::default();
    for (side, name) in ["dials", "listens"].into_iter().enumerate() {
        for message in world.pipes[0].sides[side].tape.take().unwrap() {
            golden.put(name, &message);
        }
    }
    golden.check("session");
}
