//! Values: a small tagged union for scalars, JSON or CBOR for trees.

use crate::args;
use crate::buffer::spook_buf;
use crate::failure::Failure;
use spook::{Code, Value, cbor, json};
use std::ffi::c_char;

/// No value: an event of a deletion, a zeroed struct.
pub const SPOOK_NONE: u32 = 0;
/// Null, a value like any other.
pub const SPOOK_NULL: u32 = 1;
/// True or false, in `as.boolean`.
pub const SPOOK_BOOL: u32 = 2;
/// An integer that fits into 64 bits with sign, in `as.int64`.
pub const SPOOK_INT64: u32 = 3;
/// An integer, in `as.uint64`. Where libspook gives it, it is above INT64_MAX: equal numbers are equal values.
pub const SPOOK_UINT64: u32 = 4;
/// A finite float64, in `as.float64`.
pub const SPOOK_FLOAT64: u32 = 5;
/// Text in UTF-8, in `as.text`.
pub const SPOOK_STRING: u32 = 6;
/// Bytes, in `as.bytes`.
pub const SPOOK_BYTES: u32 = 7;
/// An array. Only libspook gives it, in an event; read its content as JSON or CBOR.
pub const SPOOK_ARRAY: u32 = 8;
/// An object. Only libspook gives it, in an event; read its content as JSON or CBOR.
pub const SPOOK_OBJECT: u32 = 9;
/// A value of any kind written as JSON (RFC 8259), in `as.text`. Besides the caller, only the
/// call of a rule gives it. Bytes are {"$bytes": "<base64>"}.
pub const SPOOK_JSON: u32 = 10;
/// A value of any kind written as CBOR (RFC 8949), in `as.bytes`. Besides the caller, only the call of a rule gives it.
pub const SPOOK_CBOR: u32 = 11;

/// Text in UTF-8: not terminated, and it may hold NUL. NULL with 0 is empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_text {
    /// The first byte.
    pub data: *const c_char,
    /// How many bytes.
    pub len: usize,
}

impl spook_text {
    pub(crate) const EMPTY: spook_text = spook_text { data: std::ptr::null(), len: 0 };

    /// The text, which must stay where it is as long as the struct is read.
    pub(crate) fn of(text: &str) -> spook_text {
        spook_text { data: text.as_ptr().cast(), len: text.len() }
    }
}

/// Bytes of any content. NULL with 0 is empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_bytes {
    /// The first byte.
    pub data: *const u8,
    /// How many bytes.
    pub len: usize,
}

/// The content of a spook_value; its `kind` tells which field.
#[repr(C)]
#[derive(Clone, Copy)]
pub union spook_scalar {
    /// SPOOK_BOOL: 0 is false, everything else is true.
    pub boolean: u8,
    /// SPOOK_INT64.
    pub int64: i64,
    /// SPOOK_UINT64.
    pub uint64: u64,
    /// SPOOK_FLOAT64.
    pub float64: f64,
    /// SPOOK_STRING, SPOOK_JSON.
    pub text: spook_text,
    /// SPOOK_BYTES, SPOOK_CBOR.
    pub bytes: spook_bytes,
}

/// A value. It owns nothing: text and bytes belong to the caller on the way in, and on the way out to the buffer or event beside it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_value {
    /// One of SPOOK_NONE to SPOOK_CBOR.
    pub kind: u32,
    /// The content, for kinds that have one.
    pub r#as: spook_scalar,
}

