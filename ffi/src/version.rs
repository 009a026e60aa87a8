//! Which library this is.

use crate::codes::SPOOK_OK;
use spook::Code;
use std::ffi::{CStr, c_char};

/// The version of the binary interface. It changes only when a program that was built against an older header must be built again.
pub const SPOOK_ABI_VERSION: u32 = 1;

const fn text(bytes: &'static [u8]) -> &'static CStr {
    match CStr::from_bytes_with_nul(bytes) {
        Ok(text) => text,
        Err(_) => panic!("a text of this file has no NUL at its end"),
    }
}

const VERSION: &CStr = text(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes());

#[cfg(debug_assertions)]
const BUILD: &CStr = text(concat!("libspook ", env!("CARGO_PKG_VERSION"), ", abi 1, debug\0").as_bytes());
#[cfg(not(debug_assertions))]
const BUILD: &CStr = text(concat!("libspook ", env!("CARGO_PKG_VERSION"), ", abi 1, release\0").as_bytes());

/// The version of the library, such as "0.1.0"; SPOOK_VERSION is that of the header.
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn spook_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The SPOOK_ABI_VERSION that the library was built with. A program that was not linked against the library when it was built compares
/// the two before anything else, and says SPOOK_E_ABI when they differ.
///
/// Ownership: nothing is passed.
/// Thread: any.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn spook_abi_version() -> u32 {
    SPOOK_ABI_VERSION
}

/// How the library was built, in one line for reports of errors.
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn spook_build_info() -> *const c_char {
    BUILD.as_ptr()
}

const NAME: usize = 0;
const WHAT: usize = 1;
const FAULT: usize = 2;
const ADVICE: usize = 3;

const fn text_of(code: Code, which: usize) -> &'static str {
    match which {
        NAME => code.name(),
        WHAT => code.what(),
        FAULT => code.fault().name(),
        _ => code.advice(),
    }
}

const fn total() -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < 4 * Code::ALL.len() {
        sum += text_of(Code::ALL[at / 4], at % 4).len() + 1;
        at += 1;
    }
    sum
}

/// The four texts of every code one after the other, each with the NUL that C wants and Rust's texts lack.
static TEXTS: [u8; total()] = {
    let mut bytes = [0; total()];
    let (mut end, mut at) = (0, 0);
    while at < 4 * Code::ALL.len() {
        let text = text_of(Code::ALL[at / 4], at % 4).as_bytes();
        let mut byte = 0;
        while byte < text.len() {
            bytes[end + byte] = text[byte];
            byte += 1;
        }
        end += text.len() + 1;
        at += 1;
    }
    bytes
};

fn of_code(code: i32, ok: &'static CStr, which: usize) -> *const c_char {
    if code == SPOOK_OK {
        return ok.as_ptr();
    }
    let Some(index) = Code::ALL.iter().position(|known| known.number() == code) else { return c"unknown".as_ptr() };
    let before = (0..4 * index + which).map(|at| text_of(Code::ALL[at / 4], at % 4).len() + 1);
    TEXTS[before.sum::<usize>()..].as_ptr().cast()
}

/// The name of a code without its prefix, such as "NOT_FOUND"; "OK" for SPOOK_OK, "unknown" for a number that is no code.
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn spook_code_name(code: i32) -> *const c_char {
    of_code(code, c"OK", NAME)
}

/// What a code says has happened, one sentence.
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn spook_code_what(code: i32) -> *const c_char {
    of_code(code, c"Success.", WHAT)
}

/// Whose fault an error with this code is: "caller", "peer", "environment", "data" or "bug"; "none" for SPOOK_OK.
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn spook_code_fault(code: i32) -> *const c_char {
    of_code(code, c"none", FAULT)
}

/// What to do about an error with this code.
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn spook_code_advice(code: i32) -> *const c_char {
    of_code(code, c"", ADVICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pointer: *const c_char) -> &'static str {
        // SAFETY: every function of this module gives a static text.
        unsafe { CStr::from_ptr(pointer) }.to_str().unwrap()
    }

    #[test]
    fn every_code_has_its_texts() {
        for code in Code::ALL {
            assert_eq!(text(spook_code_name(code.number())), code.name());
            assert_eq!(text(spook_code_what(code.number())), code.what());
            assert_eq!(text(spook_code_fault(code.number())), code.fault().name());
            assert_eq!(text(spook_code_advice(code.number())), code.advice());
        }
        assert_eq!(text(spook_code_name(0)), "OK");
        assert_eq!(text(spook_code_what(12345)), "unknown");
        assert_eq!(spook_code_name(-1), spook_code_name(-1));
    }

    #[test]
    fn the_build_names_version_and_abi() {
        let info = text(spook_build_info());
        assert!(info.contains(text(spook_version())) && info.contains(&format!("abi {SPOOK_ABI_VERSION},")), "{info}");
    }
}
