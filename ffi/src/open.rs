//! Creating a Pair, and opening one that exists.

use crate::args::{self, Out, timeout_or_forever};
use crate::boundary::entry;
use crate::failure::Failure;
use crate::objects::{self, Children, EngineObject, PairObject, spook_engine, spook_error, spook_pair};
use crate::sized::{self, Versioned};
use crate::value::{spook_text, spook_value};
use spook::{Code, Durability, PairOptions, Value, json};
use std::ffi::c_char;
use std::mem::offset_of;
use std::sync::Arc;

/// Writes follow each other into the ledger with a bounded delay.
pub const SPOOK_DURABILITY_BATCHED: u32 = 0;
/// Nothing is written to the ledger.
pub const SPOOK_DURABILITY_MEMORY: u32 = 1;
/// A write returns when it is in the ledger.
pub const SPOOK_DURABILITY_SYNC: u32 = 2;

/// How a Pair is created. All zero but `struct_size` is the default: spook_pair_options_init() gives that.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_pair_options {
    /// sizeof(spook_pair_options).
    pub struct_size: u32,
    /// SPOOK_DURABILITY_*.
    pub durability: u32,
    /// What both sides agree on, as a JSON object (docs/schema.md): rules by path, consistency, guards, registers. Empty is {}: any value
    /// anywhere, and of concurrent writes the last one wins. It stays for the whole life of the Pair.
    pub schema: spook_text,
    /// For how many milliseconds a write of a strong Pair waits for its outcome at this half; 0 is 10000, a negative number has no limit.
    /// It is not stored: a Pair that is opened by its name or a ticket has the default.
    pub write_timeout_ms: i64,
}

// SAFETY: repr(C), a u32 first, and zero is a value of integers and raw pointers.
unsafe impl Versioned for spook_pair_options {
    const NAME: &'static str = "spook_pair_options";
    const ENDS: &'static [usize] =
        &[offset_of!(spook_pair_options, schema), offset_of!(spook_pair_options, write_timeout_ms), size_of::<spook_pair_options>()];
}

/// Creates a Pair in the ledger. `name` is unique there; `initial` may be NULL for an empty object. NULL options are the defaults.
///
/// Ownership: name, initial value and options are read during the call only; the caller owns the Pair's handle and closes it with
/// spook_pair_close, or lets spook_close do it.
/// Thread: any, also inside an observer.
/// Blocking: for as long as the disk takes, with SPOOK_DURABILITY_SYNC.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_EXISTS, SPOOK_E_UTF8, SPOOK_E_INVALID, SPOOK_E_NAN, SPOOK_E_TOO_LARGE,
/// SPOOK_E_SCHEMA, SPOOK_E_TYPE where the initial value does not fit the schema, SPOOK_E_IO, SPOOK_E_REENTRANT, SPOOK_E_FORKED,
/// SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_create_pair(
    engine: *mut spook_engine,
    name: *const c_char,
    name_len: usize,
    initial: *const spook_value,
    options: *const spook_pair_options,
    out: *mut *mut spook_pair,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.engine(engine)?, Out::new(out, "out")?);
            let name = args::text(name, name_len, "name")?;
            let initial = initial.as_ref().map_or(Ok(Value::empty_object()), |value| value.read())?;
            let options = pair_options(options)?;
            out.set(pair(object, object.engine.create_pair(name, initial, options)?)?);
            Ok(())
        })
    }
}

/// # Safety
/// `given` is as the header asks.
unsafe fn pair_options(given: *const spook_pair_options) -> Result<PairOptions, Failure> {
    // SAFETY: as promised.
    let given = unsafe { sized::read(given)? };
    let durability = match given.durability {
        SPOOK_DURABILITY_BATCHED => Durability::Batched,
        SPOOK_DURABILITY_MEMORY => Durability::Memory,
        SPOOK_DURABILITY_SYNC => Durability::Sync,
        other => return Err(Failure::invalid(format!("options.durability is {other}"))),
    };
    // SAFETY: as promised.
    let schema = match unsafe { args::text(given.schema.data, given.schema.len, "options.schema")? } {
        "" => Value::empty_object(),
        text => json::from_str(text).map_err(|error| Failure::new(Code::Schema, error.detail().to_owned()))?,
    };
    let mut options = PairOptions::with_schema(schema);
    options.durability = durability;
    options.write_timeout = (given.write_timeout_ms != 0).then(|| timeout_or_forever(given.write_timeout_ms));
    Ok(options)
}

/// Opens a Pair by a ticket of its other half, or by the name of one that is in the ledger already. With a ticket it returns when the Pair
/// is formed and its state is here. A negative timeout is none.
///
/// Ownership: the text is read during the call only; the caller owns the Pair's handle and closes it with spook_pair_close, or lets
/// spook_close do it.
/// Thread: any.
/// Blocking: with a ticket, up to the timeout; with a name, no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_NOT_FOUND, SPOOK_E_TICKET_INVALID, SPOOK_E_TICKET_EXPIRED,
/// SPOOK_E_TICKET_USED, SPOOK_E_UNREACHABLE, SPOOK_E_TIMEOUT, SPOOK_E_EXISTS, SPOOK_E_REFUSED, SPOOK_E_VERSION, SPOOK_E_PROTOCOL,
/// SPOOK_E_IO, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_open_pair(
    engine: *mut spook_engine,
    ticket_or_name: *const c_char,
    ticket_or_name_len: usize,
    timeout_ms: i64,
    out: *mut *mut spook_pair,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.engine(engine)?, Out::new(out, "out")?);
            let text = args::text(ticket_or_name, ticket_or_name_len, "ticket_or_name")?;
            out.set(pair(object, object.engine.open_pair(text, timeout_or_forever(timeout_ms))?)?);
            Ok(())
        })
    }
}

fn pair(engine: &Arc<EngineObject>, pair: spook::Pair) -> Result<*mut spook_pair, Failure> {
    let object = PairObject { pair, engine: Arc::clone(engine), subscriptions: Children::default() };
    let handle = objects::insert::<spook_pair>(Arc::new(object))?;
    engine.pairs.add(handle);
    Ok(handle)
}
