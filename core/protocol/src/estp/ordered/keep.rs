//! What the ledger keeps of an ordered Pair besides its committed cells: one record a candidate, and one for the rest.
//!
//! Cells, records and the rest go into one batch, as of one moment; then a restart folds to the same state.

use super::body::Key;
use super::log::{Entry, Order};
use super::verdict::Rejection;
use super::wire::{BodyReader, BodyWriter, Item};
use super::{Ordered, VOIDED};
use crate::estp::dot::{Author, AuthorIndex, Lost, VersionVector};
use crate::estp::place::Place;
use crate::estp::stamp::Stamp;
use crate::id::EndpointId;
use crate::limits;
use crate::wire::{Malformed, Reader, put_varint};
use std::sync::Arc;

impl Ordered {
    /// The candidates whose records changed after a number of this half's, to be stored under their names; [`Entry::put_record`] gives the bytes.
    pub fn records_after(&self, number: u64) -> impl Iterator<Item = &Entry> {
        self.retained.iter().chain(self.log.iter()).filter(move |entry| entry.changed > number)
    }

    /// The candidates whose records are to be deleted since the last call. Some may never have been stored.
    pub fn take_removed(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.removed)
    }

    /// Appends everything but the candidates and the cells.
    pub fn put_meta(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.committed.is_some()));
        if let Some(Place { stamp, author, number }) = self.committed {
            out.extend_from_slice(author.endpoint.as_bytes());
            out.extend_from_slice(&author.epoch.to_le_bytes());
            out.extend_from_slice(&stamp.bits().to_le_bytes());
            put_varint(out, number);
        }
        for number in [self.committed_position, self.dropped, self.dropped_own] {
            put_varint(out, number);
        }
        put_varint(out, self.graves.len() as u64);
        self.graves.iter().for_each(|path| put_text(out, path));
        put_varint(out, self.voided.len() as u64);
        for ((author, number), rejection) in &self.voided {
            put_varint(out, author.0.into());
            put_varint(out, *number);
            put_rejection(out, rejection);
        }
        put_varint(out, self.gaps.len() as u64);
        for (arrival, lost) in &self.gaps {
            [*arrival, lost.from, lost.to].iter().for_each(|number| put_varint(out, *number));
        }
        put_varint(out, self.returned.len() as u64);
        self.returned.iter().for_each(|number| put_varint(out, *number));
    }

    /// A half from the ledger: what [`Ordered::put_meta`] appended, and the records of its candidates, in any order. Cells show their committed
    /// versions at first; the next fold lays the log over them.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that were not written so.
    pub fn restore<'r>(
        order: Order,
        limit: usize,
        me: AuthorIndex,
        vector: &VersionVector,
        meta: &[u8],
        records: impl IntoIterator<Item = &'r [u8]>,
    ) -> Result<Ordered, Malformed> {
        let mut ordered = Ordered::new(order, limit, me);
        ordered.read_meta(meta)?;
        let mut entries = records.into_iter().map(|bytes| read_record(bytes, vector)).collect::<Result<Vec<Entry>, Malformed>>()?;
        entries.sort_by_key(|entry| (entry.position, entry.place));
        let is_anchor = order == Order::Anchor { here: true };
        for entry in entries {
            if is_anchor && entry.position <= Some(ordered.committed_position) {
                ordered.retained.push_back(entry);
            } else {
                ordered.log.insert(entry);
            }
        }
        Ok(ordered)
    }

    fn read_meta(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != 0 {
            let author = Author { endpoint: EndpointId::from_bytes(reader.array()?), epoch: u32::from_le_bytes(reader.array()?) };
            let stamp = Stamp::from_bits(u64::from_le_bytes(reader.array()?));
            self.committed = Some(Place { stamp, author, number: reader.varint()? });
        }
        self.committed_position = reader.varint()?;
        self.dropped = reader.varint()?;
        self.dropped_own = reader.varint()?;
        for _ in 0..reader.length(usize::MAX)? {
            self.graves.insert(reader.text(limits::PATH_BYTES)?.into());
        }
        for _ in 0..reader.length(VOIDED)? {
            let key = (read_index(&mut reader)?, reader.varint()?);
            self.voided.push_back((key, read_rejection(&mut reader)?));
        }
        for _ in 0..reader.length(usize::MAX)? {
            let arrival = reader.varint()?;
            self.gaps.push((arrival, Lost { from: reader.varint()?, to: reader.varint()? }));
        }
        for _ in 0..reader.length(usize::MAX)? {
            self.returned.insert(reader.varint()?);
        }
        if reader.is_empty() { Ok(()) } else { Err(Malformed("record of an ordered Pair")) }
    }
}

