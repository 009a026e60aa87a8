//! What programs rely on, one thing at a time.

use super::cells::MapCells;
use super::draw::{add, set};
use super::sim::{Half, TestCells, schema};
use crate::error::Code;
use crate::estp::dot::AuthorIndex;
use crate::estp::ordered::{
    Cells, CommitPoint, Cut, Draft, Expect, Flip, Guard, Item, Key, LeafAction, LeafOperation, Order, Ordered, Rejection, RevertError,
    Scene, Seed, Status, Verdict, decode,
};
use crate::estp::place::Survivor;
use crate::estp::rule::{CustomRules, NoCustomRules, RuleFailure, Transition};
use crate::estp::schema::Schema;
use crate::estp::stamp::Stamp;
use crate::value::Value;
use crate::wire::{Malformed, Reader};
use proptest::prelude::*;
use std::sync::Arc;

const ALL: Stamp = Stamp::MAX;

fn at_least(path: &str, number: i64) -> Guard {
    Guard { path: path.into(), expect: Expect::Range { min: Some(Value::Int(number)), max: None } }
}

fn pair() -> [Half<MapCells>; 2] {
    [0, 1].map(|half| Half::new(half, Order::Stamps, 16))
}

/// Sends everything over; both tables of authors hold the two in opposite order.
fn send(from: &Half<MapCells>, to: &mut Half<MapCells>) {
    let mut bytes = Vec::new();
    let cut = Cut { after: 0, receiver: Some(AuthorIndex(1)), receiver_lost: Default::default() };
    from.ordered.encode_after(cut, &|out: &mut Vec<u8>, index: AuthorIndex| out.push(1 - index.0 as u8), &mut bytes);
    let mut read_author = |reader: &mut Reader<'_>| -> Result<AuthorIndex, Malformed> { Ok(AuthorIndex(reader.byte()?.into())) };
    to.number += 1;
    for item in decode(&bytes, &mut read_author).unwrap() {
        let Item::Body { body, .. } = &item else { panic!("{item:?}") };
        let (key, stamp) = (body.key(), body.stamp);
        to.ordered.admit(&to.vector, item, to.number).unwrap();
        to.vector.advance(key.0, key.1, stamp);
        to.clock.observe(stamp);
    }
}

/// Commits everything there is.
fn commit(half: &mut Half<MapCells>, schema: &Schema) {
    let author = half.vector.author(AuthorIndex(0));
    let point = CommitPoint::Place(crate::estp::place::Place { stamp: ALL, author, number: u64::MAX });
    half.with(schema, |ordered, scene| ordered.commit_up_to(scene, point, || 1000));
}

fn value(half: &Half<MapCells>, path: &str) -> Option<i64> {
    half.cells.read(path).map(|value| value.as_i64().unwrap())
}

#[test]
fn a_verdict_flips_once_and_names_the_candidate_that_came_in_between() {
    let schema = schema();
    let [mut a, mut b] = pair();
    assert_eq!(a.write(&schema, 1, vec![], vec![add("/n/1", 50)]), Some(Verdict::Accepted));
    send(&a, &mut b);
    b.with(&schema, |ordered, scene| ordered.refold_if_stale(scene));
    let spend = |half: &mut Half<MapCells>, now| half.write(&schema, now, vec![at_least("/n/1", 30)], vec![add("/n/1", -30)]);
    assert_eq!(spend(&mut a, 10), Some(Verdict::Accepted));
    assert_eq!(spend(&mut b, 20), Some(Verdict::Accepted));
    assert!(b.ordered.take_flips().is_empty());
    send(&a, &mut b);
    let changed = b.with(&schema, |ordered, scene| ordered.refold_if_stale(scene));
    let rejection = Rejection::Guard { index: 0, path: "/n/1".into() };
    let flip = Flip { key: (AuthorIndex(0), 2), verdict: Verdict::Rejected(rejection.clone()), cause: Some((AuthorIndex(1), 2)) };
    assert_eq!(b.ordered.take_flips(), [flip]);
    // The balance shows another candidate's 20 now.
    assert_eq!((value(&b, "/n/1"), changed), (Some(20), vec![Arc::from("/n/1")]));
    b.with(&schema, |ordered, scene| ordered.refold_if_stale(scene));
    assert!(b.ordered.take_flips().is_empty());
    commit(&mut b, &schema);
    assert_eq!(b.ordered.status(&b.vector, (AuthorIndex(0), 2)), Some(Status::Voided(rejection)));
    assert_eq!(b.ordered.status(&b.vector, (AuthorIndex(1), 2)), Some(Status::Committed));
    assert_eq!(b.ordered.status(&b.vector, (AuthorIndex(1), 9)), None);
}

