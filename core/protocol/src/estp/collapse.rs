//! Collapse: the candidates held for one cell become one value.
//!
//! The rule of this version is `lww`: the candidate that is last in the order wins. The order is (stamp, EndpointID, epoch, number); since stamps
//! extend causality, what a candidate has overwritten never wins over it. Folding with `wins` is a join (associative, commutative, idempotent),
//! so the outcome depends on the set of candidates alone, not on how or when they came.

use super::dot::Author;
use super::stamp::Stamp;

/// The place of a candidate in the order of all candidates of its Pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The stamp decides first.
    pub stamp: Stamp,
    /// Equal stamps: the endpoint, then its epoch.
    pub author: Author,
    /// Candidates of one author never share a stamp; the number makes the order total whatever a peer sends.
    pub number: u64,
}

/// Whether a candidate takes a cell from the one that holds it.
pub fn wins(challenger: Place, holder: Place) -> bool {
    challenger > holder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EndpointId;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = Place> {
        (0u64..3, 0u16..2, 0u8..3, 0u32..2, 0u64..3).prop_map(|(ms, counter, endpoint, epoch, number)| Place {
            stamp: Stamp::new(ms, counter),
            author: Author { endpoint: EndpointId::from_bytes([endpoint; 16]), epoch },
            number,
        })
    }

    fn fold(candidates: &[Place]) -> Option<Place> {
        candidates.iter().copied().reduce(|holder, challenger| if wins(challenger, holder) { challenger } else { holder })
    }

    proptest! {
        #[test]
        fn the_outcome_depends_on_the_set_alone(candidates in prop::collection::vec(place(), 1..8), turn in 0usize..8) {
            let mut other = candidates.clone();
            other.rotate_left(turn % candidates.len());
            other.extend_from_slice(&candidates[..candidates.len() / 2]);
            other.reverse();
            prop_assert_eq!(fold(&candidates), fold(&other));
        }
    }
}
