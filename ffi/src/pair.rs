//! What concerns one Pair as a whole.

use crate::args::{Out, timeout};
use crate::boundary::entry;
use crate::buffer::spook_buf;
use crate::id::spook_id;
use crate::lifecycle::spook_lifecycle;
use crate::objects::{self, spook_error, spook_pair};
use crate::sized::{self, SizedOut, Versioned};
use crate::state::as_json;
use spook::{StateId, TicketOptions};

/// How often the commit point of a half has moved, and a digest that is equal on all halves that show the same state.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_state_id {
    /// Committed states of this half; the other half may count differently.
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

/// How the clocks of the two sides of a Pair stand to each other.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_clock {
    /// sizeof(spook_clock), set by the caller.
    pub struct_size: u32,
    /// 1 once `offset_ms` was measured on the present link, else 0.
    pub is_measured: u32,
    /// By how many milliseconds the peer's time of day is ahead of this machine's; negative if it is behind.
    pub offset_ms: i64,
    /// By how many milliseconds the stamps given here are too far ahead of the peer's time of day, or of this machine's own; 0 if they are
    /// not. The peer holds such writes until their time comes.
    pub suspect_ms: u64,
}

// SAFETY: repr(C), a u32 first, integers only.
unsafe impl Versioned for spook_clock {
    const NAME: &'static str = "spook_clock";
    const ENDS: &'static [usize] = &[size_of::<spook_clock>()];
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

/// How the clocks of the two sides stand to each other. Set `out->struct_size` before the call: spook_clock_init() does.
///
/// Ownership: copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_INVALID, SPOOK_E_REENTRANT, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_pair_clock(pair: *mut spook_pair, out: *mut spook_clock, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, SizedOut::new(out, "out")?);
            let clock = object.pair.clock()?;
            out.set(&spook_clock {
                struct_size: 0,
                is_measured: clock.offset_ms.is_some().into(),
                offset_ms: clock.offset_ms.unwrap_or_default(),
                suspect_ms: clock.suspect_ms.unwrap_or_default(),
            });
            Ok(())
        })
    }
}

/// What both sides agreed on when the Pair was created, as JSON: the schema as its creator wrote it, {} if there was none.
///
/// Ownership: the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_REENTRANT, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_pair_schema(pair: *mut spook_pair, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            out.set(as_json(object.pair.schema()));
            Ok(())
        })
    }
}
