//! The keys of an endpoint. An identity certifies itself: its name is derived from its keys, no authority is asked.

use core::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

use crate::id::EndpointId;

/// Prefix of what a signing key signs to adopt an exchange key. No other signature of libspook begins like this.
const BINDING_CONTEXT: &[u8] = b"libspook 2026 key binding\0";

/// Both public keys of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKeys {
    /// Ed25519 (RFC 8032): verifies seals.
    pub signing: [u8; 32],
    /// X25519 (RFC 7748): the static key of the handshake.
    pub exchange: [u8; 32],
}

impl PublicKeys {
    /// The endpoint's name: BLAKE3 over both keys, as a UUIDv8.
    pub fn endpoint_id(&self) -> EndpointId {
        EndpointId::from_digest(&blake3::derive_key("libspook 2026 endpoint id", &self.to_bytes()))
    }

    /// Signing key, then exchange key.
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.signing);
        bytes[32..].copy_from_slice(&self.exchange);
        bytes
    }

    /// Signing key, then exchange key. Whether they are usable shows when they are used.
    pub fn from_bytes(bytes: &[u8; 64]) -> Self {
        let mut keys = PublicKeys { signing: [0; 32], exchange: [0; 32] };
        keys.signing.copy_from_slice(&bytes[..32]);
        keys.exchange.copy_from_slice(&bytes[32..]);
        keys
    }

    /// Whether `signature` over `message` is this endpoint's. Strict: weak keys and the signatures that different
    /// implementations judge differently are refused, so that every half gives the same answer.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.signing).is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }

    /// Whether the signing key adopted the exchange key: see [`Identity::binding`].
    #[must_use]
    pub fn verify_binding(&self, binding: &[u8; 64]) -> bool {
        self.verify(&binding_message(&self.exchange), binding)
    }
}

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKeys({})", self.endpoint_id())
    }
}

/// The secret keys of an endpoint. Overwritten when dropped; `Debug` shows the name only.
pub struct Identity {
    signing: SigningKey,
    exchange: StaticSecret,
    public: PublicKeys,
    endpoint_id: EndpointId,
    binding: [u8; 64],
}

impl Identity {
    /// A new identity drawn from `seed`, which must be fresh random bytes that nobody else sees.
    pub fn generate(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let mut secrets = Zeroizing::new([0; 64]);
        blake3::Hasher::new_derive_key("libspook 2026 identity").update(&seed[..]).finalize_xof().fill(&mut secrets[..]);
        Self::from_secret_bytes(&secrets)
    }

    /// Reads what [`to_secret_bytes`](Self::to_secret_bytes) wrote.
    pub fn from_secret_bytes(bytes: &[u8; 64]) -> Self {
        let mut half = Zeroizing::new([0; 32]);
        half.copy_from_slice(&bytes[..32]);
        let signing = SigningKey::from_bytes(&half);
        half.copy_from_slice(&bytes[32..]);
        let exchange = StaticSecret::from(*half);
        let public = PublicKeys { signing: signing.verifying_key().to_bytes(), exchange: PublicKey::from(&exchange).to_bytes() };
        let binding = signing.sign(&binding_message(&public.exchange)).to_bytes();
        Identity { endpoint_id: public.endpoint_id(), signing, exchange, public, binding }
    }

    /// The secret keys for the ledger: the Ed25519 seed, then the X25519 secret.
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 64]> {
        let mut bytes = Zeroizing::new([0; 64]);
        bytes[..32].copy_from_slice(self.signing.as_bytes());
        bytes[32..].copy_from_slice(self.exchange.as_bytes());
        bytes
    }

    /// Both public keys.
    pub fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// The endpoint's name.
    pub fn endpoint_id(&self) -> EndpointId {
        self.endpoint_id
    }

    /// Ed25519 signature of `message`. Each use begins its message with a context of its own, so that a signature made for
    /// one purpose never passes for another.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    /// The signature by which the signing key adopts the exchange key. Shown at first contact: without it somebody could join
    /// a stranger's signing key to an exchange key of their own.
    pub fn binding(&self) -> &[u8; 64] {
        &self.binding
    }

    /// The X25519 secret, for the handshake.
    pub(super) fn exchange_secret(&self) -> &[u8; 32] {
        self.exchange.as_bytes()
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        // SigningKey wipes itself; StaticSecret too, but says so by a feature of its crate that could be lost unnoticed.
        self.exchange.zeroize();
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.endpoint_id)
    }
}

fn binding_message(exchange: &[u8; 32]) -> Vec<u8> {
    [BINDING_CONTEXT, exchange].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_endpoint() {
        let identity = Identity::generate([1; 32]);
        assert_eq!(Identity::generate([1; 32]).endpoint_id(), identity.endpoint_id());
        assert_ne!(Identity::generate([2; 32]).endpoint_id(), identity.endpoint_id());
        // Written down: an identity must keep its name over all versions of libspook.
        assert_eq!(identity.endpoint_id().to_string(), "7f39671d-22e3-8daf-bfbd-3fe8e298cc58");
        assert_eq!(identity.endpoint_id().to_string().parse(), Ok(identity.endpoint_id()));
    }

    #[test]
    fn secret_bytes_and_back() {
        let identity = Identity::generate([1; 32]);
        let again = Identity::from_secret_bytes(&identity.to_secret_bytes());
        assert_eq!(again.public(), identity.public());
        assert_eq!(again.binding(), identity.binding());
        assert_eq!(PublicKeys::from_bytes(&identity.public().to_bytes()), *identity.public());
    }

    #[test]
    fn the_name_depends_on_both_keys() {
        let (a, b) = (Identity::generate([1; 32]), Identity::generate([2; 32]));
        let mixed = PublicKeys { signing: a.public().signing, exchange: b.public().exchange };
        assert_ne!(mixed.endpoint_id(), a.endpoint_id());
        assert_ne!(mixed.endpoint_id(), b.endpoint_id());
    }

    #[test]
    fn signatures_and_bindings() {
        let (a, b) = (Identity::generate([1; 32]), Identity::generate([2; 32]));
        let signature = a.sign(b"message");
        assert!(a.public().verify(b"message", &signature));
        assert!(!a.public().verify(b"messagf", &signature));
        assert!(!b.public().verify(b"message", &signature));
        assert!(a.public().verify_binding(a.binding()));
        let mixed = PublicKeys { signing: a.public().signing, exchange: b.public().exchange };
        assert!(!mixed.verify_binding(a.binding()));
        assert!(!mixed.verify_binding(b.binding()));
        // A weak key (the identity point) verifies nothing.
        let mut weak = *a.public();
        weak.signing = [0; 32];
        weak.signing[0] = 1;
        assert!(!weak.verify(b"message", &[0; 64]));
    }

    #[test]
    fn debug_shows_no_key() {
        let identity = Identity::generate([1; 32]);
        let text = format!("{identity:?} {:?}", identity.public());
        let id = identity.endpoint_id();
        assert_eq!(text, format!("Identity({id}) PublicKeys({id})"));
    }
}
