//! Writes with guards and with a say in waiting, what became of them, and taking them back.

use crate::args::{self, Out, required, timeout_or_forever};
use crate::boundary::entry;
use crate::buffer::spook_buf;
use crate::event::verdict_and_why;
use crate::failure::Failure;
use crate::objects::{spook_error, spook_pair};
use crate::sized::{self, SizedOut, Versioned};
use crate::value::{SPOOK_NONE, spook_text, spook_value};
use crate::write::{operations_of, spook_candidate, spook_operation, tell};
use spook::{Candidate, Error, Expect, Fingerprint, Guard, Pair, Status, Wait, Write, WriteOptions};
use std::ffi::c_char;
use std::mem::offset_of;

/// The path has the guard's `value`.
pub const SPOOK_EXPECT_EQUALS: u32 = 1;
/// Nothing is at the path.
pub const SPOOK_EXPECT_ABSENT: u32 = 2;
/// The path has a number or text from the guard's `value` to its `max`, both included.
pub const SPOOK_EXPECT_RANGE: u32 = 3;
/// Nothing was written at or below the path since the guard's `since`.
pub const SPOOK_EXPECT_UNCHANGED: u32 = 4;

/// Names what stands at and below a path at some moment, for SPOOK_EXPECT_UNCHANGED.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_fingerprint {
    /// 128 bits.
    pub bytes: [u8; 16],
}

/// A condition on the state before a write. spook_guard_equals() and its like make one.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_guard {
    /// SPOOK_EXPECT_*.
    pub expect: u32,
    /// Zero.
    pub reserved: u32,
    /// Where.
    pub path: spook_text,
    /// SPOOK_EXPECT_EQUALS: the value. SPOOK_EXPECT_RANGE: the least; SPOOK_NONE is any.
    pub value: spook_value,
    /// SPOOK_EXPECT_RANGE: the greatest; SPOOK_NONE is any.
    pub max: spook_value,
    /// SPOOK_EXPECT_UNCHANGED: as spook_read_fingerprint gave it.
    pub since: spook_fingerprint,
}

/// A write of a strong Pair waits for its outcome, for the Pair's write timeout; of any other it does not wait.
pub const SPOOK_WAIT_AS_AGREED: u32 = 0;
/// A write returns when it is written.
pub const SPOOK_WAIT_NO: u32 = 1;
/// A write returns when it is committed or voided, or after the timeout.
pub const SPOOK_WAIT_COMMITTED: u32 = 2;

/// How a write is done. All zero but `struct_size` is the default: spook_write_options_init() gives that.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_write_options {
    /// sizeof(spook_write_options).
    pub struct_size: u32,
    /// SPOOK_WAIT_*.
    pub wait: u32,
    /// SPOOK_WAIT_COMMITTED: the longest wait in milliseconds; a negative one waits without limit.
    pub timeout_ms: i64,
}

// SAFETY: repr(C), a u32 first, integers only.
unsafe impl Versioned for spook_write_options {
    const NAME: &'static str = "spook_write_options";
    const ENDS: &'static [usize] = &[offset_of!(spook_write_options, timeout_ms), size_of::<spook_write_options>()];
}

/// The write is not final yet.
pub const SPOOK_STATUS_TENTATIVE: u32 = 1;
/// The write counts, for good, at both halves.
pub const SPOOK_STATUS_COMMITTED: u32 = 2;
/// The write counts for nothing, for good, at both halves: a guard of it did not hold, or a transition rejected it.
pub const SPOOK_STATUS_VOIDED: u32 = 3;

/// What became of a write.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_write_status {
    /// sizeof(spook_write_status), set by the caller.
    pub struct_size: u32,
    /// SPOOK_STATUS_*.
    pub state: u32,
    /// SPOOK_STATUS_TENTATIVE: what the collapse says of it so far, SPOOK_VERDICT_*; it may still change. Else 0.
    pub verdict: u32,
    /// SPOOK_STATUS_TENTATIVE: 1 if the peer holds it durably, and only its place is open. Else 0.
    pub held_by_peer: u32,
}

