//! The names of endpoints and Pairs: 128 bits, written as a UUID (RFC 9562).

use core::fmt;
use core::str::FromStr;

/// The name of an endpoint: a UUIDv8 derived from both of its public keys, so that whoever has the keys can check it.
///
/// Made by [`PublicKeys::endpoint_id`](crate::etcp::PublicKeys::endpoint_id).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId([u8; 16]);

/// The name of a Pair: random, written as a UUIDv4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairId([u8; 16]);

/// The text is not an identifier of the expected kind (the caller's mistake).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// The text is not 32 hexadecimal digits with dashes at the places of a UUID.
    NotAUuid,
    /// The text is a UUID, but not of the version that this kind of identifier has.
    WrongVersion,
}

impl IdError {
    /// Name of the permanent code in `ffi/errors.toml`.
    pub fn code_name(&self) -> &'static str {
        "INVALID"
    }
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IdError::NotAUuid => "not a UUID (8-4-4-4-12 hexadecimal digits)",
            IdError::WrongVersion => "a UUID, but not of the version that such an identifier has",
        })
    }
}

impl core::error::Error for IdError {}

impl EndpointId {
    const VERSION: u8 = 8;

    /// Takes 16 bytes read from a ledger or a frame as they are. Whether they belong to some keys only
    /// [`PublicKeys::endpoint_id`](crate::etcp::PublicKeys::endpoint_id) can tell.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        EndpointId(bytes)
    }

    /// The 16 bytes, in the order in which the text shows them.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn from_digest(digest: &[u8; 32]) -> Self {
        EndpointId(stamped(digest, Self::VERSION))
    }
}

impl PairId {
    const VERSION: u8 = 4;

    /// A new name drawn from `seed`, which must be fresh random bytes.
    pub fn generate(seed: [u8; 32]) -> Self {
        let digest = blake3::derive_key("libspook 2026 pair id", &seed);
        PairId(stamped(&digest, Self::VERSION))
    }

    /// Takes 16 bytes read from a ledger or a frame as they are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        PairId(bytes)
    }

    /// The 16 bytes, in the order in which the text shows them.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// First half of a digest with the version and variant bits of RFC 9562, sections 4.1 and 4.2.
fn stamped(digest: &[u8; 32], version: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

/// Where the dashes stand: before these bytes.
const DASHES: [usize; 4] = [4, 6, 8, 10];

fn write_uuid(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (i, byte) in bytes.iter().enumerate() {
        if DASHES.contains(&i) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

fn parse_uuid(text: &str, version: u8) -> Result<[u8; 16], IdError> {
    let mut rest = text.as_bytes();
    let mut bytes = [0; 16];
    for (i, byte) in bytes.iter_mut().enumerate() {
        if DASHES.contains(&i) {
            rest = rest.strip_prefix(b"-").ok_or(IdError::NotAUuid)?;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(IdError::NotAUuid)?;
        *byte = nibble(digits[0])? << 4 | nibble(digits[1])?;
        rest = after;
    }
    if !rest.is_empty() {
        return Err(IdError::NotAUuid);
    }
    if bytes[6] >> 4 != version || bytes[8] >> 6 != 0b10 {
        return Err(IdError::WrongVersion);
    }
    Ok(bytes)
}

fn nibble(digit: u8) -> Result<u8, IdError> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).ok_or(IdError::NotAUuid)
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}

impl FromStr for EndpointId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        parse_uuid(text, Self::VERSION).map(EndpointId)
    }
}

impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}

impl fmt::Debug for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}

impl FromStr for PairId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        parse_uuid(text, Self::VERSION).map(PairId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = PairId::generate([7; 32]);
        let text = id.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4", "version");
        assert!("89ab".contains(&text[19..20]), "variant");
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().parse(), Ok(id));
        assert_eq!(PairId::generate([7; 32]), id);
        assert_ne!(PairId::generate([8; 32]), id);
    }

    #[test]
    fn the_order_of_ids_is_the_order_of_their_text() {
        let mut ids: Vec<PairId> = (0..50).map(|i| PairId::generate([i; 32])).collect();
        ids.sort();
        let texts: Vec<String> = ids.iter().map(PairId::to_string).collect();
        assert!(texts.is_sorted());
    }

    #[test]
    fn what_is_no_uuid_is_refused() {
        let good = PairId::generate([1; 32]).to_string();
        for text in ["", "x", &good[1..], &format!("{good}0"), &good.replace('-', ""), &good.replace('-', "_")] {
            assert_eq!(text.parse::<PairId>(), Err(IdError::NotAUuid), "{text:?}");
        }
        assert_eq!("é".repeat(18).parse::<PairId>(), Err(IdError::NotAUuid));
        assert_eq!(good.parse::<EndpointId>(), Err(IdError::WrongVersion));
        assert_eq!("00000000-0000-0000-0000-000000000000".parse::<PairId>(), Err(IdError::WrongVersion));
    }
}
