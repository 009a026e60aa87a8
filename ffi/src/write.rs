//! Writing to a Pair. A path is a JSON Pointer (RFC 6901); the empty one is the whole state.

use crate::args::{self, Out, required};
use crate::boundary::entry;
use crate::failure::Failure;
use crate::id::spook_id;
use crate::objects::{spook_error, spook_pair};
use crate::value::{spook_text, spook_value};
use spook::{Action, Author, Candidate, Code, Dot, EndpointId, Operation, Stamp, Value, cbor, json};
use std::ffi::c_char;

/// A write, by the name that every half knows it by.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_candidate {
    /// The endpoint that wrote it.
    pub author: spook_id,
    /// Its arrival number at its author.
    pub number: u64,
    /// Its stamp: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16.
    pub stamp: u64,
    /// How many cells it set or removed.
    pub cells: u64,
    /// The author epoch.
    pub epoch: u32,
    /// Zero.
    pub reserved: u32,
}

impl From<Candidate> for spook_candidate {
    fn from(candidate: Candidate) -> spook_candidate {
        spook_candidate {
            author: candidate.dot.author.endpoint.into(),
            number: candidate.dot.number,
            stamp: candidate.stamp.bits(),
            cells: candidate.cells as u64,
            epoch: candidate.dot.author.epoch,
            reserved: 0,
        }
    }
}

impl From<&spook_candidate> for Candidate {
    fn from(given: &spook_candidate) -> Candidate {
        let author = Author { endpoint: EndpointId::from_bytes(given.author.bytes), epoch: given.epoch };
        Candidate {
            dot: Dot { author, number: given.number },
            stamp: Stamp::from_bits(given.stamp),
            cells: usize::try_from(given.cells).unwrap_or(usize::MAX),
        }
    }
}

/// Puts a value at a path.
pub const SPOOK_SET: u32 = 1;
/// Removes what is at a path.
pub const SPOOK_DELETE: u32 = 2;
/// Adds a number to a counter: SPOOK_INT64, negative to take away. Concurrent increments add up.
pub const SPOOK_INCREMENT: u32 = 3;
/// Adds an element to a set.
pub const SPOOK_ADD: u32 = 4;
/// Takes an element out of a set.
pub const SPOOK_REMOVE: u32 = 5;

/// One operation of a candidate.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_operation {
    /// SPOOK_SET to SPOOK_REMOVE.
    pub action: u32,
    /// Where.
    pub path: spook_text,
    /// What, for all but SPOOK_DELETE.
    pub value: spook_value,
}

/// Writes a value at a path. The write is visible here at once and travels to the other half when it is linked; in a strong Pair it returns
/// when it is committed at both. `out` may be NULL.
///
/// Ownership: path and value are read during the call only; copies to `out`.
/// Thread: any, also inside an observer; there, of a strong Pair, it holds up the observers that come after.
/// Blocking: for as long as the disk takes, with SPOOK_DURABILITY_SYNC; in a strong Pair up to its write timeout.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_POINTER, SPOOK_E_TYPE, SPOOK_E_INVALID, SPOOK_E_NAN, SPOOK_E_TOO_LARGE,
/// SPOOK_E_BACKPRESSURE, SPOOK_E_FAILED, SPOOK_E_IO, SPOOK_E_REENTRANT, SPOOK_E_FORKED, SPOOK_E_PANIC. Nothing is written then. In a strong
/// Pair also SPOOK_E_DECOHERED and SPOOK_E_VOIDED, as spook_write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_write_state(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    value: *const spook_value,
    out: *mut spook_candidate,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { write(pair, path, path_len, out, error, || required(value, "value")?.read()) }
}

/// Writes a value given as JSON (RFC 8259). `out` may be NULL.
///
/// Ownership: path and text are read during the call only; copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: as spook_write_state.
/// Errors: those of spook_write_state; SPOOK_E_INVALID for text that is no JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_write_state_json(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    text: *const c_char,
    text_len: usize,
    out: *mut spook_candidate,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { write(pair, path, path_len, out, error, || Ok(json::from_str(args::text(text, text_len, "text")?)?)) }
}

