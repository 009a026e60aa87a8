//! Arguments: pointers that are checked before they are used. Each `unsafe fn` here asks of its caller what the header asks of C: a pointer
//! that is not NULL points to as much as its length or type says, for the time of the call.

use crate::failure::Failure;
use spook::Code;
use std::ffi::{c_char, c_void};
use std::ptr::NonNull;
use std::time::Duration;

/// A place for a result. It is written once the call has succeeded.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// # Safety
    /// `place` is NULL or valid for a write of `T` until the call ends.
    pub(crate) unsafe fn new(place: *mut T, argument: &'static str) -> Result<Out<T>, Failure> {
        NonNull::new(place).map(Out).ok_or(Failure::null(argument))
    }

    pub(crate) fn set(self, value: T) {
        // SAFETY: `new` was promised that the place may be written to.
        unsafe { self.0.write(value) }
    }
}

/// Bytes of the caller.
///
/// # Safety
/// `data` is NULL or valid for reads of `len` bytes, unchanged for the time of the call.
pub(crate) unsafe fn bytes<'a>(data: *const u8, len: usize, argument: &'static str) -> Result<&'a [u8], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Failure::null(argument));
    }
    if isize::try_from(len).is_err() {
        return Err(Failure::invalid(format!("{argument} has a length of {len}")));
    }
    // SAFETY: not NULL, and the caller promises `len` bytes behind it.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// Text of the caller.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(data: *const c_char, len: usize, argument: &'static str) -> Result<&'a str, Failure> {
    // SAFETY: the same promise.
    let bytes = unsafe { bytes(data.cast(), len, argument)? };
    std::str::from_utf8(bytes)
        .map_err(|error| Failure::new(Code::Utf8, format!("{argument}: byte {} of {len} is not part of UTF-8", error.valid_up_to())))
}

/// An array of the caller.
///
/// # Safety
/// `first` is NULL or points to `count` values of the type, aligned and unchanged for the time of the call.
pub(crate) unsafe fn array<'a, T>(first: *const T, count: usize, argument: &'static str) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() {
        return Err(Failure::null(argument));
    }
    if count.checked_mul(size_of::<T>()).is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        return Err(Failure::invalid(format!("{argument} has a count of {count}")));
    }
    // SAFETY: not NULL, of a size that memory can have, and the caller promises `count` values behind it.
    Ok(unsafe { std::slice::from_raw_parts(first, count) })
}

/// A value of the caller, read through its pointer.
///
/// # Safety
/// `place` is NULL or points to a `T`, aligned and unchanged for the time of the call.
pub(crate) unsafe fn required<'a, T>(place: *const T, argument: &'static str) -> Result<&'a T, Failure> {
    // SAFETY: the caller promises a `T` where it is not NULL.
    unsafe { place.as_ref() }.ok_or(Failure::null(argument))
}

/// The longest time that is waited for: 68 years. Clocks overflow beyond some limit; nobody waits for it.
const FOREVER: Duration = Duration::from_secs(i32::MAX as u64);

/// A timeout in milliseconds; a negative one is none.
pub(crate) fn timeout(ms: i64) -> Option<Duration> {
    u64::try_from(ms).ok().map(|ms| Duration::from_millis(ms).min(FOREVER))
}

/// The same for calls that need a number.
pub(crate) fn timeout_or_forever(ms: i64) -> Duration {
    timeout(ms).unwrap_or(FOREVER)
}

/// A pointer that travels to another thread unread.
#[derive(Clone, Copy)]
pub(crate) struct UserData(pub(crate) *mut c_void);

// SAFETY: libspook only hands it back. The header says that the functions it is handed to run on a thread of the engine.
unsafe impl Send for UserData {}
// SAFETY: as above; of functions that run on several threads at the same time the header says so.
unsafe impl Sync for UserData {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    #[test]
    fn null_is_legal_with_zero_only() {
        // SAFETY: nothing is read through NULL.
        unsafe {
            assert_eq!(text(ptr::null(), 0, "a").unwrap(), "");
            assert_eq!(text(ptr::null(), 1, "a").unwrap_err().code, Code::Null);
            assert_eq!(array::<u64>(ptr::null(), 1, "a").unwrap_err().code, Code::Null);
        }
    }

    #[test]
    fn impossible_lengths_are_refused_unread() {
        let byte = 0u64;
        // SAFETY: the lengths are refused before anything is read.
        unsafe {
            assert_eq!(bytes((&raw const byte).cast(), usize::MAX, "a").unwrap_err().code, Code::Invalid);
            assert_eq!(array(&raw const byte, usize::MAX / 4, "a").unwrap_err().code, Code::Invalid);
        }
    }

    #[test]
    fn text_is_utf8_and_may_hold_nul() {
        // SAFETY: both slices are as long as said.
        unsafe {
            assert_eq!(text(c"a\xff".as_ptr(), 2, "path").unwrap_err().detail, "path: byte 1 of 2 is not part of UTF-8");
            assert_eq!(text(b"a\0b".as_ptr().cast(), 3, "path").unwrap(), "a\0b");
        }
    }

    #[test]
    fn timeouts_beyond_any_clock_are_cut() {
        assert_eq!(timeout(-1), None);
        assert_eq!(timeout(0), Some(Duration::ZERO));
        assert_eq!(timeout(i64::MAX), Some(FOREVER));
        assert!(std::time::Instant::now().checked_add(FOREVER).is_some());
    }
}
