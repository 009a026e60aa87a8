//! Rules of the application: what they decide, and what becomes of the Pair when they do not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod common;

use common::{Couple, LONG, settle};
use spook::{Code, Engine, Happening, Notice, ObserveOptions, Pair, RuleFailure, RuleKind, RuleLimits, Value};
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

const SCHEMA: &str = r#"{"rules": {"/best": "custom:shortest"}}"#;

/// The shortest text, the first in order of those of one length.
fn shortest() -> RuleKind {
    RuleKind::function(|_, candidates| {
        let texts = candidates.iter().filter_map(|candidate| candidate.value.as_ref()?.as_str());
        texts.min_by_key(|text| text.len()).map(Value::from).ok_or_else(|| "no text".to_owned())
    })
}

fn register(engine: &Engine, kind: RuleKind) {
    engine.register_rule("shortest", kind, RuleLimits::default()).unwrap();
}

fn write(text: &'static str) -> impl FnOnce(&Pair) {
    move |pair| _ = pair.write_state("/best", text).unwrap()
}

#[test]
fn both_sides_come_to_what_the_rule_says() {
    let (couple, here, there) = Couple::prepared(SCHEMA, "{}", |engine| register(engine, shortest()));
    let (here, there) = couple.fork(here, there, write("long"), write("longer"));
    settle([&here.pair, &there.pair]);
    for side in [&here, &there] {
        assert_eq!(side.read("/best"), r#""long""#);
        assert!(side.pair.conflicts("").unwrap().is_empty());
    }
}

#[test]
fn without_the_rule_a_cell_stays_superposed_and_says_so_and_everything_else_goes_on() {
    let (couple, here, there) = Couple::new(SCHEMA, "{}");
    let (here, there) = couple.fork(here, there, write("long"), write("longer"));
    register(&there.engine, shortest());
    let seen = here.pair.observe("/best", ObserveOptions { events: true, ..ObserveOptions::default() }).unwrap();
    settle([&here.pair, &there.pair]);
    assert_eq!(there.read("/best"), r#""long""#);
    assert_eq!(here.read("/best"), r#""longer""#, "the last one");
    let conflicts = here.pair.conflicts("").unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!((&*conflicts[0].path, conflicts[0].candidates.len(), &conflicts[0].failure), ("/best", 2, &Some(RuleFailure::Missing)));
    here.pair.write_state("/other", 1i64).unwrap();
    settle([&here.pair, &there.pair]);
    assert_eq!(there.read("/other"), "1");
    let told = std::iter::from_fn(|| seen.try_next()).filter(
        |notice| matches!(notice, Notice::Event(event) if matches!(&event.what, Happening::RuleFailed { path, .. } if &**path == "/best")),
    );
    assert_eq!(told.count(), 1);
    let changes = here.pair.observe("/best", ObserveOptions::default()).unwrap();
    register(&here.engine, shortest());
    let changed = changes.next(Some(LONG)).unwrap().unwrap();
    assert!(matches!(&changed, Notice::Change(change) if change.value == Some(Value::from("long"))), "{changed:?}");
    assert_eq!(here.read("/best"), r#""long""#);
    assert!(here.pair.conflicts("").unwrap().is_empty());
    settle([&here.pair, &there.pair]);
}

#[test]
fn a_rule_that_fails_panics_or_takes_too_long_leaves_the_cell_as_it_is() {
    static HELD: OnceLock<Mutex<mpsc::Receiver<()>>> = OnceLock::new();
    let (release, held) = mpsc::channel();
    HELD.set(Mutex::new(held)).unwrap();
    type Check = fn(&RuleFailure) -> bool;
    let kinds: [(RuleKind, Check); 3] = [
        (RuleKind::function(|_, _| Err("no idea".to_owned())), |failure| matches!(failure, RuleFailure::Failed(why) if why == "no idea")),
        (RuleKind::function(|_, _| panic!("a bug")), |failure| matches!(failure, RuleFailure::Failed(why) if why.contains("a bug"))),
        (
            RuleKind::function(|_, _| {
                let _ = HELD.get().unwrap().lock().unwrap().recv();
                Ok(Value::Null)
            }),
            |failure| matches!(failure, RuleFailure::OverLimit(_)),
        ),
    ];
    for (kind, is_it) in kinds {
        let (couple, here, there) = Couple::new(SCHEMA, "{}");
        let (here, there) = couple.fork(here, there, write("long"), write("longer"));
        let limits = RuleLimits { time: Duration::from_millis(200), ..RuleLimits::default() };
        here.engine.register_rule("shortest", kind, limits).unwrap();
        settle([&here.pair, &there.pair]);
        assert_eq!(here.read("/best"), r#""longer""#);
        let conflicts = here.pair.conflicts("").unwrap();
        assert!(conflicts.len() == 1 && conflicts[0].failure.as_ref().is_some_and(is_it), "{conflicts:?}");
        here.pair.write_state("/other", 1i64).unwrap();
        settle([&here.pair, &there.pair]);
    }
    drop(release);
}

#[test]
fn a_rule_that_calls_the_engine_is_refused() {
    static INSIDE: OnceLock<(Engine, Pair)> = OnceLock::new();
    static TOLD: Mutex<Vec<Code>> = Mutex::new(Vec::new());
    let (couple, here, there) = Couple::prepared(SCHEMA, "{}", |_| {});
    let (here, there) = couple.fork(here, there, write("long"), write("longer"));
    INSIDE.set((here.engine.clone(), here.pair.clone())).unwrap();
    let kind = RuleKind::function(|_, _| {
        let (engine, pair) = INSIDE.get().unwrap();
        let calls = [
            pair.read_state("").map(drop),
            pair.write_state("/x", 1i64).map(drop),
            pair.collapse(Default::default()).map(drop),
            pair.conflicts("").map(drop),
            pair.observe("", ObserveOptions::default()).map(drop),
            engine.pairs().map(drop),
            engine.register_rule("other", shortest(), RuleLimits::default()),
            engine.open_pair("p", LONG).map(drop),
            engine.close(),
        ];
        *TOLD.lock().unwrap() = calls.into_iter().map(|result| result.unwrap_err().code()).collect();
        Ok(Value::from("decided"))
    });
    register(&here.engine, kind);
    settle([&here.pair, &there.pair]);
    assert_eq!(here.read("/best"), r#""decided""#);
    assert_eq!(*TOLD.lock().unwrap(), [Code::Reentrant; 9]);
}
