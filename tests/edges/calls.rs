//! Calls at odd moments: closing while others wait, tickets used twice, writing from inside observers.

use spook::{Code, CollapseOptions, Engine, Notice, ObserveOptions, PairOptions, TicketOptions, Value};
use spook_tests::couple::{LONG, agree, at, await_up, engine, share, unix, with_address};
use spook_tests::limits::{descriptors, until, watchdog};
use spook_tests::relay::Relay;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

fn same(ticket: &str) -> String {
    ticket.to_owned()
}

#[test]
fn a_close_ends_every_wait() {
    let _watchdog = watchdog("a close while others wait", 60);
    let folder = tempfile::tempdir().unwrap();
    let home = engine(&at(folder.path(), "home"), &unix(folder.path(), "h"));
    let relay = Relay::in_place_of(&home.addresses()[0]);
    let phone = engine(&at(folder.path(), "phone"), &unix(folder.path(), "p"));
    let (here, there) = share(&home, &phone, "p", same);
    agree(&here, &there);
    // Nothing is heard of home any more, and phone does not know it yet.
    let offline = home.create_pair("other", 1i64, PairOptions::default()).unwrap();
    let ticket = offline.ticket(TicketOptions::default()).unwrap();
    let nobody = engine("", "mem:nobody-answers");
    let stranger = nobody.create_pair("x", 1i64, PairOptions::default()).unwrap();
    let unreachable = with_address(&stranger.ticket(TicketOptions::default()).unwrap(), &unix(folder.path(), "nothing-here"));
    relay.hold(true);
    there.write_state("/never-settles", 1i64).unwrap();
    let subscription = there.observe("/quiet", ObserveOptions::default()).unwrap();
    let long = Duration::from_secs(3600);
    std::thread::scope(|scope| {
        let waits = [
            scope.spawn(|| there.collapse(CollapseOptions::settled_within(long)).unwrap_err().code()),
            scope.spawn(|| phone.open_pair(&ticket, long).unwrap_err().code()),
            scope.spawn(|| phone.open_pair(&unreachable, long).unwrap_err().code()),
        ];
        let next = scope.spawn(|| subscription.next(None).unwrap());
        // Long enough that all of them wait; each is right to fail at once, too, if it comes late.
        std::thread::sleep(Duration::from_millis(200));
        phone.close().unwrap();
        assert_eq!(next.join().unwrap(), None);
        assert_eq!(waits.map(|wait| wait.join().unwrap()), [Code::Closed; 3]);
    });
    assert_eq!(phone.open_pair("p", long).unwrap_err().code(), Code::Closed);
    assert_eq!(there.observe("", ObserveOptions::default()).unwrap_err().code(), Code::Closed);
    phone.close().unwrap();
}

#[test]
fn a_close_that_a_redemption_meets_ends_it() {
    let _watchdog = watchdog("a close in a race with redemptions", 60);
    for _ in 0..30 {
        let phone = engine("", "");
        let nobody = engine("", "mem:race-of-close");
        let pair = nobody.create_pair("x", 1i64, PairOptions::default()).unwrap();
        let ticket = with_address(&pair.ticket(TicketOptions::default()).unwrap(), "mem:nothing-listens-here");
        std::thread::scope(|scope| {
            let opening = scope.spawn(|| phone.open_pair(&ticket, Duration::from_secs(3600)).unwrap_err().code());
            phone.close().unwrap();
            assert_eq!(opening.join().unwrap(), Code::Closed);
        });
    }
}

#[test]
fn a_ticket_that_its_user_redeems_again_gives_the_same_pair() {
    let folder = tempfile::tempdir().unwrap();
    let home = engine(&at(folder.path(), "home"), "tcp:127.0.0.1:0");
    let phone = engine(&at(folder.path(), "phone"), "");
    let here = home.create_pair("p", Value::object([("a", Value::from(1i64))]), PairOptions::default()).unwrap();
    let ticket = here.ticket(TicketOptions::default()).unwrap();
    let first = phone.open_pair(&ticket, LONG).unwrap();
    let second = phone.open_pair(&ticket, LONG).unwrap();
    assert_eq!((first.id(), first.name()), (second.id(), second.name()));
    // A Pair with its two members gives no more tickets, and those from before do not let a third one in.
    assert_eq!(here.ticket(TicketOptions::default()).unwrap_err().code(), Code::Exists);
    assert_eq!(home.open_pair(&ticket, LONG).unwrap().id(), here.id());
    agree(&here, &first);
}

