//! Reads from bytes that nobody has vouched for.

use std::fmt;

/// The bytes do not follow the format; the text names what was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "malformed {}", self.0)
    }
}

/// A position in a slice of bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`Malformed`] at the end.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.bytes.split_first().ok_or(Malformed("byte"))?;
        self.bytes = rest;
        Ok(first)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Malformed`] when fewer are left.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.bytes.split_at_checked(count).ok_or(Malformed("length"))?;
        self.bytes = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`Malformed`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.bytes.split_first_chunk::<N>().ok_or(Malformed("length"))?;
        self.bytes = rest;
        Ok(*head)
    }

    /// A number written by [`put_varint`](super::put_varint).
    ///
    /// # Errors
    /// [`Malformed`] when it is cut short or does not fit into 64 bits.
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0u64;
        for at in 0..10 {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if at == 9 && bits > 1 {
                return Err(Malformed("varint"));
            }
            number |= bits << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed("varint"))
    }

    /// A number written by [`put_signed`](super::put_signed).
    ///
    /// # Errors
    /// [`Malformed`] as [`Reader::varint`].
    pub fn signed(&mut self) -> Result<i64, Malformed> {
        Ok(super::signed_from(self.varint()?))
    }

    /// A length: a varint no larger than `most` nor than what is left to read.
    ///
    /// # Errors
    /// [`Malformed`] when it is larger.
    pub fn length(&mut self, most: usize) -> Result<usize, Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed("length"))?;
        if length > most || length > self.bytes.len() { Err(Malformed("length")) } else { Ok(length) }
    }

    /// A text behind its length.
    ///
    /// # Errors
    /// [`Malformed`] when it is longer than `most` bytes, cut short, or not UTF-8.
    pub fn text(&mut self, most: usize) -> Result<&'a str, Malformed> {
        let length = self.length(most)?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Malformed("UTF-8"))
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }
}