/// Writes a value given as CBOR (RFC 8949). `out` may be NULL.
///
/// Ownership: path and bytes are read during the call only; copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: as spook_write_state.
/// Errors: those of spook_write_state; SPOOK_E_INVALID for bytes that are no CBOR.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_write_state_cbor(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    data: *const u8,
    data_len: usize,
    out: *mut spook_candidate,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { write(pair, path, path_len, out, error, || Ok(cbor::from_slice(args::bytes(data, data_len, "data")?)?)) }
}

/// # Safety
/// The pointers are as the header asks.
unsafe fn write(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_candidate,
    error: *mut *mut spook_error,
    value: impl FnOnce() -> Result<Value, Failure>,
) -> i32 {
    // SAFETY: as promised.
    unsafe {
        entry(error, |scope| {
            let object = scope.pair(pair)?;
            let path = args::text(path, path_len, "path")?;
            let candidate = object.pair.write_state(path, value()?)?;
            tell(out, candidate);
            Ok(())
        })
    }
}

/// # Safety
/// `out` is NULL or valid for a write.
pub(crate) unsafe fn tell(out: *mut spook_candidate, candidate: Candidate) {
    if !out.is_null() {
        // SAFETY: as promised.
        unsafe { out.write(candidate.into()) }
    }
}

/// Removes what is at a path. `out` may be NULL.
///
/// Ownership: the path is read during the call only; copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: as spook_write_state.
/// Errors: those of spook_write_state; SPOOK_E_NOT_FOUND where nothing is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_delete_state(
    pair: *mut spook_pair,
    path: *const c_char,
    path_len: usize,
    out: *mut spook_candidate,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let object = scope.pair(pair)?;
            let candidate = object.pair.delete_state(args::text(path, path_len, "path")?)?;
            tell(out, candidate);
            Ok(())
        })
    }
}

/// Does several operations as one candidate: every half sees all of them or none. Their paths must not lie below one another. `out` may
/// be NULL.
///
/// Ownership: the operations are read during the call only; copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: as spook_write_state.
/// Errors: those of spook_write_state and spook_delete_state; SPOOK_E_INVALID for no operation at all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_write_many(
    pair: *mut spook_pair,
    operations: *const spook_operation,
    count: usize,
    out: *mut spook_candidate,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let object = scope.pair(pair)?;
            let candidate = object.pair.write_all(&operations_of(operations, count)?)?;
            tell(out, candidate);
            Ok(())
        })
    }
}

/// # Safety
/// The pointers are as the header asks.
pub(crate) unsafe fn operations_of<'a>(given: *const spook_operation, count: usize) -> Result<Vec<Operation<'a>>, Failure> {
    // SAFETY: as promised.
    unsafe { args::array(given, count, "operations")?.iter().map(|given| operation(given)).collect() }
}

/// # Safety
/// The pointers in it are as the header asks.
unsafe fn operation(given: &spook_operation) -> Result<Operation<'_>, Failure> {
    // SAFETY: as promised.
    let path = unsafe { args::text(given.path.data, given.path.len, "operation.path")? };
    // SAFETY: as promised.
    let value = || unsafe { given.value.read() };
    let action = match given.action {
        SPOOK_SET => Action::Set(value()?),
        SPOOK_DELETE => Action::Delete,
        SPOOK_INCREMENT => match value()? {
            Value::Int(by) => Action::Increment(by),
            other => return Err(Failure::new(Code::Type, format!("a counter is incremented by an int64, not by a {}", other.type_name()))),
        },
        SPOOK_ADD => Action::Add(value()?),
        SPOOK_REMOVE => Action::Remove(value()?),
        other => return Err(Failure::invalid(format!("operation.action is {other}"))),
    };
    Ok(Operation { path, action })
}

/// Whether a candidate of this half is settled: final at both halves, committed or voided.
///
/// Ownership: the candidate is read during the call only; copies to `out`.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_INVALID for a candidate of the peer, SPOOK_E_NOT_FOUND, SPOOK_E_REENTRANT, SPOOK_E_FORKED,
/// SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_is_settled(
    pair: *mut spook_pair,
    candidate: *const spook_candidate,
    out: *mut bool,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            let candidate = Candidate::from(required(candidate, "candidate")?);
            out.set(object.pair.is_settled(&candidate)?);
            Ok(())
        })
    }
}
