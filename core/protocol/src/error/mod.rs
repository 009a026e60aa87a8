//! The permanent error codes. Each operation has an error type of its own beside it, which tells the details and its code.

mod code;

pub use code::{Code, Fault};
