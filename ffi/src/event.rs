//! What observers are told.

use crate::args::Out;
use crate::boundary::{entry, plain};
use crate::buffer::spook_buf;
use crate::failure::Failure;
use crate::id::spook_id;
use crate::lifecycle::spook_lifecycle;
use crate::objects::{self, spook_error, spook_event_content};
use crate::pair::spook_state_id;
use crate::sized::Versioned;
use crate::state::{as_cbor, as_json};
use crate::value::{spook_text, spook_value};
use spook::{Code, Dot, Happening, Notice, Value, Verdict};
use std::mem::offset_of;
use std::sync::Arc;

/// A leaf has a new value.
pub const SPOOK_EVENT_CHANGED: u32 = 1;
/// A leaf was removed.
pub const SPOOK_EVENT_DELETED: u32 = 2;
/// The lifecycle of the half took a step.
pub const SPOOK_EVENT_TRANSITION: u32 = 3;
/// The queue was full: the changes of a range of `seq` were merged into later ones of the same paths.
pub const SPOOK_EVENT_GAP: u32 = 4;
/// What the collapse says of a candidate with a guard or a transition changed, or became final. Of this and the kinds below, only those
/// subscriptions are told that ask for `events`; of those about one thing, a full queue keeps the last.
pub const SPOOK_EVENT_VERDICT: u32 = 5;
/// A rule could not decide what is at a path. It is told once for each path, until the rule can again.
pub const SPOOK_EVENT_RULE_FAILED: u32 = 6;
/// This machine's clock is ahead of the peer's, which holds what is written here until its time comes.
pub const SPOOK_EVENT_CLOCK_SUSPECT: u32 = 7;
/// The peer shows another value under a key, or nothing any more.
pub const SPOOK_EVENT_PRESENCE: u32 = 8;
/// The halves were found to hold different states, which must not happen.
pub const SPOOK_EVENT_FAILED: u32 = 9;
/// An author of the Pair goes on under a new epoch: its ledger is a copy, or was restored from one.
pub const SPOOK_EVENT_EPOCH_CHANGED: u32 = 10;
/// The queue was full: that many events of the kinds above were left out.
pub const SPOOK_EVENT_MISSED: u32 = 11;

/// The candidate counts.
pub const SPOOK_VERDICT_ACCEPTED: u32 = 1;
/// The candidate counts for nothing: a guard did not hold, or a transition rejected it.
pub const SPOOK_VERDICT_REJECTED: u32 = 2;
/// The candidate waits for a rule, or for one before it that does.
pub const SPOOK_VERDICT_UNDECIDED: u32 = 3;

/// The name of a candidate: who wrote it, and its number there. A spook_candidate has the same, and more.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_dot {
    /// The endpoint that wrote it.
    pub author: spook_id,
    /// Its arrival number at its author; 0 is no candidate.
    pub number: u64,
    /// The author epoch.
    pub epoch: u32,
    /// Zero.
    pub reserved: u32,
}

impl spook_dot {
    const NONE: spook_dot = spook_dot { author: spook_id { bytes: [0; 16] }, number: 0, epoch: 0, reserved: 0 };
}

impl From<Dot> for spook_dot {
    fn from(dot: Dot) -> spook_dot {
        spook_dot { author: dot.author.endpoint.into(), number: dot.number, epoch: dot.author.epoch, reserved: 0 }
    }
}

