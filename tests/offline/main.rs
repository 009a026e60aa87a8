//! A month offline: what differs travels, once, and nothing that was overwritten.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use spook::{Engine, Value};
use spook_tests::couple::{agree, at, await_down, await_up, engine, share, unix};
use spook_tests::limits::watchdog;
use spook_tests::random::Random;
use spook_tests::relay::{Recording, Relay};

const CELLS: u64 = 10_000;
const CHANGES: u64 = 1_000;

/// What one return cost.
struct Cost {
    bytes: usize,
    messages: usize,
    counted: u64,
}

struct World {
    home: Engine,
    phone: Engine,
    relay: Relay,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let home = engine(&at(folder.path(), "home"), &unix(folder.path(), "h"));
        let relay = Relay::in_place_of(&home.addresses()[0]);
        let phone = engine(&at(folder.path(), "phone"), "");
        World { home, phone, relay, _folder: folder }
    }

    /// What has arrived at the two ends. A hello sent into a wire that is cut arrives nowhere.
    fn bytes(&self) -> u64 {
        self.home.traffic().bytes_received + self.phone.traffic().bytes_received
    }
}

#[test]
fn a_thousand_changes_on_each_side_of_ten_thousand_cells() {
    let _watchdog = watchdog("divergence", 100);
    let mut random = Random::announced("offline");
    let world = World::new();
    let (here, there) = share(&world.home, &world.phone, "p", str::to_owned);
    here.write_state("", Value::object((0..CELLS).map(|number| (format!("cell-{number:05}"), Value::from(number as i64))))).unwrap();
    agree(&here, &there);
    for overwrites in [1, 50] {
        let before = world.bytes();
        world.relay.cut();
        await_down(&here);
        await_down(&there);
        world.relay.forget();
        // Half of the cells that change are the same on both sides.
        for (pair, offset) in [(&here, 0), (&there, CHANGES / 2)] {
            for overwrite in 0..overwrites {
                for number in 0..CHANGES {
                    let cell = (number + offset) * 7 % CELLS;
                    let value = (random.below(1 << 20) * 100 + overwrite) as i64;
                    pair.write_state(&format!("/cell-{cell:05}"), value).unwrap();
                }
            }
        }
        let handshakes = world.phone.traffic().handshakes;
        world.relay.mend();
        agree(&here, &there);
        let handshakes = world.phone.traffic().handshakes - handshakes;
        let cost = Cost::of(&world.relay.recordings(), world.bytes() - before);
        println!(
            "1,000 + 1,000 changes of 10,000 cells, each overwritten {overwrites} times: {} bytes, {} messages behind {handshakes} handshake (the engines count {} bytes)",
            cost.bytes, cost.messages, cost.counted
        );
        // A cell takes its value (4), stamp, number and name; handshake and acknowledgements come to less than 1,000 bytes.
        assert!(cost.bytes <= 1000 + 2 * CHANGES as usize * 16, "{} bytes", cost.bytes);
        assert!(cost.messages <= 40, "{} messages", cost.messages);
        assert_eq!(handshakes, 1);
    }
}

impl Cost {
    fn of(recordings: &[Recording], counted: u64) -> Cost {
        let recordings: Vec<_> = recordings.iter().filter(|recording| !recording.out.is_empty()).collect();
        Cost {
            bytes: recordings.iter().map(|recording| recording.bytes()).sum(),
            messages: recordings.iter().map(|recording| Recording::sealed(&recording.out) + Recording::sealed(&recording.back)).sum(),
            counted,
        }
    }
}

/// Values of a kilobyte, overwritten a thousand times: one of them travels.
#[test]
fn an_overwritten_value_is_never_sent() {
    let _watchdog = watchdog("overwritten values", 100);
    let mut random = Random::announced("overwritten");
    let world = World::new();
    let (here, there) = share(&world.home, &world.phone, "p", str::to_owned);
    agree(&here, &there);
    world.relay.cut();
    await_down(&here);
    await_down(&there);
    world.relay.forget();
    for _ in 0..1000 {
        here.write_state("/a", random.bytes(1000)).unwrap();
        there.write_state("/b", random.bytes(1000)).unwrap();
    }
    world.relay.mend();
    agree(&here, &there);
    let cost = Cost::of(&world.relay.recordings(), 0);
    println!("1,000 + 1,000 overwrites of a kilobyte: {} bytes, {} messages", cost.bytes, cost.messages);
    assert!(cost.bytes < 2000 + 1000, "{} bytes", cost.bytes);
}

/// Nothing changed: the return costs a handshake and next to nothing.
#[test]
fn nothing_changed_costs_nothing() {
    let _watchdog = watchdog("returns without changes", 100);
    let world = World::new();
    let (here, there) = share(&world.home, &world.phone, "p", str::to_owned);
    here.write_state("", Value::object((0..CELLS).map(|number| (number.to_string(), Value::from(1i64))))).unwrap();
    agree(&here, &there);
    world.relay.cut();
    await_down(&here);
    await_down(&there);
    world.relay.forget();
    world.relay.mend();
    await_up(&here);
    await_up(&there);
    agree(&here, &there);
    let recordings = world.relay.recordings();
    let last = recordings.iter().rev().find(|recording| !recording.out.is_empty()).unwrap();
    let hellos = Recording::first(&last.out).len() + Recording::first(&last.back).len();
    println!("nothing changed: {} bytes, of them {hellos} of hello and welcome", last.bytes());
    assert!(last.bytes() - hellos <= 300, "{} bytes behind the handshake", last.bytes() - hellos);
    assert!(hellos <= 700, "{hellos} bytes of handshake");
}
