//! Two halves under every rule, against each other: however they write, exchange, commit, restart and look, they come to hold the same, and a
//! half that folds when somebody looks holds what one holds that folds on arrival.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use proptest::prelude::*;
use spook_protocol::estp::delta::{Baseline, Cut, Encoder, Ends, decode, encode};
use spook_protocol::estp::feed::Issue;
use spook_protocol::estp::half::{HalfPair, Horizon};
use spook_protocol::estp::place::Survivor;
use spook_protocol::estp::rule::{CustomRules, RuleFailure, Transition};
use spook_protocol::estp::{Author, Operation, Schema, Stamp};
use spook_protocol::id::EndpointId;
use spook_protocol::link::Lost;
use spook_protocol::record;
use spook_protocol::value::Value;
use std::sync::Arc;

/// The longest text wins; of equally long ones the first in the alphabet.
struct Longest;

impl CustomRules for Longest {
    fn resolve(&self, _: &str, _: &str, survivors: &[Survivor<'_>]) -> Result<Value, RuleFailure> {
        let texts = survivors.iter().filter_map(|survivor| survivor.value.and_then(Value::as_str));
        let longest = texts.max_by_key(|text| (text.len(), std::cmp::Reverse(text.to_string())));
        longest.map(Value::from).ok_or(RuleFailure::Missing)
    }

    fn transition(&self, _: &str, _: &str, _: Option<&Value>, _: &Survivor<'_>) -> Result<Transition, RuleFailure> {
        Err(RuleFailure::Missing)
    }
}

fn schema() -> Arc<Schema> {
    let rules = [
        ("/count", "counter"),
        ("/tags", "set"),
        ("/high", "max"),
        ("/low", "min"),
        ("/up", "flag"),
        ("/text", "custom:longest"),
        ("/members", "map"),
    ];
    Arc::new(Schema::parse(&Value::object([("rules", Value::object(rules))])).unwrap())
}

fn author(side: usize) -> Author {
    Author { endpoint: EndpointId::from_bytes([side as u8 + 1; 16]), epoch: 3 }
}

struct Side {
    half: HalfPair,
    number: u64,
    sent: u64,
    /// The other side holds this much, and everything that it had issued before it applied that is here.
    placed: u64,
    eager: bool,
}

impl Side {
    fn new(side: usize, eager: bool) -> Side {
        let mut half = HalfPair::new(author(side), Some(author(1 - side).endpoint), 0);
        half.set_schema(schema());
        half.set_rules(Arc::new(Longest), eager);
        Side { half, number: 0, sent: 0, placed: 0, eager }
    }

    /// Writes at a time. Stamps are those of one clock, which is what clocks that have heard of each other come to.
    fn write(&mut self, operation: &Operation<'_>, time: u64) {
        let number = self.number + 1;
        if self.half.write(std::slice::from_ref(operation), || Issue { number, stamp: Stamp::from_bits(time) }).is_ok() {
            self.number = number;
        }
    }

    fn delta(&mut self, side: usize) -> Vec<u8> {
        let ends = Ends { sender: author(side), receiver: author(1 - side) };
        let none = Lost::default();
        let cut = Cut { after: self.sent, receiver_lost: none, receiver_holds: 0, sender_lost: none, among_copies: false };
        let mut bytes = Vec::new();
        encode(&mut Encoder { ends, base: Baseline::default(), dictionary: None }, &self.half, 0, cut, &mut bytes);
        self.half.note_told(self.number);
        self.sent = self.number;
        bytes
    }

    fn receive(&mut self, from: usize, bytes: &[u8]) {
        let ends = Ends { sender: author(from), receiver: author(1 - from) };
        let delta = decode(bytes, &mut self.half, 0, ends, &mut Baseline::default(), None).unwrap();
        let number = self.number + 1;
        self.half.apply(&delta, |latest| Issue { number, stamp: latest }).unwrap();
        self.number = number;
    }

    /// Everything is written to a ledger and read back.
    fn restart(&mut self, side: usize) {
        let cells: Vec<_> = self.half.state().after(0).collect();
        let mut stored = Vec::new();
        for cell in cells {
            let (mut path, mut bytes) = (String::new(), Vec::new());
            self.half.state().write_path(cell, &mut path);
            record::put_cell(&mut bytes, self.half.state(), cell);
            stored.push((path, bytes));
        }
        let mut half = HalfPair::restore(author(side), self.half.record(), 0);
        half.set_schema(schema());
        half.set_rules(Arc::new(Longest), self.eager);
        for (path, bytes) in stored {
            half.restore_cell(&path, record::read_cell(&bytes).unwrap()).unwrap();
        }
        half.restored();
        self.half = half;
    }

