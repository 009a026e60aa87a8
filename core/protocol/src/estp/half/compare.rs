//! Comparing the states of both halves: when everything is committed and both have applied the same, their digests are equal. If they are not, a
//! promise was broken: the half fails, and the two look for the first path that differs.

use super::{HalfPair, HalfRecord};
use crate::estp::commit::Commit;
use crate::estp::dot::{AuthorIndex, Lost};
use crate::estp::lifecycle::{Event, LinkFact, PhaseFact};
use crate::estp::state::Digest;

/// Into how many stretches of paths a range is cut with each question.
pub const STRETCHES: usize = 16;

/// What a half says of its state when it is clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// 64 bits of a hash of all that was applied: the numbers of each author.
    pub vector: u64,
    /// The digest of the state.
    pub digest: Digest,
}

/// Why a half failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The digest here.
    pub mine: Digest,
    /// The digest at the peer, which had applied the same.
    pub theirs: Digest,
    /// The first path where they differ, once it is found.
    pub path: Option<String>,
    questions: u32,
}

/// A range of paths, in the order of their bytes: from the first one on, up to the second one, which is not in it.
pub type Range = (String, Option<String>);

/// A stretch of a range: its first path, how many live cells it has, and the sum of their digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The path of its first cell.
    pub first: String,
    /// How many live cells.
    pub count: u64,
    /// The sum of what they add to the digest.
    pub sum: u128,
}

/// How many questions are asked at most.
const QUESTIONS: u32 = 32;

/// A half that gives up what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reseed {
    /// It does not.
    #[default]
    No,
    /// The peer was asked to send everything.
    Asked,
    /// What was held is gone, and the next delta is everything.
    Coming,
}

/// Where the search for the first difference stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// This range is to be looked at next.
    Ask(Range),
    /// The first path that differs.
    Found(String),
}

impl HalfPair {
    /// What this half says of its state; `None` while something is not committed or not decided, and for a half without a peer.
    pub fn state_fingerprint(&mut self) -> Option<Fingerprint> {
        self.fold_stale();
        let is_open = self.lifecycle.link != LinkFact::Closed && self.peer.is_some();
        if !is_open || !self.is_clean() {
            return None;
        }
        Some(Fingerprint { vector: self.vector_hash(), digest: self.state.digest() })
    }

    fn vector_hash(&self) -> u64 {
        let mut seen: Vec<_> = self.vector.entries().iter().filter(|seen| seen.number > 0).map(|seen| (seen.author, seen.number)).collect();
        seen.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for (author, number) in seen {
            hasher.update(author.endpoint.as_bytes());
            hasher.update(&author.epoch.to_le_bytes());
            hasher.update(&number.to_le_bytes());
        }
        hasher.finalize().as_bytes().first_chunk().map_or(0, |head| u64::from_le_bytes(*head))
    }

    /// The peer says what its state is. Returns whether it differs, though both have applied the same and everything is committed: then this half
    /// has failed.
    pub fn compare(&mut self, theirs: Fingerprint) -> bool {
        let Some(mine) = self.state_fingerprint() else { return false };
        if mine.vector != theirs.vector || mine.digest == theirs.digest || self.failure.is_some() {
            return false;
        }
        self.failure = Some(Failure { mine: mine.digest, theirs: theirs.digest, path: None, questions: 0 });
        self.failure_is_news = true;
        self.on(Event::Violation);
        true
    }

    /// Why this half has failed, if it has.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Why this half has failed, if that, or the path, is new since the last call.
    pub fn take_failure(&mut self) -> Option<Failure> {
        if std::mem::take(&mut self.failure_is_news) { self.failure.clone() } else { None }
    }

    /// Whether this half asks the questions that lead to the first difference: of the two, the one whose endpoint is smaller.
    pub fn leads_search(&self) -> bool {
        self.peer.is_some_and(|peer| self.me().endpoint < peer)
    }

    fn leaves(&mut self, (from, to): &Range) -> Vec<(String, u128)> {
        self.state.digest_terms().into_iter().filter(|(path, _)| path >= from && to.as_ref().is_none_or(|to| path < to)).collect()
    }

    /// Cuts a range of paths into stretches, as this half has them.
    pub fn stretches(&mut self, range: &Range) -> Vec<Stretch> {
        let leaves = self.leaves(range);
        let size = leaves.len().div_ceil(STRETCHES).max(1);
        let stretch = |leaves: &[(String, u128)]| Stretch {
            first: leaves[0].0.clone(),
            count: leaves.len() as u64,
            sum: leaves.iter().fold(0, |sum, (_, term)| sum.wrapping_add(*term)),
        };
        leaves.chunks(size).map(stretch).collect()
    }

