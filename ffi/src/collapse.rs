//! Collapsing a Pair, and what is superposed in it.

use crate::args::{self, Out, timeout_or_forever};
use crate::boundary::entry;
use crate::buffer::spook_buf;
use crate::failure::Failure;
use crate::objects::{spook_error, spook_pair};
use crate::pair::spook_state_id;
use crate::sized::{self, SizedOut, Versioned};
use crate::state::{as_cbor, as_json};
use crate::tree;
use spook::{CollapseOptions, Value};
use std::ffi::c_char;
use std::mem::offset_of;

/// How a collapse is asked for. All zero but `struct_size` is the default: spook_collapse_options_init() gives that.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_collapse_options {
    /// sizeof(spook_collapse_options).
    pub struct_size: u32,
    /// Not 0: wait until everything written so far is committed: final at both halves.
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
    /// 1 if everything is committed, else 0.
    pub settled: u32,
    /// The state.
    pub state: spook_state_id,
    /// How many conflicts came to an end since the last collapse at this half. Only the collapse that counts them can list them:
    /// spook_collapse_json.
    pub resolved: u64,
}

// SAFETY: repr(C), a u32 first, integers only.
unsafe impl Versioned for spook_collapse_result {
    const NAME: &'static str = "spook_collapse_result";
    const ENDS: &'static [usize] = &[offset_of!(spook_collapse_result, resolved), size_of::<spook_collapse_result>()];
}

/// Folds what is pending into one state and tells which one it is. With `settled` it waits until everything is committed, final at both halves; when
/// the timeout comes first, `out->settled` is 0, nothing is lost, and it goes on settling. NULL options are the defaults. Set
/// `out->struct_size` before the call: spook_collapse_result_init() does.
///
/// Ownership: the options are read during the call only; copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: with `settled`, up to the timeout.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_INVALID, SPOOK_E_IO, SPOOK_E_REENTRANT, SPOOK_E_FORKED, SPOOK_E_PANIC.
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
            let collapse = object.pair.collapse(collapse_options(options)?)?;
            out.set(&spook_collapse_result {
                struct_size: 0,
                settled: collapse.settled.into(),
                state: collapse.state.into(),
                resolved: collapse.resolved.len() as u64,
            });
            Ok(())
        })
    }
}

/// # Safety
/// `given` is as the header asks.
unsafe fn collapse_options(given: *const spook_collapse_options) -> Result<CollapseOptions, Failure> {
    // SAFETY: as promised.
    let given = unsafe { sized::read(given)? };
    Ok(CollapseOptions { timeout: timeout_or_forever(given.timeout_ms), settled: given.settled != 0 })
}

/// As spook_collapse, with all that is known of it as a JSON object: "settled"; "state" with "count" and "digest"; "registers", the digest
/// of each register that the schema names, all of the same moment; "resolved", an array of the conflicts that came to an end since the last
/// collapse at this half (the last 1024), each with its "path", the "value" that came of it (none if it was deleted) and how many
/// "candidates" there were. Digests are text of 32 hexadecimal digits.
///
/// Ownership: the options are read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: as spook_collapse.
/// Errors: those of spook_collapse.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_collapse_json(
    pair: *mut spook_pair,
    options: *const spook_collapse_options,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { collapse_tree(pair, options, out, error, as_json) }
}

/// As spook_collapse_json, as CBOR.
///
/// Ownership: the options are read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: as spook_collapse.
/// Errors: those of spook_collapse.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_collapse_cbor(
    pair: *mut spook_pair,
    options: *const spook_collapse_options,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { collapse_tree(pair, options, out, error, as_cbor) }
}

/// # Safety
/// The pointers are as the header asks.
unsafe fn collapse_tree(
    pair: *mut spook_pair,
    options: *const spook_collapse_options,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
    encode: fn(&Value) -> spook_buf,
) -> i32 {
    // SAFETY: as promised.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            out.set(encode(&tree::of_collapse(&object.pair.collapse(collapse_options(options)?)?)));
            Ok(())
        })
    }
}

/// What is superposed at and below a path, as a JSON array: of each conflict its "path" and its "candidates", and the "failure" of the rule
/// that should decide, if it could not. A candidate has its "value" (none if it deletes), "author", "epoch", "number", "stamp", and whether
/// it is "committed". They stand in the order in which the rule takes them; without a rule the last one shows.
///
/// Ownership: the prefix is read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_POINTER, SPOOK_E_REENTRANT, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_conflicts_json(
    pair: *mut spook_pair,
    prefix: *const c_char,
    prefix_len: usize,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { conflicts(pair, prefix, prefix_len, out, error, as_json) }
}

/// As spook_conflicts_json, as CBOR.
///
/// Ownership: the prefix is read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: those of spook_conflicts_json.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_conflicts_cbor(
    pair: *mut spook_pair,
    prefix: *const c_char,
    prefix_len: usize,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { conflicts(pair, prefix, prefix_len, out, error, as_cbor) }
}

/// # Safety
/// The pointers are as the header asks.
unsafe fn conflicts(
    pair: *mut spook_pair,
    prefix: *const c_char,
    prefix_len: usize,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
    encode: fn(&Value) -> spook_buf,
) -> i32 {
    // SAFETY: as promised.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            let conflicts = object.pair.conflicts(args::text(prefix, prefix_len, "prefix")?)?;
            out.set(encode(&tree::of_conflicts(&conflicts)));
            Ok(())
        })
    }
}
