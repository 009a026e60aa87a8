//! The C interface of libspook: `extern "C"` over the engine.
//!
//! `include/spook.h` is made from this crate by `cargo xtask generate`, in the order in which the modules stand here, and its top comment
//! (`ffi/header/top.h`) is the specification. `ffi/artifact` makes the shared and the static library.
//!
//! | module | holds |
//! |---|---|
//! | `handles`, `objects` | handles as tokens with a generation, and what stands behind them |
//! | `boundary` | what every entry point goes through: panics, errors, whose engine it is |
//! | `failure`, `args`, `sized` | refusals, arguments, structs that may grow |
//! | `tree` | lists and reports as values, to be given as JSON or CBOR |
//! | the others | the functions, one group each |

#![allow(non_camel_case_types)]

mod args;
mod boundary;
mod failure;
mod handles;
mod objects;
mod sized;
mod tree;

pub mod codes;

pub mod version;

pub mod buffer;

pub mod error;

pub mod id;

pub mod value;

pub mod lifecycle;

pub mod engine;

pub mod open;

pub mod pair;

pub mod collapse;

pub mod state;

pub mod write;

pub mod presence;

pub mod event;

pub mod guarded;

pub mod observe;

pub mod rule;

#[cfg(feature = "test-panic")]
pub mod test_panic;
