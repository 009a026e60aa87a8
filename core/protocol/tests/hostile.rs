//! A peer with valid keys that does not keep to the protocol: the link ends for a reason, and the half is as it was.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod world;

use spook_protocol::error::Code;
use spook_protocol::estp::{Operation, Stamp};
use spook_protocol::etcp::{Channel, Contact, Dialling, Hello, PairId, TicketId};
use spook_protocol::link::frame::{Frame, Kind, LAST_PART, MARK_IS_LAST, TO_THE_END};
use spook_protocol::link::incoming::Fault;
use spook_protocol::link::records::{Inbox, put_hello_length, put_message_length};
use spook_protocol::link::{Ended, Offer};
use spook_protocol::value::Value;
use spook_protocol::wire::{Reader, put_signed, put_varint};
use world::pipe::State;
use world::{Config, World};

/// The slot of the Pair that both share: the larger endpoint gives odd ones.
const SLOT: u8 = 1;

/// Endpoint 0 is attacked by whoever has the keys of endpoint 1.
struct Attack {
    world: World,
    pair: PairId,
    channel: Channel,
}

impl Attack {
    fn new() -> Attack {
        let (mut world, pair) = World::acquainted(Config::default());
        let at = world.endpoints[0].running.registry.find_pair(pair).unwrap();
        assert_eq!(world.endpoints[0].running.registry.share_of(at).unwrap().slot, u64::from(SLOT));
        assert!(world.endpoints[0].write(at, &[Operation::set("/PLAIN", 1i64)], 0));
        world.settle_down();
        world.cut(0);
        let channel = shake_hands(&mut world);
        Attack { world, pair, channel }
    }

    /// Sends a message, and says how the link ended, if it did.
    fn send(&mut self, plain: &[u8]) -> Option<Ended> {
        let side = &mut self.world.pipes[0].sides[0];
        let mut sealed = Vec::new();
        put_message_length(&mut sealed, plain.len() + 16);
        self.channel.seal(plain, &mut sealed).unwrap();
        side.out.extend(sealed);
        self.world.deliver(0, 0, usize::MAX);
        self.world.pipes[0].sides[1].ended.pop()
    }

    /// The reason that the victim gave at the end.
    fn farewell(&mut self) -> Option<Frame> {
        let mut inbox = Inbox::default();
        inbox.push(&self.world.pipes[0].sides[1].farewell);
        let mut last = None;
        while let Some(message) = inbox.message().unwrap() {
            let mut plain = Vec::new();
            self.channel.open(message, &mut plain).unwrap();
            let mut reader = Reader::new(&plain);
            while !reader.is_empty() {
                let kind = Kind::from_tag(reader.byte().unwrap()).unwrap();
                if matches!(kind, Kind::Delta | Kind::Part | Kind::Mark | Kind::Ack) {
                    break;
                }
                last = Some(Frame::read(kind, &mut reader).unwrap());
            }
        }
        last
    }
}

fn shake_hands(world: &mut World) -> Channel {
    let mine = {
        let running = &mut world.endpoints[1].running;
        let victim = running.registry.peers().next().unwrap();
        running.registry.resume(victim)
    };
    let mut body = Vec::new();
    mine.put(&mut body);
    let hello = Hello { min_version: 1, max_version: 1, timestamp_ms: u64::MAX / 2, addresses: vec![], body };
    let them = *world.endpoints[0].identity.public();
    let (message, expect) = Dialling::start(&world.endpoints[1].identity, &them, Contact::Known, &hello, [7; 32]).unwrap();
    let mut bytes = Vec::new();
    put_hello_length(&mut bytes, message.len());
    bytes.extend(message);
    let sides = &mut world.pipes[0].sides;
    sides[0].out.extend(bytes);
    sides[1].state = State::Listening(Inbox::default());
    world.deliver(0, 0, usize::MAX);
    let welcome: Vec<u8> = world.pipes[0].sides[1].out.drain(..).collect();
    expect.handle(&welcome[2..]).unwrap().0
}

/// A delta to the end of the message.
fn delta(body: &[u8]) -> Vec<u8> {
    [&[Kind::Delta as u8 | TO_THE_END, SLOT], body].concat()
}

/// A cell with the next number and a stamp a little ahead, at a path; what follows is its birth and payload.
fn cell(kind: u8, path: &str, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![kind | 3 << 4 | 3 << 6, 2 | 2 << 2];
    put_signed(&mut body, 1 << 30);
    put_signed(&mut body, 1_700_000_009_000);
    body.push(0);
    put_varint(&mut body, 0);
    put_varint(&mut body, path.len() as u64);
    body.extend_from_slice(path.as_bytes());
    body.extend_from_slice(rest);
    body
}

