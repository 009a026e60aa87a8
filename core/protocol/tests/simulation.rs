//! Endpoints, links and pretend ledgers under whatever one seed draws; in the end all must hold the same.

mod world;

#[test]
fn two_endpoints_meet_by_a_ticket_and_hold_the_same() {
    use spook_protocol::estp::Operation;
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
        None => (0, 2000),
    };
    run_seeds(seed..seed + count, 200);
}
