//! The reference of P4: two processes that send each other sealed messages over a unix socket and do nothing else. Blocking sockets, one
//! thread each, the cipher that libspook uses, from the same crate.

use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Instant;

use crate::child::Second;

const TAG: usize = 16;

/// One end: a socket, and a cipher with a counter for each way.
struct End {
    stream: UnixStream,
    cipher: Aes256Gcm,
    sealed: u64,
    opened: u64,
    buffer: [u8; 256],
}

impl End {
    fn new(stream: UnixStream) -> End {
        // No secret: it seals measurements.
        End { stream, cipher: Aes256Gcm::new(&[7; 32].into()), sealed: 0, opened: 0, buffer: [0; 256] }
    }

    /// Seals a message and sends it behind its length.
    fn send(&mut self, message: &[u8]) -> Result<(), String> {
        let length = message.len() + TAG;
        self.buffer[0] = u8::try_from(length).map_err(|_| "a ping is at most 239 bytes long")?;
        let (body, tag) = self.buffer[1..=length].split_at_mut(message.len());
        body.copy_from_slice(message);
        let sealed = self.cipher.encrypt_in_place_detached(&nonce(self.sealed), &[], body).map_err(|_| "sealing failed")?;
        tag.copy_from_slice(&sealed);
        self.sealed += 1;
        self.stream.write_all(&self.buffer[..=length]).map_err(|error| error.to_string())
    }

    /// Waits for a message and opens it; `None` when the other end has gone.
    fn receive(&mut self) -> Result<Option<&[u8]>, String> {
        let mut filled = 0;
        while filled == 0 || filled <= usize::from(self.buffer[0]) {
            match self.stream.read(&mut self.buffer[filled..]).map_err(|error| error.to_string())? {
                0 => return Ok(None),
                count => filled += count,
            }
        }
        let (body, tag) = self.buffer[1..filled].split_at_mut(filled - 1 - TAG);
        let tag = (&*tag).try_into().map_err(|_| "no tag")?;
        self.cipher.decrypt_in_place_detached(&nonce(self.opened), &[], body, &tag_of(tag)).map_err(|_| "a ping does not open")?;
        self.opened += 1;
        Ok(Some(body))
    }
}

fn tag_of(tag: [u8; TAG]) -> aes_gcm::Tag {
    tag.into()
}

fn nonce(counter: u64) -> Nonce<aes_gcm::aes::cipher::consts::U12> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    nonce.into()
}

/// Two processes and the socket between them.
pub struct Bare {
    end: End,
    // Dropped after the socket: its end is what the process stops at.
    _second: Second,
}

impl Bare {
    /// Starts the second process and connects.
    ///
    /// # Errors
    /// In words.
    pub fn start(socket: &Path) -> Result<Bare, String> {
        let listener = UnixListener::bind(socket).map_err(|error| format!("{}: {error}", socket.display()))?;
        let second = Second::start(&["bare", &socket.to_string_lossy()])?;
        let (stream, _) = listener.accept().map_err(|error| error.to_string())?;
        Ok(Bare { end: End::new(stream), _second: second })
    }

    /// Half of each round trip in ns: sealed here, opened there, and back again.
    ///
    /// # Errors
    /// In words.
    pub fn round(&mut self, pings: usize, bytes: usize) -> Result<Vec<f64>, String> {
        let message = vec![5; bytes];
        let mut times = Vec::with_capacity(pings);
        for _ in 0..pings {
            let begin = Instant::now();
            self.end.send(&message)?;
            self.end.receive()?.ok_or("the second process has gone")?;
            times.push(begin.elapsed().as_nanos() as f64 / 2.0);
        }
        Ok(times)
    }
}

/// The second process: answers each ping with its own content.
///
/// # Errors
/// In words.
pub fn answer(socket: &str) -> Result<(), String> {
    let mut end = End::new(UnixStream::connect(socket).map_err(|error| error.to_string())?);
    while let Some(message) = end.receive()?.map(<[u8]>::to_vec) {
        end.send(&message)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_opened_as_it_was_sealed_and_a_forged_one_is_refused() {
        let (one, other) = UnixStream::pair().unwrap();
        let mut forger = other.try_clone().unwrap();
        let (mut one, mut other) = (End::new(one), End::new(other));
        one.send(b"ping").unwrap();
        assert_eq!(other.receive().unwrap(), Some(&b"ping"[..]));
        other.send(b"pong").unwrap();
        assert_eq!(one.receive().unwrap(), Some(&b"pong"[..]));
        forger.write_all(&[20; 21]).unwrap();
        assert!(one.receive().is_err());
        drop((other, forger));
        assert!(matches!(one.receive(), Ok(None)));
    }
}
