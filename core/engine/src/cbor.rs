//! Values as CBOR (RFC 8949).
//!
//! Writing is deterministic (section 4.2.1): the shortest form of every number, length and float, definite lengths, members sorted by the
//! bytes of their encoded keys. So equal values are equal bytes. Reading takes any well-formed CBOR of the types that the state knows,
//! indefinite lengths included.
//!
//! An integer stays an integer and a float stays a float: 1.0 is written as the half-precision float F9 3C00, never as 1.

use crate::error::Error;
use minicbor::data::Type;
use minicbor::decode::Decoder;
use minicbor::encode::{Encoder, Error as EncodeError};
use spook_protocol::error::Code;
use spook_protocol::limits;
use spook_protocol::value::{Object, Value};
use std::convert::Infallible;
use std::error::Error as _;
use std::str::Utf8Error;
use std::sync::Arc;

type Written = Result<(), EncodeError<Infallible>>;

/// The value in the deterministic encoding.
pub fn to_vec(value: &Value) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    match write(&mut out, value) {
        // Appending to memory cannot fail, so there is never an error to report.
        Ok(()) | Err(_) => out.into_writer(),
    }
}

fn write(out: &mut Encoder<Vec<u8>>, value: &Value) -> Written {
    match value {
        Value::Null => out.null()?.ok(),
        Value::Bool(flag) => out.bool(*flag)?.ok(),
        Value::Int(number) => out.i64(*number)?.ok(),
        Value::Uint(number) => out.u64(*number)?.ok(),
        Value::Float(number) => write_float(out, *number),
        Value::String(text) => out.str(text)?.ok(),
        Value::Bytes(bytes) => out.bytes(bytes)?.ok(),
        Value::Array(items) => {
            out.array(items.len() as u64)?;
            items.iter().try_for_each(|item| write(out, item))
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            // The head of a key holds its length, so shorter keys come first.
            members.sort_unstable_by_key(|(key, _)| (key.len(), key.as_bytes()));
            out.map(members.len() as u64)?;
            members.into_iter().try_for_each(|(key, member)| {
                out.str(key)?;
                write(out, member)
            })
        }
    }
}

fn write_float(out: &mut Encoder<Vec<u8>>, number: f64) -> Written {
    let single = number as f32;
    if f64::from(single).to_bits() != number.to_bits() {
        return out.f64(number)?.ok();
    }
    match to_half(single) {
        None => out.f32(single)?.ok(),
        Some(half) => {
            out.writer_mut().push(0xf9);
            out.writer_mut().extend_from_slice(&half.to_be_bytes());
            Ok(())
        }
    }
}

/// The bits of the half-precision float that is exactly this finite number, if there is one.
fn to_half(number: f32) -> Option<u16> {
    let bits = number.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = number.abs();
    let half = if magnitude == 0.0 {
        0
    } else if magnitude >= 2f32.powi(-14) {
        // Normal: move the exponent from bias 127 to 15, drop 13 bits of the mantissa.
        let rebased = ((bits & 0x7fff_ffff) - (112 << 23)) >> 13;
        u16::try_from(rebased).ok().filter(|half| *half < 0x7c00)?
    } else {
        // Subnormal: a multiple of 2^-24. A fraction is cut off here and noticed below.
        (magnitude * 2f32.powi(24)) as u16
    };
    (from_half(half) == magnitude).then_some(sign | half)
}

