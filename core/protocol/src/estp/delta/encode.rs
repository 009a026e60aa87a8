//! Encoding what a peer lacks.

use super::dictionary::WriteDictionary;
use super::head::{Naming, put_author, put_step};
use super::{Baseline, CandidateHead, Ends, WireBirth, ordered};
use crate::canary::{self, Canary};
use crate::estp::context::Context;
use crate::estp::dot::Lost;
use crate::estp::half::HalfPair;
use crate::estp::state::{Birth, CellIndex, Survivor, Version};
use crate::wire::{kind_of, put_payload, put_signed, put_varint};

/// Which cells go into a delta.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Cells that arrived after this number.
    pub after: u64,
    /// Of the receiver's own candidates only these: it lost them when it was stopped uncleanly.
    pub receiver_lost: Lost,
    /// Cells whose birth the receiver knows: those of the sender's current epoch up to this number ...
    pub receiver_holds: u64,
    /// ... but not these: the sender was stopped uncleanly and does not know what it had told of them.
    pub sender_lost: Lost,
    /// The receiver is one of several copies, each under its own author epoch: what another one knows or has given back says nothing of it.
    pub among_copies: bool,
}

/// What the sender of a link knows in common with the receiver.
#[derive(Debug)]
pub struct Encoder<'l> {
    /// The two ends.
    pub ends: Ends,
    /// Where the last delta ended.
    pub base: Baseline,
    /// Paths used before; `None` for a delta that has to stand alone because it travels in parts.
    pub dictionary: Option<&'l mut WriteDictionary>,
}

/// Appends the cells of the cut and returns how many versions there are. `slot` is the Pair's number between the two endpoints.
pub fn encode(encoder: &mut Encoder<'_>, half: &HalfPair, slot: u64, cut: Cut, out: &mut Vec<u8>) -> usize {
    if let Some(log) = half.log() {
        return ordered::encode(log, half, encoder.ends, cut, out);
    }
    let mut texts = Texts::default();
    let mut count = 0;
    // What a clean cell shows has overwritten all that this half has applied.
    let mut all = None;
    for cell in half.state().after(cut.after) {
        versions(half, cell, |version, context, is_settled| {
            if is_for_receiver(half, version, encoder.ends, cut) {
                let context = context.unwrap_or_else(|| all.get_or_insert_with(|| half.context_of_all()));
                let head = head_of(half, version, context, is_settled, encoder.ends);
                put_cell(encoder, half, slot, cell, version, head, cut, &mut texts, out);
                count += 1;
            }
        });
    }
    count
}

/// Calls `work` with each version of a cell that nothing has overwritten, what it has overwritten, and whether it is settled. The context of what
/// a clean cell shows is not written down: it is all that the half has applied.
pub(super) fn versions(half: &HalfPair, cell: CellIndex, mut work: impl FnMut(&Version, Option<&Context>, bool)) {
    if let Some(layer) = half.state().layer(cell) {
        for Survivor { version, context, is_settled, covered, .. } in &layer.survivors {
            if covered.is_none() {
                work(version, Some(context), *is_settled);
            }
        }
    } else if let Some(version) = half.state().version(cell) {
        work(version, None, true);
    }
}

/// What came from the receiver does not go back to it, unless it has lost it. What the sender wrote before the cut is there: the cell moved
/// behind the cut for another reason.
pub(super) fn is_for_receiver(half: &HalfPair, version: &Version, ends: Ends, cut: Cut) -> bool {
    let author = half.vector().author(version.author);
    if canary::sings(Canary::EchoNotSuppressed) {
        return true;
    }
    if author == ends.receiver {
        cut.receiver_lost.contains(version.number) && !canary::sings(Canary::LostNotReturned)
    } else {
        author != ends.sender || version.number > cut.after || cut.among_copies
    }
}

pub(super) fn head_of(half: &HalfPair, version: &Version, context: &Context, is_settled: bool, ends: Ends) -> CandidateHead {
    let author = ends.shorten(half.vector().author(version.author));
    let other = ends.other_than(author);
    let mut head = CandidateHead { author, number: version.number, stamp: version.stamp, context: 0, further: Vec::new(), is_settled };
    for (index, number) in context.entries() {
        let of = half.vector().author(index);
        if of == other {
            head.context = number;
        } else if index != version.author {
            head.further.push((of, number));
        }
    }
    head
}

