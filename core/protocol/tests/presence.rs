//! Presence: values that are shown while there is a link, and are nowhere stored.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod world;

use spook_protocol::id::PairId;
use spook_protocol::registry::PairIndex;
use spook_protocol::value::Value;
use std::collections::BTreeMap;
use world::{Config, World};

struct Scene {
    world: World,
    pair: PairId,
}

impl Scene {
    fn new() -> Scene {
        let (world, pair) = World::acquainted(Config::default());
        Scene { world, pair }
    }

    fn at(&self, who: usize) -> (PairIndex, u64) {
        let registry = &self.world.endpoints[who].running.registry;
        let pair = registry.find_pair(self.pair).unwrap();
        (pair, registry.share_of(pair).unwrap().slot)
    }

    /// Side 0 of the pipe is endpoint 1.
    fn set(&mut self, who: usize, key: &str, value: Option<Value>) {
        let (pair, slot) = self.at(who);
        assert!(self.world.endpoints[who].presence.entry(pair).or_default().set(key, value).unwrap());
        if let Some(connection) = self.world.pipes[0].connection(1 - who) {
            connection.show(slot, key);
        }
    }

    fn seen(&self, who: usize) -> BTreeMap<String, Value> {
        let (pair, _) = self.at(who);
        self.world.endpoints[who].presence.get(&pair).map(|presence| presence.of_peer().clone()).unwrap_or_default()
    }
}

fn shown<const N: usize>(values: [(&str, i64); N]) -> BTreeMap<String, Value> {
    values.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

#[test]
fn what_is_shown_arrives_goes_and_comes_back_with_the_link() {
    let mut scene = Scene::new();
    let durable = scene.world.endpoints[0].running.registry.durable();
    scene.set(1, "cursor", Some(Value::from(5i64)));
    scene.set(1, "name", Some(Value::from(6i64)));
    scene.world.settle_down();
    assert_eq!(scene.seen(0), shown([("cursor", 5), ("name", 6)]));
    scene.set(1, "name", None);
    scene.world.settle_down();
    assert_eq!(scene.seen(0), shown([("cursor", 5)]));
    scene.world.cut(0);
    assert_eq!(scene.seen(0), shown([]));
    scene.set(1, "cursor", Some(Value::from(7i64)));
    scene.set(0, "other", Some(Value::from(8i64)));
    scene.world.settle_down();
    assert_eq!((scene.seen(0), scene.seen(1)), (shown([("cursor", 7)]), shown([("other", 8)])));
    assert_eq!(scene.world.endpoints[0].running.registry.durable(), durable, "nothing is stored");
    assert_eq!(scene.world.show(0, scene.pair).unwrap(), "{}");
}

#[test]
fn a_slow_link_gets_the_last_value_only() {
    let mut scene = Scene::new();
    let before = scene.world.pipes[0].sides[0].sent;
    for count in 0..10_000i64 {
        scene.set(1, "cursor", Some(Value::from(count)));
        scene.set(1, "other", Some(Value::from(-count)));
    }
    scene.world.settle_down();
    assert_eq!(scene.seen(0), shown([("cursor", 9_999), ("other", -9_999)]));
    assert!(scene.world.pipes[0].sides[0].sent - before < 100);
}

#[test]
fn what_was_shown_before_the_pair_was_shared_is_told_when_it_is() {
    let mut scene = Scene::new();
    let pair = scene.world.endpoints[0].create_pair("");
    let index = scene.world.endpoints[0].running.registry.find_pair(pair).unwrap();
    scene.world.endpoints[0].presence.entry(index).or_default().set("early", Some(Value::from(1i64))).unwrap();
    let secret = scene.world.issue(0, pair, 0);
    scene.world.ask(1, 0, pair, secret);
    scene.world.redeem(0, 0);
    scene.world.settle_down();
    scene.pair = pair;
    assert_eq!(scene.seen(1), shown([("early", 1)]));
}
