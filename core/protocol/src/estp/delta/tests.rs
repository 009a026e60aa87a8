//! Two halves that exchange deltas, against the plainest model of what they must then hold.

use super::*;
use crate::estp::candidate::Operation;
use crate::estp::dot::Lost;
use crate::estp::feed::Issue;
use crate::estp::half::HalfPair;
use crate::estp::stamp::Stamp;
use crate::id::EndpointId;
use crate::value::Value;
use proptest::prelude::*;

/// One side: a half, its counter and clock, and the two directions of its link.
struct Side {
    half: HalfPair,
    number: u64,
    clock: u64,
    sent: u64,
    acked: u64,
    base_out: Baseline,
    base_in: Baseline,
    write: WriteDictionary,
    read: ReadDictionary,
}

const SLOT: u64 = 3;

fn author(side: u8) -> Author {
    Author { endpoint: EndpointId::from_bytes([side + 1; 16]), epoch: 7 }
}

fn ends(sender: u8) -> Ends {
    Ends { sender: author(sender), receiver: author(1 - sender) }
}

impl Side {
    fn new(side: u8) -> Side {
        Side {
            half: HalfPair::new(author(side), Some(author(1 - side).endpoint), 0),
            number: 0,
            clock: 0,
            sent: 0,
            acked: 0,
            base_out: Baseline::default(),
            base_in: Baseline::default(),
            write: WriteDictionary::default(),
            read: ReadDictionary::default(),
        }
    }

    fn write(&mut self, key: u8, value: Option<i64>) {
        let path = format!("/group/{key}");
        let operation = match value {
            Some(value) => Operation::set(&path, value),
            None => Operation::delete(&path),
        };
        let (number, clock) = (self.number + 1, self.clock + 1);
        if self.half.write(&[operation], || Issue { number, stamp: Stamp::from_bits(clock) }).is_ok() {
            (self.number, self.clock) = (number, clock);
        }
    }

    fn cut(&self) -> Cut {
        Cut {
            after: self.sent,
            sender_lost: Lost::default(),
            receiver_lost: Lost::default(),
            receiver_holds: self.acked,
            among_copies: false,
        }
    }

    fn delta(&mut self, side: u8) -> Vec<u8> {
        let cut = self.cut();
        let mut encoder = Encoder { ends: ends(side), base: self.base_out.clone(), dictionary: Some(&mut self.write) };
        let mut bytes = Vec::new();
        encode(&mut encoder, &self.half, SLOT, cut, &mut bytes);
        self.base_out = encoder.base;
        self.half.note_told(self.number);
        self.sent = self.number;
        bytes
    }

    fn receive(&mut self, sender: u8, bytes: &[u8]) -> usize {
        let delta = decode(bytes, &mut self.half, SLOT, ends(sender), &mut self.base_in, Some(&mut self.read)).unwrap();
        let number = self.number + 1;
        let changed = self.half.apply(&delta, |latest| Issue { number, stamp: latest }).unwrap();
        self.number = number;
        self.clock = self.clock.max(delta.cells.iter().map(|cell| cell.version.stamp.bits()).max().unwrap_or(0));
        changed
    }

    /// The link broke: what it knew is gone, what was acknowledged stays.
    fn relink(&mut self, acked: u64) {
        self.sent = acked;
        self.acked = acked;
        self.base_out = Baseline::default();
        self.base_in = Baseline::default();
        self.write = WriteDictionary::default();
        self.read = ReadDictionary::default();
    }
}

fn exchange(sides: &mut [Side; 2], from: usize) {
    let bytes = sides[from].delta(from as u8);
    if !bytes.is_empty() {
        sides[1 - from].receive(from as u8, &bytes);
    }
}

fn agree(sides: &mut [Side; 2]) -> bool {
    let [left, right] = sides;
    left.half.state_id().digest == right.half.state_id().digest && left.half.read("").unwrap() == right.half.read("").unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, u8, Option<i64>),
    Exchange(usize),
    Relink,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..2, 0u8..6, prop::option::weighted(0.8, -9i64..9)).prop_map(|(side, key, value)| Step::Write(side, key, value)),
        2 => (0usize..2).prop_map(Step::Exchange),
        1 => Just(Step::Relink),
    ]
}

proptest! {
    /// Whatever is written where, sent when, and wherever the link breaks: once both have sent what they have, they hold the same.
    #[test]
    fn halves_that_exchange_what_differs_are_equal(steps in prop::collection::vec(step(), 0..60)) {
        let mut sides = [Side::new(0), Side::new(1)];
        for step in steps {
            match step {
                Step::Write(side, key, value) => sides[side].write(key, value),
                Step::Exchange(from) => exchange(&mut sides, from),
                Step::Relink => {
                    let sent = [sides[0].sent, sides[1].sent];
                    sides[0].relink(sent[0]);
                    sides[1].relink(sent[1]);
                }
            }
        }
        for from in [0, 1, 0] {
            exchange(&mut sides, from);
        }
        prop_assert!(agree(&mut sides));
    }

    #[test]
    fn garbage_is_refused_never_a_panic(bytes: Vec<u8>) {
        let mut side = Side::new(1);
        let _ = decode(&bytes, &mut side.half, SLOT, ends(0), &mut Baseline::default(), Some(&mut ReadDictionary::default()));
    }
}

#[test]
fn a_delta_applied_twice_changes_nothing_the_second_time() {
    let mut sides = [Side::new(0), Side::new(1)];
    sides[0].write(1, Some(5));
    let bytes = sides[0].delta(0);
    assert_eq!(sides[1].receive(0, &bytes), 1);
    sides[1].relink(0);
    assert_eq!(sides[1].receive(0, &bytes), 0);
}

#[test]
fn an_overwritten_value_is_never_sent() {
    let mut sides = [Side::new(0), Side::new(1)];
    for value in 0..1000 {
        sides[0].write(1, Some(value));
    }
    let bytes = sides[0].delta(0);
    assert!(bytes.len() < 32, "{} bytes", bytes.len());
    exchange(&mut sides, 0);
}

#[test]
fn a_write_on_a_known_path_takes_few_bytes() {
    let mut side = Side::new(0);
    side.write(1, Some(5));
    side.delta(0);
    side.write(1, Some(100));
    assert_eq!(side.delta(0).len(), 3, "head, dictionary, value");
}

#[test]
fn after_a_new_link_cells_are_named_by_birth() {
    let mut side = Side::new(0);
    side.write(1, Some(5));
    side.delta(0);
    side.relink(side.number);
    side.write(1, Some(6));
    let bytes = side.delta(0);
    assert!(bytes.len() <= 8, "{bytes:?}");
    assert!(!bytes.windows(5).any(|window| window == b"group"));
}

#[test]
fn a_candidate_stamped_below_its_authors_last_one_is_refused() {
    let mut sides = [Side::new(0), Side::new(1)];
    sides[0].write(1, Some(5));
    exchange(&mut sides, 0);
    sides[0].clock = 0;
    sides[0].write(2, Some(6));
    let bytes = sides[0].delta(0);
    let right = &mut sides[1];
    let delta = decode(&bytes, &mut right.half, SLOT, ends(0), &mut right.base_in, Some(&mut right.read)).unwrap();
    let refused = right.half.apply(&delta, |latest| Issue { number: 9, stamp: latest });
    assert!(refused.is_err());
    assert_eq!(right.half.read("/group/2").unwrap(), None);
    assert_eq!(right.half.read("/group/1").unwrap(), Some(Value::from(5i64)));
}