impl spook_value {
    pub(crate) const NONE: spook_value = spook_value { kind: SPOOK_NONE, r#as: spook_scalar { text: spook_text::EMPTY } };

    fn new(kind: u32, content: spook_scalar) -> spook_value {
        // Every byte of the union is written, so that a caller that compares or copies it reads nothing undefined.
        let mut value = spook_value { kind, ..spook_value::NONE };
        // SAFETY: `kind` says which field is read, and the smaller fields are the beginning of the zeroed larger ones.
        unsafe {
            match kind {
                SPOOK_BOOL => value.r#as.boolean = content.boolean,
                SPOOK_INT64 | SPOOK_UINT64 | SPOOK_FLOAT64 => value.r#as.uint64 = content.uint64,
                SPOOK_STRING | SPOOK_BYTES => value.r#as = content,
                _ => {}
            }
        }
        value
    }

    /// The value as the caller sees it. Text and bytes are borrowed from `value` and must outlive what is given.
    pub(crate) fn of(value: &Value) -> spook_value {
        let bytes = |bytes: &[u8]| spook_bytes { data: bytes.as_ptr(), len: bytes.len() };
        match value {
            Value::Null => spook_value::new(SPOOK_NULL, spook_value::NONE.r#as),
            Value::Bool(flag) => spook_value::new(SPOOK_BOOL, spook_scalar { boolean: u8::from(*flag) }),
            Value::Int(number) => spook_value::new(SPOOK_INT64, spook_scalar { int64: *number }),
            Value::Uint(number) => spook_value::new(SPOOK_UINT64, spook_scalar { uint64: *number }),
            Value::Float(number) => spook_value::new(SPOOK_FLOAT64, spook_scalar { float64: *number }),
            Value::String(text) => spook_value::new(SPOOK_STRING, spook_scalar { text: spook_text::of(text) }),
            Value::Bytes(content) => spook_value::new(SPOOK_BYTES, spook_scalar { bytes: bytes(content) }),
            Value::Array(_) => spook_value { kind: SPOOK_ARRAY, ..spook_value::NONE },
            Value::Object(_) => spook_value { kind: SPOOK_OBJECT, ..spook_value::NONE },
        }
    }

    /// The value as the caller sees it, with a buffer of its own for text and bytes.
    pub(crate) fn owned(value: &Value) -> Result<(spook_value, spook_buf), Failure> {
        let mut out = spook_value::of(value);
        let content = match value {
            Value::String(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            Value::Array(_) | Value::Object(_) => {
                let detail =
                    format!("the path holds an {}; read it with spook_read_state_json or spook_read_state_cbor", value.type_name());
                return Err(Failure::new(Code::Type, detail));
            }
            _ => return Ok((out, spook_buf::EMPTY)),
        };
        let buf = spook_buf::copy(content);
        out.r#as.bytes = spook_bytes { data: buf.data, len: buf.len };
        Ok((out, buf))
    }

    /// What the caller gives.
    ///
    /// # Safety
    /// Where the kind has text or bytes, these are as [`args::bytes`] asks.
    pub(crate) unsafe fn read(&self) -> Result<Value, Failure> {
        let content = &self.r#as;
        // SAFETY: every bit pattern is a value of each field; pointers are checked, and what they point to is promised by the caller.
        unsafe {
            Ok(match self.kind {
                SPOOK_NULL => Value::Null,
                SPOOK_BOOL => Value::Bool(content.boolean != 0),
                SPOOK_INT64 => Value::Int(content.int64),
                SPOOK_UINT64 => Value::from(content.uint64),
                SPOOK_FLOAT64 => Value::Float(content.float64),
                SPOOK_STRING => args::text(content.text.data, content.text.len, "value.as.text")?.into(),
                SPOOK_BYTES => args::bytes(content.bytes.data, content.bytes.len, "value.as.bytes")?.into(),
                SPOOK_JSON => json::from_str(args::text(content.text.data, content.text.len, "value.as.text")?)?,
                SPOOK_CBOR => cbor::from_slice(args::bytes(content.bytes.data, content.bytes.len, "value.as.bytes")?)?,
                kind => return Err(Failure::invalid(format!("value.kind is {kind}, which is not a kind that can be written"))),
            })
        }
    }
}

/// A value for the caller's eyes together with what it points to, trees included.
pub(crate) struct Written {
    value: spook_value,
    /// What `value` points to. It lies on the heap and stays where it is when this struct moves.
    _content: Vec<u8>,
}

impl Written {
    /// Trees become SPOOK_JSON or SPOOK_CBOR.
    pub(crate) fn of(value: &Value, as_cbor: bool) -> Written {
        let mut shown = spook_value::of(value);
        let content = match value {
            Value::String(text) => text.as_bytes().to_vec(),
            Value::Bytes(bytes) => bytes.to_vec(),
            Value::Array(_) | Value::Object(_) if as_cbor => cbor::to_vec(value),
            Value::Array(_) | Value::Object(_) => json::to_string(value).into_bytes(),
            _ => return Written { value: shown, _content: Vec::new() },
        };
        match shown.kind {
            SPOOK_ARRAY | SPOOK_OBJECT => shown.kind = if as_cbor { SPOOK_CBOR } else { SPOOK_JSON },
            _ => {}
        }
        shown.r#as.bytes = spook_bytes { data: content.as_ptr(), len: content.len() };
        Written { value: shown, _content: content }
    }

    /// What the caller sees, for as long as the content is there; SPOOK_NONE for none.
    pub(crate) fn shown(written: &Option<Written>) -> spook_value {
        written.as_ref().map_or(spook_value::NONE, |written| written.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_survive_both_ways() {
        let text = Value::from("a\0\u{1f600}");
        let bytes = Value::from(&[0u8, 255][..]);
        let numbers = [Value::Null, true.into(), false.into(), i64::MIN.into(), u64::MAX.into(), (-0.0f64).into(), text, bytes];
        for value in numbers {
            let given = spook_value::of(&value);
            // SAFETY: `value` outlives `given`.
            assert_eq!(unsafe { given.read() }.unwrap(), value);
        }
    }

    #[test]
    fn equal_numbers_are_equal_values() {
        let given = spook_value { kind: SPOOK_UINT64, r#as: spook_scalar { uint64: 7 } };
        // SAFETY: a number has no pointers.
        assert_eq!(unsafe { given.read() }.unwrap(), Value::Int(7));
    }

    #[test]
    fn kinds_that_cannot_be_written_are_refused() {
        for kind in [SPOOK_NONE, SPOOK_ARRAY, SPOOK_OBJECT, 12, u32::MAX] {
            let given = spook_value { kind, ..spook_value::NONE };
            // SAFETY: refused before any pointer is read.
            assert_eq!(unsafe { given.read() }.unwrap_err().code, Code::Invalid);
        }
    }

    #[test]
    fn trees_are_no_scalars() {
        assert_eq!(spook_value::owned(&Value::empty_object()).err().unwrap().code, Code::Type);
        assert_eq!(spook_value::of(&Value::from(vec![Value::Null])).kind, SPOOK_ARRAY);
    }
}
