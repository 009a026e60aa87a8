//! A panic on demand, in a library that is otherwise built like the shipped one.

use crate::boundary::entry;
use crate::objects::{spook_engine, spook_error};

/// Panics inside a call on the engine. Not part of the interface: the header and the shipped libraries lack it.
///
/// Ownership: borrows the engine.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_test_panic(engine: *mut spook_engine, error: *mut *mut spook_error) -> i32 {
    // SAFETY: `error` is as the header asks.
    unsafe {
        entry(error, |scope| {
            scope.engine(engine)?;
            panic!("forced by spook_test_panic")
        })
    }
}
