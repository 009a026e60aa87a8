//! What the ledger keeps of cells, Pairs, peers and the endpoint, as bytes. docs/ledger-format.md has the tables.

use crate::canary::{self, Canary};
use crate::estp::context::Context;
use crate::estp::dot::{Author, AuthorIndex, Seen, VersionVector};
use crate::estp::half::HalfRecord;
use crate::estp::place::Place;
use crate::estp::stamp::Stamp;
use crate::estp::state::{Birth, CellIndex, StateBlock, StoredCell, Survivor, Version};
use crate::etcp::PublicKeys;
use crate::id::{EndpointId, PairId};
use crate::limits;
use crate::link::meeting::Memory;
use crate::link::{Held, Lost, Progress};
use crate::value::Value;
use crate::wire::{Kind, Malformed, Reader, kind_of, put_payload, put_value, put_varint, read_payload, read_value};

/// Appends the record of a cell that was written.
pub fn put_cell(out: &mut Vec<u8>, state: &StateBlock, cell: CellIndex) {
    put_varint(out, state.arrival(cell));
    let births = || std::iter::once(state.birth(cell)).chain(state.aliases(cell));
    put_varint(out, births().count() as u64);
    for birth in births() {
        put_varint(out, birth.author.0.into());
        put_varint(out, birth.number);
        put_varint(out, birth.place.into());
    }
    let layer = state.layer(cell);
    let survivors = layer.map_or(&[][..], |layer| &layer.survivors);
    let base = state.base(cell);
    put_varint(out, (survivors.len() as u64) << 1 | u64::from(base.is_some()));
    if let Some(base) = base {
        put_version(out, base, 0);
    }
    for Survivor { version, context, is_settled, committed, covered } in survivors {
        put_version(out, version, u8::from(*committed) << 4 | u8::from(*is_settled) << 5 | u8::from(covered.is_some()) << 6);
        put_varint(out, context.entries().count() as u64);
        for (author, number) in context.entries() {
            put_varint(out, author.0.into());
            put_varint(out, number);
        }
        if let Some(place) = covered {
            put_place(out, place);
        }
    }
}

/// In the kind of a version: it is committed here.
const COMMITTED: u8 = 0x10;
/// In the kind of a version: it was committed where it came from.
const SETTLED: u8 = 0x20;
/// In the kind of a version: the place of what has overwritten it follows its context.
const COVERED: u8 = 0x40;
/// All flags beside the kind of a version.
const FLAGS: u8 = COMMITTED | SETTLED | COVERED;

fn put_version(out: &mut Vec<u8>, version: &Version, flags: u8) {
    out.push(kind_of(version.value.as_ref()) as u8 | flags);
    put_varint(out, version.author.0.into());
    put_varint(out, version.number);
    out.extend_from_slice(&version.stamp.bits().to_le_bytes());
    put_payload(out, version.value.as_ref());
}

/// Reads the record of a cell.
///
/// # Errors
/// [`Malformed`] for bytes that [`put_cell`] does not write.
pub fn read_cell(bytes: &[u8]) -> Result<StoredCell, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut cell = StoredCell { arrival: reader.varint()?, ..StoredCell::default() };
    for _ in 0..reader.length(usize::MAX)? {
        let author = read_index(&mut reader)?;
        let number = reader.varint()?;
        let place = u32::try_from(reader.varint()?).map_err(|_| Malformed("birth"))?;
        cell.births.push(Birth { author, number, place });
    }
    let count = reader.varint()?;
    if count & 1 == 1 {
        cell.base = Some(read_version(&mut reader)?.0);
    }
    for _ in 0..count >> 1 {
        let (version, flags) = read_version(&mut reader)?;
        let mut context = Context::default();
        for _ in 0..reader.length(usize::MAX)? {
            context.include(read_index(&mut reader)?, reader.varint()?);
        }
        let covered = if flags & COVERED == 0 { None } else { Some(read_place(&mut reader)?) };
        let (is_settled, committed) = (flags & SETTLED != 0, flags & COMMITTED != 0);
        cell.survivors.push(Survivor { version, context, is_settled, committed, covered });
    }
    Ok(cell)
}

