//! What a write gives back.

use spook_protocol::estp::{Dot, Stamp};

/// A candidate that was written. It is a name: it can be kept, and what became of the write can be asked for at any time, also after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name, unique for ever.
    pub dot: Dot,
    /// Its place in time.
    pub stamp: Stamp,
    /// How many cells it set or removed.
    pub cells: usize,
}
