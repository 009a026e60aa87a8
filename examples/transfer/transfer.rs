//! Money goes between accounts, at two tellers that are cut off from each other again and again, and whose clocks jump. Each transfer is one write on the
//! condition that the account has the money: no balance is ever negative, and no money is lost or made.
//!
//!     cargo run -p spook-examples --bin transfer

use spook::{
    Candidate, CollapseOptions, Engine, EngineOptions, Guard, Operation, Pair, PairOptions, Status, Value, Write, WriteOptions, json,
};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

const LONG: Duration = Duration::from_secs(60);
const ROUNDS: usize = 6;
const ACCOUNTS: [&str; 3] = ["anna", "ben", "cleo"];
const MONEY: i64 = 300;

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Done {
    let folder = tempfile::tempdir()?;
    let clocks = [Clock::default(), Clock::default()];
    let home = teller(&folder.path().join("home.spook"), Some("tcp:127.0.0.1:0"), &clocks[0])?;
    let address = home.addresses().remove(0);
    let schema = json::from_str(r#"{"guards": true, "rules": {"/accounts/*": "counter"}}"#)?;
    let initial = json::from_str(r#"{"accounts": {"anna": 100, "ben": 100, "cleo": 100}}"#)?;
    let here = home.create_pair("bank", initial, PairOptions::with_schema(schema))?;
    let branch = teller(&folder.path().join("branch.spook"), None, &clocks[1])?;
    let there = branch.open_pair(&here.ticket(Default::default())?, LONG)?;
    settle(&here, &there)?;
    home.close()?;

    let mut dice = Dice(7);
    let mut written = Vec::new();
    for round in 1..=ROUNDS {
        // The home is open where nobody reaches it: both write, and neither knows of the other.
        let home = teller(&folder.path().join("home.spook"), None, &clocks[0])?;
        let here = home.open_pair("bank", LONG)?;
        for _ in 0..8 {
            clocks[0].jump(dice.up_to(4_000));
            clocks[1].jump(dice.up_to(4_000));
            written.push(transfer(&here, &mut dice)?);
            written.push(transfer(&there, &mut dice)?);
            check(&here, &there, false)?;
        }
        home.close()?;

        let home = teller(&folder.path().join("home.spook"), Some(&address), &clocks[0])?;
        let here = home.open_pair("bank", LONG)?;
        settle(&here, &there)?;
        check(&here, &there, true)?;
        println!("round {round}: {} at both tellers", here.read_state("/accounts")?);
        home.close()?;
    }

    let home = teller(&folder.path().join("home.spook"), Some(&address), &clocks[0])?;
    let here = home.open_pair("bank", LONG)?;
    let mut refused = 0;
    for candidate in &written {
        let outcomes = (here.status(candidate)?, there.wait_committed(candidate, LONG)?);
        assert!(
            outcomes.0.is_final() && matches!(outcomes.0, Status::Committed) == matches!(outcomes.1, Status::Committed),
            "{outcomes:?}"
        );
        refused += usize::from(outcomes.0 != Status::Committed);
    }
    println!("{} transfers, of which {refused} were refused for want of money: at both tellers the same", written.len());
    assert!(0 < refused && refused < written.len());
    Ok(())
}

/// A transfer between two accounts: one write, on the condition that the money is there. Whether it is will be known when the tellers have met.
fn transfer(pair: &Pair, dice: &mut Dice) -> Done<Candidate> {
    let from = dice.up_to(ACCOUNTS.len() as i64) as usize;
    let (giver, taker) = (format!("/accounts/{}", ACCOUNTS[from]), format!("/accounts/{}", ACCOUNTS[(from + 1) % ACCOUNTS.len()]));
    let amount = 1 + dice.up_to(80);
    let write = Write {
        operations: &[Operation::increment(&giver, -amount), Operation::increment(&taker, amount)],
        guards: &[Guard::at_least(&giver, amount)],
    };
    Ok(pair.write(&write, WriteOptions::default())?)
}

/// What must hold at all times at each teller; and, when they have met, between the two.
fn check(here: &Pair, there: &Pair, have_met: bool) -> Done {
    for pair in [here, there] {
        let Value::Object(accounts) = pair.read_state("/accounts")? else { return Err("no accounts".into()) };
        let balances: Vec<i64> = accounts.values().filter_map(Value::as_i64).collect();
        assert!(balances.iter().all(|balance| *balance >= 0), "a negative balance: {balances:?}");
        assert_eq!((balances.len(), balances.iter().sum::<i64>()), (ACCOUNTS.len(), MONEY), "money was lost or made: {balances:?}");
    }
    if have_met {
        let digest = |pair: &Pair| Ok::<_, spook::Error>(pair.collapse(CollapseOptions::default())?.state.digest);
        assert_eq!(digest(here)?, digest(there)?);
    }
    Ok(())
}

/// Until everything is committed at both.
fn settle(here: &Pair, there: &Pair) -> Done {
    for pair in [here, there, here] {
        assert!(pair.collapse(CollapseOptions::settled_within(LONG))?.settled, "they do not settle");
    }
    Ok(())
}

fn teller(ledger: &Path, listen: Option<&str>, clock: &Clock) -> Done<Engine> {
    let listen = listen.map(str::to_owned).into_iter().collect();
    let location = ledger.display().to_string();
    Ok(Engine::open_with(EngineOptions { location, listen: Some(listen), clock: Some(clock.wall()), ..EngineOptions::default() })?)
}

/// A clock that can be set.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicI64>);

impl Clock {
    /// So many milliseconds ahead of the right time. Two that are more than ten seconds apart would have to wait for one another.
    fn jump(&self, ahead: i64) {
        self.0.store(ahead, Ordering::Relaxed);
    }

    fn wall(&self) -> spook::WallClock {
        let ahead = Arc::clone(&self.0);
        Arc::new(move || {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
            now as u64 + ahead.load(Ordering::Relaxed) as u64
        })
    }
}

/// Numbers without a pattern, the same ones in each run.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i64 % limit
    }
}
