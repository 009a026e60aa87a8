//! Subscriptions that are pulled.

use super::*;
use std::thread;

#[test]
fn changes_come_in_the_order_of_seq_with_everything_they_carry() {
    let observers = Observers::default();
    let subscription = observers.subscribe("", ObserveOptions::default()).unwrap();
    let state = Some(StateId { count: 3, ..StateId::default() });
    let deleted = Published { value: None, ..published(2, "/b") };
    drop(observers.publish(News { changes: &[published(1, "/a"), deleted], state, ..News::default() }));
    let Some(Notice::Change(first)) = subscription.try_next() else { panic!("nothing came") };
    assert_eq!((first.seq, &*first.path, first.value, first.number, first.state), (1, "/a", Some(Value::from(1u64)), 1, state));
    assert_eq!(first.origin, EndpointId::from_bytes([1; 16]));
    let Some(Notice::Change(second)) = subscription.try_next() else { panic!("nothing came") };
    assert_eq!((second.seq, &*second.path, second.value), (2, "/b", None));
    assert_eq!(subscription.try_next(), None);
}

#[test]
fn only_changes_at_and_below_the_prefix_come() {
    let observers = Observers::default();
    let subscription = observers.subscribe("/a", ObserveOptions::default()).unwrap();
    for (seq, path) in ["/a", "/ab", "/a/b", "/b/a", ""].into_iter().enumerate() {
        publish(&observers, seq as u64 + 1, path);
    }
    assert_eq!(waiting(&subscription), [1, 3]);
}

#[test]
fn transitions_come_between_the_changes_to_those_who_asked() {
    let observers = Observers::default();
    let both = observers.subscribe("", ObserveOptions { lifecycle: true, ..ObserveOptions::default() }).unwrap();
    let elsewhere = observers.subscribe("/x", ObserveOptions { lifecycle: true, ..ObserveOptions::default() }).unwrap();
    let changes_only = observers.subscribe("", ObserveOptions::default()).unwrap();
    drop(observers.publish(News {
        changes: &[published(1, "/a"), published(2, "/a")],
        transitions: &[step(0), step(1), step(2)],
        ..News::default()
    }));
    let kinds: Vec<_> = std::iter::from_fn(|| both.try_next()).map(|notice| matches!(notice, Notice::Transition(_))).collect();
    assert_eq!(kinds, [true, false, true, false, true]);
    assert_eq!(std::iter::from_fn(|| elsewhere.try_next()).count(), 3);
    assert_eq!(waiting(&changes_only), [1, 2]);
}

#[test]
fn a_slow_observer_is_told_of_the_gap_and_the_latest() {
    let observers = Observers::default();
    let slow = observers.subscribe("", ObserveOptions { capacity: 4, ..ObserveOptions::default() }).unwrap();
    let fast = observers.subscribe("", ObserveOptions::default()).unwrap();
    (1..=100).for_each(|seq| publish(&observers, seq, "/a"));
    assert_eq!(slow.try_next(), Some(Notice::Gap { from_seq: 1, to_seq: 99 }));
    assert_eq!(waiting(&slow), [100]);
    assert_eq!(waiting(&fast), (1..=100).collect::<Vec<_>>());
}

#[test]
fn next_waits_for_the_thread_that_publishes() {
    let observers = Observers::default();
    let subscription = observers.subscribe("", ObserveOptions::default()).unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| subscription.next(Some(PATIENCE)));
        publish(&observers, 1, "/a");
        assert_eq!(waiter.join().unwrap().unwrap().map(|notice| seq_of(&notice)), Some(1));
    });
}

#[test]
fn next_gives_a_timeout_when_nothing_comes() {
    let observers = Observers::default();
    let subscription = observers.subscribe("", ObserveOptions::default()).unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(1)] {
        assert_eq!(subscription.next(Some(timeout)).unwrap_err().code(), Code::Timeout);
    }
    publish(&observers, 1, "/a");
    assert!(subscription.next(Some(Duration::ZERO)).unwrap().is_some());
    publish(&observers, 2, "/a");
    assert!(subscription.next(Some(Duration::MAX)).unwrap().is_some());
}

#[test]
fn close_wakes_those_who_wait_and_forgets_what_waits() {
    let observers = Observers::default();
    let subscription = observers.subscribe("", ObserveOptions::default()).unwrap();
    thread::scope(|scope| {
        let waiters = [(); 3].map(|()| scope.spawn(|| subscription.next(None)));
        subscription.close();
        waiters.into_iter().for_each(|waiter| assert_eq!(waiter.join().unwrap(), Ok(None)));
    });
    subscription.close();
    assert!(subscription.is_closed() && !observers.is_watched());
    let other = observers.subscribe("", ObserveOptions::default()).unwrap();
    publish(&observers, 1, "/a");
    other.close();
    assert_eq!(other.next(None), Ok(None));
    assert_eq!(subscription.try_next(), None);
}

