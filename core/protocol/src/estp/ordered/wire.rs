//! Bodies as bytes, one behind another: each is told as a difference from the one before it. The same form travels and is stored; only authors are
//! written differently, so whoever calls gives the way to write and read one.

use super::body::{Body, Expect, Guard, Key, LeafAction, LeafOperation};
use crate::estp::dot::{AuthorIndex, Lost};
use crate::estp::stamp::Stamp;
use crate::wire::{Kind, Malformed, Reader, kind_of, put_payload, put_signed, put_value, put_varint, read_payload, read_value};
use crate::{limits, pointer};
use std::sync::Arc;

/// Bytes of all paths of one body, written out. Shared beginnings make many long paths cheap to send; they are not cheap to keep.
pub const BODY_PATH_BYTES: usize = 16 << 20;

/// Appends an author.
pub type PutAuthor<'a> = dyn Fn(&mut Vec<u8>, AuthorIndex) + 'a;

/// Reads an author and gives its index.
pub type ReadAuthor<'a, E> = dyn FnMut(&mut Reader<'_>) -> Result<AuthorIndex, E> + 'a;

/// What a body is, and what follows its head.
const AUTHOR: u8 = 1;
const CONTEXT: u8 = 1 << 1;
const GUARDS: u8 = 1 << 2;
const COUNTER: u8 = 1 << 3;
const POSITION: u8 = 1 << 4;
/// Not a body, but the name of one that the reader has: only an author, a number and a position follow.
const NAME: u8 = 1 << 5;
/// Not a body, but a gap in the anchor's positions: its two ends follow.
const GAP: u8 = 1 << 6;
const RESERVED: u8 = 1 << 7;

const EQUALS: u8 = 0;
const ABSENT: u8 = 1;
const SAME: u8 = 2;
/// Plus 1 with a minimum, plus 2 with a maximum.
const RANGE: u8 = 4;

/// The action of an operation, above the four bits of its value's kind.
const PUT: u8 = 0;
const INCREMENT: u8 = 1 << 4;

/// One entry of what travels between two ordered halves.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A candidate; from an anchor with its position.
    Body {
        /// The candidate.
        body: Body,
        /// Its place in the order of the anchor.
        position: Option<u64>,
    },
    /// An anchor gave a candidate of the reader's a position.
    Placed {
        /// Which candidate.
        key: Key,
        /// Its place in the order of the anchor.
        position: u64,
    },
    /// The anchor was stopped uncleanly and lost these of its numbers: what had its position there has none any more.
    Gap(Lost),
}

/// What the next item is told as a difference from.
#[derive(Clone, Debug, Default)]
struct Last {
    author: Option<AuthorIndex>,
    number: u64,
    ms: u64,
    position: u64,
    path: String,
}

/// Writes items one behind another.
pub struct BodyWriter<'a> {
    out: &'a mut Vec<u8>,
    put_author: &'a PutAuthor<'a>,
    last: Last,
}