fn read_version(reader: &mut Reader<'_>) -> Result<(Version, u8), Malformed> {
    let head = reader.byte()?;
    let kind = Kind::from_bits(head & !FLAGS)?;
    let author = read_index(reader)?;
    let number = reader.varint()?;
    let stamp = Stamp::from_bits(u64::from_le_bytes(reader.array()?));
    let value = read_payload(reader, kind)?;
    Ok((Version { value, stamp, author, number }, head & FLAGS))
}

fn read_index(reader: &mut Reader<'_>) -> Result<AuthorIndex, Malformed> {
    u16::try_from(reader.varint()?).map(AuthorIndex).map_err(|_| Malformed("author"))
}

/// A Pair as the ledger has it, besides its cells.
#[derive(Clone, Debug, PartialEq)]
pub struct PairRecord {
    /// Its number in the keys of its cells.
    pub index: u32,
    /// Its name here.
    pub name: String,
    /// Whether a write returns only when it is durable.
    pub sync: bool,
    /// The number of its last change.
    pub changed: u64,
    /// The slot under which it is shared with the peer.
    pub slot: Option<u64>,
    /// Its schema, as its creator agreed to it.
    pub schema: Value,
    /// Its half.
    pub half: HalfRecord,
}

impl PairRecord {
    /// Appends the record.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.index.into());
        put_text(out, &self.name);
        out.push(u8::from(self.sync));
        put_varint(out, self.changed);
        put_varint(out, self.slot.map_or(0, |slot| slot + 1));
        out.push(u8::from(self.half.peer.is_some()));
        if let Some(peer) = self.half.peer {
            out.extend_from_slice(peer.as_bytes());
        }
        put_varint(out, self.half.settled_count);
        put_varint(out, self.half.joined);
        let entries = self.half.vector.entries();
        put_varint(out, entries.len() as u64);
        for seen in entries {
            out.extend_from_slice(seen.author.endpoint.as_bytes());
            out.extend_from_slice(&seen.author.epoch.to_le_bytes());
            put_varint(out, seen.number);
            out.extend_from_slice(&seen.stamp.bits().to_le_bytes());
        }
        let HalfRecord { committed, committed_alone, uncommitted_own, uncommitted_theirs, last_remote_arrival, is_opener, lost, .. } =
            &self.half;
        out.push(
            u8::from(committed.is_some())
                | u8::from(*uncommitted_own) << 1
                | u8::from(*uncommitted_theirs) << 2
                | u8::from(*is_opener) << 3
                | u8::from(committed_alone.is_some()) << 4,
        );
        committed.iter().chain(committed_alone).for_each(|place| put_place(out, place));
        put_varint(out, *last_remote_arrival);
        put_lost(out, lost);
        put_value(out, &self.schema);
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that [`PairRecord::put`] does not write.
    pub fn read(bytes: &[u8]) -> Result<PairRecord, Malformed> {
        let mut reader = Reader::new(bytes);
        let index = u32::try_from(reader.varint()?).map_err(|_| Malformed("index of a Pair"))?;
        let name = reader.text(limits::NAME_BYTES)?.to_owned();
        let sync = reader.byte()? != 0;
        let changed = reader.varint()?;
        let slot = reader.varint()?.checked_sub(1);
        let peer = if reader.byte()? == 0 { None } else { Some(EndpointId::from_bytes(reader.array()?)) };
        let settled_count = reader.varint()?;
        let joined = reader.varint()?;
        let vector = read_vector(&mut reader)?;
        let flags = reader.byte()?;
        let committed = if flags & 1 == 0 { None } else { Some(read_place(&mut reader)?) };
        let committed_alone = if flags & 16 == 0 { None } else { Some(read_place(&mut reader)?) };
        let half = HalfRecord {
            peer,
            vector,
            settled_count,
            joined,
            committed,
            committed_alone,
            uncommitted_own: flags & 2 != 0,
            uncommitted_theirs: flags & 4 != 0,
            last_remote_arrival: reader.varint()?,
            is_opener: flags & 8 != 0,
            lost: read_lost(&mut reader)?,
            changed,
        };
        let schema = read_value(&mut reader)?;
        Ok(PairRecord { index, name, sync, changed, slot, schema, half })
    }
}

