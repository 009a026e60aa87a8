//! The gate: 16 bytes ahead of the first message that only somebody who knows the responder's public key can make.
//!
//! As `mac1` of WireGuard (Donenfeld, NDSS 2017, section 5.3): not a proof of who sends, but enough that bytes from a stranger
//! cost one hash and get no answer.

/// Length of the gate in bytes.
pub const GATE_LEN: usize = 16;

/// The gate for `body` (everything behind it): BLAKE3 keyed with the responder's X25519 public key, cut to 16 bytes.
pub fn gate(responder_exchange: &[u8; 32], body: &[u8]) -> [u8; GATE_LEN] {
    first_16(&blake3::keyed_hash(responder_exchange, body))
}

/// Splits the gate off `bytes` and checks it, in constant time. `None` means a stranger: no answer.
#[must_use]
pub fn pass<'a>(responder_exchange: &[u8; 32], bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (claimed, body) = bytes.split_first_chunk::<GATE_LEN>()?;
    equal_in_constant_time(claimed, &gate(responder_exchange, body)).then_some(body)
}

/// Compares two tags in a time that does not depend on where they differ.
pub(super) fn equal_in_constant_time(a: &[u8; 16], b: &[u8; 16]) -> bool {
    // The equality of `blake3::Hash` is documented to be constant-time; so no crate of its own is needed for it.
    widen(a) == widen(b)
}

/// The first half of a hash.
pub(super) fn first_16(hash: &blake3::Hash) -> [u8; 16] {
    let mut tag = [0; 16];
    tag.copy_from_slice(&hash.as_bytes()[..16]);
    tag
}

fn widen(tag: &[u8; 16]) -> blake3::Hash {
    let mut wide = [0; 32];
    wide[..16].copy_from_slice(tag);
    blake3::Hash::from_bytes(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_what_was_made_for_this_responder_only() {
        let message = [&gate(&[1; 32], b"hello")[..], b"hello"].concat();
        assert_eq!(pass(&[1; 32], &message), Some(&b"hello"[..]));
        assert_eq!(pass(&[2; 32], &message), None);
        for i in 0..message.len() {
            let mut changed = message.clone();
            changed[i] ^= 1;
            assert_eq!(pass(&[1; 32], &changed), None, "byte {i}");
            assert_eq!(pass(&[1; 32], &message[..i]), None, "cut at {i}");
        }
    }
}
