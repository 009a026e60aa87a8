use super::super::event::{Event, Happening};
use super::super::notice::Change;
use super::*;
use proptest::prelude::*;
use spook_protocol::estp::lifecycle::{Lifecycle, LinkFact, Reason};
use spook_protocol::id::EndpointId;
use spook_protocol::value::Value;
use std::collections::BTreeMap;

fn change(seq: u64, path: &str) -> Notice {
    sized(seq, path, Value::from(seq))
}

fn sized(seq: u64, path: &str, value: Value) -> Notice {
    let origin = EndpointId::from_bytes([1; 16]);
    Notice::Change(Change { seq, path: path.into(), value: Some(value), origin, number: seq, state: None })
}

/// Lifecycles that are told apart by the reason; `step` leads from one to the next.
fn at(step: u64) -> Lifecycle {
    let reasons = [Reason::PeerSilent, Reason::LinkLost, Reason::PeerClosed, Reason::Refused, Reason::Restarted];
    Lifecycle { link: LinkFact::Decohered(reasons[step as usize % 5]), ..Lifecycle::CREATED }
}

fn transition(step: u64, after_seq: u64) -> Notice {
    Notice::Transition(Transition { after_seq, from: at(step), to: at(step + 1) })
}

fn queue(capacity: usize, notices: impl IntoIterator<Item = Notice>) -> Queue {
    let mut queue = Queue::new(capacity);
    notices.into_iter().for_each(|notice| queue.push(notice));
    queue
}

fn drain(queue: &mut Queue) -> Vec<Notice> {
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn up_to_its_capacity_nothing_is_merged() {
    let notices: Vec<_> = (1..=4).map(|seq| change(seq, "/a")).collect();
    assert_eq!(drain(&mut queue(4, notices.clone())), notices);
}

#[test]
fn when_full_changes_of_one_path_become_the_latest_behind_a_gap() {
    let mut queue = queue(4, (1..=5).map(|seq| change(seq, "/a")));
    assert_eq!(drain(&mut queue), [Notice::Gap { from_seq: 1, to_seq: 4 }, change(5, "/a")]);
    assert!(queue.is_empty());
}

#[test]
fn merging_keeps_the_order_by_seq() {
    let mut queue = queue(3, [change(1, "/a"), change(2, "/b"), change(3, "/c"), change(4, "/a")]);
    assert_eq!(drain(&mut queue), [Notice::Gap { from_seq: 1, to_seq: 1 }, change(2, "/b"), change(3, "/c"), change(4, "/a")]);
}

#[test]
fn more_paths_than_capacity_push_the_oldest_changes_into_the_gap() {
    let mut queue = queue(3, (1..=5).map(|seq| change(seq, &format!("/{seq}"))));
    assert_eq!(drain(&mut queue), [Notice::Gap { from_seq: 1, to_seq: 2 }, change(3, "/3"), change(4, "/4"), change(5, "/5")]);
}

#[test]
fn a_gap_is_told_once_and_a_new_one_begins_after_it() {
    let mut queue = queue(2, (1..=3).map(|seq| change(seq, &format!("/{seq}"))));
    assert_eq!(queue.pop(), Some(Notice::Gap { from_seq: 1, to_seq: 1 }));
    queue.push(change(4, "/4"));
    assert_eq!(drain(&mut queue), [Notice::Gap { from_seq: 2, to_seq: 2 }, change(3, "/3"), change(4, "/4")]);
}

#[test]
fn transitions_merge_into_one_step_and_are_never_dropped() {
    let mut queue = queue(2, [transition(0, 0), transition(1, 0), transition(2, 0), change(1, "/1"), change(2, "/2"), change(3, "/3")]);
    let merged = Notice::Transition(Transition { after_seq: 0, from: at(0), to: at(3) });
    assert_eq!(drain(&mut queue), [Notice::Gap { from_seq: 1, to_seq: 2 }, merged, change(3, "/3")]);
}

#[test]
fn after_it_was_half_emptied_nothing_is_merged_again() {
    let mut queue = queue(4, (1..=5).map(|seq| change(seq, &format!("/{seq}"))));
    assert_eq!(std::iter::from_fn(|| queue.pop()).take(3).count(), 3);
    queue.push(change(6, "/5"));
    assert_eq!(drain(&mut queue), [4, 5, 6].map(|seq| change(seq, &format!("/{}", seq.min(5)))));
}

#[test]
fn a_small_capacity_counts_as_two() {
    assert_eq!(drain(&mut queue(0, [change(1, "/a"), change(2, "/b")])).len(), 2);
}

#[test]
fn the_bytes_of_overwritten_values_are_bounded_too() {
    let big = || Value::from(vec![7u8; MAX_BYTES / 4]);
    let mut one_path = queue(1024, (1..=100).map(|seq| sized(seq, "/a", big())));
    assert!(one_path.bytes <= MAX_BYTES);
    let mut queue = queue(1024, (1..=100).map(|seq| sized(seq, &format!("/{seq}"), big())));
    assert!(queue.bytes <= MAX_BYTES);
    let told = drain(&mut queue);
    assert_eq!(told.first(), Some(&Notice::Gap { from_seq: 1, to_seq: 97 }));
    assert_eq!(told.len(), 4);
    assert_eq!(drain(&mut one_path).last(), Some(&sized(100, "/a", big())));
}

#[test]
fn a_single_change_may_be_larger_than_the_bound() {
    let huge = sized(1, "/a", Value::from(vec![7u8; MAX_BYTES + 1]));
    let mut queue = queue(4, [huge.clone()]);
    assert_eq!(drain(&mut queue), [huge]);
    assert_eq!(queue.bytes, 0);
}

#[test]
fn a_million_changes_to_a_slow_observer_keep_the_queue_small() {
    let mut queue = Queue::new(64);
    for seq in 1..=1_000_000 {
        queue.push(change(seq, &format!("/{}", seq * seq % 97)));
        assert!(queue.places.len() <= 130);
    }
    queue.push(transition(0, 1_000_000));
    assert!(queue.taken <= 64 && queue.places.capacity() <= 260);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Change(u8),
    Transition,
    Event(u8),
    Pop,
}

fn steps(paths: u8) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![6 => (0..paths).prop_map(Step::Change), 1 => Just(Step::Transition), 1 => (0..paths).prop_map(Step::Event), 4 => Just(Step::Pop)];
    prop::collection::vec(step, 0..400)
}

