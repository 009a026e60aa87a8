//! Decoding a delta against the receiver's half. Nothing that the half shows is changed: that is what applying is for.

use super::dictionary::ReadDictionary;
use super::head::{Naming, read_author, read_step};
use super::{Baseline, Delta, Ends, Incoming, WireBirth, ordered};
use crate::estp::context::Context;
use crate::estp::dot::{Author, AuthorIndex};
use crate::estp::half::HalfPair;
use crate::estp::state::{Birth, CellIndex, Version};
use crate::limits;
use crate::wire::{Kind, Malformed, Reader, read_payload};
use std::fmt;

/// Why a delta cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaError {
    /// The bytes do not follow the format.
    Malformed(Malformed),
    /// It names a cell that this half does not have.
    UnknownCell,
    /// It holds a candidate of somebody who is no member of the Pair.
    Stranger,
    /// Its author has changed epochs more often than a half keeps track of.
    TooManyEpochs,
    /// It has more cells than [`limits::DELTA_CELLS`].
    TooManyCells,
}

impl From<Malformed> for DeltaError {
    fn from(malformed: Malformed) -> DeltaError {
        DeltaError::Malformed(malformed)
    }
}

impl fmt::Display for DeltaError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeltaError::Malformed(malformed) => write!(out, "a delta with a {malformed}"),
            DeltaError::UnknownCell => out.write_str("a delta for a cell that was never told of"),
            DeltaError::Stranger => out.write_str("a delta with a candidate of somebody who is no member"),
            DeltaError::TooManyEpochs => out.write_str("a delta of one author epoch too many"),
            DeltaError::TooManyCells => write!(out, "a delta of more than {} cells", limits::DELTA_CELLS),
        }
    }
}

/// Reads all cells of a delta and moves the baseline on. New authors enter the half's table, and new paths its tree, as empty cells.
///
/// # Errors
/// [`DeltaError`]; the link cannot go on then, since the two ends no longer agree on the baseline.
pub fn decode(
    bytes: &[u8],
    half: &mut HalfPair,
    slot: u64,
    ends: Ends,
    base: &mut Baseline,
    dictionary: Option<&mut ReadDictionary>,
) -> Result<Delta, DeltaError> {
    if let Some(delta) = ordered::decode(bytes, half, ends)? {
        return Ok(delta);
    }
    let mut reader = Reader::new(bytes);
    let mut delta = Delta::default();
    let mut decoder = Decoder { half, slot, ends, base, dictionary, text: String::new() };
    while !reader.is_empty() {
        if delta.cells.len() == limits::DELTA_CELLS {
            return Err(DeltaError::TooManyCells);
        }
        delta.cells.extend(decoder.cell(&mut reader)?);
    }
    Ok(delta)
}

/// Reads past a delta for a Pair that is not shared here, so that the baseline and the dictionary stay those of the sender.
///
/// # Errors
/// [`DeltaError::Malformed`].
pub fn skip(bytes: &[u8], ends: Ends, base: &mut Baseline, dictionary: &mut ReadDictionary) -> Result<(), DeltaError> {
    if ordered::is_ordered(bytes) {
        return Ok(());
    }
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let head = reader.byte()?;
        read_step(&mut reader, base, head, &ends)?;
        let naming = Naming::from_head(head);
        if naming == Naming::Path {
            reader.varint()?;
            reader.text(limits::PATH_BYTES)?;
        }
        if naming == Naming::Dictionary {
            reader.varint()?;
        } else {
            read_birth(&mut reader, naming, base, &ends)?;
            dictionary.pass();
        }
        read_payload(&mut reader, Kind::from_bits(head & 15)?)?;
    }
    Ok(())
}

/// Moves the baseline on to the birth that comes next.
fn read_birth(reader: &mut Reader<'_>, naming: Naming, base: &mut Baseline, ends: &Ends) -> Result<(), Malformed> {
    if naming == Naming::SameBirth {
        let step = reader.signed()?;
        let place = i64::from(base.birth.place).checked_add(step).and_then(|place| u32::try_from(place).ok());
        base.birth.place = place.ok_or(Malformed("birth"))?;
        return Ok(());
    }
    base.birth.number = base.birth.number.wrapping_add(reader.signed()? as u64);
    let coded = reader.varint()?;
    base.birth.author = if coded & 1 == 0 { None } else { read_author(reader, ends)? };
    base.birth.place = u32::try_from(coded >> 1).map_err(|_| Malformed("birth"))?;
    Ok(())
}

