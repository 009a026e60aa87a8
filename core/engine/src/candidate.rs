//! What a write gives back.

use spook_protocol::estp::{Dot, Stamp};

/// A candidate that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name, unique for ever.
    pub dot: Dot,
    /// Its place in time.
    pub stamp: Stamp,
    /// How many cells it set or removed.
    pub cells: usize,
}
