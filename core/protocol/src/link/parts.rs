//! Deltas that are too large for one message: in parts that are applied together, or in pieces, each applied as it comes.

use crate::estp::HalfPair;
use crate::estp::delta::{Baseline, Cut, Encoder, Ends, Plan, encode};
use crate::estp::schema::Consistency;
use std::ops::Range;

/// A piece is closed when it has grown to this many bytes.
pub(super) const PIECE: usize = 16 << 10;

/// A delta that travels in parts.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) slot: u64,
    pub(super) body: Vec<u8>,
    pub(super) at: usize,
    /// The Pair has changed since.
    pub(super) again: bool,
}

/// What came of encoding one Pair.
pub(super) enum Encoded {
    /// The peer lacks nothing, or it goes in parts.
    Nothing,
    /// The durable ceilings are too low.
    NotYet,
    /// Here in the scratch buffer.
    Whole(Range<usize>),
}

/// The delta that was encoded last and is not yet put into the message: whether anything follows decides its form.
pub(super) struct Last {
    pub(super) slot: u64,
    pub(super) body: Range<usize>,
}

/// A delta that is read when its last part has come, whatever was sent in between: it builds on nothing.
pub(super) fn stand_alone(ends: Ends, half: &HalfPair, slot: u64, cut: Cut, plan: Option<&Plan>) -> Vec<u8> {
    let mut encoder = Encoder { ends, base: Baseline::default(), dictionary: None };
    let mut body = Vec::new();
    put_cells(&mut encoder, half, slot, cut, plan, &mut body);
    body
}

/// An ordered Pair is one log, whatever its consistency.
pub(super) fn may_go_in_pieces(half: &HalfPair) -> bool {
    half.schema().consistency() == Consistency::Eventual && !half.schema().is_ordered()
}

/// All of a cut, so that nobody sees what depends on something that is not there yet; or the next piece of a plan. Returns how many versions went,
/// and where the plan goes on.
pub(super) fn put_cells(
    encoder: &mut Encoder<'_>,
    half: &HalfPair,
    slot: u64,
    cut: Cut,
    plan: Option<&Plan>,
    out: &mut Vec<u8>,
) -> (usize, usize) {
    match plan {
        None => (encode(encoder, half, slot, cut, out), 0),
        Some(plan) => plan.encode(encoder, half, slot, cut, PIECE, out),
    }
}
