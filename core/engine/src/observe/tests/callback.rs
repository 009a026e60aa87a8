//! Subscriptions with a callback.

use super::*;
use std::panic;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

#[test]
fn calls_come_in_the_order_of_seq_one_at_a_time_on_the_thread_of_observers() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let (calls, called) = mpsc::channel();
    let running = Mutex::new(());
    let observer = move |notice: Notice| {
        let _alone = running.try_lock().expect("two calls at a time");
        calls.send((seq_of(&notice), thread::current().name().map(str::to_owned))).unwrap();
    };
    let subscription = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, observer).unwrap();
    (1..=500).for_each(|seq| publish(&observers, seq, "/a"));
    for seq in 1..=500 {
        assert_eq!(called.recv_timeout(PATIENCE).unwrap(), (seq, Some("spook-observers".to_owned())));
    }
    drop(subscription);
    dispatcher.close();
}

#[test]
fn close_drops_the_observer_once_and_no_call_follows() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let (observer, called, dropped) = reporter();
    let subscription = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, observer).unwrap();
    publish(&observers, 1, "/a");
    assert_eq!(called.recv_timeout(PATIENCE), Ok(1));
    subscription.close();
    assert_eq!(dropped.try_iter().count(), 1);
    publish(&observers, 2, "/a");
    subscription.close();
    drop(subscription);
    dispatcher.close();
    assert!(called.try_recv().is_err() && dropped.try_recv().is_err());
}

#[test]
fn close_waits_for_the_running_call_and_the_drop() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let (events, happened) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let tells = Tells(events.clone(), "dropped");
    let inside = events.clone();
    let observer = move |_| {
        let _ = &tells;
        inside.send("called").unwrap();
        released.recv().unwrap();
        inside.send("returned").unwrap();
    };
    let subscription = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, observer).unwrap();
    publish(&observers, 1, "/a");
    publish(&observers, 2, "/a");
    assert_eq!(happened.recv_timeout(PATIENCE), Ok("called"));
    thread::scope(|scope| {
        let closers = [(); 2].map(|()| scope.spawn(|| subscription.close()));
        // The list is left before the wait, so this tells that one of them is on its way; that it waits, the order of events tells.
        while observers.is_watched() {
            thread::yield_now();
        }
        release.send(()).unwrap();
        closers.into_iter().for_each(|closer| closer.join().unwrap());
        events.send("closed").unwrap();
    });
    assert_eq!(happened.try_iter().collect::<Vec<_>>(), ["returned", "dropped", "closed"]);
    dispatcher.close();
}

#[test]
fn an_observer_closes_its_own_subscription_and_is_dropped_when_its_call_has_returned() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let own: Arc<OnceLock<Subscription>> = Arc::default();
    let (events, happened) = mpsc::channel();
    let (inside, handle) = (Tells(events.clone(), "dropped"), Arc::clone(&own));
    let observer = move |_| {
        handle.wait().close();
        inside.0.send("closed").unwrap();
    };
    let subscription = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, observer).unwrap();
    own.set(subscription).unwrap();
    publish(&observers, 1, "/a");
    publish(&observers, 2, "/a");
    drop(events);
    assert_eq!(happened.iter().collect::<Vec<_>>(), ["closed", "dropped"]);
    dispatcher.close();
}

#[test]
fn observers_of_two_engines_close_each_other_without_deadlock() {
    let engines = [(Observers::default(), Dispatcher::default()), (Observers::default(), Dispatcher::default())];
    let handles: Arc<[OnceLock<Subscription>; 2]> = Arc::default();
    let meet = Arc::new(std::sync::Barrier::new(2));
    let (drops, dropped) = mpsc::channel();
    for (at, (observers, dispatcher)) in engines.iter().enumerate() {
        let (handles_inside, meet) = (Arc::clone(&handles), Arc::clone(&meet));
        let tells = Tells(drops.clone(), "dropped");
        let observer = move |_| {
            let _ = &tells;
            meet.wait();
            handles_inside[1 - at].wait().close();
        };
        let subscription = observers.subscribe_with("", ObserveOptions::default(), dispatcher, observer).unwrap();
        handles[at].set(subscription).unwrap();
    }
    drop(drops);
    engines.iter().for_each(|(observers, _)| publish(observers, 1, "/a"));
    assert_eq!(dropped.iter().count(), 2);
    engines.iter().for_each(|(_, dispatcher)| dispatcher.close());
}

#[test]
fn an_observer_may_publish_observe_and_pull() {
    let (observers, dispatcher) = (Arc::new(Observers::default()), Dispatcher::default());
    let (calls, called) = mpsc::channel();
    let (hub, other) = (Arc::clone(&observers), dispatcher.clone());
    let mut kept = Vec::new();
    let observer = move |notice: Notice| {
        let seq = seq_of(&notice);
        if seq == 1 {
            let pulled = hub.subscribe("", ObserveOptions::default()).unwrap();
            let calls = calls.clone();
            let more = move |notice: Notice| calls.send(seq_of(&notice) + 10).unwrap();
            kept.push(hub.subscribe_with("", ObserveOptions::default(), &other, more).unwrap());
            publish(&hub, 2, "/a");
            assert_eq!(waiting(&pulled), [2]);
        }
        calls.send(seq).unwrap();
    };
    let subscription = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, observer).unwrap();
    publish(&observers, 1, "/a");
    let mut told: Vec<_> = (0..3).map(|_| called.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(told.remove(0), 1, "the publication inside is delivered after the call that made it");
    told.sort_unstable();
    assert_eq!(told, [2, 12]);
    subscription.close();
    observers.close();
    dispatcher.close();
}