// SAFETY: repr(C), a u32 first, integers only.
unsafe impl Versioned for spook_write_status {
    const NAME: &'static str = "spook_write_status";
    const ENDS: &'static [usize] = &[size_of::<spook_write_status>()];
}

/// Does operations as one candidate, on conditions: as spook_write_many, with guards, and with a say in whether it waits. Guards are for
/// Pairs whose schema says "guards": true, or strong consistency. Both halves judge them alike, in the candidate's place among all others,
/// so the outcome is open until the halves have met: spook_status tells it. NULL options are the defaults; `out` may be NULL.
///
/// Ownership: operations, guards and options are read during the call only; copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: as spook_write_state, and as the options say.
/// Errors: those of spook_write_many; SPOOK_E_GUARD for guards in a Pair without, and for a guard that makes no sense. When it waits:
/// SPOOK_E_DECOHERED if the outcome is not known in time (the write stays and will settle), SPOOK_E_VOIDED if it was decided against; then
/// spook_error_candidate gives its name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_write(
    pair: *mut spook_pair,
    operations: *const spook_operation,
    count: usize,
    guards: *const spook_guard,
    guard_count: usize,
    options: *const spook_write_options,
    out: *mut spook_candidate,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let object = scope.pair(pair)?;
            let operations = operations_of(operations, count)?;
            let guards = args::array(guards, guard_count, "guards")?;
            let guards = guards.iter().map(|given| guard(given)).collect::<Result<Vec<_>, _>>()?;
            let write = Write { operations: &operations, guards: &guards };
            tell(out, object.pair.write(&write, write_options(options)?)?);
            Ok(())
        })
    }
}

/// # Safety
/// The pointers in it are as the header asks.
unsafe fn guard(given: &spook_guard) -> Result<Guard<'_>, Failure> {
    // SAFETY: as promised.
    let path = unsafe { args::text(given.path.data, given.path.len, "guard.path")? };
    // SAFETY: as promised.
    let bound = |value: &spook_value| if value.kind == SPOOK_NONE { Ok(None) } else { unsafe { value.read() }.map(Some) };
    let expect = match given.expect {
        // SAFETY: as promised.
        SPOOK_EXPECT_EQUALS => Expect::Equals(unsafe { given.value.read()? }),
        SPOOK_EXPECT_ABSENT => Expect::Absent,
        SPOOK_EXPECT_RANGE => Expect::Range { min: bound(&given.value)?, max: bound(&given.max)? },
        SPOOK_EXPECT_UNCHANGED => Expect::Unchanged(Fingerprint(u128::from_be_bytes(given.since.bytes))),
        other => return Err(Failure::invalid(format!("guard.expect is {other}"))),
    };
    Ok(Guard { path, expect })
}

/// # Safety
/// `given` is as the header asks.
unsafe fn write_options(given: *const spook_write_options) -> Result<WriteOptions, Failure> {
    // SAFETY: as promised.
    let given = unsafe { sized::read(given)? };
    let wait = match given.wait {
        SPOOK_WAIT_AS_AGREED => Wait::AsAgreed,
        SPOOK_WAIT_NO => Wait::No,
        SPOOK_WAIT_COMMITTED => Wait::Committed(timeout_or_forever(given.timeout_ms)),
        other => return Err(Failure::invalid(format!("options.wait is {other}"))),
    };
    Ok(WriteOptions { wait })
}

/// Names what stands at and below a path now, for a guard that nothing be written there in between.
///
/// Ownership: the path is read during the call only; copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_POINTER, SPOOK_E_GUARD in a Pair without guards, SPOOK_E_REENTRANT,
/// SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_read_fingerprint(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_fingerprint,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            let fingerprint = object.pair.fingerprint(args::text(path, path_len, "path")?)?;
            out.set(spook_fingerprint { bytes: fingerprint.0.to_be_bytes() });
            Ok(())
        })
    }
}

