//! Tickets: one word of text that carries all an endpoint needs to make first contact with another.
//!
//! The text is `spook1` and then base32 (RFC 4648, lower case, no padding) of the bytes below; integers are big-endian.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 16 | PairID |
//! | 17 | 32 | the issuer's Ed25519 public key |
//! | 49 | 32 | the issuer's X25519 public key |
//! | 81 | 16 | secret |
//! | 97 | 8 | expiry, Unix seconds; 0 = never |
//! | 105 | 1 | number of addresses, at most 8 |
//! | 106 | | for each address: length (1 byte, 1 to 255) and UTF-8 without control characters |
//! | end - 4 | 4 | checksum: first bytes of BLAKE3 over everything before |

use core::fmt;
use core::str::FromStr;

use data_encoding::BASE32_NOPAD;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::fields::{Reader, put_addresses};
use super::gate::{equal_in_constant_time, first_16};
use super::identity::PublicKeys;
use crate::id::PairId;

/// What every ticket of this version begins with.
const PREFIX: &str = "spook1";
const VERSION: u8 = 1;
const CHECKSUM_LEN: usize = 4;
/// Longest text that is looked at, white space included. The largest ticket has 3,459 characters.
const MAX_TEXT_LEN: usize = 8192;

/// An invitation to a Pair. Whoever holds the text can use it once, until it expires: it is to be kept like a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The Pair that the ticket admits to.
    pub pair: PairId,
    /// The keys of the endpoint that issued it.
    pub issuer: PublicKeys,
    /// Where the issuer listens; at most 8 of at most 255 bytes each.
    pub addresses: Vec<String>,
    /// What only issuer and holder know.
    pub secret: TicketSecret,
    /// Unix seconds from which on the issuer refuses it; 0 = never.
    pub expires_unix_s: u64,
}

impl Ticket {
    /// Whether the ticket has expired at `now_ms` (Unix milliseconds).
    #[must_use]
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_unix_s != 0 && now_ms / 1000 >= self.expires_unix_s
    }

    /// The text to hand over.
    ///
    /// # Errors
    /// [`TicketError::Addresses`] if there are too many addresses or one is too long.
    pub fn to_text(&self) -> Result<Zeroizing<String>, TicketError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
        bytes.push(VERSION);
        bytes.extend_from_slice(self.pair.as_bytes());
        bytes.extend_from_slice(&self.issuer.to_bytes());
        bytes.extend_from_slice(self.secret.as_bytes());
        bytes.extend_from_slice(&self.expires_unix_s.to_be_bytes());
        if !put_addresses(&mut bytes, &self.addresses) {
            return Err(TicketError::Addresses);
        }
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + bytes.len() * 8 / 5 + 1));
        text.push_str(PREFIX);
        BASE32_NOPAD.encode_append(&bytes, &mut text);
        text.make_ascii_lowercase();
        Ok(text)
    }
}

/// Writes [`Ticket::to_text`], secret included: that is what a ticket is for. `Debug` shows no secret.
impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text().map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("pair", &self.pair)
            .field("issuer", &self.issuer.endpoint_id())
            .field("addresses", &self.addresses)
            .field("expires_unix_s", &self.expires_unix_s)
            .finish_non_exhaustive()
    }
}

/// White space is ignored wherever it stands (mail programs break lines), and so is the case of letters (QR codes are upper case).
impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        if text.len() > MAX_TEXT_LEN {
            return Err(TicketError::NotATicket);
        }
        // Base32 decoding takes upper case, so that is the form to bring the text to.
        let mut word = Zeroizing::new(String::with_capacity(text.len()));
        word.extend(text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()));
        let digits = word.strip_prefix("SPOOK").ok_or(TicketError::NotATicket)?;
        let digits = match digits.bytes().next() {
            Some(b'1') => &digits[1..],
            Some(b'0' | b'2'..=b'9') => return Err(TicketError::NewerVersion),
            Some(_) => return Err(TicketError::NotATicket),
            None => return Err(TicketError::CutOrMistyped),
        };
        let bytes = BASE32_NOPAD.decode(digits.as_bytes()).map(Zeroizing::new);
        decode(&bytes.map_err(|_| TicketError::CutOrMistyped)?)
    }
}

