//! Collapse against histories: whatever order, batches and repetitions versions come in, the same set gives the same value.

use super::*;
use crate::estp::dot::Author;
use crate::estp::rule::{NoCustomRules, Transition, total_order};
use crate::estp::stamp::Stamp;
use crate::id::EndpointId;
use proptest::prelude::*;
use proptest::sample::Index;

const AUTHORS: usize = 4;

/// A version with its causal context: the last number of each author that its writer had applied.
#[derive(Clone, Debug, PartialEq)]
struct Written {
    place: Place,
    value: Option<Value>,
    seen: [u64; AUTHORS],
    author: usize,
}

impl Written {
    fn overwrites(&self, other: &Written) -> bool {
        self.place != other.place && self.seen[other.author] >= other.place.number
    }
}

fn author(index: usize) -> Author {
    Author { endpoint: EndpointId::from_bytes([index as u8 / 2; 16]), epoch: index as u32 % 2 }
}

fn at(stamp: u64, index: usize, number: u64) -> Place {
    Place { stamp: Stamp::from_bits(stamp), author: author(index), number }
}

/// Authors write one after the other and learn from each other in between. Stamps are the smallest that causality allows: ties abound.
fn history(value: impl Strategy<Value = Option<Value>>) -> impl Strategy<Value = Vec<Written>> {
    prop::collection::vec((0..AUTHORS, prop::option::of(0..AUTHORS), value), 1..12).prop_map(|steps| {
        let mut seen = [[0u64; AUTHORS]; AUTHORS];
        let mut clocks = [0u64; AUTHORS];
        let mut written = Vec::new();
        for (number, (writer, teacher, value)) in (1u64..).zip(steps) {
            if let Some(teacher) = teacher {
                seen[writer] = std::array::from_fn(|index| seen[writer][index].max(seen[teacher][index]));
                clocks[writer] = clocks[writer].max(clocks[teacher]);
            }
            clocks[writer] += 1;
            seen[writer][writer] = number;
            written.push(Written { place: at(clocks[writer], writer, number), value, seen: seen[writer], author: writer });
        }
        written
    })
}

/// Versions come one by one: what is overwritten goes, what is overwritten already does not stay.
fn arrive(held: &mut Vec<Written>, new: &Written) {
    if held.iter().any(|held| held.place == new.place || held.overwrites(new)) {
        return;
    }
    held.retain(|held| !new.overwrites(held));
    held.push(new.clone());
    held.sort_by_key(|held| held.place);
}

fn survivors<'a>(versions: impl IntoIterator<Item = &'a Written>) -> Vec<Written> {
    let mut held = Vec::new();
    versions.into_iter().for_each(|version| arrive(&mut held, version));
    held
}

/// Gives the values as an array, in the order in which they come: whatever depends on anything but the set shows.
struct AsArray;

impl CustomRules for AsArray {
    fn resolve(&self, name: &str, path: &str, survivors: &[Survivor<'_>]) -> Result<Value, RuleFailure> {
        assert_eq!((name, path), ("array", "/p"));
        assert!(survivors.len() > 1 && survivors.is_sorted_by_key(|survivor| survivor.place));
        Ok(survivors.iter().map(|survivor| survivor.value.unwrap().clone()).collect::<Vec<_>>().into())
    }

    fn transition(&self, _: &str, _: &str, _: Option<&Value>, _: &Survivor<'_>) -> Result<Transition, RuleFailure> {
        unreachable!("collapse makes no transitions")
    }
}

fn outcome(rule: &PathRule, held: &[Written]) -> Outcome {
    let survivors: Vec<_> = held.iter().map(|held| Survivor { place: held.place, value: held.value.as_ref() }).collect();
    collapse(rule, "/p", &survivors, &AsArray)
}

fn value_of(outcome: Outcome, held: &[Written]) -> Option<Value> {
    match outcome {
        Outcome::Winner(index) => Some(held[index].value.clone().unwrap()),
        Outcome::Merged(value) => Some(value),
        Outcome::Deleted(index) => {
            assert_eq!(held[index].value, None);
            None
        }
        Outcome::Unresolved(failure) => panic!("{failure}"),
    }
}

fn shows(rule: &PathRule, held: &[Written]) -> Option<Value> {
    value_of(outcome(rule, held), held)
}

fn any_rule() -> impl Strategy<Value = PathRule> {
    let custom = Rule::Custom("array".into());
    let rules = vec![Rule::Lww, Rule::Counter, Rule::Max, Rule::Min, Rule::Flag, Rule::Member, Rule::Map, custom];
    let deletes = vec![DeletePolicy::Lww, DeletePolicy::UpdateWins, DeletePolicy::DeleteWins];
    (prop::sample::select(rules), prop::sample::select(deletes)).prop_map(|(rule, delete)| PathRule { delete, ..PathRule::new(rule) })
}

fn number() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![1 => Just(None), 4 => (-2i64..3).prop_map(|number| Some(number.into())), 1 => any::<bool>().prop_map(|flag| Some(flag.into()))]
}