#[test]
fn a_rule_that_fails_holds_up_what_follows_until_it_is_there() {
    let schema = schema();
    let mut half = pair().into_iter().next().unwrap();
    half.write(&schema, 1, vec![], vec![set("/a", 1i64)]);
    let write = |half: &mut Half<MapCells>, number, operation| {
        let issue = crate::estp::feed::Issue { number, stamp: Stamp::new(number, 0) };
        let draft = Draft { operations: vec![operation], ..Draft::default() };
        let mut scene = Scene { cells: &mut half.cells, vector: &half.vector, schema: &schema, rules: &NoCustomRules };
        half.ordered.write(&mut scene, draft, || issue).unwrap()
    };
    let failed = write(&mut half, 2, set("/t", 5i64)).verdict;
    assert_eq!(failed, Verdict::Unresolved { path: "/t".into(), rule: "up".into(), failure: RuleFailure::Missing });
    assert_eq!(write(&mut half, 3, set("/a", 2i64)).verdict, Verdict::Waiting);
    let keys = |flips: Vec<Flip>| flips.into_iter().map(|flip| flip.key.1).collect::<Vec<_>>();
    assert_eq!(keys(half.ordered.take_flips()), [2, 3]);
    commit(&mut half, &schema);
    assert_eq!((half.ordered.pending_count(), value(&half, "/a"), value(&half, "/t")), (2, Some(1), None));
    half.ordered.rules_changed();
    assert!(half.ordered.is_stale());
    half.with(&schema, |ordered, scene| ordered.refold_if_stale(scene));
    assert_eq!((value(&half, "/a"), value(&half, "/t")), (Some(2), Some(5)));
    assert_eq!(keys(half.ordered.take_flips()), [2, 3]);
    commit(&mut half, &schema);
    assert!(half.ordered.is_clean());
}

/// A transition over objects: an order goes through its states, and keeps the rest of itself.
struct Orders;

