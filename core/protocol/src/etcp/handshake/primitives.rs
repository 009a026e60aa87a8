//! Diffie-Hellman for snow: its own accepts a result of zero and leaves its secret in memory.

use snow::Error;
use snow::types::{Dh, Random};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

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
