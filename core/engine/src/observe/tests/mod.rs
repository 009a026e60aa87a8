//! The observer contract, a test per sentence, as far as it is kept here. Threads meet at channels; no test looks at a clock.

mod callback;
mod exit;
mod pull;
mod stress;

use super::*;
use crate::error::Error;
use spook_protocol::error::Code;
use spook_protocol::estp::half::{Change as Published, StateId, Transition};
use spook_protocol::estp::lifecycle::{Lifecycle, LinkFact};
use spook_protocol::id::EndpointId;
use spook_protocol::value::Value;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// Long enough never to pass, short enough to end a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn published(seq: u64, path: &str) -> Published {
    let origin = EndpointId::from_bytes([1; 16]);
    Published { seq, path: path.into(), value: Some(Value::from(seq)), origin, number: seq }
}

fn publish(observers: &Observers, seq: u64, path: &str) {
    drop(observers.publish(News { changes: &[published(seq, path)], ..News::default() }));
}

fn step(after_seq: u64) -> Transition {
    Transition { after_seq, from: Lifecycle::CREATED, to: Lifecycle { link: LinkFact::Entangled, ..Lifecycle::CREATED } }
}

fn seq_of(notice: &Notice) -> u64 {
    match notice {
        Notice::Change(change) => change.seq,
        other => panic!("{other:?} is no change"),
    }
}

fn waiting(subscription: &Subscription) -> Vec<u64> {
    std::iter::from_fn(|| subscription.try_next()).map(|notice| seq_of(&notice)).collect()
}

/// Tells when it is dropped, as the `drop(user_data)` of a callback would.
struct Tells(Sender<&'static str>, &'static str);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

/// A callback that reports the seq of each change and its own drop.
fn reporter() -> (impl FnMut(Notice) + Send + 'static, Receiver<u64>, Receiver<&'static str>) {
    let (calls, called) = mpsc::channel();
    let (drops, dropped) = mpsc::channel();
    let tells = Tells(drops, "dropped");
    let observer = move |notice: Notice| {
        let _ = &tells;
        let _ = calls.send(seq_of(&notice));
    };
    (observer, called, dropped)
}
