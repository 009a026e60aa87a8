//! The encoding of what travels and of what is stored: numbers, values, frames.
//!
//! docs/wire-format.md has the byte tables. Every length is checked against a bound and against what is left before anything is allocated.

mod reader;
mod value;
mod varint;

pub use reader::{Malformed, Reader};
pub use value::{Kind, kind_of, put_payload, put_value, read_payload, read_value};
pub use varint::{put_signed, put_varint, signed_from, varint_len};