/// What went in, and what the observer has been told of it.
#[derive(Default)]
struct Model {
    pushed: Vec<u64>,
    last_pushed: BTreeMap<Arc<str>, u64>,
    transitions: u64,
    told: BTreeMap<Arc<str>, u64>,
    seqs: Vec<u64>,
    gaps: Vec<(u64, u64)>,
    lifecycle: Option<Lifecycle>,
    last_present: BTreeMap<Arc<str>, Option<Value>>,
    present: BTreeMap<Arc<str>, Option<Value>>,
    missed: u64,
}

impl Model {
    fn covered(&self, seq: u64) -> bool {
        self.gaps.iter().any(|&(from, to)| (from..=to).contains(&seq))
    }

    fn tell(&mut self, notice: Notice) {
        match notice {
            Notice::Change(change) => {
                assert_eq!(change.value, Some(Value::from(change.seq)));
                let last = self.seqs.last().copied().unwrap_or(0);
                assert!(change.seq > last, "out of order");
                for seq in last + 1..change.seq {
                    assert!(self.covered(seq), "{seq} went in silence");
                }
                self.seqs.push(change.seq);
                self.told.insert(change.path, change.seq);
            }
            Notice::Gap { from_seq, to_seq } => {
                assert!(from_seq <= to_seq && from_seq > self.seqs.last().copied().unwrap_or(0));
                self.gaps.push((from_seq, to_seq));
            }
            Notice::Event(event) => match event.what {
                Happening::Missed { events } => self.missed += events,
                Happening::Presence { key, value } => _ = self.present.insert(key, value),
                other => panic!("{other:?} was not pushed"),
            },
            Notice::Transition(transition) => {
                assert_eq!(self.lifecycle.unwrap_or(at(0)), transition.from, "a transition is missing");
                self.lifecycle = Some(transition.to);
            }
        }
    }

    fn finish(self, no_loss: bool) {
        for (path, seq) in &self.last_pushed {
            let told = self.told.get(path) == Some(seq);
            assert!(told || (!no_loss && self.covered(*seq)), "the last change of {path}, {seq}, is neither told nor in a gap");
        }
        for (from, to) in &self.gaps {
            assert!(!self.seqs.contains(from) && !self.seqs.contains(to), "a gap is wider than what is missing");
        }
        for &seq in &self.pushed {
            assert!(self.seqs.contains(&seq) || self.covered(seq), "{seq} went in silence");
        }
        let stale = self.last_present.iter().filter(|(key, value)| self.present.get(*key) != Some(value)).count() as u64;
        assert!(stale <= self.missed && (!no_loss || stale == 0), "an event went in silence");
        assert_eq!(self.lifecycle.unwrap_or(at(0)), at(self.transitions), "the last transition is missing");
    }
}

fn check_against_model(steps: Vec<Step>, capacity: usize, no_loss: bool) {
    let mut queue = Queue::new(capacity);
    let mut model = Model::default();
    let mut seq = 0;
    for step in steps {
        match step {
            Step::Change(path) => {
                seq += 1;
                let path: Arc<str> = format!("/{path}").into();
                queue.push(change(seq, &path));
                model.pushed.push(seq);
                model.last_pushed.insert(path, seq);
            }
            Step::Transition => {
                queue.push(transition(model.transitions, seq));
                model.transitions += 1;
            }
            Step::Event(key) => {
                let key: Arc<str> = format!("{key}").into();
                let value = Some(Value::from(seq));
                queue.push(Notice::Event(Box::new(Event {
                    after_seq: seq,
                    what: Happening::Presence { key: Arc::clone(&key), value: value.clone() },
                })));
                model.last_present.insert(key, value);
            }
            Step::Pop => queue.pop().into_iter().for_each(|notice| model.tell(notice)),
        }
        assert!(queue.taken <= capacity && queue.places.len() <= if queue.crowd.is_some() { 2 * capacity + 1 } else { capacity });
        assert_eq!(queue.taken, queue.places.iter().flatten().count());
        assert_eq!(queue.bytes, queue.places.iter().flatten().map(|(_, weight)| weight).sum::<usize>());
    }
    drain(&mut queue).into_iter().for_each(|notice| model.tell(notice));
    assert!(queue.is_empty() && queue.bytes == 0);
    model.finish(no_loss);
}

proptest! {
    #[test]
    fn nothing_is_lost_in_silence(steps in steps(12), capacity in 2usize..12) {
        check_against_model(steps, capacity, false);
    }

    #[test]
    fn with_room_for_every_path_the_last_change_of_each_is_told(steps in steps(7), capacity in 15usize..20) {
        check_against_model(steps, capacity, true);
    }
}
