//! Diffie-Hellman and cipher for snow. Its own accept a result of zero, leave keys in memory, and expand the AES key again for every
//! message.

use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, KeyInit};
use snow::Error;
use snow::types::{Cipher, Dh, Random};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

use crate::etcp::channel::TAG_LEN;

/// X25519 (RFC 7748) that wipes its secret and refuses a shared secret of zero, which low-order points give.
pub(super) struct X25519 {
    secret: StaticSecret,
    public: PublicKey,
}

impl Default for X25519 {
    /// A slot for a key; snow never uses it before `set` or `generate`.
    fn default() -> Self {
        X25519 { secret: StaticSecret::from([0; 32]), public: PublicKey::from([0; 32]) }
    }
}

impl X25519 {
    fn replace(&mut self, secret: &[u8; 32]) {
        self.secret = StaticSecret::from(*secret);
        self.public = PublicKey::from(&self.secret);
    }
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, privkey: &[u8]) {
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(privkey);
        self.replace(&secret);
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        let mut secret = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(&mut secret[..])?;
        self.replace(&secret);
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn privkey(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let theirs: &[u8; 32] = pubkey.first_chunk().ok_or(Error::Dh)?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(*theirs));
        if !shared.was_contributory() {
            return Err(Error::Dh);
        }
        out.get_mut(..32).ok_or(Error::Dh)?.copy_from_slice(shared.as_bytes());
        Ok(())
    }
}

impl Drop for X25519 {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// AES-256-GCM with the nonce of Noise (section 12.4): four zero bytes, then the counter, big-endian. The expanded key is kept over
/// all messages; the crate `aes` wipes it when dropped, by its feature `zeroize`.
#[derive(Default)]
pub(super) struct AesGcm {
    cipher: Option<Aes256Gcm>,
}

fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

impl Cipher for AesGcm {
    fn name(&self) -> &'static str {
        "AESGCM"
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.cipher = Some(Aes256Gcm::new(key.into()));
    }

    fn encrypt(&self, counter: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let cipher = self.cipher.as_ref().expect("snow asks for encryption only after a key was set");
        let (text, tag_out) = out.split_at_mut(plaintext.len());
        text.copy_from_slice(plaintext);
        let tag = cipher
            .encrypt_in_place_detached(&nonce(counter).into(), authtext, text)
            .expect("AES-GCM refuses only texts of 64 GiB, and Noise messages end at 65,535 bytes");
        tag_out[..TAG_LEN].copy_from_slice(&tag);
        plaintext.len() + TAG_LEN
    }

    fn decrypt(&self, counter: u64, authtext: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let cipher = self.cipher.as_ref().ok_or(Error::Decrypt)?;
        let (text, tag) = ciphertext.split_last_chunk::<TAG_LEN>().ok_or(Error::Decrypt)?;
        let out = out.get_mut(..text.len()).ok_or(Error::Decrypt)?;
        out.copy_from_slice(text);
        cipher.decrypt_in_place_detached(&nonce(counter).into(), authtext, out, tag.into()).map_err(|_| Error::Decrypt)?;
        Ok(text.len())
    }

    /// Noise, section 4.2: the first 32 bytes of the encryption of zeros under the last nonce.
    fn rekey(&mut self) {
        let mut sealed = Zeroizing::new([0; 32 + TAG_LEN]);
        self.encrypt(u64::MAX, &[], &[0; 32], &mut sealed[..]);
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&sealed[..32]);
        self.set(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// The points of low order on Curve25519 and its twist, and their non-canonical encodings
    /// (<https://cr.yp.to/ecdh.html>, "May I choose my own public keys?").
    const LOW_ORDER: [&str; 7] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];

    #[test]
    fn low_order_points_are_refused() {
        let mut dh = X25519::default();
        dh.set(&[7; 32]);
        let mut out = [0; 56];
        for point in LOW_ORDER {
            let mut point = unhex(point);
            assert_eq!(dh.dh(&point, &mut out), Err(Error::Dh));
            point[31] |= 0x80; // The top bit is ignored (RFC 7748, section 5).
            assert_eq!(dh.dh(&point, &mut out), Err(Error::Dh));
        }
        assert_eq!(dh.dh(PublicKey::from(&StaticSecret::from([8; 32])).as_bytes(), &mut out), Ok(()));
    }
}
