//! The bounded queue of one subscription: a data structure without threads.
//!
//! Up to its capacity it is a plain queue. When it is full it becomes *crowded*: from then until it is half empty, it holds each path
//! only once. A newer change takes the place of an older one of the same path, at the end of the queue, so that the order by `seq` holds.
//! If all paths differ and it is full nevertheless, the oldest change goes. The numbers of all changes that went are told as one gap,
//! before the next change. Transitions are never dropped: in a crowded queue they merge into one, from where the first started to
//! where the last ended.
//!
//! Values share their memory with the state while they are current. Overwritten ones live on in queues alone, so the queue bounds the bytes
//! as well ([`MAX_BYTES`]), and counts as full when it reaches them.

use super::notice::{Notice, weight};
use spook_protocol::estp::half::Transition;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Bytes of values and paths that a queue keeps alive at most, though a single change may be larger.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// A notice and its weight.
type Waiting = (Notice, usize);

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    /// Places in order. In a crowded queue those whose notice was taken out of the middle are empty, at most one more than the
    /// capacity.
    places: VecDeque<Option<Waiting>>,
    /// The number of the first place: places are numbered for ever, so that the numbers stay valid while others go.
    first: u64,
    /// How many places are taken.
    taken: usize,
    /// The weight of all notices.
    bytes: usize,
    gap: Option<(u64, u64)>,
    crowd: Option<Crowd>,
}

/// Where in a crowded queue everything is.
#[derive(Debug, Default)]
struct Crowd {
    paths: HashMap<Arc<str>, u64>,
    transition: Option<u64>,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Queue {
        // Two, so that a transition, which is never dropped, always leaves room for a change.
        let capacity = capacity.max(2);
        Queue { capacity, places: VecDeque::new(), first: 0, taken: 0, bytes: 0, gap: None, crowd: None }
    }

    /// Whether [`Queue::pop`] has nothing to give.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == 0 && self.gap.is_none()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Queue::new(self.capacity);
    }

    /// The oldest notice; a gap before everything else.
    pub(super) fn pop(&mut self) -> Option<Notice> {
        if let Some((from_seq, to_seq)) = self.gap.take() {
            return Some(Notice::Gap { from_seq, to_seq });
        }
        let (notice, _) = self.take_first()?;
        if let (Some(crowd), Notice::Change(change)) = (&mut self.crowd, &notice) {
            crowd.paths.remove(&change.path);
        } else if let Some(crowd) = &mut self.crowd {
            crowd.transition = None;
        }
        if self.crowd.is_some() && self.taken <= self.capacity / 2 && self.bytes <= MAX_BYTES / 2 {
            self.crowd = None;
            self.places.retain(Option::is_some);
        }
        Some(notice)
    }

    /// Adds a notice behind all others. Changes come in the order of their `seq`.
    pub(super) fn push(&mut self, notice: Notice) {
        let weight = weight(&notice);
        if self.crowd.is_none() && self.is_full(weight) {
            self.merge_all();
        }
        if self.crowd.is_none() {
            self.append(notice, weight);
            return;
        }
        let notice = self.merge(notice);
        while self.is_full(weight) && self.drop_oldest_change() {}
        self.append_crowded(notice, weight);
        if self.places.len() / 2 > self.capacity {
            self.merge_all();
        }
    }

    fn is_full(&self, weight: usize) -> bool {
        self.taken >= self.capacity || (self.taken > 0 && self.bytes.saturating_add(weight) > MAX_BYTES)
    }

    fn append(&mut self, notice: Notice, weight: usize) {
        self.places.push_back(Some((notice, weight)));
        self.taken += 1;
        self.bytes += weight;
    }

    fn append_crowded(&mut self, notice: Notice, weight: usize) {
        let place = self.first + self.places.len() as u64;
        let crowd = self.crowd.get_or_insert_default();
        match &notice {
            Notice::Change(change) => _ = crowd.paths.insert(Arc::clone(&change.path), place),
            Notice::Transition(_) | Notice::Gap { .. } => crowd.transition = Some(place),
        }
        self.append(notice, weight);
    }

    /// Makes the queue crowded: adds everything anew, each path only once. In a crowded queue it closes the empty places.
    fn merge_all(&mut self) {
        let places = std::mem::take(&mut self.places);
        (self.taken, self.bytes, self.crowd) = (0, 0, Some(Crowd::default()));
        for (notice, weight) in places.into_iter().flatten() {
            let notice = self.merge(notice);
            self.append_crowded(notice, weight);
        }
    }

    /// Takes out what the notice replaces, and gives the notice as it then is.
    fn merge(&mut self, notice: Notice) -> Notice {
        match notice {
            Notice::Change(change) => {
                let older = self.crowd.as_mut().and_then(|crowd| crowd.paths.remove(&change.path));
                if let Some(Notice::Change(older)) = older.and_then(|place| self.take_at(place)) {
                    self.widen_gap(older.seq);
                }
                Notice::Change(change)
            }
            Notice::Transition(newer) => {
                let older = self.crowd.as_mut().and_then(|crowd| crowd.transition.take());
                match older.and_then(|place| self.take_at(place)) {
                    Some(Notice::Transition(older)) => Notice::Transition(Transition { from: older.from, ..newer }),
                    _ => Notice::Transition(newer),
                }
            }
            Notice::Gap { from_seq, to_seq } => Notice::Gap { from_seq, to_seq },
        }
    }

    /// In a crowded queue. `false` if there was none.
    fn drop_oldest_change(&mut self) -> bool {
        match self.take_first() {
            None => false,
            Some((Notice::Change(change), _)) => {
                if let Some(crowd) = &mut self.crowd {
                    crowd.paths.remove(&change.path);
                }
                self.widen_gap(change.seq);
                true
            }
            // The one transition of a crowded queue stands in the way: it goes back to the front.
            Some(transition) => {
                let dropped = self.drop_oldest_change();
                self.places.push_front(Some(transition));
                self.first -= 1;
                self.taken += 1;
                if let Some(crowd) = &mut self.crowd {
                    crowd.transition = Some(self.first);
                }
                dropped
            }
        }
    }

    fn widen_gap(&mut self, seq: u64) {
        let (from, to) = self.gap.unwrap_or((seq, seq));
        self.gap = Some((from.min(seq), to.max(seq)));
    }

    fn take_first(&mut self) -> Option<Waiting> {
        loop {
            let place = self.places.pop_front()?;
            self.first += 1;
            if let Some((notice, weight)) = place {
                self.taken -= 1;
                self.bytes -= weight;
                return Some((notice, weight));
            }
        }
    }

    fn take_at(&mut self, place: u64) -> Option<Notice> {
        let at = usize::try_from(place.checked_sub(self.first)?).ok()?;
        let (notice, weight) = self.places.get_mut(at)?.take()?;
        self.taken -= 1;
        self.bytes -= weight;
        Some(notice)
    }
}

#[cfg(test)]
mod tests;
