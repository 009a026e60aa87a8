//! Presence: what the two sides of a Pair show each other while they are linked, and nobody stores.

use crate::args::{self, Out};
use crate::boundary::entry;
use crate::buffer::spook_buf;
use crate::objects::{spook_error, spook_pair};
use crate::state::{as_cbor, as_json};
use crate::value::spook_value;
use spook::Value;
use std::ffi::c_char;

/// Shows the peer a value under a key while there is a link; NULL shows nothing there any more. It is not part of the state and nowhere
/// stored. A slow link gets the last value of each key, and each new link gets all of them.
///
/// Ownership: key and value are read during the call only.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_INVALID for an empty key, SPOOK_E_NAN, SPOOK_E_TOO_LARGE for a key of more
/// than 256 bytes, a value of more than 4096, or more than 64 keys, SPOOK_E_REENTRANT, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_set_presence(
    pair: *mut spook_pair,
    key: *const c_char,
    key_len: usize,
    value: *const spook_value,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let object = scope.pair(pair)?;
            let key = args::text(key, key_len, "key")?;
            let value = value.as_ref().map(|value| value.read()).transpose()?;
            Ok(object.pair.set_presence(key, value)?)
        })
    }
}

/// What the peer shows at present, as a JSON object of its keys. Empty while there is no link.
///
/// Ownership: the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_REENTRANT, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_presence_json(pair: *mut spook_pair, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { presence(pair, out, error, as_json) }
}

/// As spook_presence_json, as a CBOR map.
///
/// Ownership: the caller owns `out` and frees it with spook_buf_free.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: those of spook_presence_json.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_presence_cbor(pair: *mut spook_pair, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { presence(pair, out, error, as_cbor) }
}

/// # Safety
/// The pointers are as the header asks.
unsafe fn presence(pair: *mut spook_pair, out: *mut spook_buf, error: *mut *mut spook_error, encode: fn(&Value) -> spook_buf) -> i32 {
    // SAFETY: as promised.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            out.set(encode(&Value::object(object.pair.presence()?)));
            Ok(())
        })
    }
}
