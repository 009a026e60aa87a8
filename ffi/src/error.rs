//! The error object: what a caller may know beside the code.

use crate::args::Out;
use crate::boundary::plain;
use crate::codes::SPOOK_OK;
use crate::failure::Failure;
use crate::objects::{self, spook_error};
use crate::version::{spook_code_advice, spook_code_fault, spook_code_name, spook_code_what};
use crate::write::spook_candidate;
use spook::Code;
use std::ffi::c_char;

/// The code of an error, the same that the call returned. SPOOK_E_NULL for NULL, SPOOK_E_CLOSED for a freed error.
///
/// Ownership: borrows the error.
/// Thread: any.
/// Blocking: no.
/// Errors: as said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_error_code(error: *const spook_error) -> i32 {
    plain(crate::codes::SPOOK_E_PANIC, || match objects::get(error) {
        Ok(object) => object.code.number(),
        Err(failure) => failure.code.number(),
    })
}

/// The name of the error's code, such as "NOT_FOUND".
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: for NULL and a freed error, the text of that mistake.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_error_name(error: *const spook_error) -> *const c_char {
    // SAFETY: a handle is looked up, never followed.
    spook_code_name(unsafe { spook_error_code(error) })
}

/// What happened, one sentence.
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: for NULL and a freed error, the text of that mistake.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_error_what(error: *const spook_error) -> *const c_char {
    // SAFETY: a handle is looked up, never followed.
    spook_code_what(unsafe { spook_error_code(error) })
}

/// Whose fault it is: "caller", "peer", "environment", "data" or "bug".
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: for NULL and a freed error, the text of that mistake.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_error_fault(error: *const spook_error) -> *const c_char {
    // SAFETY: a handle is looked up, never followed.
    spook_code_fault(unsafe { spook_error_code(error) })
}

/// What to do.
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: for NULL and a freed error, the text of that mistake.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_error_advice(error: *const spook_error) -> *const c_char {
    // SAFETY: a handle is looked up, never followed.
    spook_code_advice(unsafe { spook_error_code(error) })
}

/// The details of this occurrence: which argument, path, address, or what the operating system said. May be empty.
///
/// Ownership: the text belongs to the error and is good until it is freed.
/// Thread: any.
/// Blocking: no.
/// Errors: an empty text for NULL and a freed error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_error_detail(error: *const spook_error) -> *const c_char {
    plain(c"".as_ptr(), || objects::get(error).map_or(c"".as_ptr(), |object| object.detail.as_ptr()))
}

/// Everything in one line for a log: name, what happened, details, what to do.
///
/// Ownership: the text belongs to the error and is good until it is freed.
/// Thread: any.
/// Blocking: no.
/// Errors: an empty text for NULL and a freed error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_error_text(error: *const spook_error) -> *const c_char {
    plain(c"".as_ptr(), || objects::get(error).map_or(c"".as_ptr(), |object| object.text.as_ptr()))
}

/// The write that was done though the call failed: with SPOOK_E_DECOHERED while its outcome is open, with SPOOK_E_VOIDED when it was decided
/// against.
///
/// Ownership: borrows the error; copies to `out`.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL for either argument, SPOOK_E_CLOSED for a freed error, SPOOK_E_NOT_FOUND for an error of a call that wrote nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_error_candidate(error: *const spook_error, out: *mut spook_candidate) -> i32 {
    let body = || {
        // SAFETY: `out` is as the header asks.
        let (object, out) = (objects::get(error)?, unsafe { Out::new(out, "out")? });
        out.set(object.candidate.ok_or(Failure::new(Code::NotFound, ""))?.into());
        Ok(())
    };
    plain(crate::codes::SPOOK_E_PANIC, || body().map_or_else(|failure: Failure| failure.code.number(), |()| SPOOK_OK))
}

/// Frees an error. NULL and an error that was freed before do nothing.
///
/// Ownership: takes the error.
/// Thread: any.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_error_free(error: *mut spook_error) {
    plain((), || drop(objects::take(error.cast_const())));
}