impl<'a> BodyWriter<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>, put_author: &'a PutAuthor<'a>) -> BodyWriter<'a> {
        BodyWriter { out, put_author, last: Last::default() }
    }

    /// Appends the name of a candidate and its position.
    pub fn put_placed(&mut self, key: Key, position: u64) {
        let at = self.out.len();
        self.out.push(0);
        let flags = self.put_key(key);
        self.put_position(position);
        self.out[at] = NAME | POSITION | flags;
    }

    /// Appends a gap.
    pub fn put_gap(&mut self, gap: Lost) {
        self.out.push(GAP);
        put_varint(self.out, gap.from);
        put_varint(self.out, gap.to);
    }

    /// Appends a candidate.
    pub fn put_body(&mut self, body: &Body, position: Option<u64>) {
        let at = self.out.len();
        self.out.push(0);
        let mut flags = self.put_key(body.key());
        put_signed(self.out, body.stamp.ms().wrapping_sub(self.last.ms) as i64);
        self.last.ms = body.stamp.ms();
        if body.stamp.counter() != 0 {
            flags |= COUNTER;
            put_varint(self.out, body.stamp.counter().into());
        }
        if let Some(position) = position {
            flags |= POSITION;
            self.put_position(position);
        }
        let entries = body.context.entries().count();
        if entries > 0 {
            flags |= CONTEXT;
            put_varint(self.out, entries as u64);
            for (author, number) in body.context.entries() {
                (self.put_author)(self.out, author);
                put_varint(self.out, number);
            }
        }
        if !body.guards.is_empty() {
            flags |= GUARDS;
            put_varint(self.out, body.guards.len() as u64);
            body.guards.iter().for_each(|guard| self.put_guard(guard));
        }
        put_varint(self.out, body.operations.len() as u64);
        body.operations.iter().for_each(|operation| self.put_operation(operation));
        self.out[at] = flags;
    }

    fn put_key(&mut self, (author, number): Key) -> u8 {
        let mut flags = 0;
        if self.last.author != Some(author) {
            flags = AUTHOR;
            (self.put_author)(self.out, author);
            self.last.author = Some(author);
        }
        put_signed(self.out, number.wrapping_sub(self.last.number) as i64);
        self.last.number = number;
        flags
    }

    fn put_position(&mut self, position: u64) {
        put_signed(self.out, position.wrapping_sub(self.last.position) as i64);
        self.last.position = position;
    }

    fn put_guard(&mut self, guard: &Guard) {
        self.put_path(&guard.path);
        match &guard.expect {
            Expect::Equals(value) => {
                self.out.push(EQUALS);
                put_value(self.out, value);
            }
            Expect::Absent => self.out.push(ABSENT),
            Expect::Same(fingerprint) => {
                self.out.push(SAME);
                self.out.extend_from_slice(&fingerprint.to_le_bytes());
            }
            Expect::Range { min, max } => {
                self.out.push(RANGE | u8::from(min.is_some()) | u8::from(max.is_some()) << 1);
                min.iter().chain(max).for_each(|bound| put_value(self.out, bound));
            }
        }
    }

    fn put_operation(&mut self, operation: &LeafOperation) {
        self.put_path(&operation.path);
        match &operation.action {
            LeafAction::Set(value) => put_value(self.out, value),
            LeafAction::Delete => self.out.push(PUT | Kind::Deleted as u8),
            LeafAction::Increment(number) => {
                let value = crate::value::Value::Int(*number);
                self.out.push(INCREMENT | kind_of(Some(&value)) as u8);
                put_payload(self.out, Some(&value));
            }
        }
    }

    /// A path: how many bytes it shares with the last one, and the rest.
    fn put_path(&mut self, path: &str) {
        let last = &mut self.last.path;
        let mut shared = last.bytes().zip(path.bytes()).take_while(|(a, b)| a == b).count();
        while !path.is_char_boundary(shared) {
            shared -= 1;
        }
        put_varint(self.out, shared as u64);
        put_varint(self.out, (path.len() - shared) as u64);
        self.out.extend_from_slice(&path.as_bytes()[shared..]);
        last.truncate(shared);
        last.push_str(&path[shared..]);
    }
}

/// Reads what a [`BodyWriter`] appended.
pub struct BodyReader<'a, E> {
    read_author: &'a mut ReadAuthor<'a, E>,
    last: Last,
    /// Bytes that the paths of the current body may still take.
    path_bytes: usize,
}

