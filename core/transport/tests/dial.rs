//! Dialling: what answers, what does not, and what it says then.
#![allow(clippy::unwrap_used, reason = "a failed test says so by a panic")]

mod common;

use common::{accept, finish, nowhere, tcp_any, unique_name, wait};
use spook_transport::{Address, Key, Listener, Poller, Progress, dial};

/// A port on which nobody listens any more.
fn closed_port() -> Address {
    Listener::bind(&tcp_any()).unwrap().address().clone()
}

fn assert_unreachable(address: &Address) {
    let error = finish(dial(address)).unwrap_err();
    assert_eq!(error.code_name(), "UNREACHABLE", "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn a_closed_port_is_unreachable() {
    assert_unreachable(&closed_port());
}

/// A link-local address without its interface is refused before anything is sent.
#[test]
fn an_address_that_the_system_refuses_at_once_is_unreachable() {
    assert_unreachable(&"tcp:[fe80::1]:1".parse().unwrap());
}

#[test]
fn a_name_without_listener_is_unreachable() {
    assert_unreachable(&unique_name());
}

#[cfg(unix)]
#[test]
fn a_missing_a_dead_and_an_impossible_socket_file() {
    let place = tempfile::tempdir().unwrap();
    assert_unreachable(&Address::Unix(place.path().join("missing")));
    let dead = place.path().join("dead");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    assert!(dead.exists());
    assert_unreachable(&Address::Unix(dead));
    let long = Address::Unix(place.path().join("x".repeat(200)));
    let error = finish(dial(&long)).unwrap_err();
    assert_eq!(error.code_name(), "ADDRESS");
    assert!(error.to_string().contains("shorter"), "{error}");
}

#[test]
fn a_host_name_is_looked_up() {
    let listener = Listener::bind(&tcp_any()).unwrap();
    let Address::Tcp { port, .. } = *listener.address() else { panic!("not TCP") };
    // On most machines this also has an IPv6 address, on which nobody listens.
    let address = Address::Tcp { host: "localhost".to_owned(), port };
    let ours = finish(dial(&address)).unwrap();
    let theirs = accept(&listener);
    ours.write(b"hello").unwrap();
    let mut poller = Poller::new().unwrap();
    let mut theirs = theirs;
    poller.register(&mut theirs, Key(1)).unwrap();
    wait(&mut poller, &mut Vec::new());
    assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 5);
}

#[test]
fn a_host_name_with_a_closed_port_names_every_attempt() {
    let Address::Tcp { port, .. } = closed_port() else { panic!("not TCP") };
    let address = Address::Tcp { host: "localhost".to_owned(), port };
    let error = finish(dial(&address)).unwrap_err();
    assert_eq!(error.code_name(), "UNREACHABLE");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}: ")), "{error}");
}

#[test]
fn a_host_that_does_not_exist_is_unreachable() {
    let error = finish(dial(&nowhere())).unwrap_err();
    assert_eq!(error.code_name(), "UNREACHABLE");
    assert!(error.to_string().contains("unknown"), "{error}");
}

#[test]
fn a_dial_works_without_a_poller() {
    let listener = Listener::bind(&tcp_any()).unwrap();
    let mut pending = dial(listener.address());
    let ours = loop {
        match pending.finish().unwrap() {
            Progress::Connected(stream) => break stream,
            Progress::Pending(dial) => pending = dial,
        }
        std::thread::yield_now();
    };
    let theirs = accept(&listener);
    assert_eq!(theirs.write(b"x").unwrap(), 1);
    let mut poller = Poller::new().unwrap();
    let mut ours = ours;
    poller.register(&mut ours, Key(1)).unwrap();
    wait(&mut poller, &mut Vec::new());
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 1);
}

/// The listener may speak first, and its bytes may be there when the dial finishes.
#[test]
fn a_finished_stream_stays_registered_and_reports_anew() {
    let place = tempfile::tempdir().unwrap();
    let mut addresses = vec![tcp_any(), unique_name()];
    if cfg!(unix) {
        addresses.push(Address::Unix(place.path().join("s")));
    }
    for address in addresses {
        let listener = Listener::bind(&address).unwrap();
        let mut poller = Poller::new().unwrap();
        let mut pending = dial(listener.address());
        poller.register(&mut pending, Key(7)).unwrap();
        accept(&listener).write(b"first").unwrap();
        let mut ready = Vec::new();
        let stream = loop {
            wait(&mut poller, &mut ready);
            assert!(ready.iter().all(|event| event.key == Key(7)));
            match pending.finish().unwrap() {
                Progress::Connected(stream) => break stream,
                Progress::Pending(dial) => pending = dial,
            }
        };
        // Whatever came together with the connection was not looked at; it comes once more.
        common::wait_until(&mut poller, |event| event.key == Key(7) && event.readable);
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 5, "{address}");
    }
}

#[test]
fn a_dial_can_be_taken_off_the_poller_and_put_on_another() {
    let listener = Listener::bind(&tcp_any()).unwrap();
    for address in [listener.address().clone(), unique_name(), "tcp:localhost:1".parse().unwrap()] {
        let first = Poller::new().unwrap();
        let mut pending = dial(&address);
        first.register(&mut pending, Key(1)).unwrap();
        assert_eq!(first.register(&mut pending, Key(1)).unwrap_err().code_name(), "IO");
        first.deregister(&mut pending).unwrap();
        assert_eq!(first.deregister(&mut pending).unwrap_err().code_name(), "IO");
        assert_eq!(finish(pending).is_ok(), address == *listener.address());
    }
}

#[test]
fn an_answer_that_came_before_the_registration_is_reported() {
    let early = dial(&nowhere());
    // Long enough for the look-up to end on most machines; where it is not, the test has less to find.
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(finish(early).unwrap_err().code_name(), "UNREACHABLE");
}

/// Linux goes through its ports one by one, so that who redials a dead port on the same machine meets it in the end.
#[cfg(target_os = "linux")]
#[test]
fn a_dial_never_connects_to_itself() {
    let attempt = |address: &Address| loop {
        if let outcome @ (Ok(Progress::Connected(_)) | Err(_)) = dial(address).finish() {
            return outcome;
        }
    };
    // The ports that are chosen for dialling are even ones.
    let address = loop {
        let Address::Tcp { host, port } = closed_port() else { panic!("not TCP") };
        let even = Address::Tcp { host, port: port & !1 };
        if attempt(&even).is_err() {
            break even;
        }
    };
    for _ in 0..30_000 {
        assert_eq!(attempt(&address).unwrap_err().code_name(), "UNREACHABLE");
    }
}

#[test]
fn dropping_a_dial_gives_it_up() {
    let mut poller = Poller::new().unwrap();
    for address in ["tcp:localhost:1", &nowhere().to_string(), "mem:nobody"] {
        let mut pending = dial(&address.parse().unwrap());
        poller.register(&mut pending, Key(1)).unwrap();
        drop(pending);
    }
    poller.wait(Some(std::time::Duration::ZERO), &mut Vec::new()).unwrap();
}
