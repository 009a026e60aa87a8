//! Links: both sides dial at once, a peer moves, the wire is cut anywhere or goes silent.

use spook::{Engine, EngineOptions, LinkFact, Notice, ObserveOptions, Operation, Pair, PairOptions, Reason, TicketOptions, Value};
use spook_tests::couple::{LONG, agree, at, await_down, await_up, engine, options, share, unix, with_address};
use spook_tests::limits::{until, watchdog};
use spook_tests::random::Random;
use spook_tests::relay::Relay;
use std::path::Path;
use std::time::Duration;

fn open(folder: &Path, name: &str) -> Engine {
    engine(&at(folder, name), &unix(folder, &name[..1]))
}

/// Both listen, both know the other's address, both start at the same moment: one link remains, and stays.
#[test]
fn when_both_dial_at_once_one_link_remains() {
    let _watchdog = watchdog("both dial at once", 100);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    {
        let (home, phone) = (open(path, "home"), open(path, "phone"));
        let (here, there) = share(&home, &phone, "p", str::to_owned);
        agree(&here, &there);
    }
    let (mut links, mut most, mut falls) = (0, 0, 0);
    for round in 0..40i64 {
        let barrier = std::sync::Barrier::new(2);
        let start = |name: &'static str| {
            barrier.wait();
            let engine = open(path, name);
            let pair = engine.open_pair("p", LONG).unwrap();
            let watched = pair.observe("/nothing-here", ObserveOptions { lifecycle: true, ..ObserveOptions::default() }).unwrap();
            (engine, pair, watched)
        };
        let ((home, here, watch_here), (phone, there, watch_there)) = std::thread::scope(|scope| {
            let home = scope.spawn(|| start("home"));
            (scope.spawn(|| start("phone")).join().unwrap(), home.join().unwrap())
        });
        here.write_state("/here", round).unwrap();
        there.write_state("/there", round).unwrap();
        agree(&here, &there);
        // Nothing may come after: what hangs about now would fall within the time of a handshake's answer.
        std::thread::sleep(Duration::from_millis(20));
        agree(&here, &there);
        let handshakes = home.traffic().handshakes.max(phone.traffic().handshakes);
        links += handshakes;
        most = most.max(handshakes);
        falls += [watch_here, watch_there].iter().map(downs).sum::<usize>();
    }
    println!("both dial at once, 40 times: {links} handshakes, at most {most} in one, {falls} links lost afterwards");
    assert_eq!(falls, 0, "links flap");
}

/// How often a link went down.
fn downs(watch: &spook::Subscription) -> usize {
    std::iter::from_fn(|| watch.try_next())
        .filter(|notice| match notice {
            Notice::Transition(step) => matches!((step.from.link, step.to.link), (LinkFact::Entangled, LinkFact::Decohered(_))),
            _ => false,
        })
        .count()
}

#[test]
fn a_peer_that_moves_is_found_again() {
    let _watchdog = watchdog("a peer that moves", 100);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let tcp = |name: &str| engine(&at(path, name), "tcp:127.0.0.1:0");
    let (mut home, mut phone) = (tcp("home"), tcp("phone"));
    let (mut here, mut there) = share(&home, &phone, "p", str::to_owned);
    agree(&here, &there);
    for round in 0..6i64 {
        // One side moves and finds the other; next time the other one moves, and must have learned the new address to be told apart.
        let (engine, pair, name) = if round % 2 == 0 { (&mut home, &mut here, "home") } else { (&mut phone, &mut there, "phone") };
        let before = engine.addresses();
        engine.close().unwrap();
        *engine = tcp(name);
        assert_ne!(before, engine.addresses());
        *pair = engine.open_pair("p", LONG).unwrap();
        pair.write_state("/round", round).unwrap();
        agree(&here, &there);
    }
}

/// The wire breaks after every number of bytes of a session, and the next one takes up what is left.
#[test]
fn a_link_cut_anywhere_resumes() {
    let _watchdog = watchdog("links cut anywhere", 150);
    let mut random = Random::announced("cut anywhere");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (home, phone) = (open(path, "home"), engine(&at(path, "phone"), ""));
    let relay = Relay::in_place_of(&home.addresses()[0]);
    let (here, there) = share(&home, &phone, "p", str::to_owned);
    agree(&here, &there);
    let large = |random: &mut Random, most: u64| {
        let length = random.below(most) as usize;
        Value::from(random.bytes(length))
    };
    let (mut cuts, mut at_byte) = (0, 0u64);
    while at_byte < 60_000 {
        relay.cut();
        await_down(&there);
        for pair in [&here, &there] {
            let side = if std::ptr::eq(pair, &here) { "here" } else { "there" };
            for number in 0..random.below(20) {
                let (cell, both) = (format!("/{side}/{}", random.below(40)), format!("/both/{}", random.below(10)));
                pair.write_all(&[Operation::set(&cell, number as i64), Operation::set(&both, side)]).unwrap();
            }
            // Now and then more than fits into one message, which travels in parts.
            let value = if random.below(4) == 0 { large(&mut random, 200_000) } else { large(&mut random, 300) };
            pair.write_state(&format!("/{side}/large"), value).unwrap();
        }
        relay.mend();
        relay.cut_after(at_byte);
        // Whether it gets that far depends on what there is to say; when it does, it is mended, with another cut to come.
        let mut again = random.below(3);
        until("the session is cut or through", || {
            if relay.is_cut() {
                cuts += 1;
                relay.mend();
                if again > 0 {
                    again -= 1;
                    relay.cut_after(random.below(2_000));
                }
            }
            let settled = |pair: &Pair| pair.collapse(spook::CollapseOptions::settled_within(Duration::from_millis(10))).unwrap().settled;
            settled(&here) && settled(&there)
        });
        relay.mend();
        agree(&here, &there);
        // Every byte of a handshake, and then wider steps.
        at_byte += if at_byte < 40 { 13 } else { 31 + at_byte / 7 };
    }
    println!("cut anywhere: {cuts} cuts, {} handshakes", phone.traffic().handshakes);
    assert!(cuts > 20);
}

