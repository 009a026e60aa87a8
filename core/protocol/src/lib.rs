//! The protocols of libspook, sans-IO.
//!
//! Nothing in this crate opens a socket or a file, starts a thread, reads a clock or draws a random number. What it needs comes in as an
//! argument (bytes, `now`, a seed, durable records); what it wants done comes out as a value (bytes to send, records to store, events, the
//! next deadline with its reason). That makes every run repeatable, and lets the same code run in a phone, a browser and a simulator.
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | the names of endpoints and Pairs |
//! | [`etcp`] | identity, tickets, handshake, channel |
//! | [`link`] | what carries all Pairs of two endpoints |
//! | [`estp`] | state, candidates, deltas, collapse, the lifecycle of a half |
//! | [`registry`] | who shares what with whom, who holds what, what is durable |
//! | [`record`] | what a ledger keeps, as bytes |
//! | [`wire`] | the encoding of numbers, values and frames |
//! | [`value`], [`mod@pointer`] | what a program reads and writes, and where |
//! | [`error`] | the permanent error codes |
//! | `canary` | rules that a test can break |

#[cfg(not(feature = "canary"))]
mod canary;
#[cfg(feature = "canary")]
pub mod canary;
pub mod error;
pub mod estp;
pub mod etcp;
pub mod id;
pub mod limits;
pub mod link;
pub mod pointer;
pub mod record;
pub mod registry;
pub mod value;
pub mod wire;