impl CustomRules for Orders {
    fn resolve(&self, _: &str, _: &str, _: &[Survivor<'_>]) -> Result<Value, RuleFailure> {
        Err(RuleFailure::Missing)
    }

    fn transition(&self, _: &str, _: &str, state: Option<&Value>, candidate: &Survivor<'_>) -> Result<Transition, RuleFailure> {
        let wanted = candidate.value.and_then(|value| value.get("state")).and_then(Value::as_str);
        let held = state.and_then(|value| value.get("state")).and_then(Value::as_str);
        Ok(match (held, wanted) {
            (None, Some("new")) => Transition::To(candidate.value.cloned()),
            (Some("new"), Some("paid")) => Transition::To(Some(Value::object([("state", "paid")]))),
            (_, Some("broken")) => Transition::To(Some(Value::from(f64::NAN))),
            (Some("paid"), None) => Transition::To(None),
            _ => Transition::Reject(format!("{held:?} to {wanted:?}")),
        })
    }
}

#[test]
fn a_transition_takes_and_gives_objects() {
    let schema = schema();
    let mut half = pair().into_iter().next().unwrap();
    let mut number = 0;
    let mut write = |half: &mut Half<MapCells>, action: LeafAction| {
        number += 1;
        let issue = crate::estp::feed::Issue { number, stamp: Stamp::new(number, 0) };
        let operations = vec![LeafOperation { path: "/t".into(), action }, set("/a", number as i64)];
        let draft = Draft { operations, ..Draft::default() };
        let mut scene = Scene { cells: &mut half.cells, vector: &half.vector, schema: &schema, rules: &Orders };
        half.ordered.write(&mut scene, draft, || issue).unwrap().verdict
    };
    let order = |state: &str| LeafAction::Set(Value::object([("state", state), ("for", "x")]));
    assert!(matches!(write(&mut half, order("paid")), Verdict::Rejected(Rejection::Transition { .. })));
    assert_eq!(half.cells.read(""), None);
    assert_eq!(write(&mut half, order("new")), Verdict::Accepted);
    assert_eq!(half.cells.read("/t").unwrap().to_string(), r#"{"for": "x", "state": "new"}"#);
    assert_eq!(write(&mut half, order("paid")), Verdict::Accepted);
    assert_eq!(half.cells.read("/t").unwrap().to_string(), r#"{"state": "paid"}"#);
    assert_eq!(write(&mut half, LeafAction::Delete), Verdict::Accepted);
    assert_eq!(half.cells.read("").unwrap().to_string(), r#"{"a": 4}"#);
    assert!(matches!(write(&mut half, order("broken")), Verdict::Unresolved { failure: RuleFailure::Failed(_), .. }));
}

#[test]
fn what_the_schema_does_not_take_is_void_whoever_sends_it() {
    let schema = schema();
    let mut half = pair().into_iter().next().unwrap();
    let write = |half: &mut Half<MapCells>, operation: LeafOperation| half.write(&schema, 1, vec![], vec![set("/b/x", 7i64), operation]);
    let is_refused = |verdict: Option<Verdict>| matches!(verdict, Some(Verdict::Rejected(Rejection::Schema { .. })));
    assert!(is_refused(write(&mut half, set("/n/1", "text"))));
    assert!(is_refused(write(&mut half, add("/a", 1))));
    assert!(is_refused(write(&mut half, set("/t/below", 1i64))));
    assert!(is_refused(write(&mut half, set("/c", Value::object([("x", 1i64)])))));
    assert_eq!(half.cells.read(""), None);
    assert_eq!(write(&mut half, add("/n/1", i64::MAX)), Some(Verdict::Accepted));
    assert_eq!(write(&mut half, add("/n/1", 1)), Some(Verdict::Rejected(Rejection::Overflow { path: "/n/1".into() })));
}

#[test]
fn a_full_log_refuses_writes_and_nothing_else() {
    let schema = schema();
    let [mut a, mut b] = pair();
    for number in 0..16 {
        assert!(a.write(&schema, 1, vec![], vec![add("/n/1", number)]).is_some());
    }
    let draft = Draft { operations: vec![add("/n/1", 1)], ..Draft::default() };
    let issue = || unreachable!("no number is taken");
    let error = a.with(&schema, |ordered, scene| ordered.write(scene, draft, issue)).unwrap_err();
    assert_eq!(error.code(), Code::Backpressure);
    b.write(&schema, 1, vec![], vec![add("/n/1", 1)]);
    send(&b, &mut a);
    assert_eq!(a.ordered.pending_count(), 17);
    commit(&mut a, &schema);
    assert_eq!(value(&a, "/n/1"), Some(121));
    assert!(a.write(&schema, 1, vec![], vec![add("/n/1", 1)]).is_some());
}

fn revert(half: &mut Half<MapCells>, schema: &Schema, key: Key, now: u64) -> Result<Verdict, RevertError> {
    half.with(schema, |ordered, scene| ordered.refold_if_stale(scene));
    let draft = half.ordered.revert_of(&half.vector, schema, key, half.context())?;
    Ok(half.write(schema, now, draft.guards, draft.operations).unwrap())
}

#[test]
fn a_revert_takes_back_what_still_stands() {
    let schema = schema();
    let [mut a, mut b] = pair();
    a.write(&schema, 1, vec![], vec![set("/a", 1i64), add("/n/1", 5)]);
    a.write(&schema, 2, vec![], vec![set("/a", 2i64), set("/b/x", 3i64), add("/n/1", 7)]);
    commit(&mut a, &schema);
    assert_eq!(revert(&mut a, &schema, (AuthorIndex(0), 2), 3), Ok(Verdict::Accepted));
    assert_eq!(a.cells.read("").unwrap().to_string(), r#"{"a": 1, "n": {"1": 5}}"#);
    // Of one that the peer overwrote at the same time, the revert counts for nothing.
    a.write(&schema, 4, vec![], vec![set("/a", 3i64)]);
    b.write(&schema, 5, vec![], vec![set("/a", 4i64)]);
    send(&b, &mut a);
    assert!(matches!(revert(&mut a, &schema, (AuthorIndex(0), 4), 6), Ok(Verdict::Rejected(Rejection::Guard { .. }))));
    assert_eq!(value(&a, "/a"), Some(4));
    let voided = a.ordered.pending().last().unwrap().body.key();
    assert!(matches!(revert(&mut a, &schema, voided, 7), Err(RevertError::Voided(_))));
    assert_eq!(revert(&mut a, &schema, (AuthorIndex(0), 99), 7), Err(RevertError::Unknown));
    a.write(&schema, 8, vec![], vec![set("/t", 3i64)]);
    let transition = a.ordered.pending().last().unwrap().body.key();
    assert_eq!(revert(&mut a, &schema, transition, 9), Err(RevertError::Transition { path: "/t".into() }));
}

#[test]
fn contended_paths_show_all_concurrent_candidates() {
    let schema = schema();
    let [mut a, mut b] = pair();
    a.write(&schema, 1, vec![], vec![set("/b/x", 1i64), add("/n/1", 1)]);
    b.write(&schema, 2, vec![], vec![set("/b/x", 2i64), add("/n/1", 1)]);
    send(&b, &mut a);
    a.with(&schema, |ordered, scene| ordered.refold_if_stale(scene));
    let contended = a.ordered.contended("/b");
    let values: Vec<_> = contended[0].contenders.iter().map(|contender| contender.value.clone()).collect();
    assert_eq!((contended.len(), &*contended[0].path, values), (1, "/b/x", vec![Some(Value::Int(1)), Some(Value::Int(2))]));
    assert_eq!((a.ordered.contended("/n").len(), a.ordered.contended("").len()), (0, 1));
    a.write(&schema, 3, vec![], vec![set("/b/x", 3i64)]);
    assert!(a.ordered.contended("").is_empty());
}

#[test]
fn a_half_that_joins_gets_the_committed_state_and_the_log() {
    let schema = schema();
    let [mut a, mut b] = pair();
    a.write(&schema, 1, vec![], vec![set("/a", 1i64), set("/u", 1i64)]);
    a.write(&schema, 2, vec![at_least("/n/1", 1)], vec![set("/a", 2i64)]);
    commit(&mut a, &schema);
    a.write(&schema, 3, vec![], vec![set("/b/x", 3i64)]);
    assert!(a.ordered.needs_seed(0, true) && a.ordered.needs_seed(1, false) && !a.ordered.needs_seed(2, false));
    let mut bytes = Vec::new();
    a.ordered.encode_seed(&a.cells, &a.vector, &|out: &mut Vec<u8>, index: AuthorIndex| out.push(1 - index.0 as u8), &mut bytes);
    let mut read_author = |reader: &mut Reader<'_>| -> Result<AuthorIndex, Malformed> { Ok(AuthorIndex(reader.byte()?.into())) };
    for cut in 0..bytes.len() {
        let _ = Seed::decode(&bytes[..cut], &mut read_author);
    }
    let seed = Seed::decode(&bytes, &mut read_author).unwrap();
    let changed = b.with(&schema, |ordered, scene| ordered.apply_seed(scene, seed.clone(), 1, false)).unwrap();
    assert_eq!(changed.iter().map(|path| &**path).collect::<Vec<_>>(), ["/a", "/b/x", "/u"]);
    assert_eq!(a.cells.read(""), b.cells.read(""));
    for (author, number, stamp) in &seed.vector {
        b.vector.advance(*author, *number, *stamp);
    }
    assert!(matches!(b.ordered.status(&b.vector, (AuthorIndex(1), 2)), Some(Status::Voided(_))));
    assert_eq!(b.ordered.status(&b.vector, (AuthorIndex(1), 1)), Some(Status::Committed));
    // Once more changes nothing.
    let changed = b.with(&schema, |ordered, scene| ordered.apply_seed(scene, seed, 2, false)).unwrap();
    assert_eq!((changed.len(), b.ordered.pending_count()), (0, 1));
}

#[test]
fn a_seed_that_is_behind_takes_nothing_back() {
    let schema = schema();
    let [mut a, mut b] = pair();
    a.write(&schema, 1, vec![], vec![set("/a", 1i64)]);
    let mut old = Vec::new();
    a.ordered.encode_seed(&a.cells, &a.vector, &|out: &mut Vec<u8>, index: AuthorIndex| out.push(1 - index.0 as u8), &mut old);
    send(&a, &mut b);
    commit(&mut b, &schema);
    let mut read_author = |reader: &mut Reader<'_>| -> Result<AuthorIndex, Malformed> { Ok(AuthorIndex(reader.byte()?.into())) };
    let seed = Seed::decode(&old, &mut read_author).unwrap();
    b.with(&schema, |ordered, scene| ordered.apply_seed(scene, seed.clone(), 9, false)).unwrap();
    assert_eq!((value(&b, "/a"), b.ordered.is_clean()), (Some(1), true));
    b.with(&schema, |ordered, scene| ordered.apply_seed(scene, seed, 10, true)).unwrap();
    assert_eq!((value(&b, "/a"), b.ordered.is_clean()), (Some(1), false));
}

#[test]
fn a_candidate_stamped_below_its_context_is_refused() {
    let schema = schema();
    let [mut a, mut b] = pair();
    a.write(&schema, 9, vec![], vec![set("/a", 1i64)]);
    b.write(&schema, 1, vec![], vec![set("/a", 2i64)]);
    let mut body = (*b.ordered.pending().next().unwrap().body).clone();
    body.author = AuthorIndex(1);
    body.context = [(AuthorIndex(0), 1)].into_iter().collect();
    let error = a.ordered.admit(&a.vector, Item::Body { body, position: None }, 2).unwrap_err();
    assert_eq!(error.code(), Code::Protocol);
    assert_eq!(a.ordered.pending_count(), 1);
}

#[test]
fn a_ledger_record_of_something_else_is_refused() {
    let half: Half<MapCells> = Half::new(0, Order::Stamps, 4);
    let mut meta = Vec::new();
    half.ordered.put_meta(&mut meta);
    let restore = |meta: &[u8], records: Vec<&[u8]>| Ordered::restore(Order::Stamps, 4, AuthorIndex(0), &half.vector, meta, records);
    assert!(restore(&meta, vec![]).is_ok());
    assert!(restore(&meta[1..], vec![]).is_err());
    assert!(restore(&meta, vec![&[1, 2, 3]]).is_err());
    assert!(MapCells::empty().read("").is_none());
}

proptest! {
    /// Balances are guarded, so nobody overdraws, whatever is written at the same time; and a transfer moves money, it makes none.
    #[test]
    fn money_is_conserved_and_no_balance_falls_below_zero(
        transfers in prop::collection::vec((0usize..2, 0usize..3, 0usize..3, 1i64..60, 0u64..4, 0u8..4), 1..14),
    ) {
        const ACCOUNTS: [&str; 3] = ["/n/x", "/n/y", "/n/z"];
        let schema = schema();
        let mut halves = pair();
        halves[0].write(&schema, 0, vec![], ACCOUNTS.iter().map(|path| add(path, 100)).collect());
        let [a, b] = &mut halves;
        send(a, b);
        for (half, from, to, amount, now, then) in transfers {
            if from != to {
                let guard = at_least(ACCOUNTS[from], amount);
                halves[half].write(&schema, now, vec![guard], vec![add(ACCOUNTS[from], -amount), add(ACCOUNTS[to], amount)]);
            }
            let [a, b] = &mut halves;
            match then {
                0 => send(a, b),
                1 => send(b, a),
                _ => {}
            }
            for half in &mut halves {
                half.with(&schema, |ordered, scene| ordered.refold_if_stale(scene));
                let balances = ACCOUNTS.map(|path| value(half, path).unwrap());
                prop_assert_eq!((balances.iter().sum::<i64>(), balances.iter().all(|balance| *balance >= 0)), (300, true));
            }
        }
        let [a, b] = &mut halves;
        send(a, b);
        send(b, a);
        commit(a, &schema);
        commit(b, &schema);
        prop_assert_eq!(a.cells.read(""), b.cells.read(""));
    }
}

#[test]
fn an_anchor_without_its_ledger_goes_on_from_the_other_half() {
    let schema = schema();
    let mut b: Half<MapCells> = Half::new(1, Order::Anchor { here: false }, 16);
    let mut a: Half<MapCells> = Half::new(0, Order::Anchor { here: true }, 16);
    let put_author = |out: &mut Vec<u8>, index: AuthorIndex| out.push(1 - index.0 as u8);
    let mut read_author = |reader: &mut Reader<'_>| -> Result<AuthorIndex, Malformed> { Ok(AuthorIndex(reader.byte()?.into())) };
    let mut to_b = |a: &Half<MapCells>, b: &mut Half<MapCells>| {
        let mut bytes = Vec::new();
        let cut = Cut { after: 0, receiver: Some(AuthorIndex(1)), receiver_lost: Default::default() };
        a.ordered.encode_after(cut, &put_author, &mut bytes);
        b.number += 1;
        for item in decode(&bytes, &mut read_author).unwrap() {
            b.ordered.admit(&b.vector, item, b.number).unwrap();
        }
    };
    a.write(&schema, 1, vec![], vec![set("/a", 1i64)]);
    a.write(&schema, 2, vec![], vec![set("/b/x", 1i64)]);
    to_b(&a, &mut b);
    b.with(&schema, |ordered, scene| ordered.commit_up_to(scene, CommitPoint::Position(1), || 10));
    b.write(&schema, 3, vec![], vec![set("/a", 2i64)]);
    // The anchor begins anew, with other numbers.
    let mut a: Half<MapCells> = Half::new(0, Order::Anchor { here: true }, 16);
    b.ordered.anchor_anew(b.number + 1);
    assert!(b.ordered.needs_seed(0, true));
    let mut bytes = Vec::new();
    b.ordered.encode_seed(&b.cells, &b.vector, &put_author, &mut bytes);
    let mut read_author = |reader: &mut Reader<'_>| -> Result<AuthorIndex, Malformed> { Ok(AuthorIndex(reader.byte()?.into())) };
    let seed = Seed::decode(&bytes, &mut read_author).unwrap();
    a.with(&schema, |ordered, scene| ordered.apply_seed(scene, seed, 1, false)).unwrap();
    assert_eq!(a.cells.read("").unwrap().to_string(), r#"{"a": 2, "b": {"x": 1}}"#);
    to_b(&a, &mut b);
    for half in [&mut a, &mut b] {
        let committed = half.with(&schema, |ordered, scene| ordered.commit_up_to(scene, CommitPoint::Position(1), || 20));
        assert_eq!((committed.finals.len(), half.ordered.is_clean()), (2, true));
    }
    assert_eq!(a.cells.read(""), b.cells.read(""));
}
