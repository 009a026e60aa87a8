//! Going on under a new author epoch: when the ledger turned out to be a copy, another one may have given the same names to other candidates.

use super::HalfPair;
use crate::estp::dot::{Author, AuthorIndex};
use crate::estp::feed::Issue;
use crate::estp::lifecycle::Event;
use crate::estp::place::Place;
use crate::estp::rule::Rule;
use crate::estp::state::{Birth, CellIndex, Survivor, Version};
use crate::value::Value;
use std::collections::BTreeMap;

/// Added to the number of a name that the peer is told with its path whenever it is used: no counter gets there.
const ALWAYS_TOLD: u64 = 1 << 62;

/// The names that mean nothing any more: those of an author above a number.
#[derive(Clone, Copy)]
struct Doubtful {
    author: AuthorIndex,
    above: u64,
}

impl Doubtful {
    fn has(self, author: AuthorIndex, number: u64) -> bool {
        author == self.author && number > self.above
    }

    fn has_birth(self, birth: Birth) -> bool {
        self.has(birth.author, birth.number)
    }

    fn has_version(self, version: &Version) -> bool {
        self.has(version.author, version.number)
    }
}

impl HalfPair {
    /// Writes as another author from now on. Own candidates above `held`, the last number that the peer is known to hold, are issued again, each
    /// under a number that `issue` gives: in their order, with their stamps and contexts. Nobody ever hears of the old names, which a copy of this
    /// half may have given to something else. Those of an ordered Pair get new stamps as well: they come behind what is committed.
    ///
    /// Returns how many candidates were issued again, or `None` if the Pair has had too many author epochs: then nothing was changed.
    pub fn begin_epoch(&mut self, author: Author, held: u64, mut issue: impl FnMut() -> Issue) -> Option<usize> {
        let new = self.intern(author)?;
        if new == self.me {
            return Some(0);
        }
        if self.is_ordered() {
            return Some(self.begin_epoch_of_log(new, held, issue));
        }
        self.fold_stale();
        let doubtful = Doubtful { author: self.me, above: held };
        let mut candidates: BTreeMap<u64, Vec<CellIndex>> = BTreeMap::new();
        let mut misnamed = Vec::new();
        for cell in self.state.after(held) {
            match self.own_version(cell, doubtful) {
                Some(version) => candidates.entry(version.number).or_default().push(cell),
                None if doubtful.has_birth(self.state.birth(cell)) => misnamed.push(cell),
                None => {}
            }
        }
        let cells = candidates.values().flatten().chain(&misnamed);
        let aliases: Vec<Birth> = cells.flat_map(|&cell| self.state.aliases(cell)).filter(|birth| doubtful.has_birth(*birth)).collect();
        aliases.into_iter().for_each(|birth| self.state.forget_birth(birth));
        self.forget_names_above(held);
        self.commit.own.cut(held);
        self.me = new;
        let count = candidates.len();
        for cells in candidates.into_values() {
            self.issue_again(&cells, doubtful, issue().number);
        }
        if !misnamed.is_empty() {
            let number = issue().number;
            for (place, cell) in (0..).zip(misnamed) {
                self.state.give_new_birth(cell, Birth { author: new, number: number | ALWAYS_TOLD, place }, false);
                self.state.touch(cell, number);
            }
        }
        if count > 0 {
            self.on(Event::LocalCandidate);
        }
        Some(count)
    }

    fn begin_epoch_of_log(&mut self, new: AuthorIndex, held: u64, issue: impl FnMut() -> Issue) -> usize {
        self.forget_names_above(held);
        self.me = new;
        let renewed = self.with_log(|log, scene| log.begin_epoch(scene, new, held, issue));
        let (bodies, changed) = renewed.unwrap_or_default();
        for body in &bodies {
            self.vector.advance(new, body.number, body.stamp);
        }
        self.note_paths(&changed, self.last_change());
        self.note_flips();
        bodies.len()
    }