fn put_place(out: &mut Vec<u8>, place: &Place) {
    out.extend_from_slice(place.author.endpoint.as_bytes());
    out.extend_from_slice(&place.author.epoch.to_le_bytes());
    out.extend_from_slice(&place.stamp.bits().to_le_bytes());
    put_varint(out, place.number);
}

fn read_place(reader: &mut Reader<'_>) -> Result<Place, Malformed> {
    let author = Author { endpoint: EndpointId::from_bytes(reader.array()?), epoch: u32::from_le_bytes(reader.array()?) };
    let stamp = Stamp::from_bits(u64::from_le_bytes(reader.array()?));
    Ok(Place { stamp, author, number: reader.varint()? })
}

fn put_lost(out: &mut Vec<u8>, lost: &[Lost]) {
    put_varint(out, lost.len() as u64);
    for lost in lost {
        put_varint(out, lost.from);
        put_varint(out, lost.to);
    }
}

fn read_lost(reader: &mut Reader<'_>) -> Result<Vec<Lost>, Malformed> {
    let mut lost = Vec::new();
    for _ in 0..reader.length(usize::MAX)? {
        lost.push(Lost { from: reader.varint()?, to: reader.varint()? });
    }
    Ok(lost)
}

fn read_vector(reader: &mut Reader<'_>) -> Result<VersionVector, Malformed> {
    let mut vector = VersionVector::default();
    for _ in 0..reader.length(usize::MAX)? {
        let author = Author { endpoint: EndpointId::from_bytes(reader.array()?), epoch: u32::from_le_bytes(reader.array()?) };
        let number = reader.varint()?;
        let stamp = Stamp::from_bits(u64::from_le_bytes(reader.array()?));
        let index = vector.intern(author).ok_or(Malformed("version vector"))?;
        vector.advance(index, number, stamp);
        if vector.seen(index) != (Seen { author, number, stamp }) && number > 0 {
            return Err(Malformed("version vector"));
        }
    }
    Ok(vector)
}

/// A peer as the ledger has it; its key there is its EndpointID.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerRecord {
    /// Its keys.
    pub keys: PublicKeys,
    /// Where it listens.
    pub addresses: Vec<String>,
    /// How far its state is held durably here.
    pub held: Held,
    /// What this endpoint lost of its own and the peer may have to give back.
    pub lost: Lost,
    /// The same to the number: what was lost at each unclean stop.
    pub gaps: Vec<Lost>,
    /// What it said of its own progress.
    pub progress: Progress,
    /// Up to which of this endpoint's numbers its acknowledgements were placing, and what they place is in this ledger.
    pub placed: u64,
    /// Timestamp of the last hello accepted from it, ms.
    pub heard_hello: u64,
    /// Timestamp of the last hello sent to it, ms.
    pub sent_hello: u64,
    /// The links with it.
    pub memory: Memory,
}

impl PeerRecord {
    /// Appends the record.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.keys.to_bytes());
        put_varint(out, self.addresses.len() as u64);
        self.addresses.iter().for_each(|address| put_text(out, address));
        out.extend_from_slice(&self.held.epoch.to_le_bytes());
        let Progress { held, durable } = self.progress;
        put_lost(out, &self.gaps);
        for number in [self.held.number, self.lost.from, self.lost.to, held, durable, self.placed, self.heard_hello, self.sent_hello] {
            put_varint(out, number);
        }
        self.memory.put(out);
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that [`PeerRecord::put`] does not write.
    pub fn read(bytes: &[u8]) -> Result<PeerRecord, Malformed> {
        let mut reader = Reader::new(bytes);
        let keys = PublicKeys::from_bytes(&reader.array()?);
        let mut addresses = Vec::new();
        for _ in 0..reader.length(usize::MAX)? {
            addresses.push(reader.text(usize::MAX)?.to_owned());
        }
        let epoch = u32::from_le_bytes(reader.array()?);
        let gaps = read_lost(&mut reader)?;
        let held = Held { epoch, number: reader.varint()? };
        let lost = Lost { from: reader.varint()?, to: reader.varint()? };
        let progress = Progress { held: reader.varint()?, durable: reader.varint()? };
        let (placed, heard_hello, sent_hello) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let memory = Memory::read(&mut reader)?;
        Ok(PeerRecord { keys, addresses, held, lost, gaps, progress, placed, heard_hello, sent_hello, memory })
    }
}

