//! The rules of an engine by name, as the protocol asks for them.

use super::runner::{Runaway, Runner};
use super::{RuleCandidate, RuleKind, RuleLimits, RuleStep};
use crate::error::Error;
use spook_protocol::error::Code;
use spook_protocol::estp::Dot;
use spook_protocol::estp::candidate::{self, Action, Operation};
use spook_protocol::estp::place::{Place, Survivor};
use spook_protocol::estp::rule::{CustomRules, RuleFailure, Transition};
use spook_protocol::value::Value;
use spook_protocol::wire;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

/// How long a rule's name may be, in bytes.
const NAME: usize = 64;

/// The rules that were registered.
#[derive(Default)]
pub(crate) struct Rules {
    by_name: RwLock<BTreeMap<String, Registered>>,
    runner: Runner,
}

#[derive(Clone)]
struct Registered {
    kind: RuleKind,
    limits: RuleLimits,
    runaway: Runaway,
}

impl Rules {
    /// Enters a rule.
    ///
    /// # Errors
    /// [`Code::Rule`] for a name that is taken or is none, or a limit of nothing.
    pub(crate) fn register(&self, name: &str, kind: RuleKind, limits: RuleLimits) -> Result<(), Error> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > NAME || !name.bytes().all(is_name) {
            let detail = format!("a rule's name has 1 to {NAME} letters, digits, '_', '-' and '.', unlike {name:?}");
            return Err(Error::new(Code::Rule, detail));
        }
        if limits.time.is_zero() || limits.bytes == 0 {
            return Err(Error::new(Code::Rule, "a rule needs some time and some bytes: its limits must be above 0"));
        }
        let rule = Registered { kind, limits, runaway: Runaway::default() };
        let mut rules = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if rules.contains_key(name) {
            // The rule is dropped after the lock: that may be foreign code.
            drop(rules);
            return Err(Error::new(Code::Rule, format!("{name:?} is registered already")));
        }
        rules.insert(name.to_owned(), rule);
        Ok(())
    }

    /// Forgets all rules and ends their threads.
    pub(crate) fn close(&self) {
        let rules = std::mem::take(&mut *self.by_name.write().unwrap_or_else(PoisonError::into_inner));
        // What the application gave is dropped without a lock.
        drop(rules);
        self.runner.close();
    }

    fn find(&self, name: &str) -> Result<Registered, RuleFailure> {
        let rules = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        rules.get(name).cloned().ok_or(RuleFailure::Missing)
    }
}

