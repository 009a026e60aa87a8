//! What a process does that ends, or forks, with live observers.

use super::*;
use std::process::Command;

/// Not a test of its own: what [`a_process_exits_at_once_with_live_observers`] runs in another process.
#[test]
#[ignore = "runs in a process of its own, started by another test"]
fn in_a_process_that_exits() {
    let (observers, dispatcher) = (Observers::default(), Dispatcher::default());
    let (entered, at_work) = mpsc::channel();
    let never_returns = move |_| {
        entered.send(()).unwrap();
        loop {
            std::thread::park();
        }
    };
    let called = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, never_returns).unwrap();
    let idle = observers.subscribe_with("", ObserveOptions::default(), &dispatcher, |_| {}).unwrap();
    let pulled = observers.subscribe("", ObserveOptions::default()).unwrap();
    std::mem::forget(std::thread::spawn(move || pulled.next(None)));
    publish(&observers, 1, "/a");
    at_work.recv_timeout(PATIENCE).unwrap();
    std::mem::forget((called, idle));
    std::process::exit(0);
}

#[test]
fn a_process_exits_at_once_with_live_observers() {
    let program = std::env::current_exe().unwrap();
    let run = Command::new(program).args(["--exact", "observe::tests::exit::in_a_process_that_exits", "--ignored", "--nocapture"]).output();
    let run = run.unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(!String::from_utf8_lossy(&run.stdout).contains("running 0 tests"), "the other test has another name now");
}

#[test]
fn in_a_forked_child_every_call_says_so_and_none_hangs() {
    let observers = Observers::default();
    let mailbox = mailbox::Mailbox::of_process(std::process::id() + 1);
    let subscription = Subscription::new(std::sync::Arc::new(mailbox), std::sync::Weak::new());
    assert_eq!(subscription.next(None).unwrap_err().code(), Code::Forked);
    assert_eq!(subscription.try_next(), None);
    assert!(subscription.is_closed());
    subscription.close();
    drop(subscription);
    assert!(!observers.is_watched());
}