impl Entry {
    /// Appends the record of a candidate.
    pub fn put_record(&self, out: &mut Vec<u8>) {
        put_varint(out, self.arrival);
        put_varint(out, self.changed);
        let put_author = |out: &mut Vec<u8>, author: AuthorIndex| put_varint(out, author.0.into());
        BodyWriter::new(out, &put_author).put_body(&self.body, self.position);
    }
}

fn read_record(bytes: &[u8], vector: &VersionVector) -> Result<Entry, Malformed> {
    let mut reader = Reader::new(bytes);
    let arrival = reader.varint()?;
    let changed = reader.varint()?;
    let known = vector.entries().len();
    let mut read_author = |reader: &mut Reader<'_>| read_index(reader).and_then(|index| check_index(index, known));
    let Item::Body { body, position } = BodyReader::new(&mut read_author).item(&mut reader)? else {
        return Err(Malformed("record of a candidate"));
    };
    let place = Place { stamp: body.stamp, author: vector.author(body.author), number: body.number };
    Ok(Entry { body: Arc::new(body), place, arrival, position, changed, verdict: None })
}

fn read_index(reader: &mut Reader<'_>) -> Result<AuthorIndex, Malformed> {
    u16::try_from(reader.varint()?).map(AuthorIndex).map_err(|_| Malformed("author"))
}

fn check_index(index: AuthorIndex, known: usize) -> Result<AuthorIndex, Malformed> {
    if usize::from(index.0) < known { Ok(index) } else { Err(Malformed("author")) }
}

/// Bytes of a reason that a rule gave, as far as it is kept.
const WHY_BYTES: usize = 1024;

const GUARD: u8 = 0;
const TRANSITION: u8 = 1;
const OVERFLOW: u8 = 2;
const SCHEMA: u8 = 3;

/// Appends why a candidate was rejected.
pub(super) fn put_rejection(out: &mut Vec<u8>, rejection: &Rejection) {
    let head = match rejection {
        Rejection::Guard { .. } => GUARD,
        Rejection::Transition { .. } => TRANSITION,
        Rejection::Overflow { .. } => OVERFLOW,
        Rejection::Schema { .. } => SCHEMA,
    };
    out.push(head);
    put_text(out, rejection.path());
    match rejection {
        Rejection::Guard { index, .. } => put_varint(out, *index as u64),
        Rejection::Transition { why, .. } | Rejection::Schema { why, .. } => put_text(out, beginning(why)),
        Rejection::Overflow { .. } => {}
    }
}

/// Reads what [`put_rejection`] appended.
pub(super) fn read_rejection(reader: &mut Reader<'_>) -> Result<Rejection, Malformed> {
    let head = reader.byte()?;
    let path: Arc<str> = reader.text(limits::PATH_BYTES)?.into();
    Ok(match head {
        GUARD => Rejection::Guard { index: usize::try_from(reader.varint()?).map_err(|_| Malformed("guard"))?, path },
        TRANSITION => Rejection::Transition { path, why: reader.text(WHY_BYTES)?.to_owned() },
        OVERFLOW => Rejection::Overflow { path },
        SCHEMA => Rejection::Schema { path, why: reader.text(WHY_BYTES)?.to_owned() },
        _ => return Err(Malformed("rejection")),
    })
}

fn beginning(why: &str) -> &str {
    let mut length = why.len().min(WHY_BYTES);
    while !why.is_char_boundary(length) {
        length -= 1;
    }
    &why[..length]
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}
