//! Placing acknowledgements: behind one, everything is here that the peer had issued before it applied what is acknowledged.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod world;

use spook_protocol::estp::Operation;
use spook_protocol::id::PairId;
use world::{Config, World};

struct Scene {
    world: World,
    pair: PairId,
}

impl Scene {
    fn new() -> Scene {
        let (mut world, pair) = World::acquainted(Config::default());
        world.settle_down();
        Scene { world, pair }
    }

    fn write(&mut self, who: usize, path: &str, bytes: usize) {
        let endpoint = &mut self.world.endpoints[who];
        let at = endpoint.running.registry.find_pair(self.pair).unwrap();
        assert!(endpoint.write(at, &[Operation::set(path, "PLAIN".repeat(bytes.div_ceil(5)).as_str())], self.world.now));
    }

    /// Up to where the peer holds what this one wrote; and up to where that is placed.
    fn told(&self, who: usize) -> (u64, u64) {
        let registry = &self.world.endpoints[who].running.registry;
        let peer = registry.peers().next().unwrap();
        (registry.peer_progress(peer).held, registry.placed(peer))
    }

    fn last(&self, who: usize) -> u64 {
        let registry = &self.world.endpoints[who].running.registry;
        registry.resume(registry.peers().next().unwrap()).last
    }
}

/// Endpoint 0 listens, endpoint 1 dials.
#[test]
fn what_is_held_while_a_large_delta_is_on_its_way_is_placed_behind_it() {
    let mut scene = Scene::new();
    scene.write(0, "/PLAINlarge", 1 << 20);
    scene.world.transmit(0, 1);
    scene.world.deliver(0, 1, 100_000);
    scene.write(1, "/PLAINsmall", 10);
    let written = scene.last(1);
    scene.world.transmit(0, 0);
    scene.world.deliver(0, 0, usize::MAX);
    scene.world.commit(0);
    scene.world.now += 20_000;
    // What was sealed before goes first.
    for _ in 0..4 {
        scene.world.transmit(0, 1);
        scene.world.deliver(0, 1, 100_000);
    }
    let (held, placed) = scene.told(1);
    assert!(
        held >= written && placed < written,
        "held {held}, placed {placed}, written {written}: durability is told at once, and no more"
    );
    scene.world.settle_down();
    let (held, placed) = scene.told(1);
    assert!(placed == held && held >= written);
}

#[test]
fn an_acknowledgement_places_what_comes_in_the_same_message_and_not_before_it_is_durable() {
    let mut scene = Scene::new();
    scene.write(1, "/PLAINmine", 10);
    let written = scene.last(1);
    scene.world.transmit(0, 0);
    scene.world.deliver(0, 0, usize::MAX);
    // Written after the other one was applied, before it is acknowledged.
    scene.write(0, "/PLAINtheirs", 10);
    scene.world.commit(0);
    scene.world.commit(1);
    scene.world.transmit(0, 1);
    scene.world.deliver(0, 1, usize::MAX);
    assert!(scene.world.show(1, scene.pair).unwrap().contains("PLAINtheirs"));
    let registry = &scene.world.endpoints[1].running.registry;
    let at = registry.find_pair(scene.pair).unwrap();
    assert_eq!(scene.told(1), (written, written));
    assert!(registry.horizon(at).placed < written, "what it places could be lost here");
    scene.world.commit(1);
    assert_eq!(scene.world.endpoints[1].running.registry.horizon(at).placed, written);
}

#[test]
fn what_a_cursor_says_is_held_is_placed_when_somebody_needs_it() {
    let mut scene = Scene::new();
    scene.write(1, "/PLAINmine", 10);
    let written = scene.last(1);
    scene.world.transmit(0, 0);
    scene.world.deliver(0, 0, usize::MAX);
    scene.world.commit(0);
    scene.world.commit(1);
    // The acknowledgement never arrives; what is held is told by the cursor of the next link.
    scene.world.cut(0);
    let before: usize = scene.world.pipes[0].sides.iter().map(|side| side.sent - side.hellos).sum();
    assert!(scene.told(1).0 < written);
    scene.world.connect(0);
    scene.world.settle_down();
    assert!(scene.told(1).1 >= written);
    let asking: usize = scene.world.pipes[0].sides.iter().map(|side| side.sent - side.hellos).sum();
    assert!((1..=3 * 24).contains(&(asking - before)), "a mark that asks, and its answer: {} bytes", asking - before);
    // Everything is placed now: the next link says nothing at all.
    scene.world.cut(0);
    scene.world.settle_down();
    let after: usize = scene.world.pipes[0].sides.iter().map(|side| side.sent - side.hellos).sum();
    assert_eq!(after, asking);
}

#[test]
fn what_was_placed_stays_so_over_a_restart() {
    let mut scene = Scene::new();
    scene.write(1, "/PLAINmine", 10);
    scene.world.settle_down();
    let (held, placed) = scene.told(1);
    assert_eq!(held, placed);
    // The note of it goes with the next batch.
    scene.world.commit(1);
    scene.world.crash(1);
    assert_eq!(scene.told(1), (held, placed));
}
