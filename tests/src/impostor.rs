//! A peer driven by hand: it greets as an engine does, and then says what it likes.

use crate::random::seed;
use crate::relay::Wire;
use spook_protocol::etcp::{Channel, Contact, Dialling, ExpectWelcome, HandshakeError, Hello, Identity, PublicKeys};
use spook_protocol::link::Resume;
use spook_protocol::link::frame::Frame;
use spook_protocol::link::records::{put_hello_length, put_message_length};
use std::io::{Read, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a listener said before it ended a connection.
pub struct Ended {
    /// The bytes.
    pub said: Vec<u8>,
    /// Whether it ended within the time; otherwise the connection was still there.
    pub ended: bool,
}

/// Reads until the other side ends the connection, or `most` is over.
pub fn listen_to_the_end(wire: &mut Wire, most: Duration) -> Ended {
    let (begin, mut said, mut buffer) = (std::time::Instant::now(), Vec::new(), vec![0; 64 << 10]);
    wire.wait_at_most(Duration::from_millis(100));
    while begin.elapsed() < most {
        match wire.read(&mut buffer) {
            Ok(0) => return Ended { said, ended: true },
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return Ended { said, ended: true },
        }
    }
    Ended { said, ended: false }
}

/// Message 1 as an engine writes it, its length included, and what waits for the answer.
pub fn hello(identity: &Identity, responder: &PublicKeys, contact: Contact<'_>) -> (Vec<u8>, ExpectWelcome) {
    let timestamp_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let mut body = Vec::new();
    Resume { epoch: 7, ..Resume::default() }.put(&mut body);
    let hello = Hello { min_version: 1, max_version: 1, timestamp_ms, addresses: Vec::new(), body };
    let (message, expect) = Dialling::start(identity, responder, contact, &hello, seed()).unwrap();
    let mut bytes = Vec::new();
    put_hello_length(&mut bytes, message.len());
    bytes.extend_from_slice(&message);
    (bytes, expect)
}

/// A peer with a link.
pub struct Impostor {
    /// The stream under the link.
    pub wire: Wire,
    channel: Channel,
}

impl Impostor {
    /// Connects and greets.
    ///
    /// # Errors
    /// What the answer was if it was no welcome.
    pub fn link(address: &str, identity: &Identity, responder: &PublicKeys, contact: Contact<'_>) -> Result<Impostor, HandshakeError> {
        let (bytes, expect) = hello(identity, responder, contact);
        let mut wire = Wire::connect(address).unwrap();
        wire.write_all(&bytes).unwrap();
        let mut length = [0; 2];
        wire.wait_at_most(Duration::from_secs(20));
        wire.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        wire.read_exact(&mut answer).unwrap();
        let (channel, ..) = expect.handle(&answer)?;
        Ok(Impostor { wire, channel })
    }

    /// Seals some frames into one message, behind its length.
    pub fn sealed(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_message_length(&mut bytes, plain.len() + 16);
        self.channel.seal(plain, &mut bytes).unwrap();
        bytes
    }

    /// Sends frames in one message.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn say(&mut self, frames: &[Frame]) -> std::io::Result<()> {
        let mut plain = Vec::new();
        frames.iter().for_each(|frame| frame.put(&mut plain));
        let bytes = self.sealed(&plain);
        self.wire.write_all(&bytes)
    }
}
