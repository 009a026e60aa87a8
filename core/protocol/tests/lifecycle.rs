//! The lifecycle of a half: its rules, and docs/lifecycle.md, which is printed from the one table that there is.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use spook_protocol::estp::lifecycle::{Event, Lifecycle, LinkFact, Name, PendingFact, PhaseFact, Reason};
use std::fmt::Write;

const LINKS: [LinkFact; 5] =
    [LinkFact::Created, LinkFact::Entangled, LinkFact::Decohered(Reason::LinkLost), LinkFact::Decohered(Reason::Refused), LinkFact::Closed];
const PENDING: [PendingFact; 4] = [PendingFact::Clean, PendingFact::Local, PendingFact::Remote, PendingFact::Dual];
const PHASES: [PhaseFact; 3] = [PhaseFact::Idle, PhaseFact::Collapsing, PhaseFact::Failed];
const EVENTS: [Event; 12] = [
    Event::LinkUp,
    Event::LinkDown(Reason::LinkLost),
    Event::LinkDown(Reason::Refused),
    Event::LocalCandidate,
    Event::RemoteCandidate,
    Event::LocalSettled,
    Event::RemoteSettled,
    Event::CollapseBegun,
    Event::CollapseDone,
    Event::Violation,
    Event::Repaired,
    Event::Close,
];

const INTRODUCTION: &str = "# The lifecycle of a half

This page is printed by a test of `spook-protocol` from the code that decides (`estp::lifecycle`); `UPDATE_DOCS=1 cargo test -p spook-protocol
--test lifecycle` writes it again.

Three facts are kept apart, and each follows its own table whatever the other two say: the **link** to the peer, what is **pending** (which side
has candidates that are not committed), and the **phase** (what the half is busy with). People know the three by one name, the last table. Every transition is reported to observers, also when the name stays the same.

`LinkLost` stands for all reasons but one: `PeerSilent`, `LinkLost`, `PeerClosed` and `Restarted` behave alike. A half that is decohered keeps its
first reason, unless it is refused. A closed half stays as it is, whatever happens; that is the one rule across the tables.

";

/// What a fact becomes: a table of its values by events, a dash where nothing changes.
fn table<F: Copy + PartialEq + std::fmt::Debug>(out: &mut String, title: &str, facts: &[F], on: impl Fn(F, Event) -> F) {
    writeln!(out, "## {title}\n").unwrap();
    let heads: Vec<String> = facts.iter().map(|fact| format!("{fact:?}")).collect();
    writeln!(out, "| event | {} |\n|---|{}", heads.join(" | "), "---|".repeat(heads.len())).unwrap();
    for event in EVENTS {
        let cells: Vec<String> = facts
            .iter()
            .map(|&fact| {
                let next = on(fact, event);
                if next == fact { "-".to_owned() } else { format!("{next:?}") }
            })
            .collect();
        if cells.iter().any(|cell| cell != "-") {
            writeln!(out, "| {event:?} | {} |", cells.join(" | ")).unwrap();
        }
    }
    out.push('\n');
}

fn names(out: &mut String) {
    out.push_str("## Names\n\nThe first row that fits gives the name.\n\n| link | phase | pending | name |\n|---|---|---|---|\n");
    let mut put = |link: &str, phase: &str, pending: &str, name: Name| writeln!(out, "| {link} | {phase} | {pending} | {name} |").unwrap();
    let name = |link, phase, pending| Lifecycle { link, pending, phase }.name();
    let (idle, clean) = (PhaseFact::Idle, PendingFact::Clean);
    put("Closed", "any", "any", name(LinkFact::Closed, idle, clean));
    put("Decohered", "any", "any", name(LINKS[2], idle, clean));
    for phase in [PhaseFact::Failed, PhaseFact::Collapsing] {
        put("any", &format!("{phase:?}"), "any", name(LinkFact::Entangled, phase, clean));
    }
    for pending in [PendingFact::Local, PendingFact::Remote, PendingFact::Dual] {
        put("any", "Idle", &format!("{pending:?}"), name(LinkFact::Entangled, idle, pending));
    }
    for link in [LinkFact::Created, LinkFact::Entangled] {
        put(&format!("{link:?}"), "Idle", "Clean", name(link, idle, clean));
    }
}

