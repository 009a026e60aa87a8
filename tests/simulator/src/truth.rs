//! What is known from outside: which candidates each half has applied, and which of them its ledger has promised to keep.

use crate::reference::{Act, Candidate, Cells, FIRST, Id, Known, Model, Place};
use spook_protocol::estp::half::Written;
use spook_protocol::estp::{Author, Stamp, VersionVector};
use spook_protocol::id::PairId;
use std::collections::BTreeSet;
use std::rc::Rc;

/// One half as seen from outside.
#[derive(Debug, Default)]
pub struct HalfTruth {
    /// What it has applied.
    pub known: Known,
    /// What its ledger has said to be durable.
    pub promised: Known,
    /// What its ledger had promised to keep before an old copy took its place.
    pub taken_back: BTreeSet<Id>,
    /// What the ledger was given and has not answered for yet, and up to which number the batch is complete.
    pub under_way: Option<(u64, Known)>,
}

/// One Pair as seen from outside.
#[derive(Debug)]
pub struct PairTruth {
    /// Its name.
    pub id: PairId,
    /// Everything ever written to it.
    pub model: Model,
    /// The halves of the two endpoints.
    pub halves: [HalfTruth; 2],
    /// Up to which place one of them has committed.
    pub committed: Place,
    /// One endpoint was put back to a time before it knew the Pair, and cannot ask for it again.
    pub orphaned: bool,
}

/// What one endpoint has applied of every Pair at one moment; it travels, unseen, with what the endpoint sends then.
pub type Snapshot = Rc<Vec<Known>>;

/// Everything that is known from outside.
#[derive(Debug, Default)]
pub struct Truth {
    /// The Pairs.
    pub pairs: Vec<PairTruth>,
}

impl Truth {
    /// A Pair begins.
    pub fn begin(&mut self, id: PairId, kind: u64) {
        self.pairs.push(PairTruth { id, model: Model::new(kind), halves: Default::default(), committed: FIRST, orphaned: false });
    }

    /// The Pair of that name.
    pub fn find(&self, id: PairId) -> Option<usize> {
        self.pairs.iter().position(|pair| pair.id == id)
    }

    /// What an endpoint has applied by now.
    pub fn snapshot(&self, who: usize) -> Snapshot {
        Rc::new(self.pairs.iter().map(|pair| Rc::clone(&pair.halves[who].known)).collect())
    }

    /// What a write has to come to, or `None` if it has to be refused.
    pub fn intend(&self, pair: usize, who: usize, me: Author, acts: &[Act]) -> Option<Cells> {
        let PairTruth { model, halves, .. } = &self.pairs[pair];
        model.intend(&halves[who].known, me, acts)
    }

    /// A candidate was written.
    ///
    /// # Panics
    /// If its name was given before, or its stamp is not above all that its author has applied.
    pub fn wrote(&mut self, pair: usize, who: usize, written: &Written, cells: Cells) -> Id {
        let PairTruth { model, halves, .. } = &mut self.pairs[pair];
        let Written { dot, stamp, .. } = *written;
        // What was lost before it left its author, above the ceilings, is as if it had never been.
        let is_alive = |id: &Id| halves.iter().any(|half| half.known.contains(id) || half.promised.contains(id));
        let alive: BTreeSet<Id> = model.all().map(|(id, _)| id).filter(is_alive).collect();
        let known = &mut halves[who].known;
        for (id, other) in model.all().filter(|(id, _)| alive.contains(id)) {
            assert!(other.author != dot.author || other.number != dot.number, "the dot {dot} was given twice");
            assert!(!known.contains(&id) || other.stamp < stamp, "{dot} is stamped {stamp}, not above {} which it follows", other.stamp);
        }
        let context = Rc::clone(known);
        let id = model.add(Candidate { author: dot.author, number: dot.number, stamp, context, cells });
        Rc::make_mut(known).insert(id);
        id
    }

    /// A half applied a delta that was sent by an endpoint which had applied `carried`.
    pub fn learned(&mut self, pair: usize, who: usize, carried: &BTreeSet<Id>, vector: &VersionVector) {
        let PairTruth { model, halves, .. } = &mut self.pairs[pair];
        let news: Vec<Id> = within(model, carried, vector).filter(|id| !halves[who].known.contains(id)).collect();
        Rc::make_mut(&mut halves[who].known).extend(news);
    }

    /// A half was read back from its ledger, which is complete up to `durable`, or is there no more.
    ///
    /// # Panics
    /// If something is missing that the ledger had promised to keep.
    pub fn restored(&mut self, pair: usize, who: usize, durable: u64, vector: Option<&VersionVector>) {
        let PairTruth { model, halves, .. } = &mut self.pairs[pair];
        let half = &mut halves[who];
        // A batch is there entirely or not at all.
        let under_way = half.under_way.as_ref().filter(|(number, _)| *number <= durable).map(|(_, known)| known);
        let possible: BTreeSet<Id> = half.promised.iter().chain(under_way.iter().flat_map(|known| known.iter())).copied().collect();
        let found: BTreeSet<Id> = vector.map(|vector| within(model, &possible, vector).collect()).unwrap_or_default();
        if let Some(lost) = half.promised.iter().find(|id| !found.contains(id)) {
            let Candidate { author, number, .. } = model.get(*lost);
            panic!("the ledger of {who} has lost {}:{number} of Pair {pair}, which it had made durable", author.endpoint);
        }
        half.known = Rc::new(found);
        half.promised = Rc::clone(&half.known);
        half.under_way = None;
    }

    /// The largest stamp that anybody has applied.
    pub fn last_stamp(&self, who: usize) -> Stamp {
        let stamps = self.pairs.iter().flat_map(|pair| pair.halves[who].known.iter().map(|id| pair.model.get(*id).stamp));
        stamps.max().unwrap_or(Stamp::ZERO)
    }
}

/// The candidates of a set that a version vector covers.
fn within<'a>(model: &'a Model, set: &'a BTreeSet<Id>, vector: &'a VersionVector) -> impl Iterator<Item = Id> + 'a {
    set.iter().copied().filter(|id| {
        let Candidate { author, number, .. } = model.get(*id);
        vector.index_of(*author).is_some_and(|index| *number <= vector.seen(index).number)
    })
}