/// What the ledger keeps of the endpoint itself, besides its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointRecord {
    /// Its author epoch.
    pub epoch: u32,
    /// Everything up to this number is in the ledger.
    pub durable: u64,
    /// Numbers up to here may have been given: counting goes on above.
    pub number_ceiling: u64,
    /// Stamps up to here may have been given: the clock goes on above.
    pub stamp_ceiling: Stamp,
}

impl EndpointRecord {
    /// Appends the record: 28 bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.epoch.to_le_bytes());
        for number in [self.durable, self.number_ceiling, self.stamp_ceiling.bits()] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Malformed`] when cut short.
    pub fn read(bytes: &[u8]) -> Result<EndpointRecord, Malformed> {
        let mut reader = Reader::new(bytes);
        let mut record = EndpointRecord {
            epoch: u32::from_le_bytes(reader.array()?),
            durable: u64::from_le_bytes(reader.array()?),
            number_ceiling: u64::from_le_bytes(reader.array()?),
            stamp_ceiling: Stamp::from_bits(u64::from_le_bytes(reader.array()?)),
        };
        if canary::sings(Canary::DotReuse) {
            record.number_ceiling = record.durable;
        }
        if canary::sings(Canary::ForgetfulClock) {
            record.stamp_ceiling = Stamp::ZERO;
        }
        Ok(record)
    }
}

/// A ticket that this endpoint issued; its key in the ledger is its TicketID. The secret is stored sealed, apart from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketRecord {
    /// The Pair it is for.
    pub pair: PairId,
    /// When it expires, unix seconds; 0 is never.
    pub expires: u64,
    /// Who used it.
    pub used_by: Option<EndpointId>,
}

impl TicketRecord {
    /// Appends the record.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.pair.as_bytes());
        put_varint(out, self.expires);
        if let Some(endpoint) = self.used_by {
            out.extend_from_slice(endpoint.as_bytes());
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Malformed`] when cut short.
    pub fn read(bytes: &[u8]) -> Result<TicketRecord, Malformed> {
        let mut reader = Reader::new(bytes);
        let pair = PairId::from_bytes(reader.array()?);
        let expires = reader.varint()?;
        let used_by = if reader.is_empty() { None } else { Some(EndpointId::from_bytes(reader.array()?)) };
        Ok(TicketRecord { pair, expires, used_by })
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Lineage, Meeting, Meetings};

    const ENDPOINT: EndpointId = EndpointId::from_bytes([3; 16]);

    #[test]
    fn a_cell_is_read_as_it_was_put() {
        let mut state = StateBlock::new(0);
        let cell = state.enter(["k"].into_iter());
        let birth = Birth { author: AuthorIndex(1), number: 1 << 33, place: 70_000 };
        for value in [None, Some(Value::from(21.5)), Some(Value::from("text")), Some(Value::empty_object())] {
            let version = Version { value, stamp: Stamp::new(1 << 40, 3), author: AuthorIndex(300), number: 1 << 50 };
            let mut expected = StoredCell { arrival: 9, births: vec![birth], base: Some(version.clone()), survivors: Vec::new() };
            state.drop_layer(cell);
            state.set(cell, version.clone(), 9, birth);
            let check = |state: &StateBlock, expected: &StoredCell| {
                let mut bytes = Vec::new();
                put_cell(&mut bytes, state, cell);
                assert_eq!(read_cell(&bytes).as_ref(), Ok(expected));
                assert!((0..bytes.len()).all(|cut| read_cell(&bytes[..cut]).is_err()));
            };
            check(&state, &expected);
            for (committed, is_settled) in [(true, false), (false, true)] {
                let context = Context::of(AuthorIndex(2), 1 << 40);
                let author = Author { endpoint: ENDPOINT, epoch: 5 };
                let covered = committed.then_some(Place { stamp: Stamp::new(5, 5), author, number: 70 });
                let survivor = Survivor { version: version.clone(), context, is_settled, committed, covered };
                state.open_layer(cell).survivors.push(survivor.clone());
                expected.survivors.push(survivor);
                check(&state, &expected);
            }
        }
    }

    #[test]
    fn a_pair_is_read_as_it_was_put() {
        let mut vector = VersionVector::default();
        let me = vector.intern(Author { endpoint: ENDPOINT, epoch: 5 }).unwrap();
        vector.advance(me, 77, Stamp::new(6, 1));
        vector.intern(Author { endpoint: ENDPOINT, epoch: 6 }).unwrap();
        let author = Author { endpoint: ENDPOINT, epoch: 5 };
        for (peer, slot) in [(None, None), (Some(ENDPOINT), Some(0))] {
            let half = HalfRecord {
                peer,
                vector: vector.clone(),
                settled_count: 4,
                joined: 80,
                committed: slot.map(|_: u64| Place { stamp: Stamp::new(5, 5), author, number: 70 }),
                committed_alone: slot.map(|_| Place { stamp: Stamp::new(4, 4), author, number: 60 }),
                uncommitted_own: true,
                uncommitted_theirs: slot.is_some(),
                last_remote_arrival: 66,
                is_opener: slot.is_some(),
                lost: vec![Lost { from: 3, to: 9 }],
                changed: 88,
            };
            let schema = Value::object([("version", 1i64)]);
            let record = PairRecord { index: 2, name: "thermostat".into(), sync: true, changed: 88, slot, schema, half };
            let mut bytes = Vec::new();
            record.put(&mut bytes);
            assert_eq!(PairRecord::read(&bytes), Ok(record));
            assert!(PairRecord::read(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn peers_tickets_and_the_endpoint_are_read_as_they_were_put() {
        let peer = PeerRecord {
            keys: PublicKeys::from_bytes(&[7; 64]),
            addresses: vec!["tcp:127.0.0.1:9".into()],
            held: Held { epoch: 1, number: 2 },
            lost: Lost { from: 7, to: 9 },
            gaps: vec![Lost { from: 7, to: 8 }, Lost { from: 8, to: 9 }],
            progress: Progress { held: 3, durable: 4 },
            placed: 2,
            heard_hello: 5,
            sent_hello: 6,
            memory: Memory {
                met: Meetings { last: Meeting { count: 2, token: 9 }, offered: Some(Meeting { count: 3, token: 8 }) },
                before: (7, Meetings { last: Meeting { count: 5, token: 1 }, offered: None }),
                former: vec![Lineage {
                    held: Held { epoch: 4, number: 7 },
                    progress: Progress { held: 8, durable: 9 },
                    ..Lineage::default()
                }],
            },
        };
        let mut bytes = Vec::new();
        peer.put(&mut bytes);
        assert_eq!(PeerRecord::read(&bytes), Ok(peer));
        for used_by in [None, Some(ENDPOINT)] {
            let ticket = TicketRecord { pair: PairId::from_bytes([1; 16]), expires: 9, used_by };
            let mut bytes = Vec::new();
            ticket.put(&mut bytes);
            assert_eq!(TicketRecord::read(&bytes), Ok(ticket));
        }
        let endpoint = EndpointRecord { epoch: 9, durable: 1, number_ceiling: 2, stamp_ceiling: Stamp::new(3, 4) };
        let mut bytes = Vec::new();
        endpoint.put(&mut bytes);
        assert_eq!(EndpointRecord::read(&bytes), Ok(endpoint));
    }
}
