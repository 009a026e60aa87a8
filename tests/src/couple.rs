//! Engines and Pairs, and waiting until they agree.

use crate::limits::until;
use spook::{CollapseOptions, Engine, EngineOptions, LifecycleName, Pair, PairOptions, TicketOptions, Value};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longer than anything takes that works.
pub const LONG: Duration = Duration::from_secs(20);

/// An engine; `listen` empty is nowhere.
pub fn engine(location: &str, listen: &str) -> Engine {
    Engine::open_with(options(location, listen)).unwrap()
}

/// The options of [`engine`].
pub fn options(location: &str, listen: &str) -> EngineOptions {
    let listen = if listen.is_empty() { Vec::new() } else { vec![listen.to_owned()] };
    EngineOptions { listen: Some(listen), ..EngineOptions::at(location) }
}

/// The path of a file as text.
pub fn at(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// The address of a unix socket in a folder.
pub fn unix(folder: &Path, name: &str) -> String {
    format!("unix:{}", at(folder, name))
}

/// A Pair of two engines; the ticket goes through `change` first.
pub fn share(home: &Engine, phone: &Engine, name: &str, change: impl FnOnce(&str) -> String) -> (Pair, Pair) {
    let here = home.create_pair(name, Value::empty_object(), PairOptions::default()).unwrap();
    let ticket = here.ticket(TicketOptions::default()).unwrap();
    let there = phone.open_pair(&change(&ticket), LONG).unwrap();
    (here, there)
}

/// The same ticket with another address in it.
pub fn with_address(ticket: &str, address: &str) -> String {
    let mut ticket: spook_protocol::etcp::Ticket = ticket.parse().unwrap();
    ticket.addresses = vec![address.to_owned()];
    ticket.to_text().unwrap().to_string()
}

/// Waits until both halves are settled and hold the same state.
pub fn agree(here: &Pair, there: &Pair) {
    let begin = Instant::now();
    let collapse = |pair: &Pair| pair.collapse(CollapseOptions::settled_within(Duration::from_secs(1))).unwrap();
    loop {
        let (here_is, there_is) = (collapse(here), collapse(there));
        if here_is.settled && there_is.settled && here_is.state.digest == there_is.state.digest {
            break;
        }
        let facts = [here, there].map(|pair| (pair.lifecycle().unwrap(), pair.round_trip().unwrap()));
        assert!(begin.elapsed() < Duration::from_secs(30), "they do not agree: {here_is:?} {there_is:?} {facts:?}");
    }
    assert_eq!(here.read_state("").unwrap(), there.read_state("").unwrap());
}

/// Waits until the link of a Pair is up.
pub fn await_up(pair: &Pair) {
    until("the link is up", || is_up(pair));
}

/// Waits until the link of a Pair is down.
pub fn await_down(pair: &Pair) {
    until("the link is down", || !is_up(pair));
}

/// Whether the link of a Pair is up.
pub fn is_up(pair: &Pair) -> bool {
    pair.lifecycle().unwrap().name() != LifecycleName::Decohered
}
