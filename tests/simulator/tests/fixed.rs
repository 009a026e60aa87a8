//! A fixed set of worlds. More of them, and others: `cargo xtask sim --runs N --seed N`.

use spook_simulator::draw::draw;
use spook_simulator::run::run;
use std::ops::Range;

fn all_end_well(seeds: Range<u64>) {
    for seed in seeds {
        if let Err(failure) = run(&draw(seed), false) {
            panic!("seed {seed}: at event {}: {}\n`cargo xtask sim --seed {seed}` makes it short", failure.at, failure.message);
        }
    }
}

#[test]
fn the_first_half_of_the_fixed_worlds() {
    all_end_well(0..500);
}

#[test]
fn the_second_half_of_the_fixed_worlds() {
    all_end_well(500..1000);
}

#[test]
fn a_run_repeats_exactly() {
    for seed in 0..5 {
        let [one, other] = [0, 1].map(|_| run(&draw(seed), true).unwrap_or_else(|failure| panic!("{}", failure.message)));
        assert_eq!(one, other, "seed {seed}");
        assert!(one.len() > 50);
    }
}
