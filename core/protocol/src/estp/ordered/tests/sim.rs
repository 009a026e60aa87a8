//! Two halves that write, exchange, commit, crash and come back, in any order; after each step they are what the model says.

use super::cells::MapCells;
use super::draw::event;
use super::model;
use crate::estp::context::Context;
use crate::estp::dot::{Author, AuthorIndex, Lost, VersionVector};
use crate::estp::feed::Issue;
use crate::estp::ordered::{
    Body, Cells, CommitPoint, Cut, Draft, Final, Guard, Key, LeafOperation, Order, Ordered, Scene, Seed, Status, Verdict, decode,
};
use crate::estp::place::{Place, Survivor};
use crate::estp::rule::{CustomRules, RuleFailure, Transition};
use crate::estp::schema::Schema;
use crate::estp::stamp::{Clock, Stamp};
use crate::estp::state::{Birth, StateBlock, Version};
use crate::id::EndpointId;
use crate::value::Value;
use crate::wire::{Malformed, Reader};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What a step does; small numbers choose among what there is.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Write { half: usize, now: u64, guards: Vec<Guard>, operations: Vec<LeafOperation> },
    Deliver { to: usize, again: u64 },
    Observe { half: usize },
    Store { half: usize },
    Commit { half: usize, back: usize },
    Crash { half: usize },
}

pub(super) fn schema() -> Schema {
    let rule = |rule: &str, delete: &str| Value::object([("rule", Value::from(rule)), ("delete", Value::from(delete))]);
    let rules = Value::object([
        ("/n/*", Value::from("counter")),
        ("/m", Value::from("max")),
        ("/f", Value::from("flag")),
        ("/u", rule("lww", "update-wins")),
        ("/d", rule("lww", "delete-wins")),
        ("/t", Value::from("transition:up")),
    ]);
    Schema::parse(&Value::object([("guards", Value::from(true)), ("rules", rules)])).unwrap()
}

/// A transition that only goes up; a deletion starts anew.
pub(super) struct Up;

impl CustomRules for Up {
    fn resolve(&self, _name: &str, _path: &str, _survivors: &[Survivor<'_>]) -> Result<Value, RuleFailure> {
        Err(RuleFailure::Missing)
    }

    fn transition(&self, name: &str, path: &str, state: Option<&Value>, candidate: &Survivor<'_>) -> Result<Transition, RuleFailure> {
        assert_eq!((name, path), ("up", "/t"));
        Ok(match (state.and_then(Value::as_i64), candidate.value.and_then(Value::as_i64)) {
            (Some(held), Some(wanted)) if held >= wanted => Transition::Reject("down".into()),
            _ => Transition::To(candidate.value.cloned()),
        })
    }
}

/// Cells of which a copy can be made as the ledger would give them back.
pub(super) trait TestCells: Cells + Sized {
    fn empty() -> Self;
    fn restored(base: &[(String, Version)]) -> Self {
        let mut cells = Self::empty();
        base.iter().for_each(|(path, version)| cells.commit(path, version.clone(), 1));
        cells
    }
}

impl TestCells for MapCells {
    fn empty() -> MapCells {
        MapCells::default()
    }
}

impl TestCells for StateBlock {
    fn empty() -> StateBlock {
        StateBlock::new(7)
    }

    fn restored(base: &[(String, Version)]) -> StateBlock {
        let mut state = StateBlock::new(7);
        for (at, (path, version)) in base.iter().enumerate() {
            let keys: Vec<_> = crate::pointer::keys(path).unwrap().map(|key| key.unwrap().into_owned()).collect();
            let cell = state.enter(keys.iter().map(String::as_str));
            state.set(cell, version.clone(), at as u64 + 1, Birth::default());
        }
        state
    }
}

/// What the ledger holds of a half.
struct Ledger {
    meta: Vec<u8>,
    records: BTreeMap<Key, Vec<u8>>,
    base: Vec<(String, Version)>,
    vector: VersionVector,
    holds: u64,
    number: u64,
    finals: usize,
}

pub(super) struct Half<C> {
    pub(super) ordered: Ordered,
    pub(super) cells: C,
    pub(super) vector: VersionVector,
    me: AuthorIndex,
    pub(super) clock: Clock,
    pub(super) number: u64,
    /// Up to which of the peer's numbers it holds everything.
    holds: u64,
    lost: Lost,
    /// What was committed here, in order.
    finals: Vec<(Place, Body, bool)>,
    ledger: Ledger,
    /// Up to which of the anchor's numbers it is known to be durable there.
    heard_durable: u64,
    eager: bool,
}

fn author(half: usize) -> Author {
    Author { endpoint: EndpointId::from_bytes([half as u8 + 1; 16]), epoch: 5 }
}

impl<C: TestCells> Half<C> {
    pub(super) fn new(half: usize, order: Order, limit: usize) -> Half<C> {
        let mut vector = VersionVector::default();
        // Each half has a table of authors of its own.
        let me = vector.intern(author(half)).unwrap();
        vector.intern(author(1 - half)).unwrap();
        let ordered = Ordered::new(order, limit, me);
        let mut meta = Vec::new();
        ordered.put_meta(&mut meta);
        let ledger = Ledger { meta, records: BTreeMap::new(), base: Vec::new(), vector: vector.clone(), holds: 0, number: 0, finals: 0 };
        Half {
            ordered,
            cells: C::empty(),
            vector,
            me,
            clock: Clock::after(Stamp::ZERO),
            number: 0,
            holds: 0,
            lost: Lost::default(),
            finals: Vec::new(),
            ledger,
            heard_durable: 0,
            eager: half == 0,
        }
    }