impl<'a, E: From<Malformed>> BodyReader<'a, E> {
    /// A reader of items that were put by one writer.
    pub fn new(read_author: &'a mut ReadAuthor<'a, E>) -> BodyReader<'a, E> {
        BodyReader { read_author, last: Last::default(), path_bytes: 0 }
    }

    /// The next item.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that no writer appends, and whatever `read_author` gives.
    pub fn item(&mut self, reader: &mut Reader<'_>) -> Result<Item, E> {
        let flags = reader.byte()?;
        if flags & RESERVED != 0 || (flags & GAP != 0 && flags != GAP) || (flags & NAME != 0 && flags & !AUTHOR != NAME | POSITION) {
            return Err(Malformed("candidate").into());
        }
        if flags == GAP {
            return Ok(Item::Gap(Lost { from: reader.varint()?, to: reader.varint()? }));
        }
        let key = self.key(reader, flags)?;
        if flags & NAME != 0 {
            return Ok(Item::Placed { key, position: self.position(reader)? });
        }
        let stamp = self.stamp(reader, flags)?;
        let position = if flags & POSITION != 0 { Some(self.position(reader)?) } else { None };
        self.path_bytes = BODY_PATH_BYTES;
        let mut context = Vec::new();
        if flags & CONTEXT != 0 {
            for _ in 0..reader.length(crate::estp::half::AUTHORS)? {
                context.push(((self.read_author)(reader)?, reader.varint()?));
            }
        }
        let mut guards = Vec::new();
        if flags & GUARDS != 0 {
            for _ in 0..reader.length(limits::DELTA_CELLS)? {
                guards.push(self.guard(reader)?);
            }
        }
        let mut operations = Vec::new();
        for _ in 0..reader.length(limits::DELTA_CELLS)? {
            operations.push(self.operation(reader)?);
        }
        if operations.is_empty() {
            return Err(Malformed("candidate without operations").into());
        }
        let (author, number) = key;
        let body = Body { author, number, stamp, context: context.into_iter().collect(), guards, operations };
        Ok(Item::Body { body, position })
    }

    fn key(&mut self, reader: &mut Reader<'_>, flags: u8) -> Result<Key, E> {
        if flags & AUTHOR != 0 {
            self.last.author = Some((self.read_author)(reader)?);
        }
        let author = self.last.author.ok_or(Malformed("author"))?;
        self.last.number = self.last.number.wrapping_add(reader.signed()? as u64);
        if self.last.number == 0 {
            return Err(Malformed("number of a candidate").into());
        }
        Ok((author, self.last.number))
    }

    fn stamp(&mut self, reader: &mut Reader<'_>, flags: u8) -> Result<Stamp, Malformed> {
        let ms = self.last.ms.wrapping_add(reader.signed()? as u64);
        if ms >> 48 != 0 {
            return Err(Malformed("stamp"));
        }
        self.last.ms = ms;
        let counter = if flags & COUNTER == 0 { 0 } else { reader.varint()? };
        Ok(Stamp::new(ms, u16::try_from(counter).map_err(|_| Malformed("stamp"))?))
    }

    fn position(&mut self, reader: &mut Reader<'_>) -> Result<u64, Malformed> {
        self.last.position = self.last.position.wrapping_add(reader.signed()? as u64);
        Ok(self.last.position)
    }

    fn guard(&mut self, reader: &mut Reader<'_>) -> Result<Guard, E> {
        let path = self.path(reader)?;
        let expect = match reader.byte()? {
            EQUALS => Expect::Equals(read_value(reader)?),
            ABSENT => Expect::Absent,
            SAME => Expect::Same(u128::from_le_bytes(reader.array()?)),
            range @ RANGE..=7 => {
                let min = if range & 1 != 0 { Some(read_value(reader)?) } else { None };
                let max = if range & 2 != 0 { Some(read_value(reader)?) } else { None };
                Expect::Range { min, max }
            }
            _ => return Err(Malformed("guard").into()),
        };
        Ok(Guard { path, expect })
    }

    fn operation(&mut self, reader: &mut Reader<'_>) -> Result<LeafOperation, E> {
        let path = self.path(reader)?;
        let head = reader.byte()?;
        let value = read_payload(reader, Kind::from_bits(head & 15)?)?;
        let action = match (head & !15, value) {
            (PUT, None) => LeafAction::Delete,
            (PUT, Some(value)) => LeafAction::Set(value),
            (INCREMENT, Some(crate::value::Value::Int(number))) => LeafAction::Increment(number),
            _ => return Err(Malformed("operation").into()),
        };
        Ok(LeafOperation { path, action })
    }

    fn path(&mut self, reader: &mut Reader<'_>) -> Result<Arc<str>, Malformed> {
        let shared = usize::try_from(reader.varint()?).map_err(|_| Malformed("path"))?;
        let rest = reader.text(limits::PATH_BYTES)?;
        let last = &mut self.last.path;
        if !last.is_char_boundary(shared) {
            return Err(Malformed("path"));
        }
        last.truncate(shared);
        last.push_str(rest);
        self.path_bytes = self.path_bytes.checked_sub(last.len()).ok_or(Malformed("length of paths"))?;
        let mut keys = pointer::keys(last).map_err(|_| Malformed("path"))?;
        if keys.any(|key| key.is_err()) {
            return Err(Malformed("path"));
        }
        Ok(Arc::from(last.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estp::context::Context;
    use crate::value::Value;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1000i32..1000).prop_map(|number| Value::from(f64::from(number) / 8.0)),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| prop::collection::btree_map(".{0,4}".prop_map(Arc::from), inner, 0..3).prop_map(Value::from))
    }

    fn path() -> impl Strategy<Value = Arc<str>> {
        prop::collection::vec("[a-cä~/]{0,3}", 0..4).prop_map(|keys| {
            let mut path = String::new();
            keys.iter().for_each(|key| pointer::push_key(&mut path, key));
            Arc::from(path)
        })
    }

    fn guard() -> impl Strategy<Value = Guard> {
        let expect = prop_oneof![
            value().prop_map(Expect::Equals),
            Just(Expect::Absent),
            any::<u128>().prop_map(Expect::Same),
            (prop::option::of(value()), prop::option::of(value())).prop_map(|(min, max)| Expect::Range { min, max }),
        ];
        (path(), expect).prop_map(|(path, expect)| Guard { path, expect })
    }

    fn operation() -> impl Strategy<Value = LeafOperation> {
        let action =
            prop_oneof![value().prop_map(LeafAction::Set), Just(LeafAction::Delete), any::<i64>().prop_map(LeafAction::Increment),];
        (path(), action).prop_map(|(path, action)| LeafOperation { path, action })
    }

    fn item() -> impl Strategy<Value = Item> {
        let key = (0u16..3, 1u64..=u64::MAX).prop_map(|(author, number)| (AuthorIndex(author), number));
        let context = prop::collection::vec((0u16..4, any::<u64>()), 0..3)
            .prop_map(|entries| entries.into_iter().map(|(author, number)| (AuthorIndex(author), number)).collect::<Context>());
        let parts = (
            (key.clone(), 0u64..1 << 48, any::<u16>(), context),
            prop::collection::vec(guard(), 0..3),
            prop::collection::vec(operation(), 1..4),
            prop::option::of(any::<u64>()),
        );
        let body = parts.prop_map(|(((author, number), ms, counter, context), guards, operations, position)| Item::Body {
            body: Body { author, number, stamp: Stamp::new(ms, counter), context, guards, operations },
            position,
        });
        let placed = (key, any::<u64>()).prop_map(|(key, position)| Item::Placed { key, position });
        let gap = any::<(u64, u64)>().prop_map(|(from, to)| Item::Gap(Lost { from, to }));
        prop_oneof![4 => body, 2 => placed, 1 => gap]
    }

    fn read(bytes: &[u8]) -> Result<Vec<Item>, Malformed> {
        let mut read_author = |reader: &mut Reader<'_>| -> Result<AuthorIndex, Malformed> { Ok(AuthorIndex(reader.byte()?.into())) };
        let mut items = BodyReader::new(&mut read_author);
        let mut reader = Reader::new(bytes);
        let mut read = Vec::new();
        while !reader.is_empty() {
            read.push(items.item(&mut reader)?);
        }
        Ok(read)
    }

    fn put(items: &[Item]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let put_author = |out: &mut Vec<u8>, author: AuthorIndex| out.push(author.0 as u8);
        let mut writer = BodyWriter::new(&mut bytes, &put_author);
        for item in items {
            match item {
                Item::Body { body, position } => writer.put_body(body, *position),
                Item::Placed { key, position } => writer.put_placed(*key, *position),
                Item::Gap(gap) => writer.put_gap(*gap),
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn what_is_put_is_read(items in prop::collection::vec(item(), 0..5)) {
            prop_assert_eq!(read(&put(&items)).unwrap(), items);
        }

        #[test]
        fn garbage_and_mutilated_items_are_refused_or_read_never_a_panic(
            garbage: Vec<u8>, items in prop::collection::vec(item(), 1..4), at: prop::sample::Index, byte: u8,
        ) {
            let _ = read(&garbage);
            let mut bytes = put(&items);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = read(&bytes);
            let _ = read(&bytes[..at]);
        }
    }

    #[test]
    fn a_small_candidate_takes_few_bytes() {
        let body = |number| Body {
            author: AuthorIndex(0),
            number,
            stamp: Stamp::new(1_700_000_000_000 + number, 0),
            context: Context::of(AuthorIndex(1), 70),
            guards: Vec::new(),
            operations: vec![LeafOperation { path: "/stock/a".into(), action: LeafAction::Increment(-1) }],
        };
        let one = put(&[Item::Body { body: body(80), position: None }]).len();
        let two = put(&[Item::Body { body: body(80), position: None }, Item::Body { body: body(81), position: None }]).len();
        assert!(one <= 28 && two - one <= 11, "{one} bytes, then {}", two - one);
    }

    #[test]
    fn many_long_paths_with_a_shared_beginning_are_refused() {
        let long = format!("/{}", "k".repeat(1000));
        let paths = BODY_PATH_BYTES / long.len() + 1;
        let operation = LeafOperation { path: long.as_str().into(), action: LeafAction::Delete };
        let operations = vec![operation; paths];
        let body =
            Body { author: AuthorIndex(0), number: 1, stamp: Stamp::ZERO, context: Context::default(), guards: Vec::new(), operations };
        assert_eq!(read(&put(&[Item::Body { body, position: None }])), Err(Malformed("length of paths")));
    }
}
