//! How many bytes things take. Byte counts are exact: a change of one is a change of the wire format, and has to be meant.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod world;

use spook_protocol::estp::Operation;
use spook_protocol::id::PairId;
use spook_protocol::value::Value;
use world::{Config, World};

/// What a length of one byte and the tag of the cipher add to a message.
const SEALING: usize = 1 + 16;

/// Bytes of both hellos of a known contact with empty bodies, with their lengths.
const BARE_HANDSHAKE: usize = 158 + 52 + 4;

struct Bench {
    world: World,
    pair: PairId,
}

impl Bench {
    /// Two endpoints that share a Pair of `keys` numbers under keys of ten bytes, written a thousand at a time; all of it settled.
    fn new(keys: usize) -> Bench {
        let (world, pair) = World::acquainted(Config::default());
        let mut bench = Bench { world, pair };
        for begin in (0..keys).step_by(1000) {
            let members: Vec<(String, Value)> = (begin..keys.min(begin + 1000)).map(|at| (key(at), Value::from(at as i64))).collect();
            let paths: Vec<String> = members.iter().map(|(key, _)| format!("/{key}")).collect();
            let operations: Vec<_> = paths.iter().zip(&members).map(|(path, (_, value))| Operation::set(path, value.clone())).collect();
            bench.write(0, &operations);
        }
        bench.world.settle_down();
        bench
    }

    fn write(&mut self, who: usize, operations: &[Operation<'_>]) {
        let at = self.world.endpoints[who].running.registry.find_pair(self.pair).unwrap();
        let now = self.world.now;
        assert!(self.world.endpoints[who].write(at, operations, now));
    }

    fn set(&mut self, who: usize, at: usize, value: i64) {
        // A write takes about 200 ns: five thousand share a millisecond.
        self.write(who, &[Operation::set(&format!("/{}", key(at)), value)]);
    }

    /// Bytes on the wire so far, from the dialling side and from the listening one.
    fn sent(&self) -> [usize; 2] {
        self.world.pipes[0].sides.each_ref().map(|side| side.sent)
    }

    /// Breaks the link and lets both come together again. Returns the bytes both ways beyond a handshake that says nothing.
    fn reconnect(&mut self) -> usize {
        self.world.cut(0);
        let before: usize = self.sent().iter().sum();
        self.world.settle_down();
        let after: usize = self.sent().iter().sum();
        after - before - BARE_HANDSHAKE
    }

    /// Each side changes as many cells, scattered over the document, while the link is down.
    fn diverge(&mut self, keys: usize, changes: usize) {
        self.world.cut(0);
        for change in 0..changes {
            let at = change * (keys / changes);
            self.set(0, at, -1 - change as i64);
            self.set(1, at + 1, -1 - change as i64);
        }
        for who in [0, 1] {
            self.world.commit(who);
        }
    }
}

fn key(number: usize) -> String {
    format!("key{number:07}")
}

#[test]
fn one_write_on_an_established_link() {
    let mut bench = Bench::new(100);
    bench.set(0, 7, 1_000);
    bench.world.settle_down();
    bench.world.now += 1_000_000;
    bench.set(0, 7, 1_001);
    let before = bench.sent();
    assert!(bench.world.transmit(0, 1));
    let write = bench.sent()[1] - before[1];
    assert_eq!(write, SEALING + 8, "tag, slot, head, ms (2), path number, value (2)");

    bench.world.deliver(0, 1, usize::MAX);
    bench.world.commit(1);
    bench.world.now += 20_000;
    let before = bench.sent();
    assert!(bench.world.transmit(0, 0));
    let alone = bench.sent()[0] - before[0];
    assert!(alone <= 26, "an acknowledgement alone takes {alone} bytes");
    println!("one write: {} bytes, {write} on the wire; its acknowledgement alone: {alone} on the wire", write - SEALING);
}

#[test]
fn an_acknowledgement_that_rides_along() {
    let mut bench = Bench::new(100);
    let mut sizes = Vec::new();
    for acknowledges in [false, true] {
        bench.set(1, 3, 5);
        bench.world.settle_down();
        if acknowledges {
            bench.set(0, 7, 1_001);
            bench.world.transmit(0, 1);
            bench.world.deliver(0, 1, usize::MAX);
            bench.world.commit(1);
        }
        // A second later, so that the stamp takes the same bytes both times.
        bench.world.now += 1_000_000;
        bench.set(1, 3, 6);
        let before = bench.sent();
        assert!(bench.world.transmit(0, 0));
        sizes.push(bench.sent()[0] - before[0]);
        bench.world.settle_down();
    }
    println!("a write: {} bytes on the wire; with an acknowledgement: {}", sizes[0], sizes[1]);
    assert!(sizes[1] <= sizes[0] + 6, "{sizes:?}");
}

#[test]
fn nothing_changed() {
    let mut bench = Bench::new(10_000);
    bench.reconnect();
    let bytes = bench.reconnect();
    println!("reconnect, nothing changed: {bytes} bytes");
    assert!(bytes <= 130, "{bytes}");
}

#[test]
fn a_few_changed() {
    let mut bench = Bench::new(10_000);
    bench.diverge(10_000, 10);
    let bytes = bench.reconnect();
    println!("10 + 10 of 10,000 changed: {bytes} bytes");
    assert!(bytes <= 260, "{bytes}");
}

#[test]
fn many_changed() {
    let mut bench = Bench::new(10_000);
    bench.diverge(10_000, 1_000);
    let bytes = bench.reconnect();
    println!("1,000 + 1,000 of 10,000 changed: {bytes} bytes");
    assert!(bytes <= 10_000, "{bytes}");
}