    fn peer(&self) -> AuthorIndex {
        AuthorIndex(1 - self.me.0)
    }

    pub(super) fn with<T>(&mut self, schema: &Schema, act: impl FnOnce(&mut Ordered, &mut Scene<'_, C>) -> T) -> T {
        let mut scene = Scene { cells: &mut self.cells, vector: &self.vector, schema, rules: &Up };
        act(&mut self.ordered, &mut scene)
    }

    pub(super) fn context(&self) -> Context {
        Context::of(self.peer(), self.vector.seen(self.peer()).number)
    }

    pub(super) fn write(&mut self, schema: &Schema, now: u64, guards: Vec<Guard>, operations: Vec<LeafOperation>) -> Option<Verdict> {
        let context = self.context();
        let issue = Issue { number: self.number + 1, stamp: self.clock.tick(now) };
        let draft = Draft { context, guards, operations };
        let wrote = self.with(schema, |ordered, scene| ordered.write(scene, draft, || issue)).ok()?;
        self.number += 1;
        self.vector.advance(self.me, issue.number, issue.stamp);
        Some(wrote.verdict)
    }

    fn store(&mut self) {
        self.ledger.meta.clear();
        self.ordered.put_meta(&mut self.ledger.meta);
        for entry in self.ordered.records_after(self.ledger.number) {
            let mut record = Vec::new();
            entry.put_record(&mut record);
            self.ledger.records.insert(entry.body.key(), record);
        }
        for key in self.ordered.take_removed() {
            self.ledger.records.remove(&key);
        }
        self.ledger.base.clear();
        let base = &mut self.ledger.base;
        self.cells.visit_base(&mut |path, version| base.push((path.to_owned(), version.clone())));
        self.ledger.vector = self.vector.clone();
        self.ledger.holds = self.holds;
        self.ledger.number = self.number;
        self.ledger.finals = self.finals.len();
    }

    fn crash(&mut self, limit: usize) {
        let ceiling = self.number + 10;
        self.lost = self.lost.and(Lost { from: self.ledger.number, to: ceiling });
        self.number = ceiling;
        self.vector = self.ledger.vector.clone();
        self.holds = self.ledger.holds;
        self.heard_durable = 0;
        self.finals.truncate(self.ledger.finals);
        let records = self.ledger.records.values().map(Vec::as_slice);
        let order = self.ordered.order();
        self.ordered = Ordered::restore(order, limit, self.me, &self.vector, &self.ledger.meta, records).unwrap();
        self.cells = C::restored(&self.ledger.base);
        self.number += 1;
        self.ordered.lost(Lost { from: self.ledger.number, to: ceiling }, || self.number);
    }

    /// All that it has applied, in its order.
    fn applied(&self) -> Vec<(Place, Body)> {
        let committed = self.finals.iter().map(|(place, body, _)| (*place, body.clone()));
        committed.chain(self.ordered.pending().map(|entry| (entry.place, (*entry.body).clone()))).collect()
    }

    fn observe(&mut self, schema: &Schema, cause_of_flips: bool) {
        self.with(schema, |ordered, scene| ordered.refold_if_stale(scene));
        assert!(!self.ordered.is_stale());
        for flip in self.ordered.take_flips() {
            assert!(!cause_of_flips || flip.cause.is_some(), "{flip:?}");
        }
        let applied = self.applied();
        if self.ordered.order() == Order::Stamps {
            assert!(applied.is_sorted_by(|a, b| a.0 < b.0), "out of order");
        }
        let expected = model::fold(&applied, self.ordered.order());
        assert_eq!(self.cells.read(""), expected.read(""), "after {applied:#?}");
        for (key, is_accepted) in &expected.verdicts {
            let status = self.ordered.status(&self.vector, *key).unwrap();
            let says = match &status {
                Status::Tentative(Verdict::Accepted) | Status::Committed => true,
                Status::Tentative(Verdict::Rejected(_)) | Status::Voided(_) => false,
                Status::Tentative(other) => panic!("{other:?}"),
            };
            assert_eq!(says, *is_accepted, "{key:?} {status:?}");
        }
    }

    fn commit(&mut self, schema: &Schema, point: CommitPoint) {
        let before: BTreeMap<Key, (Place, Body)> =
            self.ordered.pending().map(|entry| (entry.body.key(), (entry.place, (*entry.body).clone()))).collect();
        let number = self.number + 1;
        let committed = self.with(schema, |ordered, scene| ordered.commit_up_to(scene, point, || number));
        for Final { key, voided } in committed.finals {
            let (place, body) = before[&key].clone();
            self.finals.push((place, body, voided.is_none()));
            self.number = number;
        }
    }
}

fn put_author(vector: &VersionVector) -> impl Fn(&mut Vec<u8>, AuthorIndex) + '_ {
    |out, index| out.push(vector.author(index).endpoint.as_bytes()[0])
}

fn read_author(vector: &VersionVector) -> impl FnMut(&mut Reader<'_>) -> Result<AuthorIndex, Malformed> + '_ {
    |reader| {
        let byte = reader.byte()?;
        vector.index_of(author(usize::from(byte) - 1)).ok_or(Malformed("author"))
    }
}

pub(super) struct Sim<C> {
    pub(super) halves: [Half<C>; 2],
    pub(super) schema: Schema,
    anchored: bool,
    limit: usize,
    /// The longest committed sequence seen: who, and whether it counts.
    sequence: Vec<(Place, bool)>,
}

impl<C: TestCells> Sim<C> {
    pub(super) fn new(anchored: bool, limit: usize) -> Sim<C> {
        let order = |half| if anchored { Order::Anchor { here: half == 0 } } else { Order::Stamps };
        let halves = [0, 1].map(|half| Half::new(half, order(half), limit));
        Sim { halves, schema: schema(), anchored, limit, sequence: Vec::new() }
    }

    pub(super) fn step(&mut self, event: &Event) {
        match event {
            Event::Write { half, now, guards, operations } => {
                self.halves[*half].write(&self.schema, *now, guards.clone(), operations.clone());
            }
            Event::Deliver { to, again } => self.deliver(*to, *again),
            Event::Observe { half } => self.halves[*half].observe(&self.schema, false),
            Event::Store { half } => self.halves[*half].store(),
            Event::Commit { half, back } => self.commit(*half, *back),
            Event::Crash { half } => self.crash(*half),
        }
    }

    pub(super) fn deliver(&mut self, to: usize, again: u64) {
        let [first, second] = &mut self.halves;
        let (receiver, sender) = if to == 0 { (first, second) } else { (second, first) };
        let durable = sender.ledger.number;
        let mut bytes = Vec::new();
        if sender.ordered.needs_seed(receiver.holds, false) {
            sender.ordered.encode_seed(&sender.cells, &sender.vector, &put_author(&sender.vector), &mut bytes);
            let seed = Seed::decode(&bytes, &mut read_author(&receiver.vector)).unwrap();
            receiver.number += 1;
            let (vector, number) = (seed.vector.clone(), receiver.number);
            receiver.with(&self.schema, |ordered, scene| ordered.apply_seed(scene, seed, number, false)).unwrap();
            for (author, number, stamp) in vector {
                receiver.vector.advance(author, number, stamp);
                receiver.clock.observe(stamp);
            }
            receiver.finals = sender
                .finals
                .iter()
                .map(|(place, body, counts)| {
                    let turned = |index: AuthorIndex| AuthorIndex(1 - index.0);
                    let context = body.context.entries().map(|(author, number)| (turned(author), number)).collect();
                    (*place, Body { author: turned(body.author), context, ..body.clone() }, *counts)
                })
                .collect();
            receiver.holds = sender.number;
            receiver.heard_durable = durable;
            return;
        }
        let cut = Cut { after: receiver.holds.saturating_sub(again), receiver: Some(sender.peer()), receiver_lost: receiver.lost };
        if sender.ordered.encode_after(cut, &put_author(&sender.vector), &mut bytes) > 0 {
            receiver.number += 1;
            let items = decode(&bytes, &mut read_author(&receiver.vector)).unwrap();
            for item in items {
                let stamped = match &item {
                    super::super::Item::Body { body, .. } => Some((body.key(), body.stamp)),
                    _ => None,
                };
                receiver.ordered.admit(&receiver.vector, item, receiver.number).unwrap();
                if let Some(((author, number), stamp)) = stamped {
                    receiver.vector.advance(author, number, stamp);
                    receiver.clock.observe(stamp);
                }
            }
        }
        receiver.holds = sender.number;
        receiver.heard_durable = durable;
        if receiver.eager {
            receiver.observe(&self.schema, true);
        }
    }

    fn commit(&mut self, half: usize, back: usize) {
        if self.anchored {
            let anchor_is_here = half == 0;
            let durable = if anchor_is_here { self.halves[0].ledger.number } else { self.halves[1].heard_durable };
            self.halves[half].commit(&self.schema, CommitPoint::Position(durable.saturating_sub(back as u64)));
            if anchor_is_here {
                let holds = self.halves[1].ledger.holds;
                let Half { ordered, vector, .. } = &mut self.halves[0];
                ordered.release(vector, holds);
            }
        } else {
            // Everything below the point is durable at both, and whatever was written without knowing of it is here.
            let mut places: Vec<Place> = self.halves.iter().flat_map(|half| half.applied()).map(|(place, _)| place).collect();
            places.sort_unstable();
            places.dedup();
            let is_durable = |place: &&Place| {
                self.halves.iter().all(|half| half.applied().iter().any(|(other, _)| other == *place) && half.stored(place))
            };
            let here: BTreeSet<Place> = self.halves[half].applied().into_iter().map(|(place, _)| place).collect();
            let is_placed = |place: &&Place| {
                self.halves.iter().all(|writer| {
                    let applied = writer.applied();
                    let key = (writer.vector.index_of(place.author).unwrap(), place.number);
                    applied.iter().all(|(other, body)| here.contains(other) || body.saw(key))
                })
            };
            let count = places.iter().take_while(|place| is_durable(place) && is_placed(place)).count();
            if let Some(at) = count.checked_sub(1 + back) {
                self.halves[half].commit(&self.schema, CommitPoint::Place(places[at]));
            }
        }
        for (at, (place, _, counts)) in self.halves[half].finals.iter().enumerate() {
            match self.sequence.get(at) {
                Some(known) => assert_eq!(*known, (*place, *counts), "committed sequences part at {at}"),
                None => self.sequence.push((*place, *counts)),
            }
        }
    }

    fn crash(&mut self, half: usize) {
        self.halves[half].crash(self.limit);
        // The peer asks anew from what it holds; what the crashed one counted since is gone.
        let durable = self.halves[half].ledger.number;
        let peer = &mut self.halves[1 - half];
        peer.holds = peer.holds.min(durable);
    }

    /// Everything is exchanged and stored, and all of it committed.
    pub(super) fn settle(&mut self) {
        for _ in 0..4 {
            for half in [0, 1] {
                self.deliver(half, 0);
                self.halves[half].store();
            }
        }
        for half in [0, 1, 0, 1] {
            self.halves[half].store();
            self.deliver(1 - half, 0);
            self.commit(half, 0);
        }
        for half in &mut self.halves {
            half.observe(&self.schema, false);
            assert!(half.ordered.is_clean(), "{:#?}", half.ordered);
        }
        assert_eq!(self.halves[0].cells.read(""), self.halves[1].cells.read(""));
        assert_eq!(self.halves[0].finals.len(), self.sequence.len());
        let [first, second] = &self.halves;
        let mut tombstones = 0;
        for half in [first, second] {
            half.cells.visit_base(&mut |_, version| tombstones += usize::from(version.value.is_none()));
        }
        assert_eq!(tombstones, 0, "tombstones stay");
    }
}

impl<C: TestCells> Half<C> {
    /// Whether the ledger has that candidate.
    fn stored(&self, place: &Place) -> bool {
        let key = (self.vector.index_of(place.author).unwrap(), place.number);
        self.ledger.records.contains_key(&key) || self.finals[..self.ledger.finals].iter().any(|(other, ..)| other == place)
    }
}

fn run<C: TestCells>(anchored: bool, limit: usize, events: &[Event]) {
    let mut sim: Sim<C> = Sim::new(anchored, limit);
    events.iter().for_each(|event| sim.step(event));
    sim.settle();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn halves_ordered_by_stamps_are_what_the_model_says(events in prop::collection::vec(event(false), 1..90)) {
        run::<MapCells>(false, 1000, &events);
    }

    #[test]
    fn so_are_they_on_the_cells_of_a_pair(events in prop::collection::vec(event(true), 1..90)) {
        run::<StateBlock>(false, 1000, &events);
    }

    #[test]
    fn crashes_lose_nothing_that_was_committed(events in prop::collection::vec(event(true), 1..90)) {
        run::<MapCells>(false, 1000, &events);
    }

    #[test]
    fn halves_ordered_by_an_anchor_pass_through_the_same_states(events in prop::collection::vec(event(false), 1..90)) {
        run::<MapCells>(true, 1000, &events);
    }

    #[test]
    fn so_do_they_when_they_crash(events in prop::collection::vec(event(true), 1..90)) {
        run::<StateBlock>(true, 1000, &events);
    }

    #[test]
    fn a_half_that_was_away_for_long_is_reseeded(events in prop::collection::vec(event(false), 1..80)) {
        run::<MapCells>(true, 4, &events);
    }
}
