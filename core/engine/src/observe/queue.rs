//! The bounded queue of one subscription: a data structure without threads.
//!
//! Up to its capacity it is a plain queue. When it is full it becomes *crowded*: from then until it is half empty, it holds each path
//! only once. A newer change takes the place of an older one of the same path, at the end of the queue, so that the order by `seq` holds.
//! If all paths differ and it is full nevertheless, the oldest change goes. The numbers of all changes that went are told as one gap,
//! before the next change. Transitions are never dropped: in a crowded queue they merge into one, from where the first started to
//! where the last ended. Events are held once for each thing that they are about, and counted when they have to go.
//!
//! Values share their memory with the state while they are current. Overwritten ones live on in queues alone, so the queue bounds the bytes
//! as well ([`MAX_BYTES`]), and counts as full when it reaches them.

use super::event::{Event, Happening, Subject};
use super::notice::{Change, Notice, weight};
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
    /// How many events were dropped, and the `after_seq` of the last of them.
    missed: (u64, u64),
    crowd: Option<Crowd>,
}

/// Where in a crowded queue everything is.
#[derive(Debug, Default)]
struct Crowd {
    subjects: HashMap<Subject, u64>,
    transition: Option<u64>,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Queue {
        // Two, so that a transition, which is never dropped, always leaves room for a change.
        let capacity = capacity.max(2);
        Queue { capacity, places: VecDeque::new(), first: 0, taken: 0, bytes: 0, gap: None, missed: (0, 0), crowd: None }
    }

    /// Whether [`Queue::pop`] has nothing to give.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == 0 && self.gap.is_none() && self.missed.0 == 0
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
        if let (events @ 1.., after_seq) = std::mem::take(&mut self.missed) {
            return Some(Notice::Event(Box::new(Event { after_seq, what: Happening::Missed { events } })));
        }
        let (notice, _) = self.take_first()?;
        if let Some(crowd) = &mut self.crowd {
            match subject(&notice) {
                Some(subject) => _ = crowd.subjects.remove(&subject),
                None => crowd.transition = None,
            }
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
        while self.is_full(weight) && self.drop_oldest() {}
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
        match subject(&notice) {
            Some(subject) => _ = crowd.subjects.insert(subject, place),
            None => crowd.transition = Some(place),
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
        if let Some(subject) = subject(&notice) {
            let older = self.crowd.as_mut().and_then(|crowd| crowd.subjects.remove(&subject));
            if let Some(Notice::Change(older)) = older.and_then(|place| self.take_at(place)) {
                self.widen_gap(older.seq);
            }
            return notice;
        }
        let Notice::Transition(newer) = notice else { return notice };
        let older = self.crowd.as_mut().and_then(|crowd| crowd.transition.take());
        match older.and_then(|place| self.take_at(place)) {
            Some(Notice::Transition(older)) => Notice::Transition(Transition { from: older.from, ..newer }),
            _ => Notice::Transition(newer),
        }
    }

    /// Drops the oldest change or event of a crowded queue. `false` if there was none.
    fn drop_oldest(&mut self) -> bool {
        let Some((notice, weight)) = self.take_first() else { return false };
        if let Some(subject) = subject(&notice) {
            if let Some(crowd) = &mut self.crowd {
                crowd.subjects.remove(&subject);
            }
            match notice {
                Notice::Event(event) => self.missed = (self.missed.0 + 1, event.after_seq),
                Notice::Change(Change { seq, .. }) => self.widen_gap(seq),
                _ => {}
            }
            return true;
        }
        // The one transition of a crowded queue stands in the way: it goes back to the front.
        let dropped = self.drop_oldest();
        self.places.push_front(Some((notice, weight)));
        self.first -= 1;
        self.taken += 1;
        if let Some(crowd) = &mut self.crowd {
            crowd.transition = Some(self.first);
        }
        dropped
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

/// What a change or an event is about.
fn subject(notice: &Notice) -> Option<Subject> {
    match notice {
        Notice::Change(change) => Some(Subject::Path(Arc::clone(&change.path))),
        Notice::Event(event) => Some(event.what.subject()),
        Notice::Transition(_) | Notice::Gap { .. } => None,
    }
}

#[cfg(test)]
mod tests;
