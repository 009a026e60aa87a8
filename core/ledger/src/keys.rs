//! Sealing of secrets: values that are encrypted at rest when the application gives a key.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{KeyFault, LedgerError};
use crate::table::Table;

/// First byte of a secret that is stored as it is.
const PLAIN: u8 = 0;
/// First byte of a secret that is sealed: 12 bytes of nonce and the AES-256-GCM ciphertext with its tag follow.
const SEALED: u8 = 1;
const NONCE: usize = 12;

/// Separates this use of the application's key from any other use that the application makes of it.
const CONTEXT: &str = "libspook ledger 2026 secrets v1";
/// What the marker of a sealed ledger encrypts.
const MARK: &[u8] = b"sealed ledger";

/// Seals and opens the secrets of one ledger.
pub(crate) struct Secrets {
    /// `None` in a ledger without a key.
    cipher: Option<Box<Aes256Gcm>>,
}

impl Secrets {
    /// For the application's key, or for none.
    pub(crate) fn new(key: Option<&[u8; 32]>) -> Secrets {
        let cipher = key.map(|key| {
            let mut derived = blake3::derive_key(CONTEXT, key);
            let cipher = Box::new(Aes256Gcm::new(&derived.into()));
            derived.zeroize();
            cipher
        });
        Secrets { cipher }
    }

    /// The stored form of `secret`, bound to its place: moved to another key or table it does not open.
    pub(crate) fn seal(&self, table: Table, key: &[u8], secret: &[u8]) -> Result<Vec<u8>, LedgerError> {
        let Some(cipher) = &self.cipher else {
            return Ok([&[PLAIN], secret].concat());
        };
        // Random nonces: at 2^32 secrets under one key a repetition is still less likely than 2^-32.
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| LedgerError::io("drawing random bytes", std::io::Error::other(error)))?;
        let place = place(table, key);
        let sealed = cipher
            .encrypt(Nonce::from_slice(&nonce), Payload { msg: secret, aad: &place })
            .map_err(|_| LedgerError::TooLarge { what: "secret", size: secret.len(), limit: crate::MAX_VALUE })?;
        Ok([&[SEALED], &nonce[..], &sealed].concat())
    }

    /// The secret in its stored form.
    pub(crate) fn open(&self, table: Table, key: &[u8], stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, LedgerError> {
        let damaged = || LedgerError::corrupt(format!("a secret in the table {} is damaged", table.name()));
        match (stored.split_first(), &self.cipher) {
            (Some((&PLAIN, secret)), None) => Ok(Zeroizing::new(secret.to_vec())),
            (Some((&SEALED, rest)), Some(cipher)) => {
                let (nonce, sealed) = rest.split_at_checked(NONCE).ok_or_else(damaged)?;
                let place = place(table, key);
                let opened = cipher.decrypt(Nonce::from_slice(nonce), Payload { msg: sealed, aad: &place });
                opened.map(Zeroizing::new).map_err(|_| damaged())
            }
            // A plain secret in a sealed ledger was put there by somebody else: it is not believed.
            _ => Err(damaged()),
        }
    }

    /// The marker of a new ledger, which tells whether and with which key it is sealed.
    pub(crate) fn marker(&self, key: &[u8]) -> Result<Vec<u8>, LedgerError> {
        let mark = if self.cipher.is_some() { MARK } else { &[] };
        self.seal(Table::Meta, key, mark)
    }

    /// Whether the key given is the one the ledger was created with.
    pub(crate) fn check(&self, key: &[u8], marker: &[u8]) -> Result<(), LedgerError> {
        match (marker.first(), &self.cipher) {
            (Some(&PLAIN), None) => Ok(()),
            (Some(&PLAIN), Some(_)) => Err(LedgerError::Key(KeyFault::NotSealed)),
            (Some(&SEALED), None) => Err(LedgerError::Key(KeyFault::Missing)),
            (Some(&SEALED), Some(_)) => match self.open(Table::Meta, key, marker) {
                Ok(mark) if *mark == MARK => Ok(()),
                _ => Err(LedgerError::Key(KeyFault::Wrong)),
            },
            _ => Err(LedgerError::corrupt("the marker of the ledger's key is damaged")),
        }
    }
}

/// The associated data of a sealed secret.
fn place(table: Table, key: &[u8]) -> Vec<u8> {
    [&[table.number()], key].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_at_its_place_with_its_key_only() {
        let secrets = Secrets::new(Some(&[7; 32]));
        let sealed = secrets.seal(Table::Meta, b"identity", b"signing key").unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"signing"));
        assert_eq!(**secrets.open(Table::Meta, b"identity", &sealed).unwrap(), *b"signing key");
        assert!(secrets.open(Table::Meta, b"identity2", &sealed).is_err());
        assert!(secrets.open(Table::Peers, b"identity", &sealed).is_err());
        assert!(Secrets::new(Some(&[8; 32])).open(Table::Meta, b"identity", &sealed).is_err());
        assert!(Secrets::new(None).open(Table::Meta, b"identity", &sealed).is_err());
    }

    #[test]
    fn every_flipped_bit_of_a_sealed_secret_is_seen() {
        let secrets = Secrets::new(Some(&[7; 32]));
        let sealed = secrets.seal(Table::Meta, b"k", b"secret").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(secrets.open(Table::Meta, b"k", &changed).is_err(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(secrets.open(Table::Meta, b"k", &sealed[..len]).is_err(), "length {len}");
        }
    }

    #[test]
    fn a_plain_secret_is_not_believed_in_a_sealed_ledger() {
        let plain = Secrets::new(None).seal(Table::Meta, b"k", b"forged").unwrap();
        assert!(Secrets::new(Some(&[7; 32])).open(Table::Meta, b"k", &plain).is_err());
    }

    #[test]
    fn two_seals_of_one_secret_differ() {
        let secrets = Secrets::new(Some(&[7; 32]));
        let seal = || secrets.seal(Table::Meta, b"k", b"s").unwrap();
        assert_ne!(seal(), seal());
    }
}