fn document() -> String {
    let mut out = INTRODUCTION.to_owned();
    let whole = |link, pending, phase, event| Lifecycle { link, pending, phase }.on(event);
    let open = LinkFact::Entangled;
    table(&mut out, "Link", &LINKS, |link, event| whole(link, PendingFact::Clean, PhaseFact::Idle, event).link);
    table(&mut out, "Pending", &PENDING, |pending, event| whole(open, pending, PhaseFact::Idle, event).pending);
    table(&mut out, "Phase", &PHASES, |phase, event| whole(open, PendingFact::Clean, phase, event).phase);
    names(&mut out);
    out
}

fn all() -> impl Iterator<Item = Lifecycle> {
    let phased = |link, pending| PHASES.map(move |phase| Lifecycle { link, pending, phase });
    LINKS.into_iter().flat_map(move |link| PENDING.into_iter().flat_map(move |pending| phased(link, pending)))
}

#[test]
fn the_page_says_what_the_code_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lifecycle.md");
    let fresh = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &fresh).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == fresh, "docs/lifecycle.md is stale; UPDATE_DOCS=1 writes it. It has to read:\n\n{fresh}");
}

#[test]
fn each_fact_follows_its_own_table_whatever_the_others_say() {
    for state in all().filter(|state| state.link != LinkFact::Closed) {
        for event in EVENTS {
            let next = state.on(event);
            let alone = Lifecycle { pending: PendingFact::Clean, phase: PhaseFact::Idle, ..state };
            assert_eq!(next.link, alone.on(event).link, "{state:?} {event:?}");
            let alone = Lifecycle { link: LinkFact::Entangled, phase: PhaseFact::Idle, ..state };
            assert_eq!(next.pending, alone.on(event).pending, "{state:?} {event:?}");
            let alone = Lifecycle { link: LinkFact::Entangled, pending: PendingFact::Clean, ..state };
            assert_eq!(next.phase, alone.on(event).phase, "{state:?} {event:?}");
        }
    }
}

#[test]
fn the_name_is_the_projection_that_the_model_gives() {
    for state in all() {
        let expected = match state {
            Lifecycle { link: LinkFact::Closed, .. } => Name::Closed,
            Lifecycle { link: LinkFact::Decohered(_), .. } => Name::Decohered,
            Lifecycle { phase: PhaseFact::Failed, .. } => Name::Failed,
            Lifecycle { phase: PhaseFact::Collapsing, .. } => Name::Collapsing,
            Lifecycle { pending: PendingFact::Local, .. } => Name::SuperposedLocal,
            Lifecycle { pending: PendingFact::Remote, .. } => Name::SuperposedRemote,
            Lifecycle { pending: PendingFact::Dual, .. } => Name::SuperposedDual,
            Lifecycle { link: LinkFact::Created, .. } => Name::Created,
            Lifecycle { link: LinkFact::Entangled, .. } => Name::Entangled,
        };
        assert_eq!(state.name(), expected);
    }
}

#[test]
fn a_closed_half_stays_closed_and_a_failed_one_until_it_is_repaired() {
    for state in all() {
        for event in EVENTS {
            let next = state.on(event);
            if state.link == LinkFact::Closed {
                assert_eq!(next, state);
            } else if state.phase == PhaseFact::Failed {
                assert_eq!(next.phase == PhaseFact::Failed, event != Event::Repaired);
            }
        }
    }
}

#[test]
fn a_half_that_never_had_a_peer_does_not_decohere() {
    for reason in [Reason::PeerSilent, Reason::LinkLost, Reason::PeerClosed, Reason::Refused, Reason::Restarted] {
        assert_eq!(Lifecycle::CREATED.on(Event::LinkDown(reason)), Lifecycle::CREATED);
    }
}

#[test]
fn candidates_of_both_sides_settle_apart() {
    let entangled = Lifecycle::CREATED.on(Event::LinkUp);
    let dual = entangled.on(Event::LocalCandidate).on(Event::RemoteCandidate);
    assert_eq!(dual.name(), Name::SuperposedDual);
    assert_eq!(dual.on(Event::LocalSettled).name(), Name::SuperposedRemote);
    assert_eq!(dual.on(Event::LocalSettled).on(Event::RemoteSettled), entangled);
    let collapsing = dual.on(Event::CollapseBegun);
    assert_eq!(collapsing.on(Event::LocalCandidate).name(), Name::Collapsing, "it belongs to the next cycle");
    assert_eq!(collapsing.on(Event::LocalSettled).on(Event::RemoteSettled).on(Event::CollapseDone), entangled);
}
