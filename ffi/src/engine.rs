//! Engines: opening, closing, and what belongs to no single Pair.

use crate::args::{self, Out, timeout};
use crate::boundary::entry;
use crate::buffer::spook_buf;
use crate::failure::Failure;
use crate::id::spook_id;
use crate::objects::{self, Children, EngineObject, spook_engine, spook_error, spook_pair};
use crate::sized::{self, SizedOut, Versioned};
use crate::value::spook_text;
use spook::{Engine, EngineOptions, Value, json};
use std::ffi::c_char;
use std::mem::offset_of;
use std::sync::Arc;

/// Listen on a private local socket: programs of the same user on this machine reach the engine, nobody else.
pub const SPOOK_LISTEN_LOCAL: u32 = 0;
/// Listen on the addresses given and nowhere else; without any, nowhere.
pub const SPOOK_LISTEN_ADDRESSES: u32 = 1;

/// How an engine opens. All zero but `struct_size` is the default: spook_engine_options_init() gives that.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_engine_options {
    /// sizeof(spook_engine_options).
    pub struct_size: u32,
    /// SPOOK_LISTEN_LOCAL or SPOOK_LISTEN_ADDRESSES.
    pub listen: u32,
    /// Empty or ":memory:": everything in memory. Else the file of the ledger.
    pub location: spook_text,
    /// 32 bytes that encrypt the keys in the ledger, or NULL.
    pub key: *const u8,
    /// For SPOOK_LISTEN_ADDRESSES: addresses such as "unix:/run/home.sock" or "tcp:0.0.0.0:7700".
    pub addresses: *const spook_text,
    /// How many addresses.
    pub address_count: usize,
    /// After this many milliseconds without a word a peer counts as gone; 0 is the default of libspook.
    pub heartbeat_timeout_ms: u64,
}

// SAFETY: repr(C), a u32 first, and zero is a value of integers and raw pointers.
unsafe impl Versioned for spook_engine_options {
    const NAME: &'static str = "spook_engine_options";
    const ENDS: &'static [usize] = &[
        offset_of!(spook_engine_options, location),
        offset_of!(spook_engine_options, key),
        offset_of!(spook_engine_options, addresses),
        offset_of!(spook_engine_options, heartbeat_timeout_ms),
        size_of::<spook_engine_options>(),
    ];
}

/// What went over the links of an engine since it was opened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_traffic {
    /// sizeof(spook_traffic), set by the caller.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Bytes given to the sockets, encryption and framing included.
    pub bytes_sent: u64,
    /// Bytes taken from the sockets.
    pub bytes_received: u64,
    /// Messages sent.
    pub messages_sent: u64,
    /// Messages received.
    pub messages_received: u64,
    /// Handshakes completed.
    pub handshakes: u64,
}

// SAFETY: repr(C), a u32 first, integers only.
unsafe impl Versioned for spook_traffic {
    const NAME: &'static str = "spook_traffic";
    const ENDS: &'static [usize] = &[size_of::<spook_traffic>()];
}

fn opened(engine: Engine) -> Result<*mut spook_engine, Failure> {
    objects::insert(Arc::new(EngineObject { engine, pairs: Children::default() }))
}

/// Opens an engine with default options. `location` is empty or ":memory:" for an engine in memory, or the file of its ledger, which is
/// made if it is missing. A ledger is open in one process at a time.
///
/// Ownership: the caller owns the engine and closes it with spook_close.
/// Thread: any.
/// Blocking: for as long as the disk takes.
/// Errors: SPOOK_E_NULL, SPOOK_E_UTF8, SPOOK_E_ADDRESS, SPOOK_E_LOCKED, SPOOK_E_LEDGER_KEY, SPOOK_E_LEDGER_CORRUPT,
/// SPOOK_E_LEDGER_VERSION, SPOOK_E_IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_open(
    location: *const c_char,
    location_len: usize,
    out: *mut *mut spook_engine,
    error: *mut *mut spook_error,
) -> i32 {
    let body = || {
        // SAFETY: the pointers are as the header asks.
        let (location, out) = unsafe { (args::text(location, location_len, "location")?, Out::new(out, "out")?) };
        out.set(opened(Engine::open(location)?)?);
        Ok(())
    };
    // SAFETY: `error` is as the header asks.
    unsafe { entry(error, |_| body()) }
}

