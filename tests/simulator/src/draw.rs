//! From a seed to a scenario: what can happen is weighted anew in every run, so that some see much of a thing and some nothing.

use crate::disk::Fate;
use crate::event::Event;
use crate::knobs::Knobs;
use crate::reference::Act;
use crate::rng::Rng;
use crate::rules;
use crate::scenario::Scenario;
use spook_protocol::value::Value;

/// The kinds of things that happen.
const KINDS: usize = 15;

/// Draws a scenario.
pub fn draw(seed: u64) -> Scenario {
    draw_with(seed, false)
}

/// Draws a scenario, in which old copies take the place of ledgers if `restores`.
pub fn draw_with(seed: u64, restores: bool) -> Scenario {
    let mut rng = Rng::new(seed);
    let knobs = Knobs::draw(&mut rng);
    let mut drawing =
        Drawing { weights: weights(&mut rng), keys: 2 + rng.below(6), big: rng.once_in(4), count: 0, restores, rng, events: Vec::new() };
    let length = *drawing.rng.pick(&[20, 60, 120, 200]);
    while drawing.events.len() < length {
        drawing.step(&knobs);
    }
    Scenario { title: format!("seed {seed}"), knobs, events: drawing.events }
}

fn weights(rng: &mut Rng) -> [u64; KINDS] {
    let mut weights = [0; KINDS];
    for weight in &mut weights {
        *weight = if rng.once_in(2) { 0 } else { 1 + rng.below(6) };
    }
    // Always there: writes and time.
    weights[0] = 15 + rng.below(30);
    weights[1] = 10 + rng.below(20);
    weights
}

struct Drawing {
    weights: [u64; KINDS],
    keys: u64,
    /// Values that do not fit into a message are written, too.
    big: bool,
    count: i64,
    restores: bool,
    rng: Rng,
    events: Vec<Event>,
}

impl Drawing {
    fn step(&mut self, knobs: &Knobs) {
        let mut ticket = self.rng.below(self.weights.iter().sum());
        let mut kind = 0;
        while ticket >= self.weights[kind] {
            ticket -= self.weights[kind];
            kind += 1;
        }
        let who = self.rng.index(2);
        match kind {
            0 => self.write(who, knobs),
            1 => self.pass(),
            2 => self.stop(who),
            3 => self.add(Event::Start(who)),
            4 => self.clock(who),
            5 => self.partition(who),
            6 => self.add(Event::Cut),
            7 => self.add(Event::Vanish(who)),
            8 => {
                let bit = self.rng.below(1 << 20);
                self.add(Event::Flip(who, bit));
            }
            9 => self.disk(who),
            10 => {
                let ms = *self.rng.pick(&[100, 3_000, 20_000]);
                self.add(Event::Suspend(who, ms));
            }
            11 => self.add(Event::Hurry(who)),
            12 => {
                let ms = *self.rng.pick(&[0, 50, 2_000]);
                self.add(Event::Clog(who, ms));
            }
            13 if self.rng.once_in(3) => {
                let kind = self.rng.below(rules::KINDS);
                self.add(Event::Create(who, kind));
            }
            14 if self.restores => {
                let event = if self.rng.once_in(2) { Event::Save(who) } else { Event::Restore(who) };
                self.add(event);
            }
            _ => {}
        }
    }

    fn add(&mut self, event: Event) {
        self.events.push(event);
    }

    fn pass(&mut self) {
        let micros = *self.rng.pick(&[100, 1_000, 5_000, 25_000, 100_000, 400_000, 1_000_000, 3_000_000, 7_000_000]);
        self.add(Event::Pass(micros));
    }

    fn stop(&mut self, who: usize) {
        let fate = self.rng.pick(&Fate::NAMES).1;
        let event = match self.rng.below(6) {
            0 => Event::Kill(who),
            1 => Event::Close(who),
            2 => Event::Fuse(who, self.rng.below(12)),
            3 => Event::CommitFuse(who, self.rng.below(12)),
            _ => Event::Crash(who, fate),
        };
        self.add(event);
        if !self.rng.once_in(3) {
            self.pass();
            self.add(Event::Start(who));
        }
    }

