//! Reading the state of a Pair. A path is a JSON Pointer (RFC 6901); the empty one is the whole state.

use crate::args::{self, Out};
use crate::boundary::entry;
use crate::buffer::spook_buf;
use crate::objects::{spook_error, spook_pair};
use crate::value::spook_value;
use spook::{Error, Pair, Value, cbor, json};
use std::ffi::c_char;

/// Which view of the state is read.
type View = fn(&Pair, &str) -> Result<Value, Error>;

/// Reads a scalar: of a strong Pair what is committed, of any other everything that was applied here. Text and bytes go to `content`, to
/// which `out` then points; for other kinds `content` becomes empty.
///
/// Ownership: the path is read during the call only; the caller owns `content` and frees it with spook_buf_free, after which the text or
/// bytes of `out` are gone, too.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_POINTER, SPOOK_E_NOT_FOUND, SPOOK_E_TYPE where the path holds an array or
/// object, SPOOK_E_REENTRANT, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_read_state(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_value,
    content: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { read_scalar(Pair::read_state, pair, path, path_len, out, content, error) }
}

/// Reads what is at a path, of whatever kind, as JSON (RFC 8259): integers with all 64 bits, floats with a point or exponent, bytes as
/// {"$bytes": "<base64>"}.
///
/// Ownership: the path is read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_POINTER, SPOOK_E_NOT_FOUND, SPOOK_E_REENTRANT, SPOOK_E_FORKED,
/// SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_read_state_json(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { read_tree((Pair::read_state, as_json), pair, path, path_len, out, error) }
}

/// Reads what is at a path, of whatever kind, as CBOR (RFC 8949) in deterministic encoding: equal values are equal bytes.
///
/// Ownership: the path is read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_POINTER, SPOOK_E_NOT_FOUND, SPOOK_E_REENTRANT, SPOOK_E_FORKED,
/// SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_read_state_cbor(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { read_tree((Pair::read_state, as_cbor), pair, path, path_len, out, error) }
}

/// As spook_read_state, of what is committed: final on both halves, which pass through the same committed states.
///
/// Ownership: the path is read during the call only; the caller owns `content` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: those of spook_read_state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_read_committed(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_value,
    content: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { read_scalar(Pair::read_committed, pair, path, path_len, out, content, error) }
}

/// As spook_read_state_json, of what spook_read_committed reads.
///
/// Ownership: the path is read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: those of spook_read_state_json.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_read_committed_json(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { read_tree((Pair::read_committed, as_json), pair, path, path_len, out, error) }
}

/// As spook_read_state_cbor, of what spook_read_committed reads.
///
/// Ownership: the path is read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: those of spook_read_state_cbor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_read_committed_cbor(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { read_tree((Pair::read_committed, as_cbor), pair, path, path_len, out, error) }
}

/// As spook_read_state, of everything that was applied here, in a strong Pair, too; what is not committed may still change.
///
/// Ownership: the path is read during the call only; the caller owns `content` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: those of spook_read_state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_read_tentative(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_value,
    content: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { read_scalar(Pair::read_tentative, pair, path, path_len, out, content, error) }
}

/// As spook_read_state_json, of what spook_read_tentative reads.
///
/// Ownership: the path is read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: those of spook_read_state_json.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_read_tentative_json(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { read_tree((Pair::read_tentative, as_json), pair, path, path_len, out, error) }
}

/// As spook_read_state_cbor, of what spook_read_tentative reads.
///
/// Ownership: the path is read during the call only; the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: those of spook_read_state_cbor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_read_tentative_cbor(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { read_tree((Pair::read_tentative, as_cbor), pair, path, path_len, out, error) }
}

/// # Safety
/// The pointers are as the header asks.
unsafe fn read_scalar(
    view: View,
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_value,
    content: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: as promised.
    unsafe {
        entry(error, |scope| {
            let (object, out, content) = (scope.pair(pair)?, Out::new(out, "out")?, Out::new(content, "content")?);
            let value = view(&object.pair, args::text(path, path_len, "path")?)?;
            let (scalar, buf) = spook_value::owned(&value)?;
            out.set(scalar);
            content.set(buf);
            Ok(())
        })
    }
}

/// # Safety
/// The pointers are as the header asks.
unsafe fn read_tree(
    (view, encode): (View, fn(&Value) -> spook_buf),
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_buf,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: as promised.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            out.set(encode(&view(&object.pair, args::text(path, path_len, "path")?)?));
            Ok(())
        })
    }
}

/// A value as JSON, in a buffer of the caller.
pub(crate) fn as_json(value: &Value) -> spook_buf {
    json::to_string(value).into()
}

/// A value as CBOR, in a buffer of the caller.
pub(crate) fn as_cbor(value: &Value) -> spook_buf {
    cbor::to_vec(value).into()
}
