//! The one owned type that a caller must free.

use crate::boundary::plain;
use std::mem::ManuallyDrop;

/// Bytes that libspook allocated and the caller owns. Behind the last byte stands a 0 that `len` does not count, so that text is a C string.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_buf {
    /// The first byte; NULL when there are none.
    pub data: *mut u8,
    /// How many bytes there are.
    pub len: usize,
    /// For spook_buf_free; leave it as it is.
    pub capacity: usize,
}

impl spook_buf {
    pub(crate) const EMPTY: spook_buf = spook_buf { data: std::ptr::null_mut(), len: 0, capacity: 0 };

    pub(crate) fn copy(bytes: &[u8]) -> spook_buf {
        let mut owned = Vec::with_capacity(bytes.len() + 1);
        owned.extend_from_slice(bytes);
        spook_buf::from(owned)
    }
}

impl From<Vec<u8>> for spook_buf {
    fn from(mut bytes: Vec<u8>) -> spook_buf {
        let len = bytes.len();
        bytes.push(0);
        let mut bytes = ManuallyDrop::new(bytes);
        spook_buf { data: bytes.as_mut_ptr(), len, capacity: bytes.capacity() }
    }
}

impl From<String> for spook_buf {
    fn from(text: String) -> spook_buf {
        spook_buf::from(text.into_bytes())
    }
}

/// Frees the bytes of a buffer and makes it empty: freeing the same struct again does nothing.
///
/// Ownership: takes the bytes, not the struct; `buf` may be NULL.
/// Thread: any; one at a time for one buffer.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_buf_free(buf: *mut spook_buf) {
    plain((), || {
        // SAFETY: NULL or a buffer, as the header asks.
        let Some(buf) = (unsafe { buf.as_mut() }) else { return };
        let taken = std::mem::replace(buf, spook_buf::EMPTY);
        if !taken.data.is_null() {
            // SAFETY: data and capacity are those of the Vec that From<Vec<u8>> let go, and the struct is empty from now on.
            drop(unsafe { Vec::from_raw_parts(taken.data, 0, taken.capacity) });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_ends_with_nul_and_is_freed_once() {
        let mut buf = spook_buf::copy(b"ab");
        // SAFETY: the buffer holds three bytes, the NUL included.
        let bytes = unsafe { std::slice::from_raw_parts(buf.data, 3) };
        assert_eq!((bytes, buf.len), (&b"ab\0"[..], 2));
        // SAFETY: a buffer, an empty one, and NULL.
        unsafe {
            spook_buf_free(&raw mut buf);
            assert!(buf.data.is_null() && buf.len == 0);
            spook_buf_free(&raw mut buf);
            spook_buf_free(std::ptr::null_mut());
        }
    }
}