/// The rule once more, from its definition: over all survivors at once, without any order of evaluation.
fn expected(rule: &PathRule, held: &[Written]) -> Option<Value> {
    let last_tombstone = held.iter().filter(|held| held.value.is_none()).map(|held| held.place).max();
    let merges = matches!(rule.rule, Rule::Counter | Rule::Max | Rule::Min | Rule::Flag | Rule::Custom(_));
    let left: Vec<&Written> = held
        .iter()
        .filter(|held| match rule.delete {
            DeletePolicy::Lww if merges => last_tombstone.is_none_or(|tombstone| held.place > tombstone),
            DeletePolicy::Lww => true,
            DeletePolicy::UpdateWins => held.value.is_some(),
            DeletePolicy::DeleteWins => last_tombstone.is_none(),
        })
        .collect();
    let values = || left.iter().filter_map(|held| held.value.clone());
    match &rule.rule {
        _ if left.is_empty() => None,
        Rule::Max => values().max_by(total_order),
        Rule::Min => values().min_by(total_order),
        Rule::Flag if left.len() > 1 => {
            Some(values().find(|value| *value == Value::Bool(true)).unwrap_or_else(|| values().next_back().unwrap()))
        }
        Rule::Counter if left.len() > 1 => Some(values().filter_map(|value| value.as_i64()).sum::<i64>().into()),
        Rule::Custom(_) if left.len() > 1 => Some(values().collect::<Vec<_>>().into()),
        _ => {
            let top = left.iter().map(|held| held.place.stamp).max();
            let ties: Vec<_> = left.into_iter().filter(|held| Some(held.place.stamp) == top).collect();
            settled(&ties.iter().map(|held| held.value.clone()).collect::<Vec<_>>())
        }
    }
}

/// Ties settled from the definition, by content alone.
fn settled(ties: &[Option<Value>]) -> Option<Value> {
    let mut sorted: Vec<_> = ties
        .iter()
        .map(|value| {
            let mut bytes = vec![crate::wire::kind_of(value.as_ref()) as u8];
            crate::wire::put_payload(&mut bytes, value.as_ref());
            (*blake3::hash(&bytes).as_bytes(), value.clone())
        })
        .collect();
    sorted.sort_by_key(|(digest, _)| *digest);
    let all: Vec<u8> = sorted.iter().flat_map(|(digest, _)| *digest).collect();
    let seed = u64::from_le_bytes(blake3::hash(&all).as_bytes()[..8].try_into().unwrap());
    sorted[(seed % sorted.len() as u64) as usize].1.clone()
}

proptest! {
    #[test]
    fn the_set_decides_not_its_arrival(
        rule in any_rule(),
        written in history(number()),
        order in prop::collection::vec(any::<Index>(), 0..40),
    ) {
        // In every version at least once, in any order, with repetitions.
        let mut arrivals: Vec<&Written> = order.iter().map(|index| index.get(&written)).collect();
        arrivals.extend(written.iter().rev());
        let there = survivors(arrivals);
        let here = survivors(&written);
        prop_assert_eq!(&there, &here);
        prop_assert_eq!(outcome(&rule, &there), outcome(&rule, &here));
        prop_assert_eq!(shows(&rule, &here), expected(&rule, &here));
    }

    #[test]
    fn parts_folded_apart_give_what_the_whole_gives(
        rule in any_rule(),
        written in history(number()),
        parts in prop::collection::vec(0usize..3, 12),
    ) {
        let part = |wanted: usize| survivors(written.iter().zip(&parts).filter(|(_, part)| **part == wanted).map(|(version, _)| version));
        let (a, b, c) = (part(0), part(1), part(2));
        let right = survivors(b.iter().chain(&c).chain(&a));
        let left = survivors(c.iter().chain(&survivors(a.iter().chain(&b))));
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(shows(&rule, &left), shows(&rule, &survivors(&written)));
    }

    #[test]
    fn ties_are_settled_by_content_whoever_wrote_it(values in prop::collection::vec(number(), 2..5), turn in 0usize..4) {
        let tied = |values: &[Option<Value>]| -> Vec<Written> {
            let tie = |(author, value): (usize, &Option<Value>)| {
                Written { place: at(7, author, 1), value: value.clone(), seen: [0; AUTHORS], author }
            };
            let mut ties: Vec<Written> = values.iter().enumerate().map(tie).collect();
            ties.sort_by_key(|tie| tie.place);
            ties
        };
        let mut others = values.clone();
        others.rotate_left(turn % values.len());
        let rule = PathRule::FREE;
        prop_assert_eq!(shows(&rule, &tied(&values)), shows(&rule, &tied(&others)));
        prop_assert_eq!(shows(&rule, &tied(&values)), settled(&values));
    }
}

