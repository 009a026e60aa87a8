//! Waiting: wakes are not lost, registrations mean what they say, and nothing spins.
#![allow(clippy::unwrap_used, reason = "a failed test says so by a panic")]

mod common;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use common::{Connected, STUCK, accept, every_kind, finish, tcp_any, unique_name, wait, wait_until};
use spook_transport::{Key, Listener, Poller, Ready, dial};

#[test]
fn another_thread_ends_the_wait() {
    let mut poller = Poller::new().unwrap();
    let waker = poller.waker();
    let (about_to_wait, go) = mpsc::channel();
    let other = thread::spawn(move || {
        go.recv().unwrap();
        waker.wake();
    });
    about_to_wait.send(()).unwrap();
    let mut ready = Vec::new();
    poller.wait(None, &mut ready).unwrap();
    assert!(ready.is_empty());
    other.join().unwrap();
}

#[test]
fn wakes_before_the_wait_count_as_one() {
    let mut poller = Poller::new().unwrap();
    let waker = poller.waker();
    for _ in 0..1000 {
        waker.wake();
    }
    let mut ready = Vec::new();
    poller.wait(None, &mut ready).unwrap();
    let begin = Instant::now();
    poller.wait(Some(Duration::from_millis(30)), &mut ready).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(30), "a second wake was left over");
}