#[test]
fn an_observer_may_close_the_pair_and_the_engine() {
    let (observers, dispatcher) = (Arc::new(Observers::default()), Dispatcher::default());
    let (events, happened) = mpsc::channel();
    let (hub, engine, tells) = (Arc::clone(&observers), dispatcher.clone(), Tells(events, "dropped"));
    let observer = move |_| {
        hub.close();
        engine.close();
        tells.0.send("closed").unwrap();
    };
    let subscription = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, observer).unwrap();
    publish(&observers, 1, "/a");
    assert_eq!(happened.iter().collect::<Vec<_>>(), ["closed", "dropped"]);
    assert!(subscription.is_closed());
    assert_eq!(dispatcher.start().unwrap_err().code(), Code::Closed);
    dispatcher.close();
}

#[test]
fn an_observer_that_panics_disturbs_neither_itself_nor_others() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let (calls, called) = mpsc::channel();
    let panics = move |notice: Notice| {
        calls.send(seq_of(&notice)).unwrap();
        panic::panic_any("an observer's own mistake");
    };
    let (other, other_called, dropped) = reporter();
    let first = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, panics).unwrap();
    let second = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, other).unwrap();
    for seq in 1..=2 {
        publish(&observers, seq, "/a");
        assert_eq!(called.recv_timeout(PATIENCE), Ok(seq));
        assert_eq!(other_called.recv_timeout(PATIENCE), Ok(seq));
    }
    first.close();
    second.close();
    assert_eq!(dropped.try_iter().count(), 1);
    dispatcher.close();
}

#[test]
fn an_observer_that_panics_when_dropped_is_closed_like_any_other() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic::panic_any("while dropped");
        }
    }
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let held = Panics;
    let observer = move |_| _ = &held;
    observers.subscribe_with("", ObserveOptions::default(), &dispatcher, observer).unwrap().close();
    dispatcher.close();
}

#[test]
fn the_observer_is_dropped_also_when_observing_fails() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let attempt = |prefix: &str| {
        let (observer, _called, dropped) = reporter();
        let error = observers.subscribe_with(prefix, ObserveOptions::default(), &dispatcher, observer).unwrap_err();
        assert_eq!(dropped.try_iter().count(), 1);
        error.code()
    };
    assert_eq!(attempt("no path"), Code::Pointer);
    observers.close();
    assert_eq!(attempt(""), Code::Closed);
    dispatcher.close();
    assert_eq!(attempt(""), Code::Closed);
}

#[test]
fn observers_take_turns() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let (entered, at_gate) = mpsc::channel();
    let (open, opened) = mpsc::channel::<()>();
    let mut gate = Some((entered, opened));
    let (calls, called) = mpsc::channel();
    let busy_calls = calls.clone();
    let busy = move |_| {
        if let Some((entered, opened)) = gate.take() {
            entered.send(()).unwrap();
            opened.recv().unwrap();
        }
        busy_calls.send("busy").unwrap();
    };
    let first = observers.subscribe_with("/busy", ObserveOptions::default(), &dispatcher, busy).unwrap();
    let quiet = move |_| calls.send("quiet").unwrap();
    let second = observers.subscribe_with("/quiet", ObserveOptions::default(), &dispatcher, quiet).unwrap();
    publish(&observers, 1, "/busy");
    at_gate.recv_timeout(PATIENCE).unwrap();
    (2..=100).for_each(|seq| publish(&observers, seq, "/busy"));
    publish(&observers, 101, "/quiet");
    open.send(()).unwrap();
    let told: Vec<_> = (0..101).map(|_| called.recv_timeout(PATIENCE).unwrap()).collect();
    assert!(told.iter().position(|who| *who == "quiet") <= Some(2), "the quiet one waited for all of the busy one");
    drop((first, second));
    dispatcher.close();
}

#[test]
fn a_slow_callback_does_not_hold_up_who_publishes() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let (release, released) = mpsc::channel::<()>();
    let (calls, called) = mpsc::channel();
    let observer = move |notice| {
        calls.send(notice).unwrap();
        let _ = released.recv();
    };
    let options = ObserveOptions { capacity: 8, ..ObserveOptions::default() };
    let subscription = observers.subscribe_with("", options, &dispatcher, observer).unwrap();
    publish(&observers, 1, "/a");
    assert_eq!(called.recv_timeout(PATIENCE).map(|notice| seq_of(&notice)), Ok(1));
    // The callback stands still during all of this.
    (2..=10_000).for_each(|seq| publish(&observers, seq, "/a"));
    drop(release);
    assert_eq!(called.recv_timeout(PATIENCE), Ok(Notice::Gap { from_seq: 2, to_seq: 9_999 }));
    assert_eq!(called.recv_timeout(PATIENCE).map(|notice| seq_of(&notice)), Ok(10_000));
    subscription.close();
    dispatcher.close();
}

#[test]
fn a_subscription_with_a_callback_cannot_be_pulled() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let subscription = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, |_| {}).unwrap();
    assert_eq!(subscription.next(None).unwrap_err().code(), Code::Invalid);
    assert_eq!(subscription.try_next(), None);
    subscription.close();
    dispatcher.close();
}

#[test]
fn the_thread_starts_with_the_first_callback_and_ends_with_the_engine() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    dispatcher.close();
    assert_eq!(dispatcher.start().unwrap_err().code(), Code::Closed);
    let dispatcher = Dispatcher::default();
    dispatcher.start().unwrap();
    dispatcher.start().unwrap();
    let (observer, called, dropped) = reporter();
    let subscription = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, observer).unwrap();
    observers.close();
    assert_eq!(dropped.try_iter().count(), 1);
    dispatcher.close();
    publish(&observers, 1, "/a");
    subscription.close();
    assert!(called.try_recv().is_err());
}
