//! An order, from Pending over Resolving to Committed. It is a state machine that both sides know: a rule steps it, and rejects what is no step. The Pair is
//! strong: what a read shows is final on both sides.
//!
//!     cargo run -p spook-examples --bin order

use spook::{
    Candidate, Engine, EngineOptions, Notice, ObserveOptions, Operation, Pair, PairOptions, RuleKind, RuleLimits, RuleStep, Status, Value,
    Verdict, Wait, Write, WriteOptions, json,
};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Done {
    let folder = tempfile::tempdir()?;
    let ledger = folder.path().join("shop.spook");
    let shop = engine(&ledger, Some("tcp:127.0.0.1:0"))?;
    let address = shop.addresses().remove(0);
    shop.register_rule("order", rule(), RuleLimits::default())?;
    let schema = json::from_str(r#"{"consistency": "strong", "rules": {"/orders/*": "transition:order"}}"#)?;
    let counter = shop.create_pair("orders", Value::empty_object(), PairOptions::with_schema(schema))?;
    let customer = engine(&folder.path().join("customer.spook"), None)?;
    let orders = customer.open_pair(&counter.ticket(Default::default())?, LONG)?;
    let steps = orders.observe("", ObserveOptions { lifecycle: true, ..ObserveOptions::default() })?;

    println!("The shop is closed; the customer orders.");
    shop.close()?;
    let order = write(&orders, "placed")?;
    assert_eq!(show(&orders, &order)?, "Pending");
    assert!(orders.read_state("/orders/1").is_err(), "nothing is final yet");

    println!(
        "The shop opens and gets the order. The customer's program is an old one that lacks the rule, and cannot say whether it counts."
    );
    let shop = engine(&ledger, Some(&address))?;
    shop.register_rule("order", rule(), RuleLimits::default())?;
    let counter = shop.open_pair("orders", LONG)?;
    until(|| Ok(matches!(orders.status(&order)?, Status::Tentative { held_by_peer: true, .. })))?;
    assert_eq!(show(&orders, &order)?, "Resolving");

    println!("The customer's program gets the rule.");
    customer.register_rule("order", rule(), RuleLimits::default())?;
    orders.wait_committed(&order, LONG)?;
    assert_eq!(show(&orders, &order)?, "Committed");
    assert_eq!(orders.read_state("/orders/1")?, Value::from("placed"));

    println!("What is no step from where the order stands counts for nothing, at both sides, and says why.");
    let refused = write(&orders, "shipped")?;
    orders.wait_committed(&refused, LONG)?;
    assert!(show(&orders, &refused)?.starts_with("Voided"));
    until(|| Ok(matches!(counter.status(&refused), Ok(Status::Voided(_)))))?;

    println!("The shop goes on with it.");
    for step in ["paid", "shipped"] {
        let step = counter.write_state("/orders/1", step)?;
        assert_eq!(show(&counter, &step)?, "Committed");
    }
    until(|| Ok(orders.read_state("/orders/1")? == Value::from("shipped")))?;

    println!("Meanwhile, the lifecycle of the customer's half:");
    while let Some(notice) = steps.try_next() {
        if let Notice::Transition(step) = notice {
            println!("    {} -> {}", step.from.name(), step.to.name());
        }
    }
    Ok(())
}

/// The steps of an order. Both sides have to come to the same result, so a rule uses nothing but what it is given.
fn rule() -> RuleKind {
    RuleKind::transition(|path, state, candidate| {
        let state = state.and_then(Value::as_str).unwrap_or("nothing");
        let next = candidate.value.as_ref().and_then(Value::as_str).unwrap_or("nothing");
        Ok(match (state, next) {
            ("nothing", "placed") | ("placed", "paid" | "cancelled") | ("paid", "shipped") => RuleStep::To(candidate.value.clone()),
            _ => RuleStep::Reject(format!("{path}: {state} does not lead to {next}")),
        })
    })
}

/// Writes without waiting; in a strong Pair a write waits if it is not told otherwise.
fn write(pair: &Pair, step: &str) -> Done<Candidate> {
    let write = Write { operations: &[Operation::set("/orders/1", step)], guards: &[] };
    Ok(pair.write(&write, WriteOptions { wait: Wait::No })?)
}

/// What became of a write, for people.
fn show(pair: &Pair, candidate: &Candidate) -> Done<String> {
    let text = match pair.status(candidate)? {
        Status::Tentative { held_by_peer: false, .. } => "Pending".to_owned(),
        Status::Tentative { held_by_peer: true, verdict } => {
            if let Verdict::Undecided(why) | Verdict::Rejected(why) = verdict {
                println!("    ({why})");
            }
            "Resolving".to_owned()
        }
        Status::Committed => "Committed".to_owned(),
        Status::Voided(why) => format!("Voided: {why}"),
    };
    println!("    {text}");
    Ok(text)
}

fn until(mut is_so: impl FnMut() -> Done<bool>) -> Done {
    let end = Instant::now() + LONG;
    while !is_so()? {
        assert!(Instant::now() < end, "it does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn engine(ledger: &Path, listen: Option<&str>) -> Done<Engine> {
    let listen = listen.map(str::to_owned).into_iter().collect();
    Ok(Engine::open_with(EngineOptions { location: ledger.display().to_string(), listen: Some(listen), ..EngineOptions::default() })?)
}