/// Opens an engine. NULL options are the defaults: an engine in memory.
///
/// Ownership: the options are read during the call only; the caller owns the engine and closes it with spook_close.
/// Thread: any.
/// Blocking: for as long as the disk takes.
/// Errors: those of spook_open, and SPOOK_E_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_open_with(
    options: *const spook_engine_options,
    out: *mut *mut spook_engine,
    error: *mut *mut spook_error,
) -> i32 {
    let body = || {
        // SAFETY: the pointers are as the header asks.
        let (options, out) = unsafe { (engine_options(options)?, Out::new(out, "out")?) };
        out.set(opened(Engine::open_with(options)?)?);
        Ok(())
    };
    // SAFETY: `error` is as the header asks.
    unsafe { entry(error, |_| body()) }
}

/// # Safety
/// `given` and the pointers in it are as the header asks.
unsafe fn engine_options(given: *const spook_engine_options) -> Result<EngineOptions, Failure> {
    // SAFETY: as promised.
    let given = unsafe { sized::read(given)? };
    let mut options = EngineOptions::default();
    // SAFETY: as promised; a key has 32 bytes.
    unsafe {
        options.location = args::text(given.location.data, given.location.len, "options.location")?.to_owned();
        options.key = given.key.cast::<[u8; 32]>().as_ref().copied();
    }
    options.listen = match given.listen {
        SPOOK_LISTEN_LOCAL => None,
        SPOOK_LISTEN_ADDRESSES => {
            // SAFETY: as promised.
            let addresses = unsafe { args::array(given.addresses, given.address_count, "options.addresses")? };
            // SAFETY: as promised for each of them.
            let text = |address: &spook_text| unsafe { args::text(address.data, address.len, "options.addresses").map(str::to_owned) };
            Some(addresses.iter().map(text).collect::<Result<_, _>>()?)
        }
        other => return Err(Failure::invalid(format!("options.listen is {other}"))),
    };
    options.heartbeat_timeout = match given.heartbeat_timeout_ms {
        0 => None,
        ms => timeout(i64::try_from(ms).unwrap_or(i64::MAX)),
    };
    Ok(options)
}

/// Closes an engine: everything written so far goes to the ledger, links end, subscriptions end, and the handles of its Pairs and of their
/// subscriptions are closed with it. The handle is closed whatever is returned, except for SPOOK_E_FORKED.
///
/// Ownership: takes the engine.
/// Thread: any, also inside an observer of this engine. Calls that run on other threads end with SPOOK_E_CLOSED.
/// Blocking: until the ledger is written and running observers have returned; inside an observer it does not wait for observers.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_IO, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_close(engine: *mut spook_engine, error: *mut *mut spook_error) -> i32 {
    // SAFETY: `error` is as the header asks.
    unsafe {
        entry(error, |scope| {
            let object = scope.keep_engine(objects::take(engine.cast_const())?);
            let closed = object.engine.close();
            for pair in object.pairs.close::<spook_pair>() {
                pair.end_subscriptions();
            }
            Ok(closed?)
        })
    }
}

/// The name of the endpoint that this engine is. It stays the same for one ledger.
///
/// Ownership: copies to `out`.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_endpoint_id(engine: *mut spook_engine, out: *mut spook_id, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.engine(engine)?, Out::new(out, "out")?);
            out.set(object.engine.endpoint_id().into());
            Ok(())
        })
    }
}

/// Where the engine listens, as a JSON array of addresses such as ["unix:/run/home.sock", "tcp:127.0.0.1:40123"].
///
/// Ownership: the caller owns `out` and frees it with spook_buf_free.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_addresses(engine: *mut spook_engine, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.engine(engine)?, Out::new(out, "out")?);
            out.set(list(object.engine.addresses()));
            Ok(())
        })
    }
}

/// The names of the Pairs in the ledger, as a JSON array.
///
/// Ownership: the caller owns `out` and frees it with spook_buf_free.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_pairs(engine: *mut spook_engine, out: *mut spook_buf, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.engine(engine)?, Out::new(out, "out")?);
            out.set(list(object.engine.pairs()?));
            Ok(())
        })
    }
}

fn list(texts: Vec<String>) -> spook_buf {
    json::to_string(&Value::from(texts.into_iter().map(Value::from).collect::<Vec<_>>())).into()
}

/// Counts what went over the engine's links. Set `out->struct_size` before the call: spook_traffic_init() does.
///
/// Ownership: copies to `out`.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_INVALID, SPOOK_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_engine_traffic(engine: *mut spook_engine, out: *mut spook_traffic, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.engine(engine)?, SizedOut::new(out, "out")?);
            let traffic = object.engine.traffic();
            out.set(&spook_traffic {
                struct_size: 0,
                reserved: 0,
                bytes_sent: traffic.bytes_sent,
                bytes_received: traffic.bytes_received,
                messages_sent: traffic.messages_sent,
                messages_received: traffic.messages_received,
                handshakes: traffic.handshakes,
            });
            Ok(())
        })
    }
}
