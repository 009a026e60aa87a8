//! One candidate meets the state before it: its guards are judged, its operations done, or none of them.

use super::body::{LeafAction, LeafOperation};
use super::cells::Cells;
use super::fold::Scene;
use super::guard;
use super::log::{Entry, Order};
use super::step::{Refusal, Step, step};
use super::verdict::{Rejection, Verdict};
use crate::estp::candidate::{self, Operation};
use crate::estp::place::{Place, Survivor};
use crate::estp::rule::{DeletePolicy, PathRule, Rule, RuleFailure, Transition, amalgamate};
use crate::estp::schema::{At, Schema};
use crate::estp::state::Version;
use crate::pointer;
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a candidate did to a cell.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    pub(super) path: Arc<str>,
    /// What the cell showed before; `None` if it was never written.
    pub(super) before: Option<Version>,
    /// What it showed after.
    pub(super) after: Version,
}

/// What the candidates of one stamp gave each cell: they are concurrent, and who of them wins is settled over all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Ties(BTreeMap<Arc<str>, Vec<(Place, Version)>>);

impl Ties {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Judges a candidate. Its effects are shown when it is accepted, and only then. `ties` are those of the candidates before it with the same
/// stamp; `None` when there are none with it.
pub(super) fn judge<C: Cells>(scene: &mut Scene<'_, C>, entry: &Entry, order: Order, ties: Option<&mut Ties>) -> (Verdict, Vec<Effect>) {
    for (index, guard) in entry.body.guards.iter().enumerate() {
        if !guard::holds(guard, scene) {
            let path = Arc::clone(&guard.path);
            return (Verdict::Rejected(Rejection::Guard { index, path }), Vec::new());
        }
    }
    let mut judge = Judge { scene, entry, order, ties: ties.as_deref(), tied: Vec::new(), effects: Vec::new() };
    for operation in &entry.body.operations {
        if let Err(verdict) = judge.apply(operation) {
            let effects = std::mem::take(&mut judge.effects);
            undo(scene.cells, effects);
            return (verdict, Vec::new());
        }
    }
    let Judge { tied, effects, .. } = judge;
    if let Some(ties) = ties {
        for (path, version) in tied {
            ties.0.entry(path).or_default().push((entry.place, version));
        }
    }
    (Verdict::Accepted, effects)
}

/// Takes effects back, the last one first.
pub(super) fn undo<C: Cells>(cells: &mut C, effects: Vec<Effect>) {
    for Effect { path, before, .. } in effects.into_iter().rev() {
        cells.show(&path, before);
    }
}

struct Judge<'j, 's, C: Cells> {
    scene: &'j mut Scene<'s, C>,
    entry: &'j Entry,
    order: Order,
    ties: Option<&'j Ties>,
    tied: Vec<(Arc<str>, Version)>,
    effects: Vec<Effect>,
}

impl<C: Cells> Judge<'_, '_, C> {
    fn apply(&mut self, operation: &LeafOperation) -> Result<(), Verdict> {
        let LeafOperation { path, action } = operation;
        let schema = self.scene.schema;
        let (at, above) = locate(schema, path);
        if above.is_some() {
            return Err(unfit(path, "a transition rule above decides".to_owned()));
        }
        let rule = schema.rule(at);
        if let Rule::Transition(name) = &rule.rule {
            return self.transition(path, name, at, action);
        }
        if let LeafAction::Set(value) = action {
            if !value.is_leaf() {
                return Err(unfit(path, "members are written one by one".to_owned()));
            }
            schema.check_value(at, value).map_err(|error| unfit(path, error.to_string()))?;
        }
        if self.ties.is_some() && !matches!(action, LeafAction::Increment(_)) && is_settled_by_ties(rule) {
            return self.tie(path, rule, action);
        }
        self.step(path, rule, action)
    }

    fn step(&mut self, path: &Arc<str>, rule: &PathRule, action: &LeafAction) -> Result<(), Verdict> {
        // An anchor drops tombstones without waiting for anybody, so nothing may depend on who knew of one.
        let counts = |version: &&Version| version.value.is_some() || self.order == Order::Stamps;
        let before = self.scene.cells.shown(path).filter(counts);
        match step(rule, before, &self.entry.body, action) {
            Ok(Step::Keep) => Ok(()),
            Ok(Step::To(value)) => {
                self.show(path, self.entry.body.version(value));
                Ok(())
            }
            Err(Refusal::Overflow) => Err(Verdict::Rejected(Rejection::Overflow { path: Arc::clone(path) })),
            Err(Refusal::Unfit(why)) => Err(unfit(path, why)),
        }
    }

    /// Candidates of one stamp: the first of them meets the cell as any other; then all of them are settled together.
    fn tie(&mut self, path: &Arc<str>, rule: &PathRule, action: &LeafAction) -> Result<(), Verdict> {
        let value = if let LeafAction::Set(value) = action { Some(value.clone()) } else { None };
        let version = self.entry.body.version(value);
        self.tied.push((Arc::clone(path), version.clone()));
        let Some(before) = self.ties.and_then(|ties| ties.0.get(path)) else { return self.step(path, rule, action) };
        let mut tied: Vec<(Place, &Version)> = before.iter().map(|(place, version)| (*place, version)).collect();
        tied.push((self.entry.place, &version));
        let winner = winner(rule.delete, &tied).clone();
        let shown = self.scene.cells.shown(path);
        let stays = shown == Some(&winner) || (winner.value.is_none() && shown.is_none_or(|shown| shown.value.is_none()));
        if !stays {
            self.show(path, winner);
        }
        Ok(())
    }