/// The first contact breaks after every number of bytes: the one call that waits for it succeeds all the same.
#[test]
fn a_first_contact_cut_anywhere_succeeds() {
    let _watchdog = watchdog("first contacts cut anywhere", 150);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let home = open(path, "home");
    let relay = Relay::in_place_of(&home.addresses()[0]);
    let mut slowest = Duration::ZERO;
    // Hello, welcome, and what follows them, in odd steps; nearly all of a first contact is in its first 900 bytes.
    for at_byte in (1..1100u64).step_by(23) {
        let phone = engine("", "");
        let here = home.create_pair(&format!("p{at_byte}"), Value::from(at_byte as i64), PairOptions::default()).unwrap();
        let ticket = here.ticket(TicketOptions::default()).unwrap();
        relay.mend();
        relay.cut_after(at_byte);
        let begin = std::time::Instant::now();
        let there = std::thread::scope(|scope| {
            let opening = scope.spawn(|| phone.open_pair(&ticket, LONG));
            until("it is cut or through", || {
                if relay.is_cut() {
                    relay.mend();
                }
                opening.is_finished()
            });
            opening.join().unwrap()
        });
        let there = there.unwrap_or_else(|error| panic!("cut after {at_byte} bytes: {error}"));
        relay.mend();
        agree(&here, &there);
        slowest = slowest.max(begin.elapsed());
        phone.close().unwrap();
    }
    println!("first contact cut anywhere: slowest {slowest:.1?}");
}

#[test]
fn a_silent_peer_is_noticed_and_comes_back() {
    let _watchdog = watchdog("a silent peer", 60);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let quick = |name: &str, listen: &str| {
        Engine::open_with(EngineOptions { heartbeat_timeout: Some(Duration::from_millis(400)), ..options(&at(path, name), listen) })
            .unwrap()
    };
    let (home, phone) = (quick("home", &unix(path, "h")), quick("phone", ""));
    let relay = Relay::in_place_of(&home.addresses()[0]);
    let (here, there) = share(&home, &phone, "p", str::to_owned);
    agree(&here, &there);
    let watch = there.observe("/nothing", ObserveOptions { lifecycle: true, ..ObserveOptions::default() }).unwrap();
    relay.hold(true);
    here.write_state("/here", 1i64).unwrap();
    there.write_state("/there", 1i64).unwrap();
    let is_silent = |pair: &Pair| pair.lifecycle().unwrap().link == LinkFact::Decohered(Reason::PeerSilent);
    until("both notice the silence", || is_silent(&here) && is_silent(&there));
    // Attempts fail meanwhile, without an end.
    relay.hold(false);
    agree(&here, &there);
    await_up(&there);
    let reasons: Vec<LinkFact> = std::iter::from_fn(|| watch.try_next())
        .filter_map(|notice| match notice {
            Notice::Transition(step) if step.from.link != step.to.link => Some(step.to.link),
            _ => None,
        })
        .collect();
    assert!(reasons.contains(&LinkFact::Decohered(Reason::PeerSilent)) && reasons.ends_with(&[LinkFact::Entangled]), "{reasons:?}");
}

/// Behind a port forward the peer does not know the address by which it is reached: the one that worked is kept.
#[test]
fn the_address_that_worked_is_dialled_again() {
    let _watchdog = watchdog("the address that worked", 60);
    let (home, phone) = (engine("", "tcp:127.0.0.1:0"), engine("", ""));
    let relay = Relay::to_tcp(&home.addresses()[0]);
    let (here, there) = share(&home, &phone, "p", |ticket| with_address(ticket, relay.address()));
    agree(&here, &there);
    for round in 0..2i64 {
        relay.cut();
        await_down(&there);
        there.write_state("/round", round).unwrap();
        relay.mend();
        await_up(&there);
        agree(&here, &there);
    }
    assert!(relay.recordings().len() >= 3, "a later link went round the relay");
}
