//! The fold: the state is the committed state with the log's candidates laid over it, one after another.
//!
//! What each candidate did to the cells is remembered, so that the fold can go back to where a candidate arrived in between and go on from
//! there. A candidate that sorts last costs itself alone.

use super::body::Key;
use super::cells::Cells;
use super::judge::{Effect, Ties, judge};
use super::log::Log;
use super::verdict::{Flip, Verdict};
use crate::estp::dot::VersionVector;
use crate::estp::rule::CustomRules;
use crate::estp::schema::Schema;
use crate::estp::state::Version;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What a fold works on and asks.
pub struct Scene<'s, C: Cells> {
    /// The state.
    pub cells: &'s mut C,
    /// The Pair's table of authors.
    pub vector: &'s VersionVector,
    /// The Pair's schema.
    pub schema: &'s Schema,
    /// The rules that are registered.
    pub rules: &'s dyn CustomRules,
}

/// A candidate that is folded in.
#[derive(Clone, Debug)]
pub(super) struct Folded {
    pub(super) key: Key,
    pub(super) effects: Vec<Effect>,
}

/// The cells that a fold touched, and what they showed before it.
#[derive(Debug, Default)]
pub(super) struct Touched(BTreeMap<Arc<str>, Option<Version>>);

impl Touched {
    fn note(&mut self, path: &Arc<str>, before: Option<&Version>) {
        if !self.0.contains_key(path) {
            self.0.insert(Arc::clone(path), before.cloned());
        }
    }

    /// Notes what a cell shows, before it is changed.
    pub(super) fn note_shown<C: Cells>(&mut self, path: &Arc<str>, cells: &C) {
        self.note(path, cells.shown(path));
    }

    /// The cells that show another version than before. One tombstone is as good as another, or as none.
    pub(super) fn changed<C: Cells>(self, cells: &C) -> Vec<Arc<str>> {
        let live = |version: Option<&Version>| version.filter(|version| version.value.is_some()).cloned();
        let is_other = |path: &Arc<str>, before: &Option<Version>| live(cells.shown(path)) != live(before.as_ref());
        self.0.into_iter().filter(|(path, before)| is_other(path, before)).map(|(path, _)| path).collect()
    }
}

/// How far the log is folded.
#[derive(Debug, Default)]
pub(super) struct Fold {
    /// The candidates that are folded in, in the order in which they were.
    done: VecDeque<Folded>,
    /// How many of them are the first ones of the log still.
    good: usize,
    /// A rule failed on the first candidate behind `done`; nothing behind it is folded until something changes.
    stopped: bool,
    /// Candidates that came since the last fold.
    arrived: Vec<Key>,
    ties: Ties,
}

impl Fold {
    /// Whether the cells show something else than the fold of the log.
    pub(super) fn is_stale(&self, log: &Log) -> bool {
        self.good < self.done.len() || (self.good < log.len() && !self.stopped)
    }

    pub(super) fn done(&self) -> &VecDeque<Folded> {
        &self.done
    }

    pub(super) fn done_mut(&mut self) -> &mut VecDeque<Folded> {
        &mut self.done
    }

    /// The log has changed at that index: a candidate was put there, moved there, or taken from there.
    pub(super) fn disturb(&mut self, at: usize) {
        if at <= self.done.len() {
            self.stopped = false;
        }
        self.good = self.good.min(at);
    }

    /// A candidate came in.
    pub(super) fn arrived(&mut self, key: Key) {
        self.arrived.push(key);
    }

    /// Rules were registered: what they failed on is tried again.
    pub(super) fn try_again(&mut self) {
        self.stopped = false;
    }

    /// The first candidate of the log is committed, and gives what it did. The fold must not be stale.
    pub(super) fn forget_first(&mut self) -> Option<Folded> {
        let first = self.done.pop_front()?;
        self.good = self.done.len();
        Some(first)
    }

    /// Whether a rule failed, and what stands behind waits.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Takes everything back that does not stand at the beginning of the log any more, or stands behind `keep`.
    pub(super) fn unwind<C: Cells>(&mut self, keep: usize, cells: &mut C, touched: &mut Touched) {
        self.good = self.good.min(keep);
        while self.done.len() > self.good {
            let Some(Folded { effects, .. }) = self.done.pop_back() else { break };
            for Effect { path, before, after } in effects.into_iter().rev() {
                touched.note(&path, Some(&after));
                cells.show(&path, before);
            }
        }
    }

    /// Folds what is not folded. Verdicts go into the log, and changes of them into `flips`.
    pub(super) fn bring_up_to_date<C: Cells>(
        &mut self,
        log: &mut Log,
        scene: &mut Scene<'_, C>,
        flips: &mut Vec<Flip>,
        touched: &mut Touched,
    ) {
        let start = log.start_of_tie(self.good);
        self.unwind(start, scene.cells, touched);
        self.stopped = false;
        self.ties.clear();
        let causes = Causes::of(&self.arrived, log);
        for at in start..log.len() {
            let is_tied = log.ties_with_the_one_before(at);
            if !is_tied {
                self.ties.clear();
            }
            let Some(entry) = log.get(at) else { break };
            let ties = (is_tied || log.ties_with_the_one_before(at + 1)).then_some(&mut self.ties);
            let (verdict, effects) = judge(scene, entry, log.order(), ties);
            let key = entry.body.key();
            if !verdict.is_decided() {
                set_verdict(log, at, verdict, &causes, flips);
                (at + 1..log.len()).for_each(|behind| set_verdict(log, behind, Verdict::Waiting, &causes, flips));
                self.stopped = true;
                break;
            }
            effects.iter().for_each(|effect| touched.note(&effect.path, effect.before.as_ref()));
            self.done.push_back(Folded { key, effects });
            set_verdict(log, at, verdict, &causes, flips);
        }
        self.good = self.done.len();
        self.arrived.clear();
    }
}

/// Gives an entry its verdict, and tells if that is news.
pub(super) fn set_verdict(log: &mut Log, at: usize, verdict: Verdict, causes: &Causes, flips: &mut Vec<Flip>) {
    let Some(entry) = log.get_mut(at) else { return };
    let cause = causes.before(at);
    let is_news = match &entry.verdict {
        Some(before) => *before != verdict,
        // After a restart the first verdict is an old one, unless something came in between.
        None => verdict != Verdict::Accepted && cause.is_some(),
    };
    if is_news {
        flips.push(Flip { key: entry.body.key(), verdict: verdict.clone(), cause });
    }
    entry.verdict = Some(verdict);
}

/// Which arrival may have changed the verdict at an index: the last one of those that stand at or before it.
#[derive(Debug, Default)]
pub(super) struct Causes(Vec<(usize, Key)>);

impl Causes {
    /// Of candidates in the order of their arrival.
    pub(super) fn of(arrived: &[Key], log: &Log) -> Causes {
        if arrived.is_empty() {
            return Causes::default();
        }
        let order: BTreeMap<Key, usize> = arrived.iter().enumerate().map(|(order, key)| (*key, order)).collect();
        let mut latest = None;
        let mut causes = Vec::with_capacity(arrived.len());
        for (at, entry) in log.iter().enumerate() {
            let key = entry.body.key();
            if let Some(&order) = order.get(&key)
                && latest.is_none_or(|latest| latest < order)
            {
                latest = Some(order);
                causes.push((at, key));
            }
        }
        Causes(causes)
    }

    fn before(&self, at: usize) -> Option<Key> {
        let count = self.0.partition_point(|(other, _)| *other <= at);
        count.checked_sub(1).map(|last| self.0[last].1)
    }
}