    /// What was lost under the old name may still come back under it.
    fn forget_names_above(&mut self, held: u64) {
        let known = self.lost.iter().filter(|lost| !lost.is_empty()).map(|lost| lost.from).min();
        self.vector.rewind(self.me, known.map_or(held, |known| known.min(held)));
        self.lost.clear();
    }

    /// The version of a cell whose name is in doubt.
    fn own_version(&self, cell: CellIndex, doubtful: Doubtful) -> Option<&Version> {
        match self.state.layer(cell) {
            Some(layer) => layer.survivors.iter().map(|survivor| &survivor.version).find(|version| doubtful.has_version(version)),
            None => self.state.version(cell).filter(|version| doubtful.has_version(version)),
        }
    }

    /// Gives one candidate, of which these cells are left, a new name.
    fn issue_again(&mut self, cells: &[CellIndex], doubtful: Doubtful, number: u64) {
        let author = self.me;
        for (place, &cell) in (0..).zip(cells) {
            let Some(stamp) = self.own_version(cell, doubtful).map(|version| version.stamp) else { continue };
            let birth = Birth { author, number, place };
            if doubtful.has_birth(self.state.birth(cell)) {
                self.state.give_new_birth(cell, birth, false);
            }
            if self.state.layer(cell).is_some() {
                self.rename_survivor(cell, doubtful, number);
                self.state.arrive(cell, number, birth);
                self.state.wait(cell, stamp);
                self.show(cell);
            } else if let Some(version) = self.state.version(cell).cloned() {
                self.state.set(cell, Version { author, number, ..version }, number, birth);
            }
            self.vector.advance(author, number, stamp);
            if place == 0 {
                self.await_own(number, stamp);
            }
        }
    }

