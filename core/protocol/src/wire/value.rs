//! Values as bytes: a kind (four bits) and a payload. The kind shares a byte with other things in a delta, so the two are put apart.

use super::{Malformed, Reader, put_varint};
use crate::limits;
use crate::value::{Object, Value};
use std::sync::Arc;

/// What a payload holds. The numbers are part of the wire and ledger formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Nothing: the cell was deleted.
    Deleted = 0,
    /// Null, without payload.
    Null = 1,
    /// False, without payload.
    False = 2,
    /// True, without payload.
    True = 3,
    /// An integer from 0 to 2^64-1: a varint.
    Positive = 4,
    /// An integer below 0: the varint of -1 minus it.
    Negative = 5,
    /// A float64: eight bytes, little end first.
    Float = 6,
    /// A float64 whose low bytes are zero: the varint of its bits with the bytes in reverse order. 21.5 takes four bytes.
    RoundFloat = 7,
    /// A string: its length and UTF-8 bytes.
    String = 8,
    /// Bytes: their length and themselves.
    Bytes = 9,
    /// An array: the number of items; each is a byte of its kind and its payload.
    Array = 10,
    /// An object: the number of members; each is its key (length and bytes), a byte of its kind and its payload. Empty as a leaf.
    Object = 11,
}

impl Kind {
    /// The kind of that number.
    ///
    /// # Errors
    /// [`Malformed`] for a number that no kind has.
    pub fn from_bits(bits: u8) -> Result<Kind, Malformed> {
        const KINDS: [Kind; 12] = [
            Kind::Deleted,
            Kind::Null,
            Kind::False,
            Kind::True,
            Kind::Positive,
            Kind::Negative,
            Kind::Float,
            Kind::RoundFloat,
            Kind::String,
            Kind::Bytes,
            Kind::Array,
            Kind::Object,
        ];
        KINDS.get(usize::from(bits)).copied().ok_or(Malformed("kind of value"))
    }
}

/// The kind under which `value` is put; `None` is a deleted cell.
pub fn kind_of(value: Option<&Value>) -> Kind {
    match value {
        None => Kind::Deleted,
        Some(Value::Null) => Kind::Null,
        Some(Value::Bool(false)) => Kind::False,
        Some(Value::Bool(true)) => Kind::True,
        Some(Value::Int(number)) if *number < 0 => Kind::Negative,
        Some(Value::Int(_) | Value::Uint(_)) => Kind::Positive,
        // Seven payload bytes at most: 49 significant bits.
        Some(Value::Float(number)) if number.to_bits().swap_bytes() < 1 << 49 => Kind::RoundFloat,
        Some(Value::Float(_)) => Kind::Float,
        Some(Value::String(_)) => Kind::String,
        Some(Value::Bytes(_)) => Kind::Bytes,
        Some(Value::Array(_)) => Kind::Array,
        Some(Value::Object(_)) => Kind::Object,
    }
}

/// Appends the payload of `value`, whose kind the caller has put.
pub fn put_payload(out: &mut Vec<u8>, value: Option<&Value>) {
    match value {
        None | Some(Value::Null | Value::Bool(_)) => {}
        Some(Value::Int(number)) if *number < 0 => put_varint(out, !*number as u64),
        Some(Value::Int(number)) => put_varint(out, *number as u64),
        Some(Value::Uint(number)) => put_varint(out, *number),
        Some(float @ Value::Float(number)) => match kind_of(Some(float)) {
            Kind::RoundFloat => put_varint(out, number.to_bits().swap_bytes()),
            _ => out.extend_from_slice(&number.to_bits().to_le_bytes()),
        },
        Some(Value::String(text)) => put_bytes(out, text.as_bytes()),
        Some(Value::Bytes(bytes)) => put_bytes(out, bytes),
        Some(Value::Array(items)) => {
            put_varint(out, items.len() as u64);
            items.iter().for_each(|item| put_value(out, item));
        }
        Some(Value::Object(members)) => {
            put_varint(out, members.len() as u64);
            for (key, member) in members.iter() {
                put_bytes(out, key.as_bytes());
                put_value(out, member);
            }
        }
    }
}

