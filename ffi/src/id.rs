//! Names of endpoints and Pairs.

use crate::args::{Out, required};
use crate::boundary::entry;
use crate::buffer::spook_buf;
use crate::objects::spook_error;
use spook::{EndpointId, PairId};

/// The 16 bytes of a UUID that names an endpoint or a Pair.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_id {
    /// In the order in which the text shows them.
    pub bytes: [u8; 16],
}

impl From<EndpointId> for spook_id {
    fn from(id: EndpointId) -> spook_id {
        spook_id { bytes: *id.as_bytes() }
    }
}

impl From<PairId> for spook_id {
    fn from(id: PairId) -> spook_id {
        spook_id { bytes: *id.as_bytes() }
    }
}

/// The id as text, 36 letters such as "018f2b6c-...".
///
/// Ownership: the caller owns `out` and frees it with spook_buf_free.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_id_text(id: *const spook_id, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    let body = || {
        // SAFETY: the pointers are as the header asks.
        let (id, out) = unsafe { (required(id, "id")?, Out::new(out, "out")?) };
        // A UUID looks the same whatever it names.
        out.set(EndpointId::from_bytes(id.bytes).to_string().into());
        Ok(())
    };
    // SAFETY: `error` is as the header asks.
    unsafe { entry(error, |_| body()) }
}