/// What became of a write, of this endpoint or the peer. The candidate may be kept, stored and asked for after a restart. `why` may be NULL;
/// else it gets the reason of a write that is voided or not accepted so far, as text for people, and becomes empty where there is none. Set
/// `out->struct_size` before the call: spook_write_status_init() does.
///
/// Ownership: the candidate is read during the call only; copies to `out`; the caller owns `why` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_INVALID, SPOOK_E_NOT_FOUND for a candidate that is not known here, SPOOK_E_REENTRANT,
/// SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_status(
    pair: *mut spook_pair,
    candidate: *const spook_candidate,
    out: *mut spook_write_status,
    why: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { status(pair, candidate, out, why, error, |pair, candidate| pair.status(candidate)) }
}

/// Waits until a write is committed or voided, and tells as spook_status what became of it by then. At the timeout it is tentative, which is
/// no error. A negative timeout is none.
///
/// Ownership: as spook_status.
/// Thread: any, also inside an observer, which then holds up those after it.
/// Blocking: up to the timeout.
/// Errors: those of spook_status; SPOOK_E_CLOSED also when the engine closes during the wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_wait_committed(
    pair: *mut spook_pair,
    candidate: *const spook_candidate,
    timeout_ms: i64,
    out: *mut spook_write_status,
    why: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    let timeout = timeout_or_forever(timeout_ms);
    // SAFETY: the pointers are as the header asks.
    unsafe { status(pair, candidate, out, why, error, |pair, candidate| pair.wait_committed(candidate, timeout)) }
}

/// # Safety
/// The pointers are as the header asks.
unsafe fn status(
    pair: *mut spook_pair,
    candidate: *const spook_candidate,
    out: *mut spook_write_status,
    why: *mut spook_buf,
    error: *mut *mut spook_error,
    ask: impl FnOnce(&Pair, &Candidate) -> Result<Status, Error>,
) -> i32 {
    // SAFETY: as promised.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, SizedOut::new(out, "out")?);
            let status = ask(&object.pair, &Candidate::from(required(candidate, "candidate")?))?;
            let (state, verdict, held_by_peer, reason) = match &status {
                Status::Committed => (SPOOK_STATUS_COMMITTED, 0, false, ""),
                Status::Voided(reason) => (SPOOK_STATUS_VOIDED, 0, false, &**reason),
                Status::Tentative { verdict, held_by_peer } => {
                    let (verdict, reason) = verdict_and_why(verdict);
                    (SPOOK_STATUS_TENTATIVE, verdict, *held_by_peer, reason)
                }
            };
            out.set(&spook_write_status { struct_size: 0, state, verdict, held_by_peer: held_by_peer.into() });
            if let Ok(why) = Out::new(why, "why") {
                why.set(if reason.is_empty() { spook_buf::EMPTY } else { spook_buf::copy(reason.as_bytes()) });
            }
            Ok(())
        })
    }
}

/// Takes a write back, in a Pair with guards: what it set goes to what was there before, on condition that nothing was written there since;
/// what it added to counters is taken off. That is a write of its own, which both halves judge as any other. NULL options are the defaults;
/// `out` may be NULL.
///
/// Ownership: candidate and options are read during the call only; copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: as spook_write.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_GUARD in a Pair without guards, SPOOK_E_NOT_FOUND for a write that is not remembered any
/// more (the last 1024 since the engine was opened are), SPOOK_E_INVALID for one that changed nothing or that a transition decided on,
/// SPOOK_E_VOIDED for one that counts for nothing anyway; otherwise those of spook_write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_revert(
    pair: *mut spook_pair,
    candidate: *const spook_candidate,
    options: *const spook_write_options,
    out: *mut spook_candidate,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let object = scope.pair(pair)?;
            let candidate = Candidate::from(required(candidate, "candidate")?);
            tell(out, object.pair.revert(&candidate, write_options(options)?)?);
            Ok(())
        })
    }
}
