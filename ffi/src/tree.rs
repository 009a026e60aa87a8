//! What has no fixed size, as one value, to be given as JSON or CBOR.

use spook::{Collapse, Conflict, Dot, Resolved, Superposed, Value};

/// Conflicts as the header describes them.
pub(crate) fn of_conflicts(conflicts: &[Conflict]) -> Value {
    let conflict = |conflict: &Conflict| {
        let candidates: Vec<Value> = conflict.candidates.iter().map(candidate).collect();
        let mut members = vec![("path", Value::from(conflict.path.as_str())), ("candidates", candidates.into())];
        members.extend(conflict.failure.as_ref().map(|failure| ("failure", failure.to_string().into())));
        Value::object(members)
    };
    conflicts.iter().map(conflict).collect::<Vec<_>>().into()
}

fn candidate(candidate: &Superposed) -> Value {
    let Dot { author, number } = candidate.dot;
    let mut members = vec![
        ("author", Value::from(author.endpoint.to_string())),
        ("epoch", u64::from(author.epoch).into()),
        ("number", number.into()),
        ("stamp", candidate.stamp.bits().into()),
        ("committed", candidate.committed.into()),
    ];
    members.extend(candidate.value.clone().map(|value| ("value", value)));
    Value::object(members)
}

/// What a collapse came to, as the header describes it.
pub(crate) fn of_collapse(collapse: &Collapse) -> Value {
    let state = [("count", Value::from(collapse.state.count)), ("digest", collapse.state.digest.to_string().into())];
    let registers = collapse.registers.iter().map(|(name, digest)| (name.as_str(), digest.to_string()));
    let resolved: Vec<Value> = collapse.resolved.iter().map(of_resolved).collect();
    Value::object([
        ("state", Value::object(state)),
        ("settled", collapse.settled.into()),
        ("resolved", resolved.into()),
        ("registers", Value::object(registers)),
    ])
}

fn of_resolved(resolved: &Resolved) -> Value {
    let mut members = vec![("path", Value::from(resolved.path.as_str())), ("candidates", (resolved.candidates as u64).into())];
    members.extend(resolved.value.clone().map(|value| ("value", value)));
    Value::object(members)
}
