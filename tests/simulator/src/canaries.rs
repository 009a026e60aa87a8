//! The rules of the engine that can be broken, by name.

use crate::draw::draw;
use crate::run::{Failure, run};
use crate::scenario::Scenario;
use spook_ledger::canary::{self as ledger, Canary as LedgerCanary};
use spook_protocol::canary::{self as protocol, Canary as ProtocolCanary};

/// A rule that can be broken.
#[derive(Clone, Copy, Debug)]
pub enum Canary {
    /// One of the protocol's.
    Protocol(ProtocolCanary),
    /// One of the ledger's.
    Ledger(LedgerCanary),
}

/// Every canary with its name.
pub fn all() -> Vec<(String, Canary)> {
    let of_protocol = ProtocolCanary::ALL.map(|canary| (named(&format!("{canary:?}")), Canary::Protocol(canary)));
    let of_ledger = LedgerCanary::ALL.map(|canary| (named(&format!("{canary:?}")), Canary::Ledger(canary)));
    of_protocol.into_iter().chain(of_ledger).collect()
}

/// `DotReuse` as `dot-reuse`.
fn named(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('-');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// Breaks a rule on this thread, or none.
pub fn release(canary: Option<Canary>) {
    protocol::release(if let Some(Canary::Protocol(canary)) = canary { Some(canary) } else { None });
    ledger::release(if let Some(Canary::Ledger(canary)) = canary { Some(canary) } else { None });
}

/// What only a ledger that was put back can show; worlds drawn from seeds have none.
const OLD_COPY: &str = include_str!("../scenarios/restored-ledger.scn");

/// Runs seeds until the broken rule is found: which one found it, and how.
pub fn hunt(canary: Canary, seeds: impl Iterator<Item = u64>) -> Option<(u64, Failure)> {
    let needs_old_copy = matches!(canary, Canary::Protocol(ProtocolCanary::StaleCursor));
    let scenario = |seed: u64| match Scenario::read(OLD_COPY) {
        Ok(scenario) if needs_old_copy => scenario,
        _ => draw(seed),
    };
    release(Some(canary));
    let found = seeds.into_iter().find_map(|seed| run(&scenario(seed), false).err().map(|failure| (seed, failure)));
    release(None);
    found
}