/// The last path that was written out, and a buffer for the next one.
#[derive(Debug, Default)]
pub(super) struct Texts {
    last: String,
    next: String,
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one cell, each from another place; a struct of them would be built for every cell"
)]
pub(super) fn put_cell(
    encoder: &mut Encoder<'_>,
    half: &HalfPair,
    slot: u64,
    cell: CellIndex,
    version: &Version,
    head: CandidateHead,
    cut: Cut,
    texts: &mut Texts,
    out: &mut Vec<u8>,
) {
    let at = out.len();
    out.push(0);
    let step = put_step(out, &mut encoder.base, head, &encoder.ends);
    let naming = put_name(encoder, half, slot, cell, cut, texts, out);
    out[at] = kind_of(version.value.as_ref()) as u8 | (naming as u8) << 4 | (step as u8) << 6;
    put_payload(out, version.value.as_ref());
}

fn put_name(
    encoder: &mut Encoder<'_>,
    half: &HalfPair,
    slot: u64,
    cell: CellIndex,
    cut: Cut,
    texts: &mut Texts,
    out: &mut Vec<u8>,
) -> Naming {
    if let Some(number) = encoder.dictionary.as_ref().and_then(|dictionary| dictionary.number(slot, (cell, half.state().generation(cell))))
    {
        put_varint(out, number.into());
        return Naming::Dictionary;
    }
    if let Some(dictionary) = &mut encoder.dictionary {
        dictionary.enter(slot, (cell, half.state().generation(cell)));
    }
    let birth = wire_birth(half, half.state().birth(cell), encoder.ends);
    if is_known(birth, encoder.ends, cut) {
        let WireBirth { author, number, place } = std::mem::replace(&mut encoder.base.birth, birth);
        if (author, number) == (birth.author, birth.number) {
            put_signed(out, i64::from(birth.place) - i64::from(place));
            return Naming::SameBirth;
        }
        put_birth(out, number, birth, encoder.ends);
        return Naming::Birth;
    }
    texts.next.clear();
    half.state().write_path(cell, &mut texts.next);
    put_text(out, &texts.last, &texts.next);
    std::mem::swap(&mut texts.last, &mut texts.next);
    let before = std::mem::replace(&mut encoder.base.birth, birth);
    put_birth(out, before.number, birth, encoder.ends);
    Naming::Path
}

fn wire_birth(half: &HalfPair, birth: Birth, ends: Ends) -> WireBirth {
    WireBirth { author: ends.shorten(half.vector().author(birth.author)), number: birth.number, place: birth.place }
}

fn is_known(birth: WireBirth, ends: Ends, cut: Cut) -> bool {
    // Among what the sender has forgotten may be deletions, and the receiver has pruned those cells.
    if !cut.sender_lost.is_empty() {
        return false;
    }
    match birth.author {
        None => birth.number <= cut.receiver_holds && !cut.among_copies,
        Some(author) => author == ends.receiver && !cut.receiver_lost.contains(birth.number),
    }
}

/// The number as a difference from that of the last birth, then the place, whose lowest bit says whether an author follows.
fn put_birth(out: &mut Vec<u8>, before: u64, birth: WireBirth, ends: Ends) {
    put_signed(out, birth.number.wrapping_sub(before) as i64);
    put_varint(out, u64::from(birth.place) << 1 | u64::from(birth.author.is_some()));
    if birth.author.is_some() {
        put_author(out, birth.author, &ends);
    }
}

/// A path: how many bytes it shares with the last one written out, and the rest.
fn put_text(out: &mut Vec<u8>, last: &str, next: &str) {
    let mut shared = last.bytes().zip(next.bytes()).take_while(|(a, b)| a == b).count();
    while !next.is_char_boundary(shared) || !last.is_char_boundary(shared) {
        shared -= 1;
    }
    put_varint(out, shared as u64);
    put_varint(out, (next.len() - shared) as u64);
    out.extend_from_slice(&next.as_bytes()[shared..]);
}
