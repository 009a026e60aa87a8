//! Listening: who is let in, who is in the way, and what is left behind.
#![allow(clippy::unwrap_used, reason = "a failed test says so by a panic")]

mod common;

use common::{accept, finish, nowhere, tcp_any, unique_name};
use spook_transport::{Address, Listener, dial};

#[test]
fn port_zero_becomes_a_real_port() {
    let listener = Listener::bind(&tcp_any()).unwrap();
    let Address::Tcp { host, port } = listener.address() else { panic!("not TCP") };
    assert_eq!(host, "127.0.0.1");
    assert_ne!(*port, 0);
}

#[test]
fn one_listener_an_address() {
    let place = tempfile::tempdir().unwrap();
    let mut addresses = vec![tcp_any(), unique_name()];
    if cfg!(unix) {
        addresses.push(Address::Unix(place.path().join("s")));
    }
    for address in addresses {
        let listener = Listener::bind(&address).unwrap();
        let error = Listener::bind(listener.address()).unwrap_err();
        assert_eq!(error.code_name(), "ADDRESS", "{error}");
        assert!(error.to_string().contains(&listener.address().to_string()), "{error}");
        assert!(error.to_string().contains("listens there already"), "{error}");
        // The first one is unharmed, and its address is free after it.
        drop(finish(dial(listener.address())).unwrap());
        drop(accept(&listener));
        let again = listener.address().clone();
        drop(listener);
        Listener::bind(&again).unwrap();
    }
}

#[test]
fn an_address_of_another_machine_and_an_unknown_host() {
    // The first is kept for documentation (RFC 5737).
    for address in ["tcp:192.0.2.1:0".parse().unwrap(), nowhere()] {
        let error = Listener::bind(&address).unwrap_err();
        assert_eq!(error.code_name(), "ADDRESS", "{error}");
    }
}

#[test]
fn a_memory_listener_that_goes_closes_whom_it_did_not_accept() {
    let listener = Listener::bind(&unique_name()).unwrap();
    let waiting = finish(dial(listener.address())).unwrap();
    drop(listener);
    assert_eq!(waiting.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_memory_listener_that_does_not_accept_is_full_at_some_point() {
    let listener = Listener::bind(&unique_name()).unwrap();
    let mut waiting = Vec::new();
    let error = loop {
        match finish(dial(listener.address())) {
            Ok(stream) => waiting.push(stream),
            Err(error) => break error,
        }
        assert!(waiting.len() <= 128);
    };
    assert_eq!(error.code_name(), "UNREACHABLE");
    drop(accept(&listener));
    finish(dial(listener.address())).unwrap();
}

#[cfg(unix)]
mod unix {
    use std::{
        fs,
        os::unix::{fs::MetadataExt, net::UnixListener},
        path::{Path, PathBuf},
        sync::Barrier,
        thread,
    };

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    /// A socket as a dead process leaves it.
    fn leave_stale(path: &Path) {
        drop(UnixListener::bind(path).unwrap());
        assert!(path.exists());
    }

    fn assert_reachable(path: &Path) {
        finish(dial(&Address::Unix(path.to_owned()))).unwrap();
    }

    #[test]
    fn only_this_user_can_reach_the_socket() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/deeper/s");
        let listener = Listener::bind(&Address::Unix(path.clone())).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(&place.path().join("new")), 0o700);
        assert_reachable(&path);
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_that_was_there_keeps_its_mode() {
        let place = tempfile::tempdir().unwrap();
        let before = mode(place.path());
        let _listener = Listener::bind(&Address::Unix(place.path().join("s"))).unwrap();
        assert_eq!(mode(place.path()), before);
    }

    #[test]
    fn a_stale_socket_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("s");
        leave_stale(&path);
        let listener = Listener::bind(&Address::Unix(path.clone())).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_reachable(&path);
        accept(&listener);
    }

    #[test]
    fn a_live_socket_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("s");
        let live = UnixListener::bind(&path).unwrap();
        let error = Listener::bind(&Address::Unix(path.clone())).unwrap_err();
        assert_eq!(error.code_name(), "ADDRESS");
        assert_reachable(&path);
        drop(live);
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notes.txt");
        fs::write(&path, "precious").unwrap();
        let error = Listener::bind(&Address::Unix(path.clone())).unwrap_err();
        assert_eq!(error.code_name(), "ADDRESS");
        assert!(error.to_string().contains("no socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn somebody_elses_new_socket_is_not_taken_away() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("s");
        let old = Listener::bind(&Address::Unix(path.clone())).unwrap();
        fs::remove_file(&path).unwrap();
        let new = Listener::bind(&Address::Unix(path.clone())).unwrap();
        drop(old);
        assert_reachable(&path);
        drop(new);
        assert!(!path.exists());
    }

    #[test]
    fn of_many_that_find_a_stale_socket_at_once_one_wins() {
        for _ in 0..300 {
            let place = tempfile::tempdir().unwrap();
            let path = place.path().join("s");
            leave_stale(&path);
            let start = Barrier::new(8);
            let won: Vec<Listener> = thread::scope(|scope| {
                let bind = || {
                    start.wait();
                    Listener::bind(&Address::Unix(path.clone())).ok()
                };
                let all: Vec<_> = (0..8).map(|_| scope.spawn(bind)).collect();
                all.into_iter().filter_map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(won.len(), 1);
            assert_reachable(&path);
            accept(&won[0]);
        }
    }

    #[test]
    fn a_path_too_long_says_so() {
        let place = tempfile::tempdir().unwrap();
        let path: PathBuf = place.path().join("x".repeat(150));
        let error = Listener::bind(&Address::Unix(path)).unwrap_err();
        assert_eq!(error.code_name(), "ADDRESS");
        assert!(error.to_string().contains("at most"), "{error}");
    }
}
