//! Collapse: the candidates held for one cell become one value, by the rule of its path.
//!
//! What is folded are the survivors: the versions of a cell that no other overwrote. The outcome depends on that set alone, not on how or when
//! its members came, and is computed anew whenever the set changes.

pub use super::place::{Place, Survivor};

use super::candidate::{self, Operation};
use super::rule::{CustomRules, DeletePolicy, PathRule, Rule, RuleFailure, amalgamate, counter, flag, max_min};
use crate::value::Value;

#[cfg(test)]
mod tests;

/// What a cell shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The value of the survivor at this index.
    Winner(usize),
    /// A value that none of the survivors holds alone.
    Merged(Value),
    /// Nothing: the tombstone at this index won.
    Deleted(usize),
    /// The rule did not decide: the cell stays superposed.
    Unresolved(RuleFailure),
}

/// What the survivors of a cell come to. They are sorted by their places, and there is at least one.
///
/// The policy for deletes is applied first, then the rule to what is left. A function (`custom:NAME`) is called only when more than one value is
/// left. Under `transition:NAME` the fold in order decides elsewhere; here it counts as `lww`.
pub fn collapse(rule: &PathRule, path: &str, survivors: &[Survivor<'_>], custom: &dyn CustomRules) -> Outcome {
    debug_assert!(!survivors.is_empty() && survivors.is_sorted_by_key(|survivor| survivor.place));
    if survivors.len() < 2 {
        return shown(survivors, 0);
    }
    let alive = match alive(rule, survivors) {
        Ok(alive) => alive,
        Err(tombstone) => return Outcome::Deleted(tombstone),
    };
    if let [only] = alive[..] {
        return shown(survivors, only);
    }
    // The last of those that no later one beats; ties of equal worth go to the later place.
    let best = |beats: &dyn Fn(&Value, &Value) -> bool| {
        let holds = |held: usize, new: usize| match (survivors[held].value, survivors[new].value) {
            (Some(held), Some(new)) => beats(held, new),
            (held, _) => held.is_some(),
        };
        let best = alive.iter().copied().reduce(|held, new| if holds(held, new) { held } else { new });
        shown(survivors, best.unwrap_or(0))
    };
    match &rule.rule {
        Rule::Max | Rule::Min => best(&|held, new| max_min::takes(&rule.rule, held, new)),
        Rule::Flag => best(&|held, new| flag::is_raised(held) && !flag::is_raised(new)),
        Rule::Counter => {
            let totals = alive.iter().filter_map(|&index| survivors[index].value);
            Outcome::Merged(Value::Int(counter::sum(totals)))
        }
        Rule::Custom(name) => {
            let values: Vec<Survivor<'_>> = alive.iter().map(|&index| survivors[index]).collect();
            match custom.resolve(name, path, &values).and_then(|value| checked(rule, path, value)) {
                Ok(value) => Outcome::Merged(value),
                Err(failure) => Outcome::Unresolved(failure),
            }
        }
        Rule::Lww | Rule::Map | Rule::Set | Rule::Member | Rule::Transition(_) => last_of(survivors, &alive),
    }
}

/// The survivors that the rule is applied to, or the tombstone that holds the cell. Never an empty list, as long as there is a survivor.
///
/// Under `lww` for both, tombstones take part in the rule like values. Other rules cannot fold a tombstone: there it takes what stands before
/// it in the order, and leaves what comes after.
fn alive(rule: &PathRule, survivors: &[Survivor<'_>]) -> Result<Vec<usize>, usize> {
    let indices = || 0..survivors.len();
    let Some(tombstone) = indices().rev().find(|&index| survivors[index].value.is_none()) else {
        return Ok(indices().collect());
    };
    let values = |from: usize| -> Result<Vec<usize>, usize> {
        let values: Vec<usize> = (from..survivors.len()).filter(|&index| survivors[index].value.is_some()).collect();
        if values.is_empty() { Err(tombstone) } else { Ok(values) }
    };
    match (rule.delete, &rule.rule) {
        (DeletePolicy::DeleteWins, _) => Err(tombstone),
        (DeletePolicy::UpdateWins, _) => values(0),
        (DeletePolicy::Lww, Rule::Lww | Rule::Map | Rule::Set | Rule::Member | Rule::Transition(_)) => Ok(indices().collect()),
        (DeletePolicy::Lww, Rule::Counter | Rule::Max | Rule::Min | Rule::Flag | Rule::Custom(_)) => values(tombstone + 1),
    }
}

/// The last in the order; several with its stamp are a tie.
fn last_of(survivors: &[Survivor<'_>], alive: &[usize]) -> Outcome {
    let Some(&last) = alive.last() else {
        return Outcome::Deleted(0);
    };
    let stamp = survivors[last].place.stamp;
    let (indices, ties): (Vec<usize>, Vec<Survivor<'_>>) =
        alive.iter().map(|&index| (index, survivors[index])).filter(|(_, survivor)| survivor.place.stamp == stamp).unzip();
    shown(survivors, indices[amalgamate::winner(&ties)])
}

fn shown(survivors: &[Survivor<'_>], index: usize) -> Outcome {
    match survivors.get(index) {
        Some(survivor) if survivor.value.is_some() => Outcome::Winner(index),
        _ => Outcome::Deleted(index),
    }
}

/// Refuses what a function gave if it could not have been written to the path.
fn checked(rule: &PathRule, path: &str, value: Value) -> Result<Value, RuleFailure> {
    if !rule.types.allow(&value) {
        return Err(RuleFailure::Failed(format!("it gave a {}, and the path holds {}", value.type_name(), rule.types)));
    }
    let operation = Operation::set(path, value.clone());
    candidate::check(&operation).map(|()| value).map_err(|error| RuleFailure::Failed(error.to_string()))
}