#[test]
fn no_wake_is_lost() {
    const ITEMS: u32 = 50_000;
    let mut poller = Poller::new().unwrap();
    let queue = Arc::new(Mutex::new(VecDeque::new()));
    let producers: Vec<_> = (0..2)
        .map(|_| {
            let (waker, queue) = (poller.waker(), Arc::clone(&queue));
            thread::spawn(move || {
                for item in 0..ITEMS {
                    queue.lock().unwrap().push_back(item);
                    waker.wake();
                    if item % 64 == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let (mut taken, mut ready) = (0, Vec::new());
    while taken < 2 * ITEMS {
        let begin = Instant::now();
        poller.wait(Some(STUCK), &mut ready).unwrap();
        assert!(begin.elapsed() < STUCK, "slept through a wake with {taken} items taken");
        taken += u32::try_from(queue.lock().unwrap().drain(..).count()).unwrap();
    }
    for producer in producers {
        producer.join().unwrap();
    }
}

#[test]
fn a_poller_with_nothing_to_do_sleeps() {
    let mut poller = Poller::new().unwrap();
    let mut connected = every_kind();
    let mut listeners = Vec::new();
    for (index, pair) in connected.iter_mut().enumerate() {
        poller.register(&mut pair.dialled, Key(3 * index)).unwrap();
        poller.register(&mut pair.accepted, Key(3 * index + 1)).unwrap();
        if let Some(mut listener) = pair.listener.take() {
            poller.register(&mut listener, Key(3 * index + 2)).unwrap();
            listeners.push(listener);
        }
    }
    let mut ready = Vec::new();
    // Windows reports room to write once at the beginning.
    poller.wait(Some(Duration::ZERO), &mut ready).unwrap();
    let end = Instant::now() + Duration::from_millis(300);
    let mut returns = 0;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        poller.wait(Some(left), &mut ready).unwrap();
        assert_eq!(ready, []);
        returns += 1;
    }
    assert!(returns <= 3, "{returns} returns from waits in which nothing happened");
}

#[test]
fn a_registration_reports_what_was_there_before() {
    for Connected { kind, mut dialled, accepted, .. } in every_kind() {
        accepted.write(b"early").unwrap();
        let mut poller = Poller::new().unwrap();
        poller.register(&mut dialled, Key(1)).unwrap();
        wait_until(&mut poller, |event| event.readable && event.key == Key(1));
        // And again on another poller, although nothing was read.
        poller.deregister(&mut dialled).unwrap();
        let mut second = Poller::new().unwrap();
        second.register(&mut dialled, Key(2)).unwrap();
        wait_until(&mut second, |event| event.readable && event.key == Key(2));
        assert_eq!(dialled.read(&mut [0; 8]).unwrap(), 5, "{kind}");
    }
}

#[test]
fn a_registration_reports_room_that_was_missed_before() {
    for Connected { kind, mut dialled, accepted, .. } in every_kind() {
        let mut buffer = vec![0; 65536];
        while dialled.write(&buffer).is_ok() {}
        while accepted.read(&mut buffer).is_ok() {}
        let mut poller = Poller::new().unwrap();
        poller.register(&mut dialled, Key(1)).unwrap();
        // TCP may have more on its way, and makes room when that is read.
        let mut ready = Vec::new();
        let mut waits = 0;
        while !ready.iter().any(|event: &Ready| event.writable) {
            assert!(waits < 2000, "{kind}: no room was reported");
            waits += 1;
            while accepted.read(&mut buffer).is_ok() {}
            poller.wait(Some(Duration::from_millis(10)), &mut ready).unwrap();
        }
        assert!(dialled.write(b"x").is_ok(), "{kind}");
    }
}

#[test]
fn nothing_is_reported_after_deregistering() {
    for Connected { kind, mut dialled, accepted, .. } in every_kind() {
        let mut poller = Poller::new().unwrap();
        poller.register(&mut dialled, Key(1)).unwrap();
        accepted.write(b"x").unwrap();
        poller.deregister(&mut dialled).unwrap();
        accepted.write(b"y").unwrap();
        let mut ready = Vec::new();
        poller.wait(Some(Duration::from_millis(20)), &mut ready).unwrap();
        assert_eq!(ready, [], "{kind}");
    }
}

#[test]
fn registering_wrongly_is_an_error() {
    let poller = Poller::new().unwrap();
    let other = Poller::new().unwrap();
    for Connected { kind, mut dialled, listener, .. } in every_kind() {
        assert_eq!(poller.deregister(&mut dialled).unwrap_err().code_name(), "IO", "{kind}");
        assert_eq!(poller.register(&mut dialled, Key(usize::MAX)).unwrap_err().code_name(), "IO", "{kind}");
        poller.register(&mut dialled, Key(1)).unwrap();
        assert_eq!(other.register(&mut dialled, Key(1)).unwrap_err().code_name(), "IO", "{kind}");
        if let Some(mut listener) = listener {
            poller.register(&mut listener, Key(2)).unwrap();
            let error = other.register(&mut listener, Key(2)).unwrap_err();
            assert!(error.to_string().contains("already"), "{kind}: {error}");
        }
    }
}

#[test]
fn a_listener_reports_whoever_dials() {
    for address in [tcp_any(), unique_name()] {
        let mut listener = Listener::bind(&address).unwrap();
        let early = finish(dial(listener.address())).unwrap();
        let mut poller = Poller::new().unwrap();
        poller.register(&mut listener, Key(9)).unwrap();
        wait_until(&mut poller, |event| event.key == Key(9) && event.readable);
        let first = accept(&listener);
        assert!(listener.accept().unwrap().is_none());
        let late = finish(dial(listener.address())).unwrap();
        wait_until(&mut poller, |event| event.key == Key(9) && event.readable);
        let second = accept(&listener);
        assert!(listener.accept().unwrap().is_none());
        drop((early, first, late, second));
    }
}

#[test]
fn more_sources_than_one_wait_takes() {
    const PAIRS: usize = 300;
    let mut poller = Poller::new().unwrap();
    let mut listener = Listener::bind(&tcp_any()).unwrap();
    let mut streams = Vec::new();
    for index in 0..PAIRS {
        let mut ours = finish(dial(listener.address())).unwrap();
        poller.register(&mut ours, Key(index)).unwrap();
        streams.push((ours, accept(&listener)));
    }
    poller.register(&mut listener, Key(PAIRS)).unwrap();
    for (_, theirs) in &streams {
        theirs.write(b"x").unwrap();
    }
    let (mut seen, mut ready) = (vec![false; PAIRS], Vec::new());
    while seen.contains(&false) {
        wait(&mut poller, &mut ready);
        for event in &ready {
            seen[event.key.0] |= event.readable;
        }
    }
}
