//! Payments that must not be lost and must not be made twice. A write of a strong Pair returns when it is final on both sides; when the other side is away its
//! outcome is open: it is kept, survives a restart, and settles later. It is never reported as failed, and so never has to be repeated.
//!
//!     cargo run -p spook-examples --bin strong

use spook::{
    Candidate, Code, CollapseOptions, Engine, EngineOptions, Guard, Operation, Pair, PairOptions, Status, Value, Wait, Write, WriteOptions,
    json,
};
use std::error::Error;
use std::path::Path;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Done {
    let folder = tempfile::tempdir()?;
    let (desk_file, bank_file) = (folder.path().join("desk.spook"), folder.path().join("bank.spook"));
    let bank = engine(&bank_file, Some("tcp:127.0.0.1:0"))?;
    let address = bank.addresses().remove(0);
    let schema = json::from_str(r#"{"consistency": "strong", "rules": {"/paid": "counter"}}"#)?;
    let ledger = bank.create_pair("ledger", json::from_str(r#"{"paid": 0, "payments": {}}"#)?, PairOptions::with_schema(schema))?;
    let desk = engine(&desk_file, None)?;
    let payments = desk.open_pair(&ledger.ticket(Default::default())?, LONG)?;

    println!("The bank is there: a payment returns when it is final.");
    let mut made = vec![pay(&payments, 0)?];
    assert_eq!(payments.status(&made[0])?, Status::Committed);

    println!("The bank is away: payments time out. Their outcome is open; they are kept.");
    bank.close()?;
    for number in 1..=3 {
        made.push(pay(&payments, number)?);
    }
    tell(&payments, &made, 1)?;

    println!("The desk is stopped and started again: what is open is still open.");
    desk.close()?;
    let desk = engine(&desk_file, None)?;
    let payments = desk.open_pair("ledger", LONG)?;
    tell(&payments, &made, 1)?;

    println!("The bank is back: they settle by themselves.");
    let bank = engine(&bank_file, Some(&address))?;
    let ledger = bank.open_pair("ledger", LONG)?;
    for candidate in &made {
        assert_eq!(payments.wait_committed(candidate, LONG)?, Status::Committed);
    }
    assert!(ledger.collapse(CollapseOptions::settled_within(LONG))?.settled);
    tell(&payments, &made, 4)?;
    tell(&ledger, &made, 4)?;

    println!("The bank is away for good: two more stay pending. What is final stays readable, and says nothing of them.");
    bank.close()?;
    for number in 4..=5 {
        made.push(pay(&payments, number)?);
    }
    tell(&payments, &made, 4)
}

/// Pays 1, once: the payment has a name, so that it can be looked up, and it is counted. An open outcome is no failure.
fn pay(payments: &Pair, number: u64) -> Done<Candidate> {
    let name = format!("/payments/{number}");
    let operations = [Operation::increment("/paid", 1), Operation::set(&name, 1i64)];
    let write = Write { operations: &operations, guards: &[Guard::absent(&name)] };
    let patience = WriteOptions { wait: Wait::Committed(Duration::from_secs(1)) };
    match payments.write(&write, patience) {
        Err(open) if open.code() == Code::Decohered => open.candidate().ok_or_else(|| "no candidate".into()),
        done => Ok(done?),
    }
}

/// Nothing is lost and nothing is doubled: so many are final, the others are pending, and the sums say just that.
fn tell(pair: &Pair, made: &[Candidate], settled: usize) -> Done {
    let outcomes = made.iter().map(|candidate| pair.status(candidate)).collect::<Result<Vec<_>, _>>()?;
    let (committed, pending) = (count(&outcomes, |status| *status == Status::Committed), count(&outcomes, |status| !status.is_final()));
    println!("    {} written: {committed} committed, {pending} pending", made.len());
    assert_eq!((committed, committed + pending), (settled, made.len()));
    assert_eq!(pair.read_state("/paid")?, Value::from(committed as u64), "a read shows what is final");
    assert_eq!(pair.read_tentative("/paid")?, Value::from(made.len() as u64));
    let Value::Object(payments) = pair.read_tentative("/payments")? else { return Err("no payments".into()) };
    assert_eq!(payments.len(), made.len());
    Ok(())
}

fn count(outcomes: &[Status], is_so: impl Fn(&Status) -> bool) -> usize {
    outcomes.iter().filter(|status| is_so(status)).count()
}

fn engine(ledger: &Path, listen: Option<&str>) -> Done<Engine> {
    let listen = listen.map(str::to_owned).into_iter().collect();
    Ok(Engine::open_with(EngineOptions { location: ledger.display().to_string(), listen: Some(listen), ..EngineOptions::default() })?)
}
