//! Amalgamation: candidates with equal stamps are a tie, settled by content over the whole set of ties.
//!
//! Settling ties two by two would make the outcome depend on who met whom first. Over the set, each of several honest writers has the same
//! chance, and a third that comes late only means that the set is settled anew.

use crate::canary::{self, Canary};
use crate::estp::place::Survivor;
use crate::wire::{kind_of, put_payload};

/// The digest of what a candidate puts into the cell; a tombstone has one too.
fn digest(survivor: &Survivor<'_>) -> [u8; 32] {
    let mut bytes = vec![kind_of(survivor.value) as u8];
    put_payload(&mut bytes, survivor.value);
    *blake3::hash(&bytes).as_bytes()
}

/// Which of the ties wins, as an index into them. They are sorted by digest; the seed is the BLAKE3 of the sorted digests, and its first eight
/// bytes, little end first, modulo their count, name the place of the winner. Equal digests keep the order of their places.
///
/// Of an empty list the answer is 0.
pub fn winner(ties: &[Survivor<'_>]) -> usize {
    if ties.len() < 2 || canary::sings(Canary::TiesByAuthor) {
        return 0;
    }
    let mut sorted: Vec<_> = ties.iter().enumerate().map(|(index, tie)| (digest(tie), tie.place, index)).collect();
    sorted.sort_unstable();
    let mut seed = blake3::Hasher::new();
    sorted.iter().for_each(|(digest, ..)| {
        seed.update(digest);
    });
    let mut first = [0; 8];
    first.copy_from_slice(&seed.finalize().as_bytes()[..8]);
    sorted[(u64::from_le_bytes(first) % sorted.len() as u64) as usize].2
}