#[test]
fn when_the_pair_closes_what_waits_can_still_be_taken() {
    let observers = Observers::default();
    let subscription = observers.subscribe("", ObserveOptions::default()).unwrap();
    publish(&observers, 1, "/a");
    publish(&observers, 2, "/a");
    observers.close();
    publish(&observers, 3, "/a");
    assert!(subscription.is_closed());
    let mut told = Vec::new();
    for notice in &subscription {
        told.push(seq_of(&notice));
    }
    assert_eq!(told, [1, 2]);
    observers.close();
    assert_eq!(observers.subscribe("", ObserveOptions::default()).unwrap_err().code(), Code::Closed);
}

#[test]
fn the_pair_is_watched_from_the_first_subscription_to_the_close_of_the_last() {
    let observers = Observers::default();
    assert!(!observers.is_watched());
    let first = observers.subscribe("", ObserveOptions::default()).unwrap();
    let second = observers.subscribe("/a", ObserveOptions::default()).unwrap();
    first.close();
    assert!(observers.is_watched());
    drop(second);
    assert!(!observers.is_watched());
}

#[test]
fn a_prefix_that_is_no_path_is_refused() {
    let observers = Observers::default();
    for prefix in ["a", "/~", "/~2"] {
        let error = observers.subscribe(prefix, ObserveOptions::default()).unwrap_err();
        assert_eq!(error.code(), Code::Pointer);
        assert!(error.detail().contains(prefix));
    }
    assert!(!observers.is_watched());
}

#[test]
fn a_subscription_outlives_the_list_it_was_made_by() {
    let observers = Observers::default();
    let subscription = observers.subscribe("", ObserveOptions::default()).unwrap();
    publish(&observers, 1, "/a");
    drop(observers);
    assert_eq!(waiting(&subscription), [1]);
    subscription.close();
}

#[test]
fn a_handle_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Subscription>();
    shared::<Observers>();
    shared::<Dispatcher>();
    shared::<Error>();
}

#[cfg(unix)]
mod descriptor {
    use super::*;
    use std::io::{ErrorKind, Read};
    use std::os::unix::net::UnixStream;

    /// Whether it is readable, as poll(2) would tell. The byte is looked at through a copy and counted back in by the next settling.
    fn byte_waits(stream: &UnixStream) -> bool {
        match (&mut &*stream).read(&mut [0]) {
            Ok(read) => read == 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                false
            }
        }
    }

    fn copy(subscription: &Subscription) -> UnixStream {
        UnixStream::from(subscription.descriptor().unwrap().try_clone_to_owned().unwrap())
    }

    #[test]
    fn it_is_readable_while_a_notice_waits() {
        let observers = Observers::default();
        let subscription = observers.subscribe("", ObserveOptions::default()).unwrap();
        let stream = copy(&subscription);
        assert!(!byte_waits(&stream));
        publish(&observers, 1, "/a");
        publish(&observers, 2, "/a");
        assert_eq!(waiting(&subscription), [1, 2]);
        assert!(!byte_waits(&stream), "silenced when the last notice was taken");
        publish(&observers, 3, "/a");
        assert!(byte_waits(&stream), "rung again by the next one");
        assert!(!byte_waits(&stream), "one byte at most");
    }

    #[test]
    fn a_program_that_reads_the_byte_itself_blocks_nobody() {
        let observers = Observers::default();
        let subscription = observers.subscribe("", ObserveOptions::default()).unwrap();
        let stream = copy(&subscription);
        publish(&observers, 1, "/a");
        assert!(byte_waits(&stream));
        assert_eq!(waiting(&subscription), [1]);
        publish(&observers, 2, "/a");
        assert!(byte_waits(&stream));
    }

    #[test]
    fn made_late_it_rings_for_what_waits_already() {
        let observers = Observers::default();
        let subscription = observers.subscribe("", ObserveOptions::default()).unwrap();
        publish(&observers, 1, "/a");
        assert!(byte_waits(&copy(&subscription)));
    }

    #[test]
    fn it_is_readable_when_the_subscription_has_ended() {
        let observers = Observers::default();
        let subscription = observers.subscribe("", ObserveOptions::default()).unwrap();
        let stream = copy(&subscription);
        observers.close();
        assert_eq!(subscription.try_next(), None);
        assert!(byte_waits(&stream));
    }
}