#[test]
fn a_second_ticket_of_a_pair_that_has_its_member_is_refused() {
    let home = engine("", "mem:second-ticket");
    let here = home.create_pair("p", 1i64, PairOptions::default()).unwrap();
    let tickets = [0, 1].map(|_| here.ticket(TicketOptions::default()).unwrap());
    let phone = engine("", "");
    phone.open_pair(&tickets[0], LONG).unwrap();
    assert_eq!(engine("", "").open_pair(&tickets[1], LONG).unwrap_err().code(), Code::TicketUsed);
    assert_eq!(phone.open_pair(&tickets[1], LONG).unwrap().id(), here.id());
}

#[test]
fn tickets_of_any_lifetime_can_be_issued() {
    let home = engine("", "mem:lifetimes");
    let here = home.create_pair("p", 1i64, PairOptions::default()).unwrap();
    let ticket = |lifetime| here.ticket(TicketOptions { expires_in: Some(lifetime) }).unwrap();
    for lifetime in [Duration::MAX, Duration::from_millis(u64::MAX), Duration::from_secs(u64::MAX / 1000)] {
        ticket(lifetime);
    }
    engine("", "").open_pair(&ticket(Duration::MAX), LONG).unwrap();
}

#[test]
fn two_tickets_of_one_issuer_do_not_share_their_fate() {
    let home = engine("", "mem:two-fates");
    let good = home.create_pair("good", 1i64, PairOptions::default()).unwrap().ticket(TicketOptions::default()).unwrap();
    let used = home.create_pair("used", 2i64, PairOptions::default()).unwrap().ticket(TicketOptions::default()).unwrap();
    engine("", "").open_pair(&used, LONG).unwrap();
    for _ in 0..20 {
        let phone = engine("", "");
        let good =
            home.create_pair(&format!("{:?}", phone), 1i64, PairOptions::default()).unwrap().ticket(TicketOptions::default()).unwrap();
        std::thread::scope(|scope| {
            let refused = scope.spawn(|| phone.open_pair(&used, LONG).unwrap_err().code());
            let opened = scope.spawn(|| phone.open_pair(&good, LONG).map(|pair| pair.read_state("").unwrap()));
            assert_eq!(opened.join().unwrap().unwrap(), Value::from(1i64));
            assert_eq!(refused.join().unwrap(), Code::TicketUsed);
        });
    }
    engine("", "").open_pair(&good, LONG).unwrap();
}

#[test]
fn an_attempt_that_timed_out_leaves_nothing_behind() {
    let home = engine("", "tcp:127.0.0.1:0");
    let phone = engine("", "");
    let here = home.create_pair("p", 1i64, PairOptions::default()).unwrap();
    let ticket = here.ticket(TicketOptions::default()).unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let astray = with_address(&ticket, &format!("tcp:{}", silent.local_addr().unwrap()));
    let before = descriptors();
    for _ in 0..50 {
        assert_eq!(phone.open_pair(&astray, Duration::from_millis(10)).unwrap_err().code(), Code::Unreachable);
    }
    assert!(phone.pairs().unwrap().is_empty());
    // The attempt that is under way ends with its own time at the latest.
    drop(silent);
    until("the sockets of attempts are closed", || descriptors() <= before);
    let there = phone.open_pair(&ticket, LONG).unwrap();
    agree(&here, &there);
}

#[test]
fn a_thousand_pairs_share_a_link() {
    let _watchdog = watchdog("a thousand Pairs", 100);
    let home = engine("", "tcp:127.0.0.1:0");
    let phone = engine("", "");
    let pairs: Vec<_> = (0..1000).map(|number| share(&home, &phone, &format!("p{number}"), same)).collect();
    for (number, (here, there)) in pairs.iter().enumerate() {
        here.write_state("/here", number as i64).unwrap();
        there.write_state("/there", number as i64).unwrap();
    }
    for (here, there) in &pairs {
        agree(here, there);
    }
    assert_eq!((home.traffic().handshakes, phone.traffic().handshakes), (1, 1));
    assert_eq!(phone.pairs().unwrap().len(), 1000);
    println!("1,000 Pairs on one link: {:?}", home.traffic());
}

