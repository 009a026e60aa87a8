//! Endpoints, links and pretend ledgers under whatever one seed draws; in the end all must hold the same.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod world;

use spook_protocol::estp::Operation;
use spook_protocol::value::Value;

#[test]
fn two_endpoints_meet_by_a_ticket_and_hold_the_same() {
    let (mut world, pair) = world::World::acquainted(world::Config::default());
    for who in [0, 1] {
        let at = world.endpoints[who].running.registry.find_pair(pair).unwrap();
        let path = format!("/PLAIN{who}");
        assert!(world.endpoints[who].write(at, &[Operation::set(&path, who as i64)], 5));
    }
    world.settle_down();
    assert_eq!(world.show(0, pair).unwrap(), r#"{"PLAIN0": 0, "PLAIN1": 1}"#);
    assert_eq!(world.show(0, pair), world.show(1, pair));
}

/// Runs seeds one after the other, and names the one that fails.
fn run_seeds(seeds: std::ops::Range<u64>, steps: usize) {
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| world::drive::Drive::new(seed).run(steps));
        assert!(outcome.is_ok(), "seed {seed} with {steps} steps fails; SPOOK_SEED={seed} runs it alone, SPOOK_TRACE=1 shows it");
    }
}

#[test]
fn whatever_happens_they_hold_the_same_in_the_end() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seed, count) = match number("SPOOK_SEED") {
        Some(seed) => (seed, number("SPOOK_SEEDS").unwrap_or(1)),
        None => (0, 1500),
    };
    run_seeds(seed..seed + count, 200);
}

/// Two Pairs between two endpoints.
fn two_pairs(config: world::Config) -> (world::World, [spook_protocol::registry::PairIndex; 2]) {
    let (mut world, first) = world::World::acquainted(config);
    let second = world.endpoints[0].create_pair("");
    let secret = world.issue(0, second, 0);
    world.ask(1, 0, second, secret);
    world.redeem(0, 0);
    world.settle_down();
    let indices = [first, second].map(|pair| world.endpoints[0].running.registry.find_pair(pair).unwrap());
    (world, indices)
}

#[test]
fn a_large_delta_holds_up_no_small_one() {
    let (mut world, [large, small]) = two_pairs(world::Config::default());
    let blob = b"PLAIN".repeat(200 << 10);
    assert!(world.endpoints[0].write(large, &[Operation::set("/PLAINblob", blob)], 0));
    world.transmit(0, 1);
    world.deliver(0, 1, 70_000);
    assert!(world.endpoints[0].write(small, &[Operation::set("/PLAINsmall", 1i64)], 0));
    let shown = |world: &world::World, pair| world.show(1, world.endpoints[0].running.registry.pair_id(pair)).unwrap();
    let mut carried = 70_000;
    while shown(&world, small) == "{}" {
        assert_eq!(shown(&world, large), "{}", "no part of the large one is seen");
        world.transmit(0, 1);
        world.deliver(0, 1, 10_000);
        carried += 10_000;
        assert!(
            carried < 3 << 20,
            "{:?} {:?}",
            world.pipes[0].sides.each_ref().map(|side| (side.ended.clone(), side.out.len(), side.sent)),
            world.pipes[0].is_up()
        );
    }
    // What was sealed already goes first, and the message that the small one is in.
    assert!(carried <= (128 + 2 * 64) << 10, "the small write waited for {carried} bytes");
    world.settle_down();
    assert!(shown(&world, large).len() > 1 << 20);
}

#[test]
fn of_eventual_consistency_a_large_delta_is_seen_as_it_comes() {
    for eventual in [false, true] {
        let (mut world, [large, small]) = two_pairs(world::Config { eventual, ..world::Config::default() });
        let blob = "PLAIN".repeat(1000);
        for number in 0..200 {
            let [a, b] = ["a", "b"].map(|member| format!("/PLAIN{number}/{member}"));
            // Each write is one candidate of two cells, and seen as a whole.
            let operations = [Operation::set(&a, blob.as_str()), Operation::set(&b, number)];
            assert!(world.endpoints[0].write(large, &operations, 0));
        }
        world.transmit(0, 1);
        world.deliver(0, 1, 70_000);
        assert!(world.endpoints[0].write(small, &[Operation::set("/PLAINsmall", 1i64)], 0));
        let seen = |world: &world::World, pair| {
            let id = world.endpoints[0].running.registry.pair_id(pair);
            let at = world.endpoints[1].running.registry.find_pair(id).unwrap();
            world.endpoints[1].running.half(at).read("").unwrap().unwrap()
        };
        let count = |value: &Value| if let Value::Object(members) = value { members.len() } else { 0 };
        let mut steps = vec![];
        while count(&seen(&world, large)) < 200 {
            world.transmit(0, 1);
            world.deliver(0, 1, 10_000);
            let now = seen(&world, large);
            steps.push(count(&now));
            if let Value::Object(members) = &now {
                assert!(members.iter().all(|(_, member)| count(member) == 2), "a candidate in part");
            }
            assert!(steps.len() < 200);
        }
        assert_eq!(count(&seen(&world, small)), 1, "it did not wait for the large one");
        assert!(steps.is_sorted());
        steps.dedup();
        assert_eq!(steps.len() > 20, eventual, "{steps:?}");
        world.settle_down();
        for pair in [large, small] {
            let id = world.endpoints[0].running.registry.pair_id(pair);
            world.check_agreement(id, [0, 1]);
        }
    }
}

/// One message from the listening side, and no more.
fn one_message(world: &mut world::World) {
    let now = world.now;
    let side = &mut world.pipes[0].sides[1];
    let world::pipe::State::Up(connection, peer) = &mut side.state else { panic!("the link is down") };
    let mut host = world::host::EndpointHost { endpoint: &mut world.endpoints[0], peer: *peer, now };
    let mut sealed = Vec::new();
    assert!(connection.poll_transmit(now, &mut host, &mut sealed));
    side.out.extend(sealed);
}

#[test]
fn what_was_written_above_the_ceilings_stays_here() {
    let (mut world, pairs) = two_pairs(world::Config { numbers_ahead: 2, ..world::Config::default() });
    world.settle_down();
    // The first fills a message, so that the second is listed and waits; both are below the ceiling.
    for (pair, size) in pairs.into_iter().zip([20_000, 10]) {
        let value = "PLAIN".repeat(size / 5);
        assert!(world.endpoints[0].write(pair, &[Operation::set("/PLAIN", value.as_str())], 0));
    }
    one_message(&mut world);
    assert!(world.endpoints[0].write(pairs[1], &[Operation::set("/PLAIN", "PLAIN above")], 0));
    let registry = &mut world.endpoints[0].running.registry;
    assert!(!registry.sequencer().may_leave());
    world.pump(0, usize::MAX);
    world.pump(0, usize::MAX);
    let [full, above] = pairs.map(|pair| world.endpoints[0].running.registry.pair_id(pair));
    assert_ne!(world.show(1, full).unwrap(), "{}");
    assert_eq!(world.show(1, above).unwrap(), "{}");
    world.settle_down();
    assert_eq!(world.show(1, above).unwrap(), r#"{"PLAIN": "PLAIN above"}"#);
}
