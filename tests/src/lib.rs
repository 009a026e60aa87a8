//! What the tests share: engines and Pairs on their way to being broken, a relay that records and cuts, processes to be killed.
//!
//! | module | holds |
//! |---|---|
//! | [`child`] | a process with an engine, told what to do line by line, to be killed |
//! | [`couple`] | engines and Pairs, and waiting until they agree |
//! | [`impostor`] | a peer driven by hand |
//! | [`limits`] | watchdogs, and what the process uses |
//! | [`random`] | choices that can be made again from a printed seed |
//! | [`relay`] | a wire between two engines |

#![allow(clippy::unwrap_used, reason = "this crate is nothing but tests")]

pub mod child;
pub mod couple;
pub mod impostor;
pub mod limits;
pub mod random;
pub mod relay;