fn decode(bytes: &[u8]) -> Result<Ticket, TicketError> {
    let (content, claimed) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(TicketError::CutOrMistyped)?;
    if *claimed != checksum(content) {
        return Err(TicketError::CutOrMistyped);
    }
    let mut reader = Reader::new(content);
    match reader.u8() {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => return Err(TicketError::NewerVersion),
        _ => return Err(TicketError::Malformed),
    }
    let ticket = decode_fields(&mut reader).ok_or(TicketError::Malformed)?;
    if !reader.rest().is_empty() {
        return Err(TicketError::Malformed);
    }
    Ok(ticket)
}

fn decode_fields(reader: &mut Reader<'_>) -> Option<Ticket> {
    Some(Ticket {
        pair: PairId::from_bytes(reader.array()?),
        issuer: PublicKeys { signing: reader.array()?, exchange: reader.array()? },
        secret: TicketSecret(reader.array()?),
        expires_unix_s: reader.u64()?,
        addresses: reader.addresses()?,
    })
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut checksum = [0; CHECKSUM_LEN];
    checksum.copy_from_slice(&blake3::hash(content).as_bytes()[..CHECKSUM_LEN]);
    checksum
}

/// 128 random bits that only the issuer and the holder of a ticket know. Overwritten when dropped, compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TicketSecret([u8; 16]);

impl TicketSecret {
    /// A new secret drawn from `seed`, which must be fresh random bytes that nobody else sees.
    pub fn generate(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let digest = Zeroizing::new(blake3::derive_key("libspook 2026 ticket secret", &seed[..]));
        let mut secret = [0; 16];
        secret.copy_from_slice(&digest[..16]);
        TicketSecret(secret)
    }

    /// Takes 16 bytes that a ledger kept.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        TicketSecret(bytes)
    }

    /// The 16 bytes, for the ledger.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The name under which the issuer finds the ticket again; it does not reveal the secret.
    pub fn id(&self) -> TicketId {
        let digest = blake3::derive_key("libspook 2026 ticket id", &self.0);
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        TicketId(id)
    }

    /// The proof, inside the first message, that its sender holds the ticket: bound to both endpoints and to the time in the
    /// message, so it is of no use to anybody else or again.
    pub fn proof(&self, initiator: &PublicKeys, responder: &PublicKeys, timestamp_ms: u64) -> [u8; 16] {
        let key = Zeroizing::new(blake3::derive_key("libspook 2026 ticket proof", &self.0));
        let hash = blake3::Hasher::new_keyed(&key)
            .update(&initiator.to_bytes())
            .update(&responder.to_bytes())
            .update(&timestamp_ms.to_be_bytes())
            .finalize();
        first_16(&hash)
    }

    /// The pre-shared key of Noise IKpsk2.
    pub(super) fn pre_shared_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key("libspook 2026 ticket psk", &self.0))
    }
}

impl PartialEq for TicketSecret {
    fn eq(&self, other: &Self) -> bool {
        equal_in_constant_time(&self.0, &other.0)
    }
}

impl Eq for TicketSecret {}

impl fmt::Debug for TicketSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketSecret(..)")
    }
}

/// The name of a ticket at its issuer, derived from the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(pub [u8; 8]);

/// Why a text is not a usable ticket. All are mistakes on the caller's side of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketError {
    /// The text does not begin with `spook1`.
    NotATicket,
    /// The checksum does not fit.
    CutOrMistyped,
    /// The ticket comes from a newer version of libspook.
    NewerVersion,
    /// The checksum fits, but the fields do not: whoever made it has a fault.
    Malformed,
    /// Writing: more than 8 addresses, or one that is empty, longer than 255 bytes or has control characters.
    Addresses,
}

impl TicketError {
    /// Name of the permanent code in `ffi/errors.toml`.
    pub fn code_name(&self) -> &'static str {
        match self {
            TicketError::Addresses => "INVALID",
            _ => "TICKET_INVALID",
        }
    }
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TicketError::NotATicket => "not a ticket: it does not begin with spook1",
            TicketError::CutOrMistyped => "the ticket is cut short or mistyped: its checksum does not fit",
            TicketError::NewerVersion => "the ticket was made by a newer version of libspook",
            TicketError::Malformed => "the ticket is whole, but was made wrongly",
            TicketError::Addresses => "a ticket carries at most 8 addresses of 1 to 255 bytes without control characters",
        })
    }
}

impl core::error::Error for TicketError {}

#[cfg(test)]
mod tests;
