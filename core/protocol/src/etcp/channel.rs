//! The channel: what a finished handshake leaves. Authenticated encryption (AES-256-GCM) both ways, in order, once each.

use core::fmt;

use snow::{HandshakeState, TransportState};

/// Bytes that sealing adds to a plaintext.
pub const TAG_LEN: usize = 16;

/// Most bytes of one plaintext: a Noise message has at most 65,535 bytes.
pub const MAX_PLAINTEXT: usize = 65_535 - TAG_LEN;

/// Both directions of an encrypted link.
///
/// Messages must be opened in the order in which they were sealed, without gaps: the nonce is a counter that is not transmitted. A
/// message that does not open poisons the channel, both ways: on an ordered transport it means that somebody changed bytes, and
/// there is no way to go on.
///
/// | | methods |
/// |---|---|
/// | getters | [`sealed_bytes`](Self::sealed_bytes), [`sealed_messages`](Self::sealed_messages), [`handshake_hash`](Self::handshake_hash), [`is_poisoned`](Self::is_poisoned) |
/// | inputs | [`open`](Self::open), [`rekey_incoming`](Self::rekey_incoming) |
/// | commands | [`seal`](Self::seal), [`rekey_outgoing`](Self::rekey_outgoing) |
pub struct Channel {
    noise: TransportState,
    handshake_hash: [u8; 32],
    sealed_bytes: u64,
    sealed_messages: u64,
    poisoned: bool,
}

impl Channel {
    pub(super) fn established(noise: HandshakeState) -> Result<Self, snow::Error> {
        let mut handshake_hash = [0; 32];
        handshake_hash.copy_from_slice(noise.get_handshake_hash());
        Ok(Channel { noise: noise.into_transport_mode()?, handshake_hash, sealed_bytes: 0, sealed_messages: 0, poisoned: false })
    }

    /// Appends the ciphertext and tag of `plaintext` to `out`: `plaintext.len() + TAG_LEN` bytes. Allocates only if `out` lacks
    /// the capacity.
    ///
    /// # Errors
    /// [`ChannelError::TooLarge`] above [`MAX_PLAINTEXT`] bytes; [`ChannelError::Poisoned`]; [`ChannelError::Exhausted`]. On an
    /// error `out` is as it was.
    pub fn seal(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), ChannelError> {
        if self.poisoned {
            return Err(ChannelError::Poisoned);
        }
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(ChannelError::TooLarge);
        }
        let start = out.len();
        out.resize(start + plaintext.len() + TAG_LEN, 0);
        if self.noise.write_message(plaintext, &mut out[start..]).is_err() {
            out.truncate(start);
            self.poisoned = true;
            return Err(ChannelError::Exhausted);
        }
        self.sealed_bytes += plaintext.len() as u64;
        self.sealed_messages += 1;
        Ok(())
    }

    /// Appends the plaintext of `ciphertext` to `out`. Allocates only if `out` lacks the capacity.
    ///
    /// # Errors
    /// [`ChannelError::Forged`] if it is not the next message that the peer sealed, [`ChannelError::Poisoned`] ever after. On an
    /// error `out` is as it was.
    pub fn open(&mut self, ciphertext: &[u8], out: &mut Vec<u8>) -> Result<(), ChannelError> {
        if self.poisoned {
            return Err(ChannelError::Poisoned);
        }
        let start = out.len();
        out.resize(start + ciphertext.len().saturating_sub(TAG_LEN), 0);
        if self.noise.read_message(ciphertext, &mut out[start..]).is_err() {
            out.truncate(start);
            self.poisoned = true;
            return Err(ChannelError::Forged);
        }
        Ok(())
    }

    /// Replaces the key of the outgoing direction by its one-way successor (Noise, section 4.2), so that a key stolen later opens
    /// nothing sealed before. The peer must call [`rekey_incoming`](Self::rekey_incoming) between the same two messages.
    pub fn rekey_outgoing(&mut self) {
        self.noise.rekey_outgoing();
        self.sealed_bytes = 0;
        self.sealed_messages = 0;
    }

    /// The counterpart of the peer's [`rekey_outgoing`](Self::rekey_outgoing).
    pub fn rekey_incoming(&mut self) {
        self.noise.rekey_incoming();
    }

    /// Plaintext bytes sealed since the handshake or the last [`rekey_outgoing`](Self::rekey_outgoing).
    pub fn sealed_bytes(&self) -> u64 {
        self.sealed_bytes
    }

    /// Messages sealed since the handshake or the last [`rekey_outgoing`](Self::rekey_outgoing).
    pub fn sealed_messages(&self) -> u64 {
        self.sealed_messages
    }

    /// The hash over the whole handshake: equal at both ends, different for every link (Noise, section 11.2, channel binding).
    pub fn handshake_hash(&self) -> &[u8; 32] {
        &self.handshake_hash
    }

    /// Whether a failure ended the channel.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("sealed_bytes", &self.sealed_bytes)
            .field("sealed_messages", &self.sealed_messages)
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

/// What a channel refuses, sorted by whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelError {
    /// Peer, or somebody between: the bytes are not the next message that the peer sealed.
    Forged,
    /// Environment: an earlier failure ended this channel.
    Poisoned,
    /// Caller: the plaintext has more than [`MAX_PLAINTEXT`] bytes.
    TooLarge,
    /// Bug: 2^64 - 1 messages, or the cipher refused.
    Exhausted,
}

impl ChannelError {
    /// Name of the permanent code in `ffi/errors.toml`.
    pub fn code_name(&self) -> &'static str {
        match self {
            ChannelError::Forged => "PROTOCOL",
            ChannelError::Poisoned => "DECOHERED",
            ChannelError::TooLarge => "TOO_LARGE",
            ChannelError::Exhausted => "PANIC",
        }
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChannelError::Forged => "the bytes are not the next message that the peer sealed",
            ChannelError::Poisoned => "an earlier failure ended this channel",
            ChannelError::TooLarge => "a message holds at most 65,519 bytes",
            ChannelError::Exhausted => "the channel has no nonces left",
        })
    }
}

impl core::error::Error for ChannelError {}