/// Appends a byte of the kind and the payload.
pub fn put_value(out: &mut Vec<u8>, value: &Value) {
    out.push(kind_of(Some(value)) as u8);
    put_payload(out, Some(value));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what [`put_payload`] appended; `None` is a deleted cell.
///
/// # Errors
/// [`Malformed`] for bytes that no value encodes to: wrong lengths, invalid UTF-8, a float that is not finite, nesting beyond
/// [`limits::DEPTH`], keys out of order, a number in a longer form than needed.
pub fn read_payload(reader: &mut Reader<'_>, kind: Kind) -> Result<Option<Value>, Malformed> {
    if kind == Kind::Deleted { Ok(None) } else { read_at_depth(reader, kind, 0).map(Some) }
}

/// Reads what [`put_value`] appended.
///
/// # Errors
/// [`Malformed`] as [`read_payload`].
pub fn read_value(reader: &mut Reader<'_>) -> Result<Value, Malformed> {
    let kind = Kind::from_bits(reader.byte()?)?;
    read_at_depth(reader, kind, 0)
}

fn read_at_depth(reader: &mut Reader<'_>, kind: Kind, depth: usize) -> Result<Value, Malformed> {
    Ok(match kind {
        Kind::Deleted => return Err(Malformed("kind of value")),
        Kind::Null => Value::Null,
        Kind::False => Value::Bool(false),
        Kind::True => Value::Bool(true),
        Kind::Positive => Value::from(reader.varint()?),
        Kind::Negative => Value::Int(!i64::try_from(reader.varint()?).map_err(|_| Malformed("integer"))?),
        Kind::Float => read_float(u64::from_le_bytes(reader.array()?), Kind::Float)?,
        Kind::RoundFloat => read_float(reader.varint()?.swap_bytes(), Kind::RoundFloat)?,
        Kind::String => Value::String(reader.text(limits::LEAF_BYTES)?.into()),
        Kind::Bytes => {
            let length = reader.length(limits::LEAF_BYTES)?;
            Value::Bytes(reader.bytes(length)?.into())
        }
        Kind::Array => read_array(reader, depth)?,
        Kind::Object => read_object(reader, depth)?,
    })
}

/// One value has one encoding, so that digests of encoded values can be compared.
fn read_float(bits: u64, kind: Kind) -> Result<Value, Malformed> {
    let value = Value::Float(f64::from_bits(bits));
    if f64::from_bits(bits).is_finite() && kind_of(Some(&value)) == kind { Ok(value) } else { Err(Malformed("float")) }
}

fn read_array(reader: &mut Reader<'_>, depth: usize) -> Result<Value, Malformed> {
    let count = nested(reader, depth)?;
    let mut items = Vec::with_capacity(count.min(1024));
    for _ in 0..count {
        let kind = Kind::from_bits(reader.byte()?)?;
        items.push(read_at_depth(reader, kind, depth + 1)?);
    }
    Ok(Value::Array(items.into()))
}

fn read_object(reader: &mut Reader<'_>, depth: usize) -> Result<Value, Malformed> {
    let count = nested(reader, depth)?;
    let mut members = Object::new();
    for _ in 0..count {
        let key: Arc<str> = reader.text(limits::KEY_BYTES)?.into();
        if members.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(Malformed("order of keys"));
        }
        let kind = Kind::from_bits(reader.byte()?)?;
        members.insert(key, read_at_depth(reader, kind, depth + 1)?);
    }
    Ok(Value::Object(Arc::new(members)))
}

/// The number of items of a container. Each takes at least a byte, so the count is bounded by what is left.
fn nested(reader: &mut Reader<'_>, depth: usize) -> Result<usize, Malformed> {
    if depth >= limits::DEPTH { Err(Malformed("depth of value")) } else { reader.length(limits::LEAF_BYTES) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1000i32..1000).prop_map(|number| Value::from(f64::from(number) / 8.0)),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            ".*".prop_map(Value::from),
            any::<Vec<u8>>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,8}".prop_map(Arc::from), inner, 0..6).prop_map(Value::from),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_put_is_read(value in any_value()) {
            let mut bytes = Vec::new();
            put_value(&mut bytes, &value);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(read_value(&mut reader).unwrap(), value);
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn garbage_is_refused_or_read_never_a_panic(bytes: Vec<u8>) {
            let _ = read_value(&mut Reader::new(&bytes));
        }
    }

    #[test]
    fn a_number_takes_few_bytes() {
        let size = |value: Value| {
            let mut bytes = Vec::new();
            put_payload(&mut bytes, Some(&value));
            bytes.len()
        };
        assert_eq!(size(Value::from(100i64)), 1);
        assert_eq!(size(Value::from(-1i64)), 1);
        assert_eq!(size(Value::from(21.5)), 4);
        assert_eq!(size(Value::from(0.1)), 8);
        assert_eq!(size(Value::from(u64::MAX)), 10);
    }

    #[test]
    fn a_count_beyond_the_bytes_allocates_nothing() {
        assert!(read_value(&mut Reader::new(&[Kind::Array as u8, 0xff, 0xff, 0xff, 0x7f])).is_err());
        assert!(read_value(&mut Reader::new(&[Kind::Bytes as u8, 0xff, 0xff, 0xff, 0x7f, 1])).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let mut bytes = [Kind::Array as u8, 1].repeat(limits::DEPTH + 1);
        bytes.push(Kind::Null as u8);
        assert_eq!(read_value(&mut Reader::new(&bytes)), Err(Malformed("depth of value")));
    }

    #[test]
    fn a_float_has_one_encoding() {
        let mut long = vec![Kind::Float as u8];
        long.extend_from_slice(&21.5f64.to_bits().to_le_bytes());
        assert!(read_value(&mut Reader::new(&long)).is_err());
    }
}