/// What an observer is told. In a callback it is good until the callback returns; from spook_subscription_next it belongs to the caller,
/// until spook_event_free.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_event {
    /// How many bytes of this struct are there. For spook_subscription_next the caller sets it: spook_event_init() does.
    pub struct_size: u32,
    /// SPOOK_EVENT_*.
    pub kind: u32,
    /// For the functions that take an event; leave it as it is.
    pub content: *mut spook_event_content,
    /// The number of the change in its Pair, counted from 1. For a gap that of its end, for all else that of the last change before it.
    pub seq: u64,
    /// Where, as JSON Pointer: the change, SPOOK_EVENT_RULE_FAILED, and SPOOK_EVENT_FAILED if it was found. Else empty.
    pub path: spook_text,
    /// The new value, of a change or of presence. SPOOK_ARRAY and SPOOK_OBJECT come without content: spook_event_json and spook_event_cbor give it.
    pub value: spook_value,
    /// The endpoint that wrote the change.
    pub origin: spook_id,
    /// The state right after the write or delta that the change came with; all zero where it was not computed.
    pub state: spook_state_id,
    /// SPOOK_EVENT_GAP: the first `seq` that was merged.
    pub gap_from: u64,
    /// SPOOK_EVENT_GAP: the last `seq` that was merged.
    pub gap_to: u64,
    /// SPOOK_EVENT_TRANSITION: the lifecycle before.
    pub before: spook_lifecycle,
    /// SPOOK_EVENT_TRANSITION: the lifecycle now.
    pub now: spook_lifecycle,
    /// SPOOK_EVENT_VERDICT: the candidate.
    pub candidate: spook_dot,
    /// SPOOK_EVENT_VERDICT: the candidate that brought it about; all zero if none did.
    pub cause: spook_dot,
    /// SPOOK_EVENT_VERDICT: SPOOK_VERDICT_*.
    pub verdict: u32,
    /// SPOOK_EVENT_VERDICT: 1 if that is final, else 0.
    pub committed: u32,
    /// SPOOK_EVENT_VERDICT, SPOOK_EVENT_RULE_FAILED: why, as text for people.
    pub why: spook_text,
    /// SPOOK_EVENT_RULE_FAILED: the rule as the schema names it.
    pub rule: spook_text,
    /// SPOOK_EVENT_PRESENCE: the key.
    pub key: spook_text,
    /// SPOOK_EVENT_CLOCK_SUSPECT: by how many milliseconds. SPOOK_EVENT_MISSED: how many events.
    pub count: u64,
    /// SPOOK_EVENT_FAILED: the digest here.
    pub mine: [u8; 16],
    /// SPOOK_EVENT_FAILED: the digest at the peer.
    pub theirs: [u8; 16],
    /// SPOOK_EVENT_EPOCH_CHANGED: the new epoch.
    pub epoch: u32,
    /// SPOOK_EVENT_EPOCH_CHANGED: 1 if it is that of this endpoint, else 0.
    pub is_mine: u32,
}

// SAFETY: repr(C), a u32 first, and zero is a value of integers and raw pointers.
unsafe impl Versioned for spook_event {
    const NAME: &'static str = "spook_event";
    const ENDS: &'static [usize] = &[offset_of!(spook_event, candidate), size_of::<spook_event>()];
}

impl spook_event {
    /// The event of a notice, which must stay where it is as long as the event is read.
    fn of(notice: &Notice, content: *mut spook_event_content) -> spook_event {
        let mut event = spook_event {
            struct_size: size_of::<spook_event>() as u32,
            kind: 0,
            content,
            seq: 0,
            path: spook_text::EMPTY,
            value: spook_value::NONE,
            origin: spook_id { bytes: [0; 16] },
            state: spook_state_id::NONE,
            gap_from: 0,
            gap_to: 0,
            before: spook_lifecycle::NONE,
            now: spook_lifecycle::NONE,
            candidate: spook_dot::NONE,
            cause: spook_dot::NONE,
            verdict: 0,
            committed: 0,
            why: spook_text::EMPTY,
            rule: spook_text::EMPTY,
            key: spook_text::EMPTY,
            count: 0,
            mine: [0; 16],
            theirs: [0; 16],
            epoch: 0,
            is_mine: 0,
        };
        match notice {
            Notice::Change(change) => {
                event.kind = if change.value.is_some() { SPOOK_EVENT_CHANGED } else { SPOOK_EVENT_DELETED };
                event.seq = change.seq;
                event.path = spook_text::of(&change.path);
                event.value = change.value.as_ref().map_or(spook_value::NONE, spook_value::of);
                event.origin = change.origin.into();
                event.state = change.state.map_or(spook_state_id::NONE, Into::into);
            }
            Notice::Transition(transition) => {
                event.kind = SPOOK_EVENT_TRANSITION;
                event.seq = transition.after_seq;
                event.before = transition.from.into();
                event.now = transition.to.into();
            }
            Notice::Event(happened) => {
                event.seq = happened.after_seq;
                event.put(&happened.what);
            }
            Notice::Gap { from_seq, to_seq } => {
                event.kind = SPOOK_EVENT_GAP;
                event.seq = *to_seq;
                event.gap_from = *from_seq;
                event.gap_to = *to_seq;
            }
        }
        event
    }

