//! Bytes arrive whole, in order and within bounds, over every kind of stream.
#![allow(clippy::unwrap_used, reason = "a failed test says so by a panic")]

mod common;

use std::{io::ErrorKind, sync::Arc, thread};

use common::{Connected, Side, every_kind, pattern, wait, wait_until};
use spook_transport::{Key, PIPE_CAPACITY, Poller, Stream};

const MEBIBYTE: usize = 1 << 20;
const LEFT: Key = Key(1);
const RIGHT: Key = Key(2);

#[test]
fn a_mebibyte_both_ways_by_tiny_reads() {
    for Connected { kind, dialled, accepted, .. } in every_kind() {
        let mut poller = Poller::new().unwrap();
        let mut left = Side::new(dialled, pattern(MEBIBYTE, 1), 61);
        let mut right = Side::new(accepted, pattern(MEBIBYTE, 2), 1021);
        poller.register(&mut left.stream, LEFT).unwrap();
        poller.register(&mut right.stream, RIGHT).unwrap();
        left.advance();
        let mut ready = Vec::new();
        while !(left.is_done() && right.is_done()) {
            wait(&mut poller, &mut ready);
            for event in &ready {
                if event.key == LEFT { left.advance() } else { right.advance() }
            }
        }
        assert!(left.received == pattern(MEBIBYTE, 2), "{kind}");
        assert!(right.received == pattern(MEBIBYTE, 1), "{kind}");
    }
}

#[test]
fn a_mebibyte_both_ways_between_two_threads_with_their_own_pollers() {
    for Connected { kind, dialled, accepted, .. } in every_kind() {
        let left = thread::spawn(|| exchange(dialled, 1));
        let right = thread::spawn(|| exchange(accepted, 2));
        assert!(left.join().unwrap() == pattern(MEBIBYTE, 2), "{kind}");
        assert!(right.join().unwrap() == pattern(MEBIBYTE, 1), "{kind}");
    }
}

#[test]
fn a_tiny_pipe_between_two_threads_misses_no_event() {
    for capacity in [1, 2, 3, 64] {
        let (one, other) = Stream::pair_with_capacity(capacity);
        let left = thread::spawn(|| exchange_of(one, pattern(20_000, 1)));
        let right = thread::spawn(|| exchange_of(other, pattern(20_000, 2)));
        assert!(left.join().unwrap() == pattern(20_000, 2), "{capacity}");
        assert!(right.join().unwrap() == pattern(20_000, 1), "{capacity}");
    }
}

fn exchange(stream: Stream, seed: u32) -> Vec<u8> {
    exchange_of(stream, pattern(MEBIBYTE, seed))
}

/// Acts only on events, but for the first write.
fn exchange_of(stream: Stream, outgoing: Vec<u8>) -> Vec<u8> {
    let mut poller = Poller::new().unwrap();
    let mut side = Side::new(stream, outgoing, 257);
    poller.register(&mut side.stream, LEFT).unwrap();
    side.advance();
    let mut ready = Vec::new();
    while !side.is_done() {
        wait(&mut poller, &mut ready);
        side.advance();
    }
    side.received
}

#[test]
fn many_streams_on_one_poller() {
    let mut poller = Poller::new().unwrap();
    let mut sides = Vec::new();
    for round in 0..50 {
        for Connected { dialled, accepted, .. } in every_kind() {
            sides.push(Side::new(dialled, pattern(300 + round, 1), 100));
            sides.push(Side::new(accepted, pattern(300 + round, 2), 100));
        }
    }
    for (index, side) in sides.iter_mut().enumerate() {
        poller.register(&mut side.stream, Key(index)).unwrap();
        side.advance();
    }
    let mut ready = Vec::new();
    while !sides.iter().all(Side::is_done) {
        wait(&mut poller, &mut ready);
        for event in &ready {
            sides[event.key.0].advance();
        }
    }
    for pair in sides.chunks(2) {
        assert_eq!(pair[0].received.len(), pair[1].received.len());
        assert_eq!(pair[0].received, pattern(pair[0].received.len(), 2));
    }
}

#[test]
fn a_thread_writes_while_another_waits_and_reads() {
    for Connected { kind, mut dialled, accepted, .. } in every_kind() {
        let mut poller = Poller::new().unwrap();
        poller.register(&mut dialled, LEFT).unwrap();
        let shared = Arc::new(dialled);
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                assert_eq!(shared.write(b"question").unwrap(), 8);
            })
        };
        let answerer = thread::spawn(move || exchange_of(accepted, b"answer".to_vec()));
        let mut received = Vec::new();
        let mut buffer = [0; 4];
        while received.len() < 6 {
            wait_until(&mut poller, |event| event.readable);
            while let Ok(count @ 1..) = shared.read(&mut buffer) {
                received.extend_from_slice(&buffer[..count]);
            }
        }
        writer.join().unwrap();
        shared.shutdown().unwrap();
        assert_eq!(received, b"answer", "{kind}");
        assert_eq!(answerer.join().unwrap(), b"question", "{kind}");
    }
}

