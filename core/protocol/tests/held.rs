//! What comes from too far in the future waits until its time has come; its author is told, and nothing is lost or applied out of order.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod world;

use spook_protocol::estp::Operation;
use spook_protocol::id::PairId;
use spook_protocol::link::Ended;
use spook_protocol::link::incoming::Fault;
use world::{Config, World};

/// Endpoint 1 dials, and has its clock ahead.
struct Scene {
    world: World,
    pair: PairId,
}

impl Scene {
    fn new(skew_ms: u64) -> Scene {
        let (mut world, pair) = World::acquainted(Config { stamps_ahead: 1 << 30, ..Config::default() });
        world.endpoints[1].skew = skew_ms;
        // The ceiling of stamps is above that clock, too.
        Scene { world, pair }.passing(0)
    }

    fn passing(mut self, ms: u64) -> Scene {
        self.pass(ms);
        self
    }

    /// Lets time pass as it does: everything is served when it is due.
    fn pass(&mut self, ms: u64) {
        let end = self.world.now + ms * 1000;
        loop {
            while self.world.pump(0, usize::MAX) | self.world.commit(0) | self.world.commit(1) {}
            if self.world.now >= end {
                return;
            }
            self.world.now = end.min(self.world.now + 500_000);
            self.world.tick();
        }
    }

    fn write(&mut self, who: usize, path: &str, value: &str) {
        let endpoint = &mut self.world.endpoints[who];
        let at = endpoint.running.registry.find_pair(self.pair).unwrap();
        assert!(endpoint.write(at, &[Operation::set(path, value)], self.world.now));
    }

    fn shows(&self, who: usize, what: &str) -> bool {
        self.world.show(who, self.pair).unwrap().contains(what)
    }

    fn held(&self, who: usize) -> u64 {
        let registry = &self.world.endpoints[who].running.registry;
        registry.held(registry.peers().next().unwrap()).number
    }
}

#[test]
fn a_candidate_from_the_future_waits_for_its_time_and_its_author_is_told() {
    let mut scene = Scene::new(25_000);
    let before = scene.held(0);
    scene.write(1, "/PLAINfirst", "PLAIN one");
    scene.pass(100);
    scene.write(1, "/PLAINsecond", "PLAIN two");
    scene.write(0, "/PLAINback", "PLAIN answer");
    scene.pass(14_000);
    assert!(!scene.shows(0, "PLAINfirst") && !scene.shows(0, "PLAINsecond"));
    assert!(scene.shows(1, "PLAINback"), "the other direction goes on");
    assert_eq!(scene.held(0), before, "what is held is not acknowledged");
    assert_eq!(scene.world.endpoints[1].suspected, [25_000]);
    assert!(scene.world.pipes[0].is_up());
    scene.pass(950);
    assert!(scene.shows(0, "PLAINfirst") && !scene.shows(0, "PLAINsecond"), "one after the other");
    scene.pass(500);
    assert!(scene.shows(0, "PLAINsecond"));
    scene.pass(1_000);
    assert!(scene.held(0) > before);
    assert_eq!(scene.world.endpoints[1].suspected, [25_000], "told once");
    scene.world.endpoints[1].skew = 0;
    scene.world.settle_down();
    scene.world.check_agreement(scene.pair, [0, 1]);
}

#[test]
fn ten_seconds_are_not_too_far() {
    let mut scene = Scene::new(10_000);
    scene.write(1, "/PLAIN", "PLAIN near");
    scene.pass(10);
    assert!(scene.shows(0, "PLAIN near"));
    assert!(scene.world.endpoints[1].suspected.is_empty());
}

#[test]
fn a_large_delta_waits_as_a_whole() {
    let mut scene = Scene::new(30_000);
    scene.write(1, "/PLAINlarge", &"PLAIN".repeat(50_000));
    scene.pass(15_000);
    assert!(!scene.shows(0, "PLAINlarge"));
    scene.pass(10_000);
    assert!(scene.shows(0, "PLAINlarge"));
    scene.world.settle_down();
    scene.world.check_agreement(scene.pair, [0, 1]);
}

#[test]
fn a_clock_that_is_set_right_releases_what_waits() {
    let mut scene = Scene::new(0);
    // The clock of the receiver is an hour behind: the author cannot know.
    scene.world.endpoints[1].skew = 3_600_000;
    scene.write(1, "/PLAIN", "PLAIN late");
    scene.pass(5_000);
    assert!(!scene.shows(0, "PLAIN late"));
    scene.world.endpoints[0].skew = 3_600_000;
    scene.pass(10_000);
    assert!(scene.shows(0, "PLAIN late"));
}

#[test]
fn what_waits_is_bounded_and_nothing_is_lost() {
    let mut scene = Scene::new(60_000);
    scene.write(1, "/PLAINfirst", "PLAIN one");
    scene.pass(10);
    for count in 0..400 {
        scene.write(1, "/PLAINmany", &format!("PLAIN {count} {}", "x".repeat(25_000)));
        scene.world.transmit(0, 0);
        scene.world.deliver(0, 0, usize::MAX);
        if !scene.world.pipes[0].is_up() {
            break;
        }
    }
    let [author, holder] = [0, 1].map(|side| scene.world.pipes[0].sides[side].ended.pop());
    assert!(matches!(holder, Some(Ended::Fault(Fault::Early(ahead))) if ahead >= 59_000), "{holder:?}");
    assert!(matches!(author, Some(Ended::Fault(Fault::Closed(spook_protocol::error::Code::ClockSuspect, _)))), "{author:?}");
    scene.world.settle_down();
    scene.world.check_agreement(scene.pair, [0, 1]);
    assert!(scene.shows(0, "PLAIN one") && scene.shows(0, "PLAINmany"));
}

#[test]
fn the_offset_of_the_clocks_is_measured() {
    let mut scene = Scene::new(7_000);
    scene.pass(4_000);
    let offset = |scene: &mut Scene, side: usize| scene.world.pipes[0].connection(side).unwrap().clock_offset_ms();
    // Side 0 dials, for endpoint 1.
    assert_eq!(offset(&mut scene, 0), Some(-7_000));
    assert_eq!(offset(&mut scene, 1), Some(7_000));
}
