//! A seed: the committed state and the log, for a half that joins, lost its ledger, or was away for so long that bodies it lacks are gone.

use super::body::Key;
use super::fold::Scene;
use super::keep::{put_rejection, read_rejection};
use super::log::Order;
use super::wire::{BodyReader, BodyWriter, Item, PutAuthor, ReadAuthor};
use super::{AdmitError, Cells, Ordered, Rejection, Touched};
use crate::estp::dot::{AuthorIndex, VersionVector};
use crate::estp::place::Place;
use crate::estp::stamp::Stamp;
use crate::estp::state::Version;
use crate::wire::{Kind, Malformed, Reader, kind_of, put_payload, put_varint, read_payload};
use crate::{limits, pointer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A seed as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seed {
    /// What its sender has applied: author, number, stamp. All of it is in the cells or among the items.
    pub vector: Vec<(AuthorIndex, u64, Stamp)>,
    /// The last committed candidate, where stamps decide the order.
    pub committed: Option<(Key, Stamp)>,
    /// The position of the last committed candidate, where an anchor does.
    pub position: u64,
    /// The candidates that were rejected for good, as far as the sender remembers.
    pub voided: Vec<(Key, Rejection)>,
    /// The committed state, tombstones that are still needed included.
    pub cells: BTreeMap<Arc<str>, Version>,
    /// The log.
    pub items: Vec<Item>,
}

impl Ordered {
    /// Appends a seed.
    pub fn encode_seed<C: Cells>(&self, cells: &C, vector: &VersionVector, put_author: &PutAuthor<'_>, out: &mut Vec<u8>) {
        let seen: Vec<_> = vector.entries().iter().enumerate().filter(|(_, seen)| seen.number > 0).collect();
        put_varint(out, seen.len() as u64);
        for (index, seen) in seen {
            put_candidate(out, (AuthorIndex(index as u16), seen.number), seen.stamp, put_author);
        }
        let committed = self.committed.and_then(|place| Some((vector.index_of(place.author)?, place)));
        out.push(u8::from(committed.is_some()));
        if let Some((author, place)) = committed {
            put_candidate(out, (author, place.number), place.stamp, put_author);
        }
        put_varint(out, if self.log.order() == (Order::Anchor { here: true }) { self.committed_position } else { 0 });
        put_varint(out, self.voided.len() as u64);
        for ((author, number), rejection) in &self.voided {
            put_author(out, *author);
            put_varint(out, *number);
            put_rejection(out, rejection);
        }
        let mut count = 0u64;
        let mut bytes = Vec::new();
        cells.visit_base(&mut |path, version| {
            count += 1;
            put_varint(&mut bytes, path.len() as u64);
            bytes.extend_from_slice(path.as_bytes());
            put_candidate(&mut bytes, (version.author, version.number), version.stamp, put_author);
            bytes.push(kind_of(version.value.as_ref()) as u8);
            put_payload(&mut bytes, version.value.as_ref());
        });
        put_varint(out, count);
        out.append(&mut bytes);
        let mut writer = BodyWriter::new(out, put_author);
        let is_anchor = self.log.order() == (Order::Anchor { here: true });
        self.log.iter().for_each(|entry| writer.put_body(&entry.body, entry.position.filter(|_| is_anchor)));
    }

    /// Takes a seed: its committed state replaces the one here, its log joins the one here. Own candidates that its sender had applied leave the
    /// log, unless they come with the seed; the others stay. `number` is what the delta with the seed took here. The version vector is to be
    /// advanced by [`Seed::vector`] after it. A seed that is behind what is committed here brings its log alone, unless this is a `repair`.
    ///
    /// Returns the cells that show something else than before, the log folded in.
    ///
    /// # Errors
    /// [`AdmitError`] for an item of its log.
    pub fn apply_seed<C: Cells>(
        &mut self,
        scene: &mut Scene<'_, C>,
        seed: Seed,
        number: u64,
        repair: bool,
    ) -> Result<Vec<Arc<str>>, AdmitError> {
        let Seed { vector, committed, position, voided, cells, items } = seed;
        let place = |((author, number), stamp): (Key, Stamp)| Place { stamp, author: scene.vector.author(author), number };
        let committed = committed.map(place);
        let is_behind = match self.log.order() {
            Order::Stamps => self.committed > committed,
            Order::Anchor { .. } => self.committed_position > position,
        };
        let mut touched = Touched::default();
        self.unwind(scene, &mut touched);
        if !is_behind || repair {
            self.replace_base(scene.cells, cells, number, &mut touched);
            self.committed = committed;
            self.committed_position = position;
            self.dropped = self.dropped.max(number);
            voided.into_iter().for_each(|(key, rejection)| self.remember_voided(key, rejection));
            self.forget_what_is_in(&vector);
            self.displace(|_| true, number);
        }
        for item in items {
            self.admit(scene.vector, item, number)?;
        }
        let log: BTreeSet<Key> = self.log.iter().map(|entry| entry.body.key()).collect();
        self.removed.retain(|key| !log.contains(key));
        self.fold.bring_up_to_date(&mut self.log, scene, &mut self.flips, &mut touched);
        self.prune(scene.cells);
        Ok(touched.changed(scene.cells))
    }

    /// Drops the entries that the sender of a seed had applied.
    fn forget_what_is_in(&mut self, vector: &[(AuthorIndex, u64, Stamp)]) {
        let is_in = |(author, number): Key| vector.iter().any(|(other, up_to, _)| *other == author && number <= *up_to);
        for at in (0..self.log.len()).rev() {
            if self.log.get(at).is_some_and(|entry| is_in(entry.body.key()))
                && let Some(entry) = self.log.remove(at)
            {
                self.removed.push(entry.body.key());
            }
        }
    }
}

fn put_candidate(out: &mut Vec<u8>, (author, number): Key, stamp: Stamp, put_author: &PutAuthor<'_>) {
    put_author(out, author);
    put_varint(out, number);
    out.extend_from_slice(&stamp.bits().to_le_bytes());
}

impl Seed {
    /// Reads what [`Ordered::encode_seed`] appended.
    ///
    /// # Errors
    /// [`Malformed`] as `E` for bytes that it does not append, and whatever `read_author` gives.
    pub fn decode<E: From<Malformed>>(bytes: &[u8], read_author: &mut ReadAuthor<'_, E>) -> Result<Seed, E> {
        let mut reader = Reader::new(bytes);
        let mut seed = Seed::default();
        for _ in 0..reader.length(crate::estp::half::AUTHORS)? {
            let ((author, number), stamp) = read_candidate(&mut reader, read_author)?;
            seed.vector.push((author, number, stamp));
        }
        seed.committed = match reader.byte()? {
            0 => None,
            1 => Some(read_candidate(&mut reader, read_author)?),
            _ => return Err(Malformed("seed").into()),
        };
        seed.position = reader.varint()?;
        for _ in 0..reader.length(super::VOIDED)? {
            let key = (read_author(&mut reader)?, reader.varint()?);
            seed.voided.push((key, read_rejection(&mut reader)?));
        }
        for _ in 0..reader.length(limits::DELTA_CELLS)? {
            let path = reader.text(limits::PATH_BYTES)?;
            let mut keys = pointer::keys(path).map_err(|_| Malformed("path"))?;
            if keys.any(|key| key.is_err()) {
                return Err(Malformed("path").into());
            }
            let ((author, number), stamp) = read_candidate(&mut reader, read_author)?;
            let kind = Kind::from_bits(reader.byte()?)?;
            let value = read_payload(&mut reader, kind)?;
            if value.as_ref().is_some_and(|value| !value.is_leaf()) {
                return Err(Malformed("leaf").into());
            }
            seed.cells.insert(path.into(), Version { value, stamp, author, number });
        }
        let mut bodies = BodyReader::new(read_author);
        while !reader.is_empty() {
            seed.items.push(bodies.item(&mut reader)?);
        }
        Ok(seed)
    }
}

fn read_candidate<E: From<Malformed>>(reader: &mut Reader<'_>, read_author: &mut ReadAuthor<'_, E>) -> Result<(Key, Stamp), E> {
    let author = read_author(reader)?;
    let number = reader.varint()?;
    Ok(((author, number), Stamp::from_bits(u64::from_le_bytes(reader.array()?))))
}
