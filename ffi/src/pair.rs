//! What concerns one Pair as a whole.

use crate::args::{Out, timeout, timeout_or_forever};
use crate::boundary::entry;
use crate::buffer::spook_buf;
use crate::id::spook_id;
use crate::lifecycle::spook_lifecycle;
use crate::objects::{self, spook_error, spook_pair};
use crate::sized::{self, SizedOut, Versioned};
use spook::{CollapseOptions, StateId, TicketOptions};
use std::mem::offset_of;

/// How often a half has settled, and a digest that is equal on all halves that hold the same state.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_state_id {
    /// Settled states at this half.
    pub count: u64,
    /// 128 bits.
    pub digest: [u8; 16],
}

impl spook_state_id {
    pub(crate) const NONE: spook_state_id = spook_state_id { count: 0, digest: [0; 16] };
}

impl From<StateId> for spook_state_id {
    fn from(id: StateId) -> spook_state_id {
        // The order in which the digest is shown as text.
        spook_state_id { count: id.count, digest: id.digest.0.to_be_bytes() }
    }
}

/// How a ticket is made. All zero but `struct_size` is the default: spook_ticket_options_init() gives that.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_ticket_options {
    /// sizeof(spook_ticket_options).
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// For how many milliseconds the ticket is good; 0 is one day.
    pub expires_in_ms: u64,
}

// SAFETY: repr(C), a u32 first, integers only.
unsafe impl Versioned for spook_ticket_options {
    const NAME: &'static str = "spook_ticket_options";
    const ENDS: &'static [usize] = &[size_of::<spook_ticket_options>()];
}

/// How a collapse is asked for. All zero but `struct_size` is the default: spook_collapse_options_init() gives that.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_collapse_options {
    /// sizeof(spook_collapse_options).
    pub struct_size: u32,
    /// Not 0: wait until everything written so far is settled on both halves.
    pub settled: u32,
    /// The longest wait in milliseconds. 0 does not wait; a negative one waits without limit.
    pub timeout_ms: i64,
}

// SAFETY: repr(C), a u32 first, integers only.
unsafe impl Versioned for spook_collapse_options {
    const NAME: &'static str = "spook_collapse_options";
    const ENDS: &'static [usize] = &[offset_of!(spook_collapse_options, timeout_ms), size_of::<spook_collapse_options>()];
}

/// What a collapse came to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_collapse_result {
    /// sizeof(spook_collapse_result), set by the caller.
    pub struct_size: u32,
    /// 1 if everything is settled, else 0.
    pub settled: u32,
    /// The state.
    pub state: spook_state_id,
}

// SAFETY: repr(C), a u32 first, integers only.
unsafe impl Versioned for spook_collapse_result {
    const NAME: &'static str = "spook_collapse_result";
    const ENDS: &'static [usize] = &[size_of::<spook_collapse_result>()];
}

/// Closes the handle of a Pair and ends the subscriptions made through it; their handles are closed with it. The Pair itself stays in the
/// ledger and goes on synchronising while its engine is open. The handle is closed whatever is returned, except for SPOOK_E_FORKED.
///
/// Ownership: takes the handle.
/// Thread: any, also inside an observer. Calls that run on other threads end with SPOOK_E_CLOSED.
/// Blocking: until observers of this handle that run on other threads have returned; inside an observer it does not wait.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_pair_close(pair: *mut spook_pair, error: *mut *mut spook_error) -> i32 {
    // SAFETY: `error` is as the header asks.
    unsafe {
        entry(error, |scope| {
            let object = scope.keep_pair(objects::take(pair.cast_const())?);
            object.engine.pairs.remove(pair);
            // Not Pair::close: that would end what other handles of this Pair observe.
            object.end_subscriptions();
            Ok(())
        })
    }
}

/// The id of a Pair, the same on both halves.
///
/// Ownership: copies to `out`.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_pair_id(pair: *mut spook_pair, out: *mut spook_id, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            out.set(object.pair.id().into());
            Ok(())
        })
    }
}

/// The name of a Pair in this ledger.
///
/// Ownership: the caller owns `out` and frees it with spook_buf_free.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_pair_name(pair: *mut spook_pair, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            out.set(spook_buf::copy(object.pair.name().as_bytes()));
            Ok(())
        })
    }
}

/// Makes a ticket, by which one other endpoint becomes the other half. Whoever holds it can do so: hand it over in private. NULL options
/// are the defaults.
///
/// Ownership: the options are read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_INVALID, SPOOK_E_EXISTS, SPOOK_E_IO, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_pair_ticket(
    pair: *mut spook_pair,
    options: *const spook_ticket_options,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            let given = sized::read(options)?;
            let mut options = TicketOptions::default();
            if given.expires_in_ms != 0 {
                options.expires_in = timeout(i64::try_from(given.expires_in_ms).unwrap_or(i64::MAX));
            }
            out.set(object.pair.ticket(options)?.into());
            Ok(())
        })
    }
}

/// Where this half stands.
///
/// Ownership: copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_pair_lifecycle(pair: *mut spook_pair, out: *mut spook_lifecycle, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            out.set(object.pair.lifecycle()?.into());
            Ok(())
        })
    }
}

/// Folds what is pending into one state and tells which one it is. With `settled` it waits until both halves have settled on it; when
/// the timeout comes first, `out->settled` is 0, nothing is lost, and it goes on settling. NULL options are the defaults. Set
/// `out->struct_size` before the call: spook_collapse_result_init() does.
///
/// Ownership: the options are read during the call only; copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: with `settled`, up to the timeout.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_INVALID, SPOOK_E_IO, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_collapse(
    pair: *mut spook_pair,
    options: *const spook_collapse_options,
    out: *mut spook_collapse_result,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, SizedOut::new(out, "out")?);
            let given = sized::read(options)?;
            let options = CollapseOptions { timeout: timeout_or_forever(given.timeout_ms), settled: given.settled != 0 };
            let collapse = object.pair.collapse(options)?;
            out.set(&spook_collapse_result { struct_size: 0, settled: collapse.settled.into(), state: collapse.state.into() });
            Ok(())
        })
    }
}