#[test]
fn a_peer_that_goes_is_seen_after_its_last_bytes() {
    for Connected { kind, mut dialled, accepted, .. } in every_kind() {
        let mut poller = Poller::new().unwrap();
        poller.register(&mut dialled, LEFT).unwrap();
        assert_eq!(accepted.write(b"bye").unwrap(), 3);
        drop(accepted);
        wait_until(&mut poller, |event| event.closed);
        let mut buffer = [0; 8];
        assert_eq!(dialled.read(&mut buffer).unwrap(), 3, "{kind}");
        assert_eq!(dialled.read(&mut buffer).unwrap(), 0, "{kind}");
        // Writing fails for good, at the latest when the peer's refusal has come back.
        let mut refused = None;
        while refused.is_none() {
            refused = dialled.write(b"x").err();
        }
        let refused = refused.unwrap().kind();
        assert!(matches!(refused, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{kind}: {refused}");
    }
}

#[test]
fn a_stream_that_was_shut_down_still_reads() {
    for Connected { kind, dialled, mut accepted, .. } in every_kind() {
        let mut poller = Poller::new().unwrap();
        poller.register(&mut accepted, RIGHT).unwrap();
        dialled.write(b"last").unwrap();
        dialled.shutdown().unwrap();
        wait_until(&mut poller, |event| event.closed);
        let mut buffer = [0; 8];
        assert_eq!(accepted.read(&mut buffer).unwrap(), 4, "{kind}");
        assert_eq!(accepted.read(&mut buffer).unwrap(), 0, "{kind}");
        assert_eq!(accepted.write(b"reply").unwrap(), 5, "{kind}");
        drop(accepted);
        assert_eq!(exchange_tail(dialled), b"reply", "{kind}");
    }
}

/// What comes before the end.
fn exchange_tail(mut stream: Stream) -> Vec<u8> {
    let mut poller = Poller::new().unwrap();
    poller.register(&mut stream, LEFT).unwrap();
    let (mut received, mut buffer) = (Vec::new(), [0; 8]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return received,
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_until(&mut poller, |event| event.readable),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_reader_that_stops_holds_the_writer_back() {
    for Connected { kind, mut dialled, mut accepted, .. } in every_kind() {
        let mut poller = Poller::new().unwrap();
        poller.register(&mut dialled, LEFT).unwrap();
        poller.register(&mut accepted, RIGHT).unwrap();
        let block = pattern(64 * 1024, 3);
        let mut sent = 0;
        loop {
            match dialled.write(&block) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
            assert!(sent < 64 * MEBIBYTE, "{kind} takes everything");
        }
        // Writing nothing changes nothing.
        let _ = dialled.write(&[]);
        if kind == "pair" || kind == "memory" {
            assert_eq!(sent, PIPE_CAPACITY);
        }
        let mut buffer = vec![0; 64 * 1024];
        let (mut read, mut writable) = (0, false);
        let mut ready = Vec::new();
        // A system's socket may take in more while its peer reads, but it reports room in the end.
        while read < sent || !writable {
            match accepted.read(&mut buffer) {
                Ok(count) => read += count,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    wait(&mut poller, &mut ready);
                    writable |= ready.iter().any(|event| event.key == LEFT && event.writable);
                }
            }
        }
        assert_eq!(read, sent, "{kind}");
        assert!(dialled.write(b"more").is_ok(), "{kind}");
    }
}

#[test]
fn streams_cross_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Stream>();
    is_shared::<spook_transport::Waker>();
}

#[test]
fn a_peer_has_a_name_for_messages() {
    for Connected { kind, dialled, accepted, listener, .. } in every_kind() {
        let Some(listener) = listener else { continue };
        assert_eq!(dialled.peer(), listener.address().to_string(), "{kind}");
        let scheme = listener.address().to_string().split(':').next().unwrap().to_owned();
        assert!(accepted.peer().starts_with(&scheme), "{kind}: {}", accepted.peer());
    }
}

/// Whoever writes is not woken by its peer's reading, and whoever waits for nothing sleeps.
#[cfg(unix)]
#[test]
fn reading_does_not_wake_the_writer() {
    for Connected { kind, mut dialled, mut accepted, .. } in every_kind() {
        let mut writer = Poller::new().unwrap();
        let mut reader = Poller::new().unwrap();
        writer.register(&mut dialled, LEFT).unwrap();
        reader.register(&mut accepted, RIGHT).unwrap();
        let (mut woken, mut ready, mut buffer) = (0, Vec::new(), vec![0; 65536]);
        // Also when the writer was held back before.
        while dialled.write(&buffer).is_ok() {}
        while !ready.iter().any(|event: &spook_transport::Ready| event.writable) {
            while accepted.read(&mut buffer).is_ok() {}
            writer.wait(Some(std::time::Duration::from_millis(1)), &mut ready).unwrap();
        }
        dialled.write(b"message").unwrap();
        writer.wait(Some(std::time::Duration::ZERO), &mut ready).unwrap();
        for _ in 0..100 {
            dialled.write(b"message").unwrap();
            wait_until(&mut reader, |event| event.readable);
            while accepted.read(&mut buffer).is_ok() {}
            writer.wait(Some(std::time::Duration::ZERO), &mut ready).unwrap();
            woken += ready.len();
        }
        writer.wait(Some(std::time::Duration::from_millis(50)), &mut ready).unwrap();
        assert_eq!(woken + ready.len(), 0, "{kind}");
    }
}