/// The number that half-precision bits stand for (RFC 8949, appendix D).
fn from_half(bits: u16) -> f32 {
    let mantissa = f32::from(bits & 0x3ff);
    let magnitude = match bits >> 10 & 0x1f {
        0 => mantissa * 2f32.powi(-24),
        31 if mantissa == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (mantissa + 1024.0) * 2f32.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

/// Reads one value, which must take all of `bytes`.
///
/// # Errors
/// [`Code::Invalid`] for bytes that are not well-formed CBOR or hold what the state does not know: tags, `undefined` and other simple
/// values, keys that are not text, a key twice, integers beyond 64 bits. [`Code::Utf8`] for text that is not UTF-8, [`Code::Nan`] for
/// floats that are not finite, [`Code::TooLarge`] for nesting beyond [`limits::DEPTH`].
pub fn from_slice(bytes: &[u8]) -> Result<Value, Error> {
    let mut decoder = Decoder::new(bytes);
    let value = read(&mut decoder, 0)?;
    match decoder.position() {
        end if end == bytes.len() => Ok(value),
        end => Err(invalid(end, "the value ends here, but the bytes go on")),
    }
}

fn read(from: &mut Decoder<'_>, depth: usize) -> Result<Value, Error> {
    let at = from.position();
    if depth > limits::DEPTH {
        return Err(Error::new(Code::TooLarge, format!("CBOR at byte {at}: nested deeper than {} levels", limits::DEPTH)));
    }
    let unreadable = |error| unreadable(at, &error);
    match from.datatype().map_err(unreadable)? {
        Type::Null => from.null().map(|()| Value::Null).map_err(unreadable),
        Type::Bool => from.bool().map(Value::from).map_err(unreadable),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => from.u64().map(Value::from).map_err(unreadable),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => from.i64().map(Value::from).map_err(unreadable),
        Type::F16 => read_half(from),
        Type::F32 => from.f32().map_err(unreadable).and_then(|number| finite(at, number.into())),
        Type::F64 => from.f64().map_err(unreadable).and_then(|number| finite(at, number)),
        Type::String | Type::StringIndef => read_text(from).map(Value::String),
        Type::Bytes => from.bytes().map(Value::from).map_err(unreadable),
        Type::BytesIndef => {
            let chunks: Result<Vec<&[u8]>, _> = from.bytes_iter().map_err(unreadable)?.collect();
            Ok(Value::from(chunks.map_err(unreadable)?.concat()))
        }
        Type::Array | Type::ArrayIndef => read_array(from, depth),
        Type::Map | Type::MapIndef => read_map(from, depth),
        Type::Int => Err(invalid(at, "an integer below -2^63; integers have 64 bits")),
        Type::Tag => Err(invalid(at, "a tag; values have no tags, write what it stands for")),
        Type::Undefined => Err(invalid(at, "undefined; write null")),
        Type::Simple => Err(invalid(at, "a simple value other than false, true and null")),
        Type::Break => Err(invalid(at, "a break outside of anything of indefinite length")),
        Type::Unknown(byte) => Err(invalid(at, &format!("byte {byte:#04x}, which begins nothing"))),
    }
}

fn read_half(from: &mut Decoder<'_>) -> Result<Value, Error> {
    let at = from.position();
    match from.input().get(at + 1..at + 3) {
        Some(&[high, low]) => {
            from.set_position(at + 3);
            finite(at, from_half(u16::from_be_bytes([high, low])).into())
        }
        _ => Err(invalid(at, "the bytes end within a float")),
    }
}

fn finite(at: usize, number: f64) -> Result<Value, Error> {
    if number.is_finite() { Ok(Value::Float(number)) } else { Err(Error::new(Code::Nan, format!("CBOR at byte {at}: {number}"))) }
}

fn read_text(from: &mut Decoder<'_>) -> Result<Arc<str>, Error> {
    let at = from.position();
    match from.datatype() {
        Ok(Type::StringIndef) => {
            let chunks: Result<Vec<&str>, _> = from.str_iter().map_err(|error| unreadable(at, &error))?.collect();
            Ok(chunks.map_err(|error| unreadable(at, &error))?.concat().into())
        }
        _ => from.str().map(Arc::from).map_err(|error| unreadable(at, &error)),
    }
}

fn read_array(from: &mut Decoder<'_>, depth: usize) -> Result<Value, Error> {
    let mut left = from.array().map_err(|error| unreadable(from.position(), &error))?;
    // Grown as items come: the number that the bytes announce need not be true.
    let mut items = Vec::new();
    while go_on(from, &mut left)? {
        items.push(read(from, depth + 1)?);
    }
    Ok(Value::from(items))
}

fn read_map(from: &mut Decoder<'_>, depth: usize) -> Result<Value, Error> {
    let mut left = from.map().map_err(|error| unreadable(from.position(), &error))?;
    let mut members = Object::new();
    while go_on(from, &mut left)? {
        let at = from.position();
        if !matches!(from.datatype().map_err(|error| unreadable(at, &error))?, Type::String | Type::StringIndef) {
            return Err(invalid(at, "a key that is not text; keys are text"));
        }
        let key = read_text(from)?;
        let member = read(from, depth + 1)?;
        if let Some(_earlier) = members.insert(Arc::clone(&key), member) {
            return Err(invalid(at, &format!("the key {key:?} for the second time")));
        }
    }
    Ok(Value::from(members))
}

/// Whether another item follows. `left` is how many still come, or `None` up to a break, which this takes.
fn go_on(from: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Error> {
    let at = from.position();
    match left {
        Some(0) => Ok(false),
        Some(left) => {
            *left -= 1;
            Ok(true)
        }
        None => {
            let ends = from.datatype().map_err(|error| unreadable(at, &error))? == Type::Break;
            if ends {
                from.set_position(at + 1);
            }
            Ok(!ends)
        }
    }
}

fn invalid(at: usize, what: &str) -> Error {
    Error::new(Code::Invalid, format!("CBOR at byte {at}: {what}"))
}

fn unreadable(at: usize, error: &minicbor::decode::Error) -> Error {
    if error.source().is_some_and(|source| source.is::<Utf8Error>()) {
        return Error::new(Code::Utf8, format!("CBOR at byte {at}: text that is not UTF-8"));
    }
    if error.is_end_of_input() { invalid(at, "the bytes end within a value") } else { invalid(at, &error.to_string()) }
}

#[cfg(test)]
mod tests;
