//! How one operation of a candidate meets what its cell shows.
//!
//! The fold takes candidates one after another, so a cell needs one version, not a set of survivors: what a candidate finds is what all before it
//! made of the cell. Only where the rule asks who knew of what does the context of the candidate decide.

use super::body::{Body, LeafAction};
use crate::estp::rule::{DeletePolicy, PathRule, Rule, flag, max_min};
use crate::estp::state::Version;
use crate::value::Value;

/// What becomes of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// It stays as it is.
    Keep,
    /// It gets this value, or a tombstone.
    To(Option<Value>),
}

/// Why an operation cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The counter would leave the range of an int64.
    Overflow,
    /// The rule at the path does not take it.
    Unfit(String),
}

/// The outcome of an operation on a cell that shows `before`, under any rule but a transition.
pub(super) fn step(rule: &PathRule, before: Option<&Version>, body: &Body, action: &LeafAction) -> Result<Step, Refusal> {
    let live = before.and_then(|version| version.value.as_ref());
    let saw = before.is_none_or(|version| body.saw_version(version));
    if let LeafAction::Delete = action {
        let stays = live.is_none() || (rule.delete == DeletePolicy::UpdateWins && !saw);
        return Ok(if stays { Step::Keep } else { Step::To(None) });
    }
    if live.is_none() && rule.delete == DeletePolicy::DeleteWins && !saw {
        return Ok(Step::Keep);
    }
    match action {
        LeafAction::Increment(number) => increment(rule, live, *number),
        LeafAction::Set(value) => Ok(set(rule, live, saw, value)),
        LeafAction::Delete => Ok(Step::Keep),
    }
}

fn increment(rule: &PathRule, live: Option<&Value>, number: i64) -> Result<Step, Refusal> {
    let unfit = |what: String| Err(Refusal::Unfit(what));
    match (&rule.rule, live) {
        (Rule::Counter, None) => Ok(Step::To(Some(Value::Int(number)))),
        (Rule::Counter, Some(Value::Int(total))) => {
            let total = total.checked_add(number).ok_or(Refusal::Overflow)?;
            Ok(Step::To(Some(Value::Int(total))))
        }
        (Rule::Counter, Some(other)) => unfit(format!("the counter holds a {}", other.type_name())),
        _ => unfit("only a counter is incremented".to_owned()),
    }
}

fn set(rule: &PathRule, live: Option<&Value>, saw: bool, value: &Value) -> Step {
    let stays = match (&rule.rule, live) {
        (Rule::Max | Rule::Min, Some(held)) => !max_min::takes(&rule.rule, value, held),
        (Rule::Flag, Some(held)) => flag::is_raised(held) && !flag::is_raised(value) && !saw,
        _ => false,
    };
    if stays { Step::Keep } else { Step::To(Some(value.clone())) }
}