/// Each side answers what it sees with the next number, from inside its observer.
#[test]
fn observers_write_back_and_forth() {
    let _watchdog = watchdog("a game of ping-pong", 60);
    let home = engine("", "mem:ping-pong");
    let phone = engine("", "");
    let (here, there) = share(&home, &phone, "p", same);
    let reached = Arc::new(AtomicI64::new(0));
    let subscriptions = [&here, &there].map(|pair| {
        let me = pair.endpoint_id();
        let (answer, reached) = (pair.clone(), Arc::clone(&reached));
        pair.observe_with("/ball", ObserveOptions::default(), move |notice| {
            if let Notice::Change(change) = notice
                && change.origin != me
                && let Some(Value::Int(ball)) = change.value
                && ball < 1000
            {
                answer.write_state("/ball", ball + 1).unwrap();
                reached.fetch_max(ball + 1, Ordering::SeqCst);
            }
        })
        .unwrap()
    });
    here.write_state("/ball", 0i64).unwrap();
    let begin = std::time::Instant::now();
    while reached.load(Ordering::SeqCst) < 1000 {
        let state = |pair: &spook::Pair| (pair.read_state("/ball"), pair.lifecycle().unwrap());
        assert!(begin.elapsed() < LONG, "stuck at {reached:?}: {:?} {:?}", state(&here), state(&there));
        std::thread::sleep(Duration::from_millis(2));
    }
    agree(&here, &there);
    drop(subscriptions);
}

#[test]
fn an_observer_may_close_its_own_engine() {
    let _watchdog = watchdog("a close from inside an observer", 60);
    let home = engine("", "mem:closing-observer");
    let phone = engine("", "");
    let (here, there) = share(&home, &phone, "p", same);
    let done = Arc::new(OnceLock::new());
    let (closing, told): (Engine, _) = (phone.clone(), Arc::clone(&done));
    let subscription = there
        .observe_with("", ObserveOptions::default(), move |_| {
            let _ = told.set(closing.close());
        })
        .unwrap();
    here.write_state("/a", 1i64).unwrap();
    until("the observer has closed its engine", || done.get().is_some());
    assert_eq!(*done.get().unwrap(), Ok(()));
    assert_eq!(there.read_state("").unwrap_err().code(), Code::Closed);
    drop(subscription);
    drop((phone, there));
}

#[test]
fn a_peer_that_is_gone_for_good_costs_its_pair_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = engine(&at(folder.path(), "home"), &unix(folder.path(), "h"));
    let phone = engine(&at(folder.path(), "phone"), &unix(folder.path(), "p"));
    let (here, there) = share(&home, &phone, "p", same);
    await_up(&there);
    drop((phone, there));
    until("the peer has taken its leave", || home.open_pair("p", LONG).unwrap().round_trip().unwrap().is_none());
    for number in 0..1000i64 {
        here.write_state("/a", number).unwrap();
    }
    assert!(!here.collapse(CollapseOptions::settled_within(Duration::from_millis(20))).unwrap().settled);
    home.close().unwrap();
}

/// The names of others are theirs to choose; two that are the same are told apart by a number, and all of that comes back from the ledger.
#[test]
fn long_names_that_are_taken_come_back_from_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = at(folder.path(), "phone");
    let name = "\u{e9}".repeat(128);
    let phone = engine(&path, "");
    let homes = [0, 1, 2].map(|number| engine("", &format!("mem:long-name-{number}")));
    let pairs: Vec<_> = homes.iter().map(|home| share(home, &phone, &name, same)).collect();
    phone.close().unwrap();
    drop((phone, pairs));
    let phone = engine(&path, "");
    let names = phone.pairs().unwrap();
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| name.len() <= 256), "{names:?}");
}
