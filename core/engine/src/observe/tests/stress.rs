//! Close, publish, next and observe at the same time, many times over.

use super::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

const ROUNDS: usize = 300;

#[test]
fn a_reader_gets_everything_in_order_or_a_gap_whatever_else_happens() {
    let observers = Observers::default();
    let last = 20_000;
    let subscription = observers.subscribe("", ObserveOptions { capacity: 16, ..ObserveOptions::default() }).unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut told, mut gap_to) = (0, 0);
            while let Some(notice) = subscription.next(Some(PATIENCE)).unwrap() {
                match notice {
                    Notice::Change(change) => {
                        assert!(change.seq == told + 1 || (change.seq > told && gap_to >= change.seq - 1), "{} after {told}", change.seq);
                        told = change.seq;
                    }
                    Notice::Gap { from_seq, to_seq } => {
                        assert!(from_seq > told);
                        gap_to = to_seq;
                    }
                    Notice::Transition(_) | Notice::Event(_) => panic!("nobody asked for it"),
                }
            }
            told
        });
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                drop(observers.subscribe("/0", ObserveOptions::default()).unwrap());
            }
        });
        (1..=last).for_each(|seq| publish(&observers, seq, "/a"));
        observers.close();
        assert_eq!(reader.join().unwrap(), last);
    });
}

#[test]
fn close_against_publish_against_next() {
    for round in 0..ROUNDS {
        let observers = Observers::default();
        let subscription = observers.subscribe("", ObserveOptions { capacity: 4, ..ObserveOptions::default() }).unwrap();
        let start = Barrier::new(4);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                (1..=50).for_each(|seq| publish(&observers, seq, "/a"));
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    while let Some(_notice) = subscription.next(Some(PATIENCE)).unwrap() {}
                });
            }
            start.wait();
            if round % 2 == 0 { subscription.close() } else { observers.close() }
        });
        assert!(subscription.is_closed() && !observers.is_watched());
    }
}

#[test]
fn close_against_publish_against_calls() {
    let dispatcher = Dispatcher::default();
    let drops = Arc::new(AtomicUsize::new(0));
    let broken = Arc::new(AtomicUsize::new(0));
    struct Counts(Arc<AtomicUsize>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    for round in 0..ROUNDS {
        let observers = Observers::default();
        let (closed, counts) = (Arc::new(AtomicBool::new(false)), Counts(Arc::clone(&drops)));
        let (seen, broken) = (Arc::clone(&closed), Arc::clone(&broken));
        let mut last = 0;
        let observer = move |notice: Notice| {
            let _ = &counts;
            // Counted, because a panic in an observer ends in the observer.
            let mut is_broken = seen.load(Ordering::SeqCst);
            if let Notice::Change(change) = notice {
                is_broken |= change.seq <= last;
                last = change.seq;
            }
            broken.fetch_add(usize::from(is_broken), Ordering::SeqCst);
        };
        let options = ObserveOptions { capacity: 4, ..ObserveOptions::default() };
        let subscription = observers.subscribe_with("", options, &dispatcher, observer).unwrap();
        let start = Barrier::new(3);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                (1..=50).for_each(|seq| publish(&observers, seq, "/a"));
            });
            scope.spawn(|| {
                start.wait();
                observers.close();
            });
            start.wait();
            subscription.close();
            closed.store(true, Ordering::SeqCst);
            assert_eq!(drops.load(Ordering::SeqCst), round + 1, "dropped once, and before close returned");
        });
    }
    dispatcher.close();
    assert_eq!(drops.load(Ordering::SeqCst), ROUNDS);
    assert_eq!(broken.load(Ordering::SeqCst), 0, "called out of order, or after close returned");
}