    fn put(&mut self, what: &Happening) {
        match what {
            Happening::Verdict { dot, verdict, committed, cause } => {
                self.kind = SPOOK_EVENT_VERDICT;
                self.candidate = (*dot).into();
                self.cause = cause.map_or(spook_dot::NONE, Into::into);
                self.committed = (*committed).into();
                let (verdict, why) = verdict_and_why(verdict);
                self.verdict = verdict;
                self.why = spook_text::of(why);
            }
            Happening::RuleFailed { path, rule, why } => {
                self.kind = SPOOK_EVENT_RULE_FAILED;
                self.path = spook_text::of(path);
                self.rule = spook_text::of(rule);
                self.why = spook_text::of(why);
            }
            Happening::ClockSuspect { ahead_ms } => {
                self.kind = SPOOK_EVENT_CLOCK_SUSPECT;
                self.count = *ahead_ms;
            }
            Happening::Presence { key, value } => {
                self.kind = SPOOK_EVENT_PRESENCE;
                self.key = spook_text::of(key);
                self.value = value.as_ref().map_or(spook_value::NONE, spook_value::of);
            }
            Happening::Failed { mine, theirs, path } => {
                self.kind = SPOOK_EVENT_FAILED;
                self.mine = mine.0.to_be_bytes();
                self.theirs = theirs.0.to_be_bytes();
                self.path = path.as_ref().map_or(spook_text::EMPTY, |path| spook_text::of(path));
            }
            Happening::EpochChanged { mine, epoch } => {
                self.kind = SPOOK_EVENT_EPOCH_CHANGED;
                self.is_mine = (*mine).into();
                self.epoch = *epoch;
            }
            Happening::Missed { events } => {
                self.kind = SPOOK_EVENT_MISSED;
                self.count = *events;
            }
        }
    }

    /// An event with a handle to its notice, which lives until the handle is taken.
    pub(crate) fn insert(notice: Notice) -> Result<spook_event, Failure> {
        let notice = Arc::new(notice);
        let content = objects::insert(Arc::clone(&notice))?;
        Ok(spook_event::of(&notice, content))
    }

    /// Lets the notice go.
    pub(crate) fn end(self) {
        drop(objects::take(self.content.cast_const()));
    }
}

/// What is said of a candidate, and why.
pub(crate) fn verdict_and_why(verdict: &Verdict) -> (u32, &str) {
    match verdict {
        Verdict::Accepted => (SPOOK_VERDICT_ACCEPTED, ""),
        Verdict::Rejected(why) => (SPOOK_VERDICT_REJECTED, why),
        Verdict::Undecided(why) => (SPOOK_VERDICT_UNDECIDED, why),
    }
}

/// The new value of a change or of presence as JSON, whatever its kind.
///
/// Ownership: borrows the event; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED for an event that is over, SPOOK_E_NOT_FOUND for an event without a value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_event_json(event: *const spook_event, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { entry(error, |_| encode(event, out, as_json)) }
}

/// The new value of a change or of presence as CBOR, whatever its kind.
///
/// Ownership: borrows the event; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED for an event that is over, SPOOK_E_NOT_FOUND for an event without a value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_event_cbor(event: *const spook_event, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { entry(error, |_| encode(event, out, as_cbor)) }
}

/// # Safety
/// The pointers are as the header asks.
unsafe fn encode(event: *const spook_event, out: *mut spook_buf, encode: fn(&Value) -> spook_buf) -> Result<(), Failure> {
    // SAFETY: as promised.
    let (event, out) = unsafe { (event.as_ref().ok_or(Failure::null("event"))?, Out::new(out, "out")?) };
    if event.content.is_null() {
        return Err(Failure::closed("event"));
    }
    let notice = objects::get(event.content.cast_const())?;
    let value = value_of(&notice).ok_or(Failure::new(Code::NotFound, "the event has no value"))?;
    out.set(encode(value));
    Ok(())
}

fn value_of(notice: &Notice) -> Option<&Value> {
    match notice {
        Notice::Change(change) => change.value.as_ref(),
        Notice::Event(event) => match &event.what {
            Happening::Presence { value, .. } => value.as_ref(),
            _ => None,
        },
        Notice::Transition(_) | Notice::Gap { .. } => None,
    }
}

/// Frees what an event of spook_subscription_next holds. NULL and an event that was freed before do nothing. `struct_size` stays, so that the
/// struct can be used again.
///
/// Ownership: takes the content of the event, not the struct.
/// Thread: any; one at a time for one event.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_event_free(event: *mut spook_event) {
    plain((), || {
        // SAFETY: NULL or an event, as the header asks. The fields used here are in every version of the struct, or the caller has
        // them by its size.
        unsafe {
            if event.is_null() {
                return;
            }
            let content = (&raw mut (*event).content).replace(std::ptr::null_mut());
            (&raw mut (*event).path).write(spook_text::EMPTY);
            (&raw mut (*event).value).write(spook_value::NONE);
            if (*event).struct_size as usize >= size_of::<spook_event>() {
                (&raw mut (*event).why).write(spook_text::EMPTY);
                (&raw mut (*event).rule).write(spook_text::EMPTY);
                (&raw mut (*event).key).write(spook_text::EMPTY);
            }
            drop(objects::take(content.cast_const()));
        }
    });
}
