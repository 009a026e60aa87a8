//! The edges of an engine: its ledger, its calls in an odd order, and peers that come and go.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod calls;
mod ledger;
mod links;