fn three_way_tie() -> [Written; 3] {
    ["red", "green", "blue"].map(|text| text.to_owned()).map(Value::from).map(Some).map(|value| {
        let author = match &value {
            Some(Value::String(text)) => text.len() - 3,
            _ => 0,
        };
        Written { place: at(9, author, 5), value, seen: [0; AUTHORS], author }
    })
}

#[test]
fn a_three_way_tie_in_every_order_also_with_a_late_third() {
    let [a, b, c] = three_way_tie();
    let all = shows(&PathRule::FREE, &survivors([&a, &b, &c]));
    for order in [[&a, &b, &c], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
        let mut held = survivors(&order[..2].iter().map(|version| (*version).clone()).collect::<Vec<_>>());
        let of_two = shows(&PathRule::FREE, &held);
        assert_eq!(of_two, settled(&[order[0].value.clone(), order[1].value.clone()]));
        arrive(&mut held, order[2]);
        assert_eq!(held.len(), 3, "a settled tie overwrites nothing");
        assert_eq!(shows(&PathRule::FREE, &held), all);
    }
}

#[test]
fn a_tie_is_settled_as_it_was_by_every_version_before() {
    // What other implementations must come to as well. Changing it makes halves of different versions differ.
    assert_eq!(shows(&PathRule::FREE, &survivors(&three_way_tie())), Some("green".into()));
    let against_tombstone = |text: &str| settled(&[Some(text.into()), None]);
    assert_eq!(["red", "green", "blue", "cyan"].map(against_tombstone), [None, None, None, Some("cyan".into())]);
}

#[test]
fn of_equal_values_the_later_place_is_named() {
    let held: Vec<Written> = (0..3)
        .map(|author| Written { place: at(author as u64, author, 1), value: Some(true.into()), seen: [0; AUTHORS], author })
        .chain([Written { place: at(9, 3, 1), value: Some(false.into()), seen: [0; AUTHORS], author: 3 }])
        .collect();
    for rule in [Rule::Max, Rule::Flag] {
        assert_eq!(outcome(&PathRule::new(rule), &held), Outcome::Winner(2));
    }
}

#[test]
fn every_candidate_can_win_a_tie() {
    let mut wins = [0; 3];
    for round in 0i64..300 {
        let values = [round * 3, round * 3 + 1, round * 3 + 2];
        let winner = settled(&values.map(|value| Some(value.into()))).unwrap().as_i64().unwrap();
        wins[(winner % 3) as usize] += 1;
    }
    assert!(wins.iter().all(|&count| count > 60), "{wins:?}");
}

#[test]
fn a_function_that_does_not_decide_leaves_the_cell_superposed() {
    let written = three_way_tie();
    let survivors: Vec<_> = survivors(&written);
    let survivors: Vec<_> = survivors.iter().map(|held| Survivor { place: held.place, value: held.value.as_ref() }).collect();
    let rule = PathRule::new(Rule::Custom("missing".into()));
    assert_eq!(collapse(&rule, "/p", &survivors, &NoCustomRules), Outcome::Unresolved(RuleFailure::Missing));
    assert_eq!(collapse(&rule, "/p", &survivors[..1], &NoCustomRules), Outcome::Winner(0), "one value needs no decision");
}

#[test]
fn a_function_gives_only_what_could_be_written() {
    struct Gives(Value);
    impl CustomRules for Gives {
        fn resolve(&self, _: &str, _: &str, _: &[Survivor<'_>]) -> Result<Value, RuleFailure> {
            Ok(self.0.clone())
        }
        fn transition(&self, _: &str, _: &str, _: Option<&Value>, _: &Survivor<'_>) -> Result<Transition, RuleFailure> {
            Err(RuleFailure::Missing)
        }
    }
    let held = survivors(&three_way_tie());
    let survivors: Vec<_> = held.iter().map(|held| Survivor { place: held.place, value: held.value.as_ref() }).collect();
    let given = |types, value| {
        let rule = PathRule { types, ..PathRule::new(Rule::Custom("any".into())) };
        collapse(&rule, "/p", &survivors, &Gives(value))
    };
    let any = Rule::Custom("any".into()).permits();
    assert_eq!(given(any, "x".into()), Outcome::Merged("x".into()));
    for (types, value) in [
        (any, Value::object([("a", 1i64)])),
        (any, f64::NAN.into()),
        (any, vec![Value::from(f64::INFINITY)].into()),
        (crate::estp::rule::Types::INT, "x".into()),
    ] {
        assert!(matches!(given(types, value.clone()), Outcome::Unresolved(RuleFailure::Failed(_))), "{value}");
    }
}
