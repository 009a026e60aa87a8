//! What an observer is told.

use super::event::Event;
use spook_protocol::estp::half::{self, StateId, Transition};
use spook_protocol::id::EndpointId;
use spook_protocol::pointer;
use spook_protocol::value::Value;
use std::iter;
use std::sync::Arc;

/// A leaf changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Counts the changes of this half from 1, without gaps, since it was opened. A subscription to a part of the state sees those of
    /// its part.
    pub seq: u64,
    /// Where, as JSON Pointer.
    pub path: Arc<str>,
    /// What it is now; `None` if it was deleted.
    pub value: Option<Value>,
    /// Who wrote it.
    pub origin: EndpointId,
    /// The arrival number of the write or delta that it came with. Changes of one candidate share it.
    pub number: u64,
    /// The state right after that write or delta; `None` if it was not computed.
    pub state: Option<StateId>,
}

/// One thing that an observer is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A leaf changed.
    Change(Change),
    /// The lifecycle of the half took a step. Only for subscriptions that asked for it.
    Transition(Transition),
    /// Something else happened. Only for subscriptions that asked for it.
    Event(Box<Event>),
    /// The observer was slow, and of the changes with these numbers (both included) some are not delivered: those that were merged
    /// into a later change of the same path, and, when more paths changed than the queue holds, the oldest.
    ///
    /// Whoever keeps a copy of the state reads it again at this point; the changes that follow lead on from there. Each change with a number
    /// of the range that is still to come comes after this notice.
    Gap {
        /// The first change that is not delivered.
        from_seq: u64,
        /// The last one.
        to_seq: u64,
    },
}

/// How to observe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObserveOptions {
    /// How many notices wait at most for a slow observer; 1024 by default, less than 2 counts as 2.
    pub capacity: usize,
    /// Whether transitions of the lifecycle are wanted besides changes; not by default.
    pub lifecycle: bool,
    /// Whether events are wanted besides changes; not by default.
    pub events: bool,
}

impl Default for ObserveOptions {
    fn default() -> ObserveOptions {
        ObserveOptions { capacity: 1024, lifecycle: false, events: false }
    }
}

/// What happened to a Pair since the last publication, each kind in its order.
#[derive(Clone, Copy, Default)]
pub(crate) struct News<'a> {
    pub(crate) changes: &'a [half::Change],
    /// The state after the last of the changes.
    pub(crate) state: Option<StateId>,
    pub(crate) transitions: &'a [Transition],
    pub(crate) events: &'a [Event],
}

/// What one publication tells an observer of `prefix`: everything in the order in which it happened.
pub(super) fn select<'a>(prefix: &'a str, options: ObserveOptions, news: News<'a>) -> impl Iterator<Item = Notice> + 'a {
    let mut changes = news.changes.iter().filter(move |change| pointer::is_within(&change.path, prefix)).peekable();
    let mut transitions = if options.lifecycle { news.transitions } else { &[] }.iter().peekable();
    let mut events = if options.events { news.events } else { &[] }.iter().filter(move |event| event.what.concerns(prefix)).peekable();
    iter::from_fn(move || {
        let next = changes.peek().map_or(u64::MAX, |change| change.seq);
        if transitions.peek().is_some_and(|transition| transition.after_seq < next) {
            return transitions.next().copied().map(Notice::Transition);
        }
        if events.peek().is_some_and(|event| event.after_seq < next) {
            return events.next().map(|event| Notice::Event(Box::new(event.clone())));
        }
        changes.next().map(|change| {
            Notice::Change(Change {
                seq: change.seq,
                path: Arc::clone(&change.path),
                value: change.value.clone(),
                origin: change.origin,
                number: change.number,
                state: news.state,
            })
        })
    })
}

/// About how many bytes of memory a notice keeps alive besides itself.
pub(super) fn weight(notice: &Notice) -> usize {
    match notice {
        Notice::Change(change) => change.path.len() + change.value.as_ref().map_or(0, value_weight),
        Notice::Event(event) => event.what.weight(),
        Notice::Transition(_) | Notice::Gap { .. } => 0,
    }
}

pub(super) fn value_weight(value: &Value) -> usize {
    let content = match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(items) => items.iter().map(value_weight).sum(),
        Value::Object(members) => members.iter().map(|(key, member)| key.len() + value_weight(member)).sum(),
        _ => 0,
    };
    content + size_of::<Value>()
}
