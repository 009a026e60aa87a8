//! The work of libspook's benchmark rows, done by Yrs, Loro and Automerge.
//!
//! | program | prints |
//! |---|---|
//! | `peers` | P1, P2, P3, P6: speed and bytes |
//! | `growth` | P7: memory and storage, under an allocator that counts |
//!
//! Both print one JSON object a line: `row`, `what`, `peer`, `value`, `unit`.

pub mod automerge;
pub mod document;
pub mod lines;
pub mod loro;
pub mod sync;
pub mod work;
pub mod yrs;