    fn transition(&mut self, path: &Arc<str>, name: &Arc<str>, at: At, action: &LeafAction) -> Result<(), Verdict> {
        let value = match action {
            LeafAction::Set(value) => Some(value),
            LeafAction::Delete => None,
            LeafAction::Increment(_) => return Err(unfit(path, "a transition rule takes no increment".to_owned())),
        };
        let unresolved = |failure| Verdict::Unresolved { path: Arc::clone(path), rule: Arc::clone(name), failure };
        let state = guard::read(self.scene, path);
        let candidate = Survivor { place: self.entry.place, value };
        match self.scene.rules.transition(name, path, state.as_ref(), &candidate) {
            Ok(Transition::Reject(why)) => Err(Verdict::Rejected(Rejection::Transition { path: Arc::clone(path), why })),
            Ok(Transition::To(next)) => {
                if let Some(next) = &next {
                    self.check_result(path, at, next).map_err(unresolved)?;
                }
                self.assign(path, next.as_ref());
                Ok(())
            }
            Err(failure) => Err(unresolved(failure)),
        }
    }

    fn check_result(&self, path: &str, at: At, value: &Value) -> Result<(), RuleFailure> {
        let failed = |why: String| RuleFailure::Failed(format!("it gave a state that cannot be: {why}"));
        candidate::check(&Operation::set(path, value.clone())).map_err(|error| failed(error.to_string()))?;
        self.scene.schema.check_value(at, value).map_err(|error| failed(error.to_string()))
    }

    /// Makes a path read as a value: its leaves are set where they differ, and whatever else is live there goes.
    fn assign(&mut self, path: &Arc<str>, value: Option<&Value>) {
        let mut leaves = BTreeMap::new();
        if let Some(value) = value {
            flatten(&mut path.to_string(), value, &mut leaves);
        }
        let mut old = Vec::new();
        self.scene.cells.visit_live(path, &mut |path, _| {
            if !leaves.contains_key(path) {
                old.push(Arc::<str>::from(path));
            }
        });
        old.sort_unstable();
        for path in old {
            self.show(&path, self.entry.body.version(None));
        }
        for (path, value) in leaves {
            let held = self.scene.cells.shown(&path).and_then(|version| version.value.as_ref());
            if held != Some(&value) {
                self.show(&path, self.entry.body.version(Some(value)));
            }
        }
    }

    fn show(&mut self, path: &Arc<str>, after: Version) {
        let before = self.scene.cells.shown(path).cloned();
        self.scene.cells.show(path, Some(after.clone()));
        self.effects.push(Effect { path: Arc::clone(path), before, after });
    }
}

/// Which of several concurrent versions of one stamp stands.
fn winner<'v>(policy: DeletePolicy, tied: &[(Place, &'v Version)]) -> &'v Version {
    let counts = |is_live: bool| match policy {
        DeletePolicy::Lww => true,
        DeletePolicy::UpdateWins => is_live,
        DeletePolicy::DeleteWins => !is_live,
    };
    let preferred = |(_, version): &&(Place, &Version)| counts(version.value.is_some());
    let some_are = tied.iter().any(|tie| preferred(&tie));
    let left: Vec<_> = tied.iter().filter(|tie| !some_are || preferred(tie)).collect();
    let survivors: Vec<_> = left.iter().map(|(place, version)| Survivor { place: *place, value: version.value.as_ref() }).collect();
    left[amalgamate::winner(&survivors)].1
}

/// Where a path lies in the schema, and the transition rule above it, if there is one.
pub(super) fn locate<'s>(schema: &'s Schema, path: &str) -> (At, Option<&'s PathRule>) {
    let mut at = Schema::ROOT;
    let mut above = None;
    if schema.is_free() {
        return (at, None);
    }
    // The paths of candidates are checked when they are written or read.
    for key in pointer::keys(path).into_iter().flatten().flatten() {
        let rule = schema.rule(at);
        if matches!(rule.rule, Rule::Transition(_)) {
            above = Some(rule);
        }
        at = schema.step(at, &key);
    }
    (at, above)
}

/// Whether a tie matters: for the other rules it makes no difference who comes first.
fn is_settled_by_ties(rule: &PathRule) -> bool {
    !matches!(rule.rule, Rule::Counter | Rule::Max | Rule::Min | Rule::Flag)
}

fn unfit(path: &Arc<str>, why: String) -> Verdict {
    Verdict::Rejected(Rejection::Schema { path: Arc::clone(path), why })
}

fn flatten(path: &mut String, value: &Value, leaves: &mut BTreeMap<Arc<str>, Value>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members.iter() {
                let length = path.len();
                pointer::push_key(path, key);
                flatten(path, member, leaves);
                path.truncate(length);
            }
        }
        leaf => {
            leaves.insert(Arc::from(path.as_str()), leaf.clone());
        }
    }
}