fn varints(tag: u8, numbers: &[u64]) -> Vec<u8> {
    let mut frame = vec![tag];
    numbers.iter().for_each(|&number| put_varint(&mut frame, number));
    frame
}

fn frames(frames: impl IntoIterator<Item = Frame>) -> Vec<u8> {
    let mut plain = Vec::new();
    frames.into_iter().for_each(|frame| frame.put(&mut plain));
    plain
}

fn offers(count: u64) -> Vec<u8> {
    let offer = |slot| Offer {
        slot,
        pair: PairId::from_bytes([3; 16]),
        name: String::new(),
        ticket: TicketId([1; 8]),
        clock: Stamp::ZERO,
        schema: Value::empty_object(),
    };
    frames((0..count).map(|slot| Frame::Offer(offer(slot))))
}

/// What the attacker says, message by message; the last one goes too far.
fn attacks() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let name = [0, 0]; // a birth: number + 0, place 0
    let strangers = [vec![4 | 3 << 6, 2 | 2 << 2 | 1 << 4, 2, 2, 0, 4], vec![9; 20], vec![0, 1]].concat();
    let deep = "/x".repeat(65);
    let long = format!("/{}", "k".repeat(4096));
    vec![
        ("a frame cut short", vec![vec![Kind::Ping as u8, 3, 1]]),
        ("a length beyond the message", vec![varints(Kind::Close as u8, &[1 << 40])]),
        ("a length of an optional frame beyond the message", vec![varints(13, &[u64::MAX])]),
        ("a number in the dictionary that was never given", vec![delta(&[4 | 1 << 6, 99, 5])]),
        ("a birth of no cell", vec![delta(&[4 | 2 << 4 | 1 << 6, 99, 98, 5])]),
        ("a birth before the first place", vec![delta(&[4 | 1 << 4 | 1 << 6, 1, 5])]),
        ("a stranger's candidate", vec![delta(&strangers)]),
        ("a path without a slash", vec![delta(&cell(4, "x", &[&name[..], &[5]].concat()))]),
        ("a path that is too deep", vec![delta(&cell(4, &deep, &[&name[..], &[5]].concat()))]),
        ("a path that is too long", vec![delta(&cell(4, &long, &[&name[..], &[5]].concat()))]),
        ("a kind of value that there is not", vec![delta(&cell(15, "/x", &name))]),
        ("an object with members for a leaf", vec![delta(&cell(11, "/x", &[&name[..], &[1, 1, b'k', 1]].concat()))]),
        ("a string beyond the message", vec![delta(&cell(8, "/x", &[&name[..], &[0xff, 0xff, 0xff, 0x7f]].concat()))]),
        ("a float that is not finite", vec![delta(&cell(6, "/x", &[&name[..], &[0, 0, 0, 0, 0, 0, 0xf0, 0x7f]].concat()))]),
        ("reserved bits", vec![delta(&[4 | 3 << 6, 0xc0, 0, 0])]),
        ("a stamp below those before", vec![delta(&[cell(4, "/x", &[0, 0, 5]), vec![4 | 3 << 6, 2 << 2, 1, 0, 0, 6]].concat()), stale()]),
        ("a mark beyond all numbers", vec![varints(Kind::Mark as u8, &[u64::MAX])]),
        ("a mark that goes back", vec![varints(Kind::Mark as u8, &[1 << 40]), back()]),
        ("an acknowledgement of what was not sent", vec![varints(Kind::Ack as u8, &[1 << 40, 0])]),
        ("an acknowledgement beyond all numbers", vec![varints(Kind::Ack as u8, &[0, u64::MAX])]),
        ("parts of two deltas", vec![varints(Kind::Part as u8, &[SLOT.into(), 0]), varints(Kind::Part as u8, &[8, 0])]),
        ("parts that make no delta", vec![[varints(Kind::Part as u8 | LAST_PART, &[SLOT.into(), 1]), vec![0xff]].concat()]),
        ("a flood of offers", vec![offers(1200)]),
        ("a flood of tickets", vec![frames((0..1200u64).map(|_| Frame::Redeem([5; 16])))]),
        ("a flood of Pairs", vec![(10..1200).flat_map(|slot| varints(Kind::Delta as u8, &[slot, 0])).collect()]),
    ]
}

