//! A large cut in pieces, each to be applied as it comes: for Pairs of eventual consistency.
//!
//! What a half has seen of an author is one number, so that a candidate that comes after a later one of the same author counts as known and
//! overwritten. The pieces therefore go by author and number, not by arrival, and none ends within a candidate.

use super::encode::{Cut, Encoder, Texts, head_of, is_for_receiver, put_cell, versions};
use crate::estp::dot::AuthorIndex;
use crate::estp::half::HalfPair;
use crate::estp::state::CellIndex;

/// What is left to send of a cut. The state may change meanwhile: a version that was overwritten is left out, and what has taken its place comes
/// after the plan.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<Step>,
    at: usize,
    upto: u64,
}

/// One version of one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    author: AuthorIndex,
    number: u64,
    cell: CellIndex,
}

impl Plan {
    /// The plan for a cut of a half as it is.
    pub fn new(encoder: &Encoder<'_>, half: &HalfPair, cut: Cut) -> Plan {
        let mut steps = Vec::new();
        for cell in half.state().after(cut.after) {
            versions(half, cell, |version, _, _| {
                if is_for_receiver(half, version, encoder.ends, cut) {
                    steps.push(Step { author: version.author, number: version.number, cell });
                }
            });
        }
        steps.sort_unstable();
        Plan { steps, at: 0, upto: half.last_change() }
    }

    /// Up to which arrival number the state has gone when the plan is through; `None` before.
    pub fn done(&self) -> Option<u64> {
        (self.at == self.steps.len()).then_some(self.upto)
    }

    /// Appends the next piece: candidates until it has so many bytes. Returns how many versions it holds, and where the plan goes on behind it.
    pub fn encode(
        &self,
        encoder: &mut Encoder<'_>,
        half: &HalfPair,
        slot: u64,
        cut: Cut,
        bytes: usize,
        out: &mut Vec<u8>,
    ) -> (usize, usize) {
        let mut texts = Texts::default();
        let (begin, mut count, mut last) = (out.len(), 0, None);
        let mut all = None;
        for (at, step) in (self.at..).zip(&self.steps[self.at..]) {
            let candidate = (step.author, step.number);
            if out.len() - begin >= bytes && last != Some(candidate) {
                return (count, at);
            }
            last = Some(candidate);
            // A cell that was freed since, and perhaps used again, holds nothing of this candidate.
            versions(half, step.cell, |version, context, is_settled| {
                if (version.author, version.number) == candidate {
                    let context = context.unwrap_or_else(|| all.get_or_insert_with(|| half.context_of_all()));
                    let head = head_of(half, version, context, is_settled, encoder.ends);
                    put_cell(encoder, half, slot, step.cell, version, head, cut, &mut texts, out);
                    count += 1;
                }
            });
        }
        (count, self.steps.len())
    }

    /// A piece has gone.
    pub fn go_on(&mut self, at: usize) {
        self.at = at;
    }
}
