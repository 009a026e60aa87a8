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
use crate::value::{spook_text, spook_value};
use spook::{Code, Notice, Value, cbor, json};
use std::sync::Arc;

/// A leaf has a new value.
pub const SPOOK_EVENT_CHANGED: u32 = 1;
/// A leaf was removed.
pub const SPOOK_EVENT_DELETED: u32 = 2;
/// The lifecycle of the half took a step.
pub const SPOOK_EVENT_TRANSITION: u32 = 3;
/// The queue was full: the changes of a range of `seq` were merged into later ones of the same paths.
pub const SPOOK_EVENT_GAP: u32 = 4;

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
    /// The number of the change in its Pair, counted from 1. For a transition that of the last change before it, for a gap that of its end.
    pub seq: u64,
    /// Where the change is, as JSON Pointer. Empty for transitions and gaps.
    pub path: spook_text,
    /// The new value. SPOOK_ARRAY and SPOOK_OBJECT come without content: spook_event_json and spook_event_cbor give it.
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
}

// SAFETY: repr(C), a u32 first, and zero is a value of integers and raw pointers.
unsafe impl Versioned for spook_event {
    const NAME: &'static str = "spook_event";
    const ENDS: &'static [usize] = &[size_of::<spook_event>()];
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
            Notice::Event(happened) => event.seq = happened.after_seq,
            Notice::Gap { from_seq, to_seq } => {
                event.kind = SPOOK_EVENT_GAP;
                event.seq = *to_seq;
                event.gap_from = *from_seq;
                event.gap_to = *to_seq;
            }
        }
        event
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

/// The new value of a change as JSON, whatever its kind.
///
/// Ownership: borrows the event; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED for an event that is over, SPOOK_E_NOT_FOUND for an event without a value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_event_json(event: *const spook_event, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { entry(error, |_| encode(event, out, |value| json::to_string(value).into())) }
}

/// The new value of a change as CBOR, whatever its kind.
///
/// Ownership: borrows the event; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED for an event that is over, SPOOK_E_NOT_FOUND for an event without a value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_event_cbor(event: *const spook_event, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { entry(error, |_| encode(event, out, |value| cbor::to_vec(value).into())) }
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
    match &*notice {
        Notice::Change(change) if change.value.is_some() => {
            out.set(encode(change.value.as_ref().unwrap_or(&Value::Null)));
            Ok(())
        }
        _ => Err(Failure::new(Code::NotFound, "the event has no value")),
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
        // SAFETY: NULL or an event, as the header asks. The fields used here are in every version of the struct.
        unsafe {
            if event.is_null() {
                return;
            }
            let content = (&raw mut (*event).content).replace(std::ptr::null_mut());
            (&raw mut (*event).path).write(spook_text::EMPTY);
            (&raw mut (*event).value).write(spook_value::NONE);
            drop(objects::take(content.cast_const()));
        }
    });
}
