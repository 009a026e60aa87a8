//! Values as JSON (RFC 8259).
//!
//! * Integers keep 64 bits in both directions; one that does not fit is refused, never rounded to a float.
//! * A float is always written with a point or an exponent, and a number that has one is read as a float: `1.0` stays a float.
//! * Bytes are `{"$bytes": "<base64>"}`, with padding (RFC 4648, section 4). An object whose only key is `$bytes` gets one more `$` when
//!   it is written and loses it when it is read, and so for `$$bytes`, `$$$bytes` and so on: every value comes back as it was.
//! * Of equal keys in an object the last one counts. (The deterministic [`cbor`](crate::cbor) refuses them.)
//! * What JSON cannot say, NaN and the infinities, the state does not hold.

use crate::error::Error;
use data_encoding::BASE64;
use serde_core::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_core::ser::{Serialize, SerializeMap, Serializer};
use spook_protocol::error::Code;
use spook_protocol::limits;
use spook_protocol::value::{Object, Value};
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

const BYTES: &str = "$bytes";

/// The value as JSON without blanks, members sorted by key.
pub fn to_string(value: &Value) -> String {
    // Neither keys that are not strings nor a writer that fails: there is nothing to report.
    serde_json::to_string(&Outgoing(value)).unwrap_or_default()
}

/// Reads one value, which must be all of `text` but for blanks.
///
/// # Errors
/// [`Code::Invalid`] for text that is not JSON, integers beyond 64 bits, floats too large for 64 bits, and `$bytes` that are not base64; the detail
/// says where. [`Code::TooLarge`] for nesting beyond [`limits::DEPTH`].
pub fn from_str(text: &str) -> Result<Value, Error> {
    let findings = Findings { code: Cell::new(Code::Invalid), large: Cell::new(false) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Incoming { depth: 0, findings: &findings }.deserialize(&mut deserializer);
    let value = read.and_then(|value| deserializer.end().map(|()| value));
    let value = value.map_err(|error| Error::new(findings.code.get(), format!("JSON: {error}")))?;
    match findings.large.get().then(|| integer_beyond_64_bits(text)).flatten() {
        None => Ok(value),
        Some(digits) => Err(Error::new(Code::Invalid, format!("JSON: the integer {digits} does not fit 64 bits"))),
    }
}

/// Whether a lone key is `$bytes`, or `$bytes` behind escapes.
fn is_bytes_key(key: &str) -> bool {
    key.starts_with('$') && key.trim_start_matches('$') == &BYTES[1..]
}

struct Outgoing<'a>(&'a Value);

impl Serialize for Outgoing<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => out.serialize_unit(),
            Value::Bool(flag) => out.serialize_bool(*flag),
            Value::Int(number) => out.serialize_i64(*number),
            Value::Uint(number) => out.serialize_u64(*number),
            Value::Float(number) => out.serialize_f64(*number),
            Value::String(text) => out.serialize_str(text),
            Value::Bytes(bytes) => out.collect_map([(BYTES, BASE64.encode(bytes))]),
            Value::Array(items) => out.collect_seq(items.iter().map(Outgoing)),
            Value::Object(members) => {
                let mut map = out.serialize_map(Some(members.len()))?;
                for (key, member) in members.iter() {
                    if members.len() == 1 && is_bytes_key(key) {
                        map.serialize_entry(&format!("${key}"), &Outgoing(member))?;
                    } else {
                        map.serialize_entry(&**key, &Outgoing(member))?;
                    }
                }
                map.end()
            }
        }
    }
}

/// What the reader learns besides the value.
struct Findings {
    /// The code of the error, if one ends the reading.
    code: Cell<Code>,
    /// Whether there was a float that could have been written as an integer beyond 64 bits: the parser below rounds those.
    large: Cell<bool>,
}

#[derive(Clone, Copy)]
struct Incoming<'a> {
    depth: usize,
    findings: &'a Findings,
}

impl Incoming<'_> {
    fn member(self) -> Self {
        Incoming { depth: self.depth + 1, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Incoming<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        if self.depth > limits::DEPTH {
            self.findings.code.set(Code::TooLarge);
            return Err(de::Error::custom(format_args!("nested deeper than {} levels", limits::DEPTH)));
        }
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Incoming<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        if number.abs() >= 2f64.powi(63) {
            self.findings.large.set(true);
        }
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(self.member())? {
            items.push(item);
        }
        Ok(Value::from(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Object::new();
        while let Some(key) = from.next_key_seed(Key)? {
            let member = from.next_value_seed(self.member())?;
            members.insert(key, member);
        }
        unescape(members)
    }
}

/// Turns the object of a lone `$bytes` key into bytes, and takes an escape off a lone `$$bytes` key.
fn unescape<E: de::Error>(members: Object) -> Result<Value, E> {
    match members.first_key_value() {
        Some((key, text)) if members.len() == 1 && &**key == BYTES => {
            let bytes = text.as_str().and_then(|text| BASE64.decode(text.as_bytes()).ok());
            let refused = || E::custom("\"$bytes\" is not followed by base64 with padding; write \"$$bytes\" for a key of that name");
            bytes.map(Value::from).ok_or_else(refused)
        }
        Some((key, member)) if members.len() == 1 && is_bytes_key(key) => Ok(Value::object([(&key[1..], member.clone())])),
        _ => Ok(Value::from(members)),
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Arc<str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Arc<str>, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Arc<str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Arc<str>, E> {
        Ok(key.into())
    }
}

/// The first integer in well-formed JSON that neither `i64` nor `u64` holds. The parser has read it as a float.
fn integer_beyond_64_bits(json: &str) -> Option<&str> {
    let mut rest = json;
    while let Some(at) = rest.find(|char: char| char == '"' || char == '-' || char.is_ascii_digit()) {
        rest = &rest[at..];
        let length = if rest.starts_with('"') {
            string_len(rest)
        } else {
            let end = rest.find(|char: char| !matches!(char, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
            let number = &rest[..end];
            let is_integer = !number.contains(['.', 'e', 'E']);
            if is_integer && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
                return Some(number);
            }
            end
        };
        rest = &rest[length..];
    }
    None
}

/// The bytes of the string literal that `json` begins with, quotes included.
fn string_len(json: &str) -> usize {
    let mut escaped = true; // the opening quote does not close
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests;