impl CustomRules for Rules {
    fn resolve(&self, name: &str, path: &str, survivors: &[Survivor<'_>]) -> Result<Value, RuleFailure> {
        let Registered { kind, limits, runaway } = self.find(name)?;
        let RuleKind::Function(rule) = kind else {
            return Err(RuleFailure::Failed(format!("{name:?} is registered as a transition, not as a function")));
        };
        let candidates: Vec<RuleCandidate> = survivors.iter().map(seen).collect();
        let path = path.to_owned();
        let value = self.runner.run(limits.time, &runaway, move || rule(&path, &candidates))?;
        let value = value.map_err(RuleFailure::Failed)?;
        check(&value, limits)?;
        Ok(value)
    }

    fn transition(&self, name: &str, path: &str, state: Option<&Value>, survivor: &Survivor<'_>) -> Result<Transition, RuleFailure> {
        let Registered { kind, limits, runaway } = self.find(name)?;
        let RuleKind::Transition(rule) = kind else {
            return Err(RuleFailure::Failed(format!("{name:?} is registered as a function, not as a transition")));
        };
        let (path, state, candidate) = (path.to_owned(), state.cloned(), seen(survivor));
        let step = self.runner.run(limits.time, &runaway, move || rule(&path, state.as_ref(), &candidate))?;
        match step.map_err(RuleFailure::Failed)? {
            RuleStep::Reject(reason) => Ok(Transition::Reject(reason)),
            RuleStep::To(value) => {
                value.as_ref().map_or(Ok(()), |value| check(value, limits))?;
                Ok(Transition::To(value))
            }
        }
    }
}

fn seen(survivor: &Survivor<'_>) -> RuleCandidate {
    let Place { stamp, author, number } = survivor.place;
    RuleCandidate { value: survivor.value.cloned(), origin: author.endpoint, stamp, dot: Dot { author, number } }
}

/// What a rule gives has to be a value that the state can hold, within the rule's own limit.
fn check(value: &Value, limits: RuleLimits) -> Result<(), RuleFailure> {
    candidate::check(&Operation { path: "", action: Action::Set(value.clone()) })
        .map_err(|error| RuleFailure::Failed(format!("what it gave cannot be held: {error}")))?;
    let mut bytes = Vec::new();
    wire::put_value(&mut bytes, value);
    if bytes.len() > limits.bytes {
        return Err(RuleFailure::OverLimit(format!("it gave {} bytes, more than its {}", bytes.len(), limits.bytes)));
    }
    Ok(())
}

impl fmt::Debug for Rules {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        out.debug_set().entries(rules.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spook_protocol::estp::{Author, Stamp};
    use spook_protocol::id::EndpointId;
    use std::time::Duration;

    fn place(ms: u64) -> Place {
        Place { stamp: Stamp::new(ms, 0), author: Author { endpoint: EndpointId::from_bytes([ms as u8; 16]), epoch: 1 }, number: ms }
    }

    fn resolve(rules: &Rules, name: &str, values: &[Option<Value>]) -> Result<Value, RuleFailure> {
        let survivors: Vec<_> = (1..).zip(values).map(|(ms, value)| Survivor { place: place(ms), value: value.as_ref() }).collect();
        rules.resolve(name, "/x", &survivors)
    }

    #[test]
    fn a_function_gets_the_path_and_the_candidates_in_order() {
        let rules = Rules::default();
        let kind = RuleKind::function(|path, candidates| {
            let told: Vec<Value> = candidates.iter().map(|candidate| candidate.value.clone().unwrap_or_default()).collect();
            assert_eq!(candidates[0].dot.number, candidates[0].stamp.ms());
            Ok(Value::object([(path, Value::from(told))]))
        });
        rules.register("all", kind, RuleLimits::default()).unwrap();
        let result = resolve(&rules, "all", &[Some(Value::from(1i64)), Some(Value::from(2i64))]);
        assert_eq!(result.map(|value| value.to_string()), Ok(r#"{"/x": [1, 2]}"#.to_owned()));
    }

    #[test]
    fn a_transition_steps_or_rejects() {
        let rules = Rules::default();
        let kind = RuleKind::transition(|_, state, candidate| match (state, &candidate.value) {
            (None, Some(first)) => Ok(RuleStep::To(Some(first.clone()))),
            (Some(_), None) => Ok(RuleStep::To(None)),
            _ => Ok(RuleStep::Reject("it is there".to_owned())),
        });
        rules.register("once", kind, RuleLimits::default()).unwrap();
        let step =
            |state: Option<&Value>, value: Option<&Value>| rules.transition("once", "/x", state, &Survivor { place: place(1), value });
        let one = Value::from(1i64);
        assert_eq!(step(None, Some(&one)), Ok(Transition::To(Some(one.clone()))));
        assert_eq!(step(Some(&one), Some(&one)), Ok(Transition::Reject("it is there".to_owned())));
        assert_eq!(step(Some(&one), None), Ok(Transition::To(None)));
        assert!(matches!(resolve(&rules, "once", &[]), Err(RuleFailure::Failed(_))), "it is no function");
    }

    #[test]
    fn failures_say_what_went_wrong() {
        let rules = Rules::default();
        assert_eq!(resolve(&rules, "none", &[]), Err(RuleFailure::Missing));
        rules.register("says-no", RuleKind::function(|_, _| Err("no".to_owned())), RuleLimits::default()).unwrap();
        assert_eq!(resolve(&rules, "says-no", &[]), Err(RuleFailure::Failed("no".to_owned())));
        rules.register("nan", RuleKind::function(|_, _| Ok(Value::Float(f64::NAN))), RuleLimits::default()).unwrap();
        assert!(matches!(resolve(&rules, "nan", &[]), Err(RuleFailure::Failed(_))));
        let small = RuleLimits { bytes: 8, ..RuleLimits::default() };
        rules.register("long", RuleKind::function(|_, _| Ok(Value::from("x".repeat(9)))), small).unwrap();
        assert!(matches!(resolve(&rules, "long", &[]), Err(RuleFailure::OverLimit(_))));
    }

    #[test]
    fn a_name_is_registered_once_and_has_to_be_one() {
        let rules = Rules::default();
        let register =
            |name: &str, limits| rules.register(name, RuleKind::function(|_, _| Ok(Value::Null)), limits).map_err(|error| error.code());
        assert_eq!(register("best", RuleLimits::default()), Ok(()));
        assert_eq!(register("best", RuleLimits::default()), Err(Code::Rule));
        assert_eq!(register("", RuleLimits::default()), Err(Code::Rule));
        assert_eq!(register("a/b", RuleLimits::default()), Err(Code::Rule));
        assert_eq!(register("quick", RuleLimits { time: Duration::ZERO, ..RuleLimits::default() }), Err(Code::Rule));
        rules.close();
        assert_eq!(resolve(&rules, "best", &[]), Err(RuleFailure::Missing));
    }
}