/// A candidate of the sender below the one that `attacks` sent before.
fn stale() -> Vec<u8> {
    delta(&[4 | 3 << 6, 2 << 2, 3, 0, 0, 7])
}

fn back() -> Vec<u8> {
    let mut plain = delta(&cell(4, "/x", &[0, 0, 5]));
    plain[0] |= MARK_IS_LAST;
    plain
}

#[test]
fn whatever_a_peer_sends_ends_for_a_reason_and_changes_nothing() {
    for (what, messages) in attacks() {
        let mut attack = Attack::new();
        let mut ended = None;
        for message in messages {
            assert_eq!(ended, None, "{what} ended the link early");
            ended = attack.send(&message);
        }
        let Some(Ended::Fault(Fault::Peer(reason))) = ended else { panic!("{what}: {ended:?}") };
        let farewell = attack.farewell();
        assert_eq!(farewell, Some(Frame::Close(Code::Protocol, format!("the peer sent {reason}"))), "{what}");
        let shown = attack.world.show(0, attack.pair).unwrap();
        assert!(
            shown == r#"{"PLAIN": 1}"# || ["a stamp below those before", "a mark that goes back"].contains(&what),
            "{what} left {shown}"
        );
        println!("{what}: {reason}");
    }
}

#[test]
fn a_kind_that_this_version_does_not_know_is_a_newer_version() {
    for kind in [0, 14, 15] {
        let mut attack = Attack::new();
        assert_eq!(attack.send(&[kind, 0]), Some(Ended::Fault(Fault::Version(kind))));
        assert!(matches!(attack.farewell(), Some(Frame::Close(Code::Version, _))));
    }
    let mut attack = Attack::new();
    assert_eq!(attack.send(&[13, 2, 9, 9, Kind::Ping as u8, 1, 5]), None, "optional frames are skipped");
}

#[test]
fn garbage_is_never_a_panic() {
    let mut rng = world::rng::Rng::new(7);
    for _ in 0..500 {
        let mut attack_bytes: Vec<u8> = (0..rng.below(40)).map(|_| rng.next() as u8).collect();
        if rng.once_in(2) && !attack_bytes.is_empty() {
            attack_bytes[0] = Kind::Delta as u8 | TO_THE_END;
            attack_bytes.insert(1, SLOT);
        }
        thread_attack(&attack_bytes);
    }
}

thread_local! {
    static ATTACK: std::cell::RefCell<Option<Attack>> = const { std::cell::RefCell::new(None) };
}

/// Goes on with the same link while it lasts: handshakes are what takes time.
fn thread_attack(bytes: &[u8]) {
    ATTACK.with_borrow_mut(|attack| {
        if attack.get_or_insert_with(Attack::new).send(bytes).is_some() {
            *attack = None;
        }
    });
}

#[test]
fn parts_for_a_pair_that_is_not_shared_take_no_memory() {
    let mut attack = Attack::new();
    let part = [varints(Kind::Part as u8, &[77, 60_000]), vec![0; 60_000]].concat();
    for _ in 0..200 {
        assert_eq!(attack.send(&part), None);
    }
    assert_eq!(attack.send(&varints(Kind::Part as u8 | LAST_PART, &[77, 0])), None, "the Pair is refused, and the link goes on");
}

#[test]
fn nobody_moves_the_clock_with_candidates_of_its_owner() {
    // By the number of the author, and in an epoch that it never had.
    for author in [vec![1u8], vec![3u8, 9, 9, 9, 9]] {
        let mut attack = Attack::new();
        let before = attack.world.endpoints[0].running.registry.sequencer().clock();
        let mut body = vec![4 | 3 << 4 | 3 << 6, 2 | 2 << 2 | 1 << 4];
        put_signed(&mut body, 1 << 30);
        put_signed(&mut body, 1 << 47);
        body.push(0);
        body.extend(&author);
        put_varint(&mut body, 0);
        put_varint(&mut body, 2);
        body.extend_from_slice(b"/x");
        body.extend_from_slice(&[0, 0, 5]);
        let _ = attack.send(&delta(&body));
        let after = attack.world.endpoints[0].running.registry.sequencer().clock();
        assert!(after.ms() < before.ms() + 20_000, "{author:?}: {before} became {after}");
        assert_eq!(attack.world.show(0, attack.pair).unwrap(), r#"{"PLAIN": 1}"#);
    }
}