    /// Compares the peer's stretches of a range with the cells here. `None` if nothing differs in it.
    pub fn search(&mut self, range: &Range, theirs: &[Stretch]) -> Option<Search> {
        let mine = self.leaves(range);
        for (at, stretch) in theirs.iter().enumerate() {
            // What lies here before the first of theirs belongs to the first stretch.
            let from = if at == 0 { &range.0 } else { &stretch.first };
            let to = theirs.get(at + 1).map(|next| next.first.clone()).or_else(|| range.1.clone());
            let here: Vec<_> = mine.iter().filter(|(path, _)| path >= from && to.as_ref().is_none_or(|to| path < to)).collect();
            if here.iter().fold(0u128, |sum, (_, term)| sum.wrapping_add(*term)) == stretch.sum {
                continue;
            }
            if stretch.count > 1 {
                if let Some(failure) = &mut self.failure {
                    failure.questions += 1;
                    if failure.questions > QUESTIONS {
                        return None;
                    }
                }
                return Some(Search::Ask((from.clone(), to)));
            }
            let is_same = |(path, term): &&&(String, u128)| *path == stretch.first && *term == stretch.sum;
            let other = here.iter().find(|leaf| !is_same(leaf)).map(|(path, _)| path);
            let path = match other {
                Some(path) if here.iter().any(|leaf| is_same(&leaf)) => path,
                other => other.map_or(&stretch.first, |path| path.min(&stretch.first)),
            };
            return Some(Search::Found(path.clone()));
        }
        if theirs.is_empty() { mine.first().map(|(path, _)| Search::Found(path.clone())) } else { None }
    }

    /// The first path that differs was found.
    pub fn found_difference(&mut self, path: String) {
        if let Some(failure) = &mut self.failure
            && failure.path.is_none()
        {
            failure.path = Some(path);
            self.failure_is_news = true;
        }
    }

    /// The peer is asked to send everything, and this half is to take it in the place of what it holds.
    pub fn ask_for_all(&mut self) {
        self.reseed = Reseed::Asked;
    }

    /// Whether what was asked for with [`HalfPair::ask_for_all`] has not come yet.
    pub fn awaits_all(&self) -> bool {
        self.reseed != Reseed::No
    }

    /// Everything that was asked for follows: gives up what this half holds, as if it had never been here. A half that failed is repaired by that.
    pub fn all_follows(&mut self) {
        if self.reseed == Reseed::Asked {
            self.reseed = Reseed::Coming;
            self.forget_all();
        }
    }

    fn forget_all(&mut self) {
        let cells: Vec<_> = self.state.after(0).collect();
        for cell in cells {
            self.state.prune(cell);
        }
        for index in 0..self.vector.entries().len() {
            self.vector.rewind(AuthorIndex(index as u16), 0);
        }
        self.is_reseeded = true;
        self.commit = Commit::default();
        self.lost = vec![Lost { from: 0, to: u64::MAX }];
        (self.joined, self.told) = (HalfRecord::new(self.peer).joined, 0);
        self.prunable.clear();
        self.old_names.clear();
        self.stale.clear();
        self.unresolved.clear();
        if let Some(log) = &mut self.log {
            log.forget_all();
        }
        self.is_repaired();
    }

    /// The halves hold the same again, or will once what is on the way has come.
    pub fn is_repaired(&mut self) {
        self.failure = None;
        if self.lifecycle.phase == PhaseFact::Failed {
            self.on(Event::Repaired);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estp::candidate::Operation;
    use crate::estp::dot::Author;
    use crate::estp::feed::Issue;
    use crate::estp::stamp::Stamp;
    use crate::id::EndpointId;
    use proptest::prelude::*;

    fn half(keys: &[(u16, i64)]) -> HalfPair {
        let mut half = HalfPair::new(Author { endpoint: EndpointId::from_bytes([1; 16]), epoch: 5 }, None, 0);
        for (number, (key, value)) in (1..).zip(keys) {
            let path = format!("/{key}");
            half.write(&[Operation::set(&path, *value)], || Issue { number, stamp: Stamp::new(number, 0) }).unwrap();
        }
        half
    }

    proptest! {
        /// However two states differ, the questions lead to the first path that does, and in few rounds.
        #[test]
        fn the_first_difference_is_found(
            mine in prop::collection::btree_map(0u16..600, 0i64..3, 0..300),
            changes in prop::collection::btree_map(0u16..600, prop::option::of(3i64..5), 0..4),
        ) {
            let mut theirs = mine.clone();
            for (key, value) in changes {
                match value {
                    Some(value) => { theirs.insert(key, value); }
                    None => { theirs.remove(&key); }
                }
            }
            let of = |map: &std::collections::BTreeMap<u16, i64>| half(&map.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>());
            let (mut one, mut other) = (of(&mine), of(&theirs));
            let mut differing: Vec<String> = (0..600).filter(|key| mine.get(key) != theirs.get(key)).map(|key| format!("/{key}")).collect();
            differing.sort();
            let mut range: Range = (String::new(), None);
            let mut found = None;
            for _ in 0..5 {
                match one.search(&range, &other.stretches(&range)) {
                    Some(Search::Ask(next)) => range = next,
                    Some(Search::Found(path)) => { found = Some(path); break }
                    None => break,
                }
            }
            prop_assert_eq!(found.as_ref(), differing.first());
        }
    }
}