/// Two members: a candidate is one of theirs, in whatever epoch.
pub(super) fn enter_author(half: &mut HalfPair, ends: Ends, author: Option<Author>) -> Result<AuthorIndex, DeltaError> {
    let author = ends.expand(author);
    if author.endpoint != ends.sender.endpoint && author.endpoint != ends.receiver.endpoint {
        return Err(DeltaError::Stranger);
    }
    half.intern(author).ok_or(DeltaError::TooManyEpochs)
}

struct Decoder<'d> {
    half: &'d mut HalfPair,
    slot: u64,
    ends: Ends,
    base: &'d mut Baseline,
    dictionary: Option<&'d mut ReadDictionary>,
    /// The last path that was written out.
    text: String,
}

impl Decoder<'_> {
    /// Reads a cell; `None` for one that is not here: it was pruned.
    fn cell(&mut self, reader: &mut Reader<'_>) -> Result<Option<Incoming>, DeltaError> {
        let head = reader.byte()?;
        read_step(reader, self.base, head, &self.ends)?;
        let author = self.author(self.base.author)?;
        let naming = Naming::from_head(head);
        let (cell, birth) = match naming {
            Naming::Dictionary => (self.in_dictionary(reader)?, None),
            Naming::SameBirth | Naming::Birth => {
                let birth = self.birth(reader, naming)?;
                (self.half.state().named(birth), Some(birth))
            }
            Naming::Path => {
                let cell = self.at_path(reader)?;
                (Some(cell), Some(self.birth(reader, naming)?))
            }
        };
        if naming != Naming::Dictionary
            && let Some(dictionary) = &mut self.dictionary
        {
            match cell {
                Some(cell) => dictionary.enter(self.slot, cell),
                None => dictionary.pass(),
            }
        }
        let value = read_payload(reader, Kind::from_bits(head & 15)?)?;
        if value.as_ref().is_some_and(|value| !value.is_leaf()) {
            return Err(Malformed("leaf").into());
        }
        let Some(cell) = cell else {
            // Pruned, which it was only when everything that the sender can have of it was known here.
            let is_known = value.is_none() || self.base.number <= self.half.vector().seen(author).number;
            return if is_known { Ok(None) } else { Err(DeltaError::UnknownCell) };
        };
        let version = Version { value, stamp: self.base.stamp, author, number: self.base.number };
        Ok(Some(Incoming { cell, version, birth, context: self.context()?, is_settled: self.base.is_settled }))
    }

    fn context(&mut self) -> Result<Context, DeltaError> {
        let mut context = Context::default();
        if self.base.context > 0 {
            let other = self.ends.other_than(self.base.author);
            context.include(self.author(Some(other))?, self.base.context);
        }
        for at in 0..self.base.further.len() {
            let (author, number) = self.base.further[at];
            context.include(self.author(Some(author))?, number);
        }
        Ok(context)
    }

    fn author(&mut self, author: Option<Author>) -> Result<AuthorIndex, DeltaError> {
        enter_author(self.half, self.ends, author)
    }

    /// `None` for a number that was given to a cell that is not here.
    fn in_dictionary(&mut self, reader: &mut Reader<'_>) -> Result<Option<CellIndex>, DeltaError> {
        let number = reader.varint()?;
        self.dictionary.as_ref().and_then(|dictionary| dictionary.cell(self.slot, number)).ok_or(DeltaError::UnknownCell)
    }

    fn birth(&mut self, reader: &mut Reader<'_>, naming: Naming) -> Result<Birth, DeltaError> {
        read_birth(reader, naming, self.base, &self.ends)?;
        let WireBirth { author, number, place } = self.base.birth;
        Ok(Birth { author: self.author(author)?, number, place })
    }

    fn at_path(&mut self, reader: &mut Reader<'_>) -> Result<CellIndex, DeltaError> {
        let shared = usize::try_from(reader.varint()?).map_err(|_| Malformed("path"))?;
        let rest = reader.text(limits::PATH_BYTES)?;
        if !self.text.is_char_boundary(shared) {
            return Err(Malformed("path").into());
        }
        self.text.truncate(shared);
        self.text.push_str(rest);
        self.half.enter(&self.text).map_err(|_| Malformed("path").into())
    }
}