    fn settle(&mut self, peer_number: u64) -> bool {
        let (durable_here, placed) = (self.number, self.placed);
        let horizon = Horizon { durable_here, peer_holds: placed, placed, peer_epoch: 3, peer_durable: peer_number, ..Horizon::default() };
        self.half.settle(horizon)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, u8, i64),
    /// One side sends what the other lacks, perhaps twice.
    Send(usize, bool),
    /// One side hears how far the other is.
    Acknowledge(usize),
    Look(usize),
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let side = 0usize..2;
    prop_oneof![
        6 => (side.clone(), 0u8..18, -4i64..5).prop_map(|(side, what, by)| Step::Write(side, what, by)),
        3 => (side.clone(), any::<bool>()).prop_map(|(side, twice)| Step::Send(side, twice)),
        3 => side.clone().prop_map(Step::Acknowledge),
        1 => side.clone().prop_map(Step::Look),
        1 => side.prop_map(Step::Restart),
    ]
}

fn operation(what: u8, by: i64) -> Operation<'static> {
    let texts = ["", "a", "bb", "cc", "ddd"];
    let text = texts[(by + 4) as usize % texts.len()];
    match what {
        0..=2 => Operation::increment("/count", by),
        3 => Operation::set("/count", by),
        4 => Operation::delete("/count"),
        5 | 6 => Operation::add("/tags", by),
        7 => Operation::remove("/tags", by),
        8 => Operation::set("/tags", vec![Value::from(by), Value::from(text)]),
        9 => Operation::set("/high", by),
        10 => Operation::set("/low", by),
        11 => Operation::set("/up", by > 0),
        12 => Operation::set("/text", text),
        13 => Operation::set("/members", Value::object([(text, by)])),
        14 => Operation::delete("/members"),
        15 => Operation::set("/plain", by),
        16 => Operation::delete("/plain"),
        _ => Operation::set("/group", Value::object([("x", by), ("y", by)])),
    }
}

struct World {
    sides: [Side; 2],
    time: u64,
}

impl World {
    fn new(eager: [bool; 2]) -> World {
        World { sides: [Side::new(0, eager[0]), Side::new(1, eager[1])], time: 0 }
    }

    fn run(&mut self, step: &Step) {
        self.time += 1;
        match *step {
            Step::Write(side, what, by) => self.sides[side].write(&operation(what, by), self.time),
            Step::Send(side, twice) => {
                let before = self.sides[side].sent;
                let bytes = self.sides[side].delta(side);
                self.sides[1 - side].receive(side, &bytes);
                if twice {
                    self.sides[side].sent = before;
                    let again = self.sides[side].delta(side);
                    self.sides[1 - side].receive(side, &again);
                }
            }
            Step::Acknowledge(side) => self.acknowledge(side),
            Step::Look(side) => {
                self.sides[side].half.fold_stale();
                self.sides[side].half.state_id();
            }
            Step::Restart(side) => self.sides[side].restart(side),
        }
    }

    /// `side` hears that the other holds all that was sent to it; whatever the other has issued comes first, which makes it placing.
    fn acknowledge(&mut self, side: usize) {
        let bytes = self.sides[1 - side].delta(1 - side);
        self.sides[side].receive(1 - side, &bytes);
        self.sides[side].placed = self.sides[side].sent;
        let peer_number = self.sides[1 - side].number;
        self.sides[side].settle(peer_number);
    }

    /// Everything is exchanged, acknowledged and looked at.
    fn rest(&mut self) {
        for side in [0, 1, 0, 1, 0, 1] {
            self.run(&Step::Send(side, false));
            self.acknowledge(side);
        }
    }

    fn shown(&self, side: usize) -> Value {
        self.sides[side].half.read("").unwrap().unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn halves_come_to_hold_the_same(steps in prop::collection::vec(step(), 0..50)) {
        let (mut lazy, mut eager) = (World::new([false, true]), World::new([true, false]));
        for step in &steps {
            lazy.run(step);
            eager.run(step);
            for side in 0..2 {
                prop_assert_eq!(lazy.shown(side), eager.shown(side), "lazy and eager");
                let committed = lazy.sides[side].half.read_committed("").unwrap();
                prop_assert_eq!(committed, eager.sides[side].half.read_committed("").unwrap());
            }
        }
        lazy.rest();
        prop_assert_eq!(lazy.shown(0), lazy.shown(1));
        for side in 0..2 {
            let half = &mut lazy.sides[side].half;
            prop_assert!(half.is_clean(), "side {} is not clean", side);
            prop_assert_eq!(half.read_committed("").unwrap(), half.read_tentative("").unwrap());
            prop_assert!(half.conflicts("").is_empty());
        }
        let digests = [0, 1].map(|side| lazy.sides[side].half.state_id().digest);
        prop_assert_eq!(digests[0], digests[1]);
    }

    /// Nothing that is committed ever changes by anything but a later commit.
    #[test]
    fn what_is_committed_stays(steps in prop::collection::vec(step(), 0..50)) {
        let mut world = World::new([false, false]);
        let mut points = [None, None];
        for step in &steps {
            let before = [0, 1].map(|side| world.sides[side].half.read_committed("").unwrap());
            world.run(step);
            for side in 0..2 {
                let point = world.sides[side].half.commit_point();
                prop_assert!(point >= points[side], "the commit point went back");
                if point == points[side] {
                    prop_assert_eq!(&before[side], &world.sides[side].half.read_committed("").unwrap());
                }
                points[side] = point;
            }
        }
    }

    /// A counter is the sum of what was added, each of it once.
    #[test]
    fn counters_are_exact(steps in prop::collection::vec(step(), 0..60)) {
        let mut world = World::new([false, false]);
        let mut sum = 0;
        for step in &steps {
            if let Step::Write(side, what, by) = *step {
                world.run(&Step::Write(side, what % 3, by));
                sum += by;
            } else {
                world.run(step);
            }
        }
        world.rest();
        let counted = world.sides[0].half.read("/count").unwrap().and_then(|value| value.as_i64()).unwrap_or_default();
        prop_assert_eq!(counted, sum);
    }
}