    fn rename_survivor(&mut self, cell: CellIndex, doubtful: Doubtful, number: u64) {
        let (author, is_counter) = (self.me, *self.rule(cell) == Rule::Counter);
        let (old, now) = (self.vector.author(doubtful.author), self.me());
        let layer = self.state.open_layer(cell);
        // A counter's version holds all that its author added. What the other half has already stays under the old name.
        let committed = layer.survivors.iter().filter(|survivor| survivor.committed).map(|survivor| &survivor.version);
        let known = committed.chain(&layer.base).find(|version| version.author == doubtful.author && !doubtful.has_version(version));
        let known = known.and_then(|version| version.value.as_ref()).and_then(Value::as_i64).unwrap_or_default();
        for Survivor { version, context, covered, .. } in &mut layer.survivors {
            if let Some(place) = covered.filter(|place| place.author == old && place.number > doubtful.above) {
                // A contribution to a counter stands beside what its author adds under another name.
                let beside = is_counter && version.author == doubtful.author && version.value.is_some();
                *covered = (!beside).then_some(Place { author: now, number, ..place });
            }
            if doubtful.has_version(version) {
                (version.author, version.number) = (author, number);
                context.include(doubtful.author, doubtful.above);
                if is_counter && let Some(total) = version.value.as_ref().and_then(Value::as_i64) {
                    version.value = Some(Value::Int(total.saturating_sub(known)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::estp::candidate::Operation;
    use crate::estp::dot::Author;
    use crate::estp::feed::Issue;
    use crate::estp::half::{HalfPair, Horizon};
    use crate::estp::schema::Schema;
    use crate::estp::stamp::Stamp;
    use crate::id::EndpointId;
    use crate::value::Value;
    use std::sync::Arc;

    fn author(epoch: u32) -> Author {
        Author { endpoint: EndpointId::from_bytes([1; 16]), epoch }
    }

    fn half() -> HalfPair {
        HalfPair::new(author(5), Some(EndpointId::from_bytes([2; 16])), 0)
    }

    fn write(half: &mut HalfPair, number: u64, operations: &[Operation<'_>]) {
        half.write(operations, || Issue { number, stamp: Stamp::new(100 * number, 0) }).unwrap();
    }

    fn begin(half: &mut HalfPair, held: u64) -> Option<usize> {
        let mut number = 10;
        half.begin_epoch(author(6), held, || {
            number += 1;
            Issue { number, stamp: Stamp::new(100_000 + number, 0) }
        })
    }

    #[test]
    fn what_the_peer_may_not_hold_is_issued_again_with_its_stamps() {
        let mut half = half();
        write(&mut half, 1, &[Operation::set("/held", 1i64)]);
        write(&mut half, 2, &[Operation::set("/a", 2i64), Operation::set("/b", 2i64)]);
        write(&mut half, 3, &[Operation::set("/held", 3i64)]);
        assert_eq!((begin(&mut half, 1), half.me()), (Some(2), author(6)));
        let cells: Vec<_> =
            half.state().after(0).map(|cell| (half.state().version(cell).unwrap().clone(), half.state().birth(cell))).collect();
        let told: Vec<_> = cells.iter().map(|(version, birth)| (version.number, version.stamp.ms(), birth.number)).collect();
        assert_eq!(told, [(11, 200, 11), (11, 200, 11), (12, 300, 1)], "the candidates in their order, and names that the peer knows stay");
        assert!(cells.iter().all(|(version, _)| half.vector().author(version.author) == author(6)));
        assert_eq!(half.vector().seen(half.vector().index_of(author(5)).unwrap()).number, 1);
        assert_eq!(half.read("").unwrap().unwrap().to_string(), r#"{"a": 2, "b": 2, "held": 3}"#);
        assert!(!half.is_committed(2, Stamp::new(200, 0)));
        assert!(half.settle(Horizon { durable_here: 12, peer_holds: 12, placed: 12, ..Horizon::default() }));
        assert!(half.is_committed(2, Stamp::new(200, 0)), "it is still found by the name that its writer was given");
        assert_eq!(half.begin_epoch(author(6), 1, || unreachable!()), Some(0));
    }

    #[test]
    fn of_a_counter_only_what_was_added_since_is_issued_again() {
        let mut half = half();
        let rules = Value::object([("rules", Value::object([("/n", Value::from("counter"))]))]);
        half.set_schema(Arc::new(Schema::parse(&rules).unwrap()));
        write(&mut half, 1, &[Operation::increment("/n", 5)]);
        half.settle(Horizon { durable_here: 1, peer_holds: 1, placed: 1, ..Horizon::default() });
        write(&mut half, 2, &[Operation::increment("/n", 2)]);
        assert_eq!(half.read("/n").unwrap(), Some(Value::from(7i64)));
        assert_eq!(begin(&mut half, 1), Some(1));
        assert_eq!(half.read("/n").unwrap(), Some(Value::from(7i64)));
        write(&mut half, 20, &[Operation::increment("/n", 1)]);
        assert_eq!(half.read("/n").unwrap(), Some(Value::from(8i64)));
    }

    #[test]
    fn candidates_of_an_ordered_pair_are_judged_again_behind_the_others() {
        let mut half = half();
        half.set_schema(Arc::new(Schema::parse(&Value::object([("guards", true)])).unwrap()));
        for number in 1..4 {
            write(&mut half, number, &[Operation::set("/n", number as i64)]);
        }
        assert_eq!(begin(&mut half, 1), Some(2));
        let pending: Vec<_> = half.log().unwrap().pending().map(|entry| (entry.place.author.epoch, entry.place.number)).collect();
        assert_eq!(pending, [(5, 1), (6, 11), (6, 12)]);
        assert_eq!(half.take_removed().len(), 2);
        let dot = |number| crate::estp::Dot { author: author(5), number };
        assert!(
            matches!(half.status(dot(3)), Some(crate::estp::ordered::Status::Tentative(_))),
            "it is still found by the name that its writer was given"
        );
        assert_eq!(half.status(dot(4)), None);
        assert_eq!(half.read("/n").unwrap(), Some(Value::from(3i64)));
    }
}
