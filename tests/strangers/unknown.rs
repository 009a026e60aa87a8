//! Strangers: whoever has no key that the listener knows and no ticket of its.

use crate::world::at_each_listener;
use spook_protocol::etcp::{Contact, HandshakeError, Identity, Refusal, TicketSecret};
use spook_tests::couple::{agree, at, await_down, engine, with_address};
use spook_tests::impostor::{Impostor, hello, listen_to_the_end};
use spook_tests::limits::{until, watchdog};
use spook_tests::random::{Random, seed};
use spook_tests::relay::{Recording, Relay, Wire};
use std::io::Write;
use std::time::{Duration, Instant};

/// A handshake may take five seconds; whoever dawdles is gone soon after.
const BOUND: Duration = Duration::from_secs(12);

/// Says `bytes` and demands silence and an end.
fn is_met_with_silence(address: &str, what: &str, bytes: &[u8]) {
    let mut wire = Wire::connect(address).unwrap();
    // The listener may end it in the midst.
    let _ = wire.write_all(bytes);
    let end = listen_to_the_end(&mut wire, BOUND);
    assert_eq!(end.said, Vec::<u8>::new(), "{what} was answered");
    assert!(end.ended, "{what} is still connected");
}

#[test]
fn strangers_are_met_with_silence() {
    let _watchdog = watchdog("strangers", 120);
    let mut random = Random::announced("strangers");
    at_each_listener(|world| {
        let me = Identity::generate(seed());
        let greeting = |responder, contact| hello(&me, responder, contact).0;
        let known = greeting(&world.keys, Contact::Known);
        let wrong_secret = TicketSecret::generate(seed());
        let somebody_else = *Identity::generate(seed()).public();
        let mut flipped = known.clone();
        flipped[40] ^= 1;
        let mut cases: Vec<(String, Vec<u8>)> = vec![
            ("noise".into(), random.bytes(1 << 20)),
            ("a length of 65,535".into(), [&[0xff, 0xff][..], &random.bytes(70_000)].concat()),
            ("a length of 0".into(), vec![0; 4096]),
            ("HTTP".into(), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
            ("TLS".into(), [&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &random.bytes(600)].concat()),
            ("half a hello".into(), known[..known.len() / 2].to_vec()),
            ("nothing".into(), Vec::new()),
            ("a hello of somebody unknown".into(), known.clone()),
            ("a changed hello".into(), flipped),
            ("a hello for another key".into(), greeting(&somebody_else, Contact::Known)),
            ("a wrong ticket".into(), greeting(&world.keys, Contact::Ticket(&wrong_secret))),
            ("a hello and more".into(), [&known[..], &random.bytes(200_000)].concat()),
        ];
        for length in [1, 2, 3, 17, 100] {
            cases.push((format!("{length} bytes of noise"), random.bytes(length)));
        }
        let address = &world.address.clone();
        std::thread::scope(|scope| {
            let all: Vec<_> = cases.iter().map(|(what, bytes)| scope.spawn(move || is_met_with_silence(address, what, bytes))).collect();
            while all.iter().any(|one| !one.is_finished()) {
                world.serve();
            }
            all.into_iter().for_each(|one| one.join().unwrap());
        });
        world.check_memory("strangers", 32);
    });
}

#[test]
fn tickets_that_are_used_or_expired_are_refused_with_the_reason() {
    at_each_listener(|world| {
        let refused = |secret: &TicketSecret| {
            let me = Identity::generate(seed());
            match Impostor::link(&world.address, &me, &world.keys, Contact::Ticket(secret)) {
                Err(HandshakeError::Refused(refusal)) => refusal,
                Err(error) => panic!("{error}"),
                Ok(_) => panic!("it was let in"),
            }
        };
        let (_pair, expired) = world.ticket("expired", Some(Duration::ZERO));
        assert_eq!(refused(&expired), Refusal::TicketExpired);
        let (pair, used) = world.ticket("used", None);
        let mut first = Impostor::link(&world.address, &Identity::generate(seed()), &world.keys, Contact::Ticket(&used)).unwrap();
        first.say(&[spook_protocol::link::frame::Frame::redeem(&used)]).unwrap();
        until("the ticket is used", || pair.ticket(spook::TicketOptions::default()).is_err());
        assert_eq!(refused(&used), Refusal::TicketUsed);
    });
}

/// Everything that a genuine peer ever sent, sent again by somebody who recorded it: hello by hello and whole, then and after a restart.
#[test]
fn recordings_are_met_with_silence() {
    let _watchdog = watchdog("recordings", 120);
    at_each_listener(|world| {
        let relay = if world.address.starts_with("tcp") { Relay::to_tcp(&world.address) } else { Relay::in_place_of(&world.address) };
        let (pair, secret) = world.ticket("recorded", None);
        let ticket = spook_protocol::etcp::Ticket {
            pair: pair.id(),
            issuer: world.keys,
            addresses: vec![relay.address().to_owned()],
            secret,
            expires_unix_s: 0,
        };
        let path = at(world.folder.path(), "recorded");
        let phone = engine(&path, "");
        let theirs = phone.open_pair(&with_address(&ticket.to_text().unwrap(), relay.address()), spook_tests::couple::LONG).unwrap();
        theirs.write_state("", "genuine").unwrap();
        agree(&pair, &theirs);
        if !world.address.starts_with("tcp") {
            // Resumed over the wire; a TCP peer has learned the listener's own address.
            relay.cut();
            await_down(&pair);
            await_down(&theirs);
            relay.mend();
            theirs.write_state("", "resumed").unwrap();
            agree(&pair, &theirs);
        }
        phone.close().unwrap();
        let state = pair.read_state("").unwrap();
        let recordings: Vec<Recording> = relay.recordings().into_iter().filter(|recording| recording.out.len() > 100).collect();
        let behind = if world.address.starts_with("tcp") { world.address.clone() } else { world.address.clone() + ".behind" };
        replay(&recordings, &behind);
        drop(relay);
        assert_eq!(pair.read_state("").unwrap(), state);
        drop(pair);
        world.restart();
        let address = world.address.clone();
        replay(&recordings, &address);
        world.serve();
        println!("{} recorded sessions were met with silence, before and after a restart", recordings.len());
    });
}

fn replay(recordings: &[Recording], address: &str) {
    for recording in recordings {
        is_met_with_silence(address, "a recorded hello", Recording::first(&recording.out));
        is_met_with_silence(address, "a recorded session", &recording.out);
    }
}

/// A byte now and then: the time of a handshake is bounded all the same.
#[test]
fn whoever_dawdles_is_gone() {
    let _watchdog = watchdog("slow strangers", 120);
    at_each_listener(|world| {
        let me = Identity::generate(seed());
        let bytes = hello(&me, &world.keys, Contact::Known).0;
        let address = &world.address.clone();
        std::thread::scope(|scope| {
            let slow: Vec<_> = (0..20)
                .map(|_| {
                    let bytes = &bytes;
                    scope.spawn(move || {
                        let mut wire = Wire::connect(address).unwrap();
                        let begin = Instant::now();
                        for byte in bytes {
                            if wire.write_all(&[*byte]).is_err() {
                                break;
                            }
                            let end = listen_to_the_end(&mut wire, Duration::from_millis(500));
                            assert_eq!(end.said, Vec::<u8>::new());
                            if end.ended {
                                break;
                            }
                            assert!(begin.elapsed() < BOUND, "a byte now and then keeps a connection");
                        }
                    })
                })
                .collect();
            while slow.iter().any(|one| !one.is_finished()) {
                world.serve();
            }
            slow.into_iter().for_each(|one| one.join().unwrap());
        });
    });
}

#[test]
fn two_thousand_connections_that_say_nothing_keep_nobody_out() {
    let _watchdog = watchdog("idle connections", 120);
    at_each_listener(|world| {
        let mut idle = Vec::new();
        for number in 0..2000 {
            match Wire::connect(&world.address) {
                Ok(wire) => idle.push(wire),
                // This process has no more descriptors; the listener's are bounded.
                Err(_) => break,
            }
            if number % 500 == 0 {
                world.serve();
            }
        }
        world.serve();
        let opened = idle.len();
        // Room for the descriptors of an honest newcomer, who is let in while the others hang about.
        idle.truncate(opened.saturating_sub(64));
        world.serve_a_newcomer("newcomer");
        println!("{opened} idle connections");
        assert!(opened >= 400);
        world.check_memory("idle connections", 32);
    });
}
