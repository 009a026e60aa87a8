//! Somebody records everything that goes over the wire, from the first contact on: none of what the two say to each other is in it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use spook::{EndpointId, EngineOptions, PairOptions, TicketOptions, Value};
use spook_protocol::etcp::Ticket;
use spook_tests::couple::{LONG, agree, at, await_down, engine, unix};
use spook_tests::limits::watchdog;
use spook_tests::relay::Relay;

#[test]
fn nothing_that_was_said_can_be_read_on_the_wire() {
    let _watchdog = watchdog("a recorded session", 60);
    let folder = tempfile::tempdir().unwrap();
    let home = engine(&at(folder.path(), "home"), &unix(folder.path(), "listening-here"));
    let relay = Relay::in_place_of(&home.addresses()[0]);
    let phone = engine(&at(folder.path(), "phone"), &unix(folder.path(), "and-listening-there"));
    let here =
        home.create_pair("name-of-the-pair", Value::object([("first-path", Value::from("first-value"))]), PairOptions::default()).unwrap();
    let text = here.ticket(TicketOptions::default()).unwrap();
    let ticket: Ticket = text.parse().unwrap();
    let there = phone.open_pair(&text, LONG).unwrap();
    for number in 0..50i64 {
        here.write_state(&format!("/path-from-here/{number}"), format!("value-from-here-{number}")).unwrap();
        there.write_state(&format!("/path-from-there/{number}"), format!("value-from-there-{number}").into_bytes()).unwrap();
    }
    there.write_state("/large", "large-value ".repeat(20_000)).unwrap();
    agree(&here, &there);
    // Resumed twice: over a cut wire, and by a process that starts again from its ledger.
    relay.cut();
    await_down(&here);
    await_down(&there);
    here.write_state("/while-cut", "written-while-cut").unwrap();
    relay.mend();
    agree(&here, &there);
    phone.close().unwrap();
    drop((phone, there));
    here.write_state("/while-away", "written-while-away").unwrap();
    // It listens nowhere now, so that it is the one to dial, over the wire.
    let phone =
        spook::Engine::open_with(EngineOptions { listen: Some(Vec::new()), ..EngineOptions::at(&at(folder.path(), "phone")) }).unwrap();
    let there = phone.open_pair("name-of-the-pair", LONG).unwrap();
    agree(&here, &there);

    let secrets = secrets(&ticket, &[home.endpoint_id(), phone.endpoint_id()]);
    let recordings = relay.recordings();
    let connections = recordings.iter().filter(|recording| recording.back.len() > 100).count();
    let bytes: usize = recordings.iter().map(|recording| recording.bytes()).sum();
    println!("recorded {connections} connections and {bytes} bytes, looked for {} secrets", secrets.len());
    // Of the two resumptions the first may have gone the other way round: both listen, and whoever dials first has it.
    assert!(connections >= 2 && bytes > 200_000, "the session did not go over the wire");
    for (number, recording) in recordings.iter().enumerate() {
        for (way, side) in [("out", &recording.out), ("back", &recording.back)] {
            for (what, secret) in &secrets {
                let found = side.windows(secret.len()).position(|window| window == secret.as_slice());
                assert_eq!(found, None, "{what} in connection {number}, {way}");
            }
        }
    }
}

/// All that must not be seen, with what it is.
fn secrets(ticket: &Ticket, endpoints: &[EndpointId; 2]) -> Vec<(String, Vec<u8>)> {
    let keys = ticket.issuer.to_bytes();
    let mut secrets: Vec<(String, Vec<u8>)> = [
        "name-of-the-pair",
        "first-path",
        "first-value",
        "path-from-here",
        "value-from-here",
        "path-from-there",
        "value-from-there",
        "large-value",
        "written-while",
        "while-cut",
        "while-away",
        "listening-here",
        "and-listening-there",
        "libspook",
        "spook1",
        "unix:",
    ]
    .map(|word| (word.to_owned(), word.as_bytes().to_vec()))
    .into();
    for (what, bytes) in [
        ("EndpointID of home", endpoints[0].as_bytes().to_vec()),
        ("EndpointID of phone", endpoints[1].as_bytes().to_vec()),
        ("PairID", ticket.pair.as_bytes().to_vec()),
        ("signing key of home", ticket.issuer.signing.to_vec()),
        ("exchange key of home", ticket.issuer.exchange.to_vec()),
        ("half of a key of home", keys[..16].to_vec()),
        ("secret of the ticket", ticket.secret.as_bytes().to_vec()),
        ("id of the ticket", ticket.secret.id().0.to_vec()),
    ] {
        secrets.push((what.to_owned(), bytes.clone()));
        secrets.push((format!("{what} backwards"), bytes.iter().rev().copied().collect()));
        secrets.push((format!("{what} as text"), data_encoding::HEXLOWER.encode(&bytes).into_bytes()));
    }
    for text in [endpoints[0].to_string(), endpoints[1].to_string(), ticket.pair.to_string()] {
        secrets.push((text.clone(), text.into_bytes()));
    }
    secrets
}
