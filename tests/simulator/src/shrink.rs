//! Making a scenario that fails short: what can be left out without another outcome is left out.

use crate::knobs::Knobs;
use crate::run::run;
use crate::scenario::Scenario;

/// Tries this often.
const TRIES: usize = 2_000;

/// The shortest scenario found that fails in the same way.
pub fn shrink(scenario: &Scenario, kind: &str, mut progress: impl FnMut(usize, usize)) -> Scenario {
    let mut best = scenario.clone();
    let mut tries = 0;
    let mut fails = |candidate: &Scenario, best: &Scenario| {
        tries += 1;
        progress(tries, best.events.len());
        tries < TRIES && run(candidate, false).is_err_and(|failure| failure.kind() == kind)
    };
    let mut size = best.events.len().div_ceil(2).max(1);
    loop {
        let (mut at, mut dropped) = (0, false);
        while at < best.events.len() {
            let mut candidate = best.clone();
            candidate.events.drain(at..(at + size).min(best.events.len()));
            if fails(&candidate, &best) {
                best = candidate;
                dropped = true;
            } else {
                at += size;
            }
        }
        match (size, dropped) {
            (1, false) => break,
            (1, true) => {}
            _ => size = size.div_ceil(2),
        }
    }
    let mut plain = Knobs::default();
    for (index, (_, default)) in plain.fields().into_iter().enumerate() {
        let mut candidate = best.clone();
        *candidate.knobs.fields()[index].1 = *default;
        if candidate.knobs != best.knobs && fails(&candidate, &best) {
            best = candidate;
        }
    }
    best
}
