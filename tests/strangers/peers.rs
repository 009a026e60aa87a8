//! Peers that hold a ticket and went bad.

use crate::world::{World, at_each_listener};
use spook_protocol::etcp::{Contact, Identity, TicketSecret};
use spook_protocol::link::frame::Frame;
use spook_tests::impostor::{Impostor, listen_to_the_end};
use spook_tests::limits::watchdog;
use spook_tests::random::{Random, seed};
use std::io::Write;
use std::time::Duration;

fn linked(world: &World, name: &str) -> (Impostor, TicketSecret, spook::Pair) {
    let (pair, secret) = world.ticket(name, None);
    let mut impostor = Impostor::link(&world.address, &Identity::generate(seed()), &world.keys, Contact::Ticket(&secret)).unwrap();
    impostor.say(&[Frame::Ping(1)]).unwrap();
    (impostor, secret, pair)
}

#[test]
fn garbage_behind_a_good_handshake_ends_the_link() {
    let _watchdog = watchdog("garbage", 120);
    let mut random = Random::announced("garbage");
    at_each_listener(|world| {
        for number in 0..12 {
            let (mut impostor, ..) = linked(world, &format!("p{number}"));
            let bytes = match number {
                // A length of 4 GiB, and one in more bytes than a length takes.
                0 => vec![0x80, 0x80, 0x80, 0x80, 0x10],
                1 => vec![0xff; 64],
                // Noise behind a fitting length.
                2 => [&[0x40][..], &random.bytes(0x40)].concat(),
                // Sealed well, with frames that are none.
                3 => impostor.sealed(&[0x0f, 1, 2, 3]),
                4 => impostor.sealed(&[0x00; 40]),
                5 => impostor.sealed(&[&[0x71, 0x00][..], &random.bytes(200)].concat()),
                // An acknowledgement of what was never sent, a mark that overflows, a part of what is not shared.
                6 => impostor.sealed(&[4, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]),
                7 => impostor.sealed(&[
                    3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
                ]),
                8 => impostor.sealed(&[2, 0xff, 0xff, 3, 0xff, 0xff, 0xff, 0xff, 0x0f]),
                _ => {
                    let noise = random.bytes(1 + number * 100);
                    impostor.sealed(&[&[1, 0][..], &noise].concat())
                }
            };
            let _ = impostor.wire.write_all(&bytes);
            // Whatever is answered is a close with its reason, sealed; the connection ends.
            let end = listen_to_the_end(&mut impostor.wire, Duration::from_secs(20));
            assert!(end.ended, "garbage {number} keeps the link");
            assert!(end.said.len() < 4096, "garbage {number} is answered by {} bytes", end.said.len());
            world.serve();
        }
        world.check_memory("garbage", 32);
    });
}

/// Requests by the hundred thousand, whose answers are never read.
#[test]
fn a_flood_of_requests_is_bounded() {
    let _watchdog = watchdog("floods", 120);
    at_each_listener(|world| {
        let unknown = TicketSecret::generate(seed());
        for what in ["pings", "unknown tickets", "its own ticket"] {
            let (mut impostor, secret, _pair) = linked(world, what);
            let frame = match what {
                "pings" => Frame::Ping(9),
                "unknown tickets" => Frame::redeem(&unknown),
                _ => Frame::redeem(&secret),
            };
            let begin = std::time::Instant::now();
            let frames = vec![frame; 200];
            let said = std::thread::scope(|scope| {
                let flooding = scope.spawn(|| {
                    // Whole seconds of requests at the most; a full socket ends it as well.
                    let mut said = 0usize;
                    while begin.elapsed() < Duration::from_secs(2) && impostor.say(&frames).is_ok() {
                        said += frames.len();
                        if said >= 200_000 {
                            break;
                        }
                    }
                    said
                });
                while !flooding.is_finished() {
                    world.serve();
                }
                flooding.join().unwrap()
            });
            let ended = listen_to_the_end(&mut impostor.wire, Duration::from_millis(500)).ended;
            println!("{said} requests for {what}: {}", if ended { "the link was ended" } else { "the link goes on" });
            world.serve();
            world.check_memory(what, 48);
        }
    });
}

/// It opens a Pair and reads nothing any more, while the Pair changes a hundred thousand times.
#[test]
fn a_peer_that_never_reads_costs_no_memory() {
    let _watchdog = watchdog("a peer that never reads", 120);
    at_each_listener(|world| {
        let (mut impostor, secret, pair) = linked(world, "unread");
        impostor.say(&[Frame::redeem(&secret), Frame::Accept(0), Frame::Accept(1)]).unwrap();
        spook_tests::limits::until("the Pair has its second member", || pair.ticket(spook::TicketOptions::default()).is_err());
        for number in 0..100_000i64 {
            pair.write_state(&format!("/cell-{}", number % 2000), format!("a value of some length, the {number}th of its kind")).unwrap();
            if number % 1000 == 0 {
                world.serve();
            }
        }
        world.check_memory("a peer that never reads", 48);
        drop(impostor);
    });
}
