//! Messages within a stream of bytes.
//!
//! Hellos come behind a length of two bytes, high byte first; message 1 is at most 4,095 bytes long, so that its first byte is never a letter
//! and a port can tell it from other protocols. Sealed messages come behind a varint of one to three bytes.

use crate::wire::put_varint;

/// The largest sealed message: what Noise allows.
pub const MESSAGE_BYTES: usize = 65_535;

/// A length that the stream may not announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Bytes that came and do not make a whole message yet. Holds at most one message and what one read brought.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    at: usize,
}

impl Inbox {
    /// Appends what came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next hello of at most `most` bytes, if it is there in full.
    ///
    /// # Errors
    /// [`TooLong`] as soon as the length is known, before anything is waited for.
    pub fn hello(&mut self, most: usize) -> Result<Option<&[u8]>, TooLong> {
        let Some((head, _)) = self.bytes[self.at..].split_first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*head));
        if length > most { Err(TooLong) } else { Ok(self.take(2, length)) }
    }

    /// The next sealed message, if it is there in full.
    ///
    /// # Errors
    /// [`TooLong`] as [`Inbox::hello`].
    pub fn message(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let mut length = 0usize;
        for (count, &byte) in self.bytes[self.at..].iter().enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * count);
            if length > MESSAGE_BYTES || count > 2 {
                return Err(TooLong);
            }
            if byte & 0x80 == 0 {
                return Ok(self.take(count + 1, length));
            }
        }
        Ok(None)
    }

    /// Whether a message has begun and is not there in full.
    pub fn is_waiting(&self) -> bool {
        self.at < self.bytes.len()
    }

    /// What came behind the messages taken so far.
    pub fn into_rest(mut self) -> Vec<u8> {
        self.bytes.split_off(self.at)
    }

    fn take(&mut self, head: usize, length: usize) -> Option<&[u8]> {
        let start = self.at + head;
        let message = self.bytes.get(start..start + length)?;
        self.at = start + length;
        Some(message)
    }
}

/// Appends the length of a hello; the hello itself is appended by the caller.
pub fn put_hello_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&(length as u16).to_be_bytes());
}

/// Appends the length of a sealed message.
pub fn put_message_length(out: &mut Vec<u8>, length: usize) {
    put_varint(out, length as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_the_bytes_come_in() {
        let mut stream = Vec::new();
        for length in [0, 1, 127, 128, 16_384, MESSAGE_BYTES] {
            put_message_length(&mut stream, length);
            stream.extend(std::iter::repeat_n(length as u8, length));
        }
        for step in [1, 7, 1000, stream.len()] {
            let mut inbox = Inbox::default();
            let mut lengths = Vec::new();
            for bytes in stream.chunks(step) {
                inbox.push(bytes);
                while let Some(message) = inbox.message().unwrap() {
                    assert!(message.iter().all(|&byte| byte == message.len() as u8));
                    lengths.push(message.len());
                }
            }
            assert_eq!(lengths, [0, 1, 127, 128, 16_384, MESSAGE_BYTES]);
        }
    }

    #[test]
    fn a_length_beyond_the_bound_is_refused_at_once() {
        let mut inbox = Inbox::default();
        inbox.push(&[0xff, 0xff, 0xff, 0xff]);
        assert_eq!(inbox.message(), Err(TooLong));
        let mut inbox = Inbox::default();
        inbox.push(b"GET / HTTP/1.1");
        assert_eq!(inbox.hello(4095), Err(TooLong));
    }
}
