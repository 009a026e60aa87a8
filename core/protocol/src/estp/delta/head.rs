//! The head of a cell: one byte, and behind it what the byte announces about the candidate and the path.

use super::{Baseline, CandidateHead, Ends};
use crate::estp::dot::Author;
use crate::estp::half::AUTHORS;
use crate::estp::stamp::Stamp;
use crate::id::EndpointId;
use crate::wire::{Malformed, Reader, put_signed, put_varint};

/// How the cell is named: bits 4 and 5 of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Naming {
    /// By its number in the link's dictionary.
    Dictionary = 0,
    /// By its birth, in the same candidate as the last cell named by birth: the place alone.
    SameBirth = 1,
    /// By its birth.
    Birth = 2,
    /// By its path, followed by its birth.
    Path = 3,
}

/// How the candidate differs from that of the cell before: bits 6 and 7 of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    /// It is the same candidate.
    Same = 0,
    /// The next number and the next stamp.
    Next = 1,
    /// The next number; the milliseconds of the stamp go up by a varint, the counter is 0.
    Later = 2,
    /// A byte says what follows.
    Explicit = 3,
}

impl Naming {
    pub(super) fn from_head(head: u8) -> Naming {
        [Naming::Dictionary, Naming::SameBirth, Naming::Birth, Naming::Path][usize::from(head >> 4 & 3)]
    }
}

impl Step {
    fn from_head(head: u8) -> Step {
        [Step::Same, Step::Next, Step::Later, Step::Explicit][usize::from(head >> 6)]
    }
}

const NUMBER_NEXT: u8 = 0;
const NUMBER_AFTER_NEXT: u8 = 1;
const NUMBER_SIGNED: u8 = 2;
const STAMP_NEXT: u8 = 0 << 2;
const STAMP_LATER: u8 = 1 << 2;
const STAMP_SIGNED: u8 = 2 << 2;
const AUTHOR: u8 = 1 << 4;
const CONTEXT: u8 = 1 << 5;
const FURTHER: u8 = 1 << 6;
const SETTLED: u8 = 1 << 7;

/// Chooses the shortest step and appends what it announces behind the head's place; returns the step.
pub(super) fn put_step(out: &mut Vec<u8>, base: &mut Baseline, head: CandidateHead, ends: &Ends) -> Step {
    let same_author = head.author == base.author;
    let same_context = head.context == base.context && head.further == base.further && head.is_settled == base.is_settled;
    let step = if same_author && head.number == base.number && head.stamp == base.stamp && same_context {
        Step::Same
    } else if !same_author || !same_context || head.number != base.number.wrapping_add(1) {
        put_explicit(out, base, &head, ends);
        Step::Explicit
    } else if head.stamp == base.stamp.next() {
        Step::Next
    } else if head.stamp.counter() == 0 && head.stamp.ms() >= base.stamp.ms() {
        put_varint(out, head.stamp.ms() - base.stamp.ms());
        Step::Later
    } else {
        put_explicit(out, base, &head, ends);
        Step::Explicit
    };
    let CandidateHead { author, number, stamp, context, further, is_settled } = head;
    (base.author, base.number, base.stamp, base.context, base.is_settled) = (author, number, stamp, context, is_settled);
    base.further = further;
    step
}

fn put_explicit(out: &mut Vec<u8>, base: &Baseline, head: &CandidateHead, ends: &Ends) {
    let at = out.len();
    out.push(0);
    let mut flags = 0;
    let advance = head.number.wrapping_sub(base.number);
    flags |= match advance {
        1 => NUMBER_NEXT,
        2 => NUMBER_AFTER_NEXT,
        _ => {
            put_signed(out, advance as i64);
            NUMBER_SIGNED
        }
    };
    let ms = head.stamp.ms() as i64 - base.stamp.ms() as i64;
    flags |= if head.stamp == base.stamp.next() {
        STAMP_NEXT
    } else if head.stamp.counter() == 0 && ms >= 0 {
        put_varint(out, ms as u64);
        STAMP_LATER
    } else {
        put_signed(out, ms);
        put_varint(out, head.stamp.counter().into());
        STAMP_SIGNED
    };
    if head.author != base.author {
        flags |= AUTHOR;
        put_author(out, head.author, ends);
    }
    if head.context != base.context {
        flags |= CONTEXT;
        put_signed(out, head.context.wrapping_sub(base.context) as i64);
    }
    if head.further != base.further {
        flags |= FURTHER;
        put_varint(out, head.further.len() as u64);
        for &(author, number) in &head.further {
            put_author(out, ends.shorten(author), ends);
            put_varint(out, number);
        }
    }
    if head.is_settled {
        flags |= SETTLED;
    }
    out[at] = flags;
}