    fn clock(&mut self, who: usize) {
        let shifts = [-86_400_000, -3_000, -50, -1, 1, 50, 3_000, 11_000, 86_400_000];
        let times = [4_300_000_000_000, 1_700_000_000_000, -1_000_000, 0];
        let event = match self.rng.below(6) {
            0 => Event::ClockAt(who, *self.rng.pick(&times)),
            1 => Event::Coarse(who, *self.rng.pick(&[1, 16, 100, 1000])),
            _ => Event::Shift(who, *self.rng.pick(&shifts)),
        };
        self.add(event);
    }

    fn partition(&mut self, who: usize) {
        let blocked = !self.rng.once_in(3);
        self.add(Event::Block(who, blocked));
        if self.rng.once_in(2) {
            self.add(Event::Block(1 - who, blocked));
        }
    }

    fn disk(&mut self, who: usize) {
        let event = match self.rng.below(3) {
            0 => Event::Room(who, Some(self.rng.below(3_000))),
            1 => Event::Room(who, None),
            _ => Event::FailSync(who, self.rng.below(4)),
        };
        self.add(event);
    }

    // Writes.

    fn write(&mut self, who: usize, knobs: &Knobs) {
        let pair = self.rng.index(knobs.pairs as usize);
        let acts = match self.rng.below(8) {
            0 | 1 => self.group(),
            2 => vec![Act::Set(self.key(), self.value()), self.ruled()],
            3..=5 if knobs.schemas >> (2 * pair) & 3 > 0 => vec![self.ruled()],
            _ => vec![self.single()],
        };
        self.add(Event::Write(who, pair, acts));
    }

    fn key(&mut self) -> String {
        format!("/k{}", self.rng.below(self.keys))
    }

    fn value(&mut self) -> Value {
        self.count += 1;
        match self.rng.below(if self.big { 8 } else { 7 }) {
            0 => Value::from(self.count),
            1 => Value::from(self.count as f64 / 4.0),
            2 => Value::from(self.count % 2 == 0),
            7 => Value::Bytes(vec![0; self.rng.index(120_000)].into()),
            _ => Value::from(format!("PLAIN {}", self.count)),
        }
    }

    fn single(&mut self) -> Act {
        match self.rng.below(8) {
            0 => Act::Delete(self.key()),
            1 => Act::Set("/o".to_owned(), self.object()),
            2 => Act::Set(format!("/o/m{}", self.rng.below(4)), self.value()),
            3 if self.rng.once_in(8) => Act::Set(String::new(), self.object()),
            _ => Act::Set(self.key(), self.value()),
        }
    }

    /// Something for the rules of a schema; under the schema that says nothing some of it is refused.
    fn ruled(&mut self) -> Act {
        let key = self.rng.below(2);
        let number = self.rng.below(40) as i64 - 10;
        let element = if self.rng.once_in(2) { Value::from(number % 4) } else { Value::from(format!("PLAIN{}", number % 3)) };
        match self.rng.below(16) {
            0 => Act::Delete(format!("/{}/{key}", self.rng.pick(&["hits", "high", "low", "up", "tags", "map", "uw", "dw"]))),
            1..=3 => Act::Increment(format!("/hits/{key}"), number),
            4 => Act::Set(format!("/hits/{key}"), Value::from(number)),
            5 => Act::Set(format!("/high/{key}"), Value::from(number)),
            6 => Act::Set(format!("/low/{key}"), Value::from(number as f64 / 2.0)),
            7 => Act::Set(format!("/up/{key}"), Value::from(number % 2 == 0)),
            8 | 9 => Act::Add(format!("/tags/{key}"), element),
            10 => Act::Remove(format!("/tags/{key}"), element),
            11 => Act::Set(format!("/tags/{key}"), Value::from(vec![element, Value::from(number)])),
            12 => Act::Set(format!("/map/{key}"), self.value()),
            13 => Act::Set(format!("/uw/{key}"), self.value()),
            14 => Act::Set(format!("/dw/{key}"), self.value()),
            _ => Act::Delete(format!("/{}", self.rng.pick(&["hits", "tags", "map"]))),
        }
    }

    fn object(&mut self) -> Value {
        let count = self.rng.below(4);
        Value::object((0..count).map(|_| (format!("m{}", self.rng.below(4)), Value::from(format!("PLAIN o{}", self.count)))))
    }

    /// Several paths at once: who sees one of them sees all.
    fn group(&mut self) -> Vec<Act> {
        let group = self.rng.below(3);
        let value = self.value();
        ["a", "b", "c"].map(|member| Act::Set(format!("/g{group}/{member}"), value.clone())).into()
    }
}
