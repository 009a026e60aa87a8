//! The cryptography under the handshake: snow does the Noise patterns; this module gives it its primitives and its randomness.
//!
//! The hash is snow's own; what it has for the rest is replaced by primitives that refuse low-order points, wipe keys, keep the
//! expanded AES key over all messages, and draw from a seed instead of from the operating system.

use std::sync::{Arc, OnceLock};

use snow::params::{CipherChoice, DHChoice, HashChoice, NoiseParams};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, Error};
use zeroize::Zeroizing;

use crate::etcp::channel::TAG_LEN;
use crate::etcp::identity::Identity;

use super::WIRE_VERSION;
use super::error::HandshakeError;
use super::message::HelloKind;
use super::primitives::{AesGcm, X25519};

/// Where the pre-shared key stands in the pattern IKpsk2.
pub(super) const PSK_POSITION: u8 = 2;

/// Bytes that Noise message 1 adds to its payload: ephemeral key, encrypted static key, two tags.
pub(super) const MESSAGE_1_OVERHEAD: usize = 32 + 32 + TAG_LEN + TAG_LEN;

/// Bytes that Noise message 2 adds to its payload: ephemeral key, tag.
pub(super) const MESSAGE_2_OVERHEAD: usize = 32 + TAG_LEN;

/// A builder for `kind` over the primitives of this module.
pub(super) fn builder<'a>(kind: HelloKind, entropy: &Entropy) -> Result<Builder<'a>, HandshakeError> {
    let name = match kind {
        HelloKind::Known => "Noise_IK_25519_AESGCM_SHA256",
        HelloKind::Ticket => "Noise_IKpsk2_25519_AESGCM_SHA256",
    };
    let params: NoiseParams = name.parse().map_err(|_| HandshakeError::Bug)?;
    Ok(Builder::with_resolver(params, Box::new(Resolver(entropy.clone()))))
}

/// What both sides must agree on without sending it.
pub(super) fn prologue(kind: HelloKind) -> [u8; 10] {
    let mut prologue = *b"libspook\0\0";
    prologue[8] = WIRE_VERSION;
    prologue[9] = kind.byte();
    prologue
}

/// The randomness of one handshake: a seed that is given once, a responder's only after it has read message 1.
#[derive(Clone)]
pub(super) struct Entropy(Arc<OnceLock<Zeroizing<[u8; 32]>>>);

impl Entropy {
    pub(super) fn awaiting_seed() -> Self {
        Entropy(Arc::new(OnceLock::new()))
    }

    /// Gives the seed, mixed with the endpoint's secret and with what is particular to this handshake: should a broken random
    /// source ever repeat a seed, ephemeral keys still differ (the idea of RFC 8937).
    pub(super) fn seed(&self, seed: [u8; 32], identity_secret: &[u8; 32], particular: &[u8]) -> Result<(), HandshakeError> {
        let seed = Zeroizing::new(seed);
        let mixed =
            blake3::Hasher::new_keyed(&seed).update(b"libspook 2026 ephemeral\0").update(identity_secret).update(particular).finalize();
        self.0.set(Zeroizing::new(mixed.into())).map_err(|_| HandshakeError::Bug)
    }
}

/// The secret that [`Entropy::seed`] mixes in, for a responder that no longer holds its [`Identity`] when the seed comes.
pub(super) fn hedge(identity: &Identity) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(blake3::derive_key("libspook 2026 seed hedge", identity.exchange_secret()))
}

struct Resolver(Entropy);

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(SeededRandom { entropy: self.0.clone(), drawn: 0 }))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        match choice {
            DHChoice::Curve25519 => Some(Box::new(X25519::default())),
            _ => None,
        }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        match choice {
            CipherChoice::AESGCM => Some(Box::new(AesGcm::default())),
            _ => None,
        }
    }
}

/// BLAKE3 as an extendable-output function, keyed with the seed.
struct SeededRandom {
    entropy: Entropy,
    drawn: u64,
}

impl Random for SeededRandom {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        let seed = self.entropy.0.get().ok_or(Error::Rng)?;
        let mut stream = blake3::Hasher::new_keyed(seed).finalize_xof();
        stream.set_position(self.drawn);
        stream.fill(dest);
        self.drawn += dest.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_needs_its_seed_and_takes_it_once() {
        let entropy = Entropy::awaiting_seed();
        let mut random = Resolver(entropy.clone()).resolve_rng().unwrap();
        let mut drawn = [[0; 32]; 2];
        assert_eq!(random.try_fill_bytes(&mut drawn[0]), Err(Error::Rng));
        entropy.seed([1; 32], &[2; 32], b"this one").unwrap();
        assert_eq!(entropy.seed([1; 32], &[2; 32], b"this one"), Err(HandshakeError::Bug));
        random.try_fill_bytes(&mut drawn[0]).unwrap();
        random.try_fill_bytes(&mut drawn[1]).unwrap();
        assert_ne!(drawn[0], drawn[1]);
    }
}