/// Reads what [`put_step`] wrote for this head, and moves the baseline on.
pub(super) fn read_step(reader: &mut Reader<'_>, base: &mut Baseline, head: u8, ends: &Ends) -> Result<(), Malformed> {
    match Step::from_head(head) {
        Step::Same => {}
        Step::Next => {
            base.number = base.number.wrapping_add(1);
            base.stamp = base.stamp.next();
        }
        Step::Later => {
            base.number = base.number.wrapping_add(1);
            base.stamp = later(base.stamp, reader.varint()?)?;
        }
        Step::Explicit => read_explicit(reader, base, ends)?,
    }
    Ok(())
}

fn read_explicit(reader: &mut Reader<'_>, base: &mut Baseline, ends: &Ends) -> Result<(), Malformed> {
    let flags = reader.byte()?;
    let advance = match flags & 3 {
        NUMBER_NEXT => 1,
        NUMBER_AFTER_NEXT => 2,
        NUMBER_SIGNED => reader.signed()?,
        _ => return Err(Malformed("number of a candidate")),
    };
    base.number = base.number.wrapping_add(advance as u64);
    base.stamp = match flags & 0b1100 {
        STAMP_NEXT => base.stamp.next(),
        STAMP_LATER => later(base.stamp, reader.varint()?)?,
        STAMP_SIGNED => {
            let ms = base.stamp.ms().checked_add_signed(reader.signed()?).ok_or(Malformed("stamp"))?;
            let counter = u16::try_from(reader.varint()?).map_err(|_| Malformed("stamp"))?;
            stamp(ms, counter)?
        }
        _ => return Err(Malformed("stamp")),
    };
    if flags & AUTHOR != 0 {
        base.author = read_author(reader, ends)?;
    }
    if flags & CONTEXT != 0 {
        base.context = base.context.wrapping_add(reader.signed()? as u64);
    }
    if flags & FURTHER != 0 {
        let count = reader.length(AUTHORS)?;
        base.further.clear();
        for _ in 0..count {
            let author = ends.expand(read_author(reader, ends)?);
            base.further.push((author, reader.varint()?));
        }
    }
    base.is_settled = flags & SETTLED != 0;
    Ok(())
}

fn later(base: Stamp, ms: u64) -> Result<Stamp, Malformed> {
    stamp(base.ms().checked_add(ms).ok_or(Malformed("stamp"))?, 0)
}

fn stamp(ms: u64, counter: u16) -> Result<Stamp, Malformed> {
    if ms >> 48 == 0 { Ok(Stamp::new(ms, counter)) } else { Err(Malformed("stamp")) }
}

const BY_SENDER: u8 = 0;
const BY_RECEIVER: u8 = 1;
const SENDER_IN_EPOCH: u8 = 2;
const RECEIVER_IN_EPOCH: u8 = 3;
const ANYONE: u8 = 4;

/// An author: one byte for the two ends in their current epochs, five for earlier epochs of theirs, 21 for anybody else.
pub(super) fn put_author(out: &mut Vec<u8>, author: Option<Author>, ends: &Ends) {
    match author {
        None => out.push(BY_SENDER),
        Some(author) if author == ends.receiver => out.push(BY_RECEIVER),
        Some(author) => {
            if author.endpoint == ends.sender.endpoint {
                out.push(SENDER_IN_EPOCH);
            } else if author.endpoint == ends.receiver.endpoint {
                out.push(RECEIVER_IN_EPOCH);
            } else {
                out.push(ANYONE);
                out.extend_from_slice(author.endpoint.as_bytes());
            }
            out.extend_from_slice(&author.epoch.to_le_bytes());
        }
    }
}

/// Reads what [`put_author`] wrote; `None` is the sender in its current epoch.
pub(super) fn read_author(reader: &mut Reader<'_>, ends: &Ends) -> Result<Option<Author>, Malformed> {
    let endpoint = match reader.byte()? {
        BY_SENDER => return Ok(None),
        BY_RECEIVER => return Ok(Some(ends.receiver)),
        SENDER_IN_EPOCH => ends.sender.endpoint,
        RECEIVER_IN_EPOCH => ends.receiver.endpoint,
        ANYONE => EndpointId::from_bytes(reader.array()?),
        _ => return Err(Malformed("author")),
    };
    let author = Author { endpoint, epoch: u32::from_le_bytes(reader.array()?) };
    Ok(ends.shorten(author))
}
