//! A sensor is offline for a month, takes a reading each minute, counts them, keeps the extremes of the last days, and forgets older ones. When it is back, what
//! travels is what differs, about a kilobyte, not the 43,200 readings.
//!
//!     cargo run -p spook-examples --bin sensor

use spook::{CollapseOptions, Engine, EngineOptions, Operation, Pair, PairOptions, Value, json};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const MINUTE: u64 = 60_000;
const DAYS: u64 = 30;
const KEPT: u64 = 7;
const READINGS: u64 = DAYS * 24 * 60;

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Done {
    let folder = tempfile::tempdir()?;
    let ledger = folder.path().join("gateway.spook");
    // Both machines have the right time. It is not the one of this machine.
    let time = Arc::new(AtomicU64::new(1_767_225_600_000));
    let gateway = engine(&ledger, Some("tcp:127.0.0.1:0"), &time)?;
    let address = gateway.addresses().remove(0);
    let schema = r#"{"rules": {"/readings": "counter", "/repairs": "counter", "/days/*/high": "max", "/days/*/low": "min"}}"#;
    let initial = json::from_str(r#"{"name": "roof", "readings": 0, "repairs": 0, "old": {"a": 1, "b": 2}, "days": {}}"#)?;
    let office = gateway.create_pair("sensor", initial, PairOptions::with_schema(json::from_str(schema)?))?;
    let device = engine(&folder.path().join("device.spook"), None, &time)?;
    let roof = device.open_pair(&office.ticket(Default::default())?, LONG)?;
    settle(&office, &roof)?;

    println!("The sensor loses its link for {DAYS} days.");
    gateway.close()?;
    let before = device.traffic();
    for minute in 0..READINGS {
        time.fetch_add(MINUTE, Ordering::Relaxed);
        take_reading(&roof, minute)?;
    }
    roof.delete_state("/old/a")?;

    println!("Meanwhile the office, cut off just as well, writes too.");
    let gateway = engine(&ledger, None, &time)?;
    let office = gateway.open_pair("sensor", LONG)?;
    office.write_state("/name", "north roof")?;
    office.write_all(&[Operation::increment("/repairs", 2), Operation::delete("/old/b")])?;
    gateway.close()?;

    let gateway = engine(&ledger, Some(&address), &time)?;
    let office = gateway.open_pair("sensor", LONG)?;
    settle(&roof, &office)?;
    let after = device.traffic();
    let (sent, received) = (after.bytes_sent - before.bytes_sent, after.bytes_received - before.bytes_received);
    println!("The link is back: {READINGS} readings later {sent} bytes out and {received} in, the handshake included.");
    assert!(sent + received < 2_048, "that is more than what differs");

    let state = office.read_state("")?;
    println!("The office sees: {state}");
    assert_eq!(state, roof.read_state("")?);
    let digest = |pair: &Pair| Ok::<_, spook::Error>(pair.collapse(CollapseOptions::default())?.state.digest);
    assert_eq!(digest(&office)?, digest(&roof)?);
    assert_eq!(office.read_state("/readings")?, Value::from(READINGS));
    assert_eq!((office.read_state("/repairs")?, office.read_state("/name")?), (Value::from(2i64), Value::from("north roof")));
    assert!(office.read_state("/old").is_err(), "each side deleted a part of it");
    let Value::Object(days) = office.read_state("/days")? else { return Err("no days".into()) };
    assert_eq!(days.len() as u64, KEPT);
    assert_eq!(office.read_state(&format!("/days/{}/high", DAYS - 1))?, Value::from(temperature(READINGS - 1 - 11 * 60 - 59)));
    Ok(())
}

/// One reading is one write: nobody ever sees a part of it.
fn take_reading(roof: &Pair, minute: u64) -> Done {
    let (day, degrees) = (minute / (24 * 60), temperature(minute));
    let (high, low, old) = (format!("/days/{day}/high"), format!("/days/{day}/low"), format!("/days/{}", day.saturating_sub(KEPT)));
    let mut operations = vec![
        Operation::set("/now", degrees),
        Operation::increment("/readings", 1),
        Operation::set(&high, degrees),
        Operation::set(&low, degrees),
    ];
    if day >= KEPT && minute.is_multiple_of(24 * 60) {
        operations.push(Operation::delete(&old));
    }
    roof.write_all(&operations)?;
    Ok(())
}

/// Warmest at noon, and a little warmer each day; in tenths of a degree.
fn temperature(minute: u64) -> i64 {
    let (day, hour) = ((minute / (24 * 60)) as i64, (minute / 60 % 24) as i64);
    200 + day - 5 * (hour - 12).abs()
}

/// Until everything is committed at both.
fn settle(one: &Pair, other: &Pair) -> Done {
    for pair in [one, other, one] {
        assert!(pair.collapse(CollapseOptions::settled_within(LONG))?.settled, "they do not settle");
    }
    Ok(())
}

fn engine(ledger: &Path, listen: Option<&str>, time: &Arc<AtomicU64>) -> Done<Engine> {
    let listen = listen.map(str::to_owned).into_iter().collect();
    let (location, time) = (ledger.display().to_string(), Arc::clone(time));
    let clock: spook::WallClock = Arc::new(move || time.load(Ordering::Relaxed));
    Ok(Engine::open_with(EngineOptions { location, listen: Some(listen), clock: Some(clock), ..EngineOptions::default() })?)
}
