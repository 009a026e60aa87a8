//! `kill -9` of either side or both, at any moment: nothing that was promised is lost, and the two come together again.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use spook::{Value, json};
use spook_tests::child::Process;
use spook_tests::couple::{at, unix};
use spook_tests::limits::watchdog;
use spook_tests::random::Random;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Numbers of one round stay below this, as in the process.
const ROUND: i64 = 1_000_000;
const CELLS: i64 = 16;

/// How many kills, over all tests here.
fn kills() -> u64 {
    std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(200)
}

/// One of the two processes, and what it owes.
struct Side {
    name: &'static str,
    ledger: String,
    listen: String,
    role: Vec<String>,
    process: Option<Process>,
    round: i64,
    /// The last number whose write returned, and the last that the peer had acknowledged.
    wrote: i64,
    settled: i64,
    /// Not killed in this turn.
    survived: bool,
    /// All numbers whose writes returned, and how often it was killed.
    written: BTreeSet<i64>,
    killed: i64,
}

impl Side {
    fn new(name: &'static str, folder: &Path, listen: &str, role: &[&str]) -> Side {
        let role = role.iter().map(ToString::to_string).collect();
        Side {
            name,
            ledger: at(folder, name),
            listen: listen.to_owned(),
            role,
            process: None,
            round: 0,
            wrote: 0,
            settled: 0,
            survived: true,
            written: BTreeSet::new(),
            killed: 0,
        }
    }

    fn start(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spook-half"));
        command.args([&self.ledger, &self.listen]).args(&self.role);
        self.process = Some(Process::start(&mut command));
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    fn hear(&mut self, word: &str) -> String {
        let name = self.name;
        let heard = self.process().hear(word);
        heard.unwrap_or_else(|| {
            panic!("{name} ended by itself; it said {:?}", self.process().said().iter().rev().take(5).collect::<Vec<_>>())
        })
    }

    /// Waits until it is open; the next time it listens where it listens now.
    fn opened(&mut self) -> Value {
        self.listen = self.hear("listens");
        json::from_str(&self.hear("opened")).unwrap()
    }

    fn go(&mut self) {
        self.round += 1;
        let go = format!("go {}", self.round);
        self.process().tell(&go);
    }

    fn stop(&mut self) {
        self.process().tell("stop");
        self.hear("stopped");
        let said = self.process().said().to_vec();
        self.note(&said);
    }

    fn kill(&mut self) {
        self.survived = false;
        self.killed += 1;
        if let Some(process) = self.process.take() {
            let said = process.kill();
            self.note(&said);
        }
    }

    fn note(&mut self, said: &[String]) {
        let last = |word: &str| said.iter().rev().find_map(|line| line.strip_prefix(word)?.trim().parse::<i64>().ok());
        self.written.extend(said.iter().filter_map(|line| line.strip_prefix("wrote")?.trim().parse::<i64>().ok()));
        self.wrote = self.wrote.max(last("wrote").unwrap_or(0));
        self.settled = self.settled.max(last("settled").unwrap_or(0));
    }

    fn digest(&mut self) -> String {
        self.process().tell("settle");
        self.hear("digest")
    }
}

/// The last number of a side in a state: it and its cell were written as one, so that they are there as one. Rounds overlap where a number of
/// an earlier one was lost here and given back by the peer; then the later round wins in every cell that it wrote.
fn last(state: &Value, side: &str) -> i64 {
    let Value::Object(root) = state else { panic!("{state:?}") };
    let Some(Value::Object(cells)) = root.get(side) else { return 0 };
    let number = |key: &str| match cells.get(key) {
        Some(Value::Int(number)) => *number,
        other => panic!("{side}/{key} is {other:?}"),
    };
    let last = number("last");
    assert_eq!(number(&format!("c{}", last % CELLS)), last, "half a candidate: {}", json::to_string(state));
    last
}

/// Whoever was not killed has all it wrote, and both have what the other one acknowledged. Gives how many numbers of the round are left.
fn check_survivor(side: &mut Side, other: &str) -> i64 {
    side.process().tell("read");
    let state = json::from_str(&side.hear("state")).unwrap();
    let (own, _) = (last(&state, side.name), last(&state, other));
    let promised = if side.survived { side.wrote } else { side.settled };
    assert!(own >= promised, "{}: {own} of its own are there, {promised} were promised", side.name);
    side.survived = true;
    own % ROUND
}

fn quit(sides: [&mut Side; 2]) {
    for side in sides {
        side.process().tell("quit");
        side.hear("closed");
    }
}

/// Every write of the creator counted once: those that returned, and at most one for each kill that had not.
fn check_counts(a: &mut Side, durability: &str) {
    if !matches!(durability, "counted" | "guarded") {
        return;
    }
    a.process().tell("read");
    let state = json::from_str(&a.hear("state")).unwrap();
    let counted = state.get("n").and_then(|counts| counts.get("a")).and_then(Value::as_i64).unwrap();
    let written = a.written.len() as i64;
    assert!((written..=written + a.killed).contains(&counted), "counted {counted}, written {written}, killed {}", a.killed);
}

struct Tally {
    kills: u64,
    both: u64,
    at_start: u64,
    numbers: i64,
}

/// The states of both, once each has what the other one wrote: settled says that the peer has it, not that one has the peer's.
fn digests(a: &mut Side, b: &mut Side) -> (String, String) {
    a.digest();
    b.digest();
    (a.digest(), b.digest())
}

fn both(a: &mut Side, b: &mut Side) -> [String; 2] {
    [a, b].map(|side| {
        side.process().tell("read");
        side.hear("state")
    })
}

/// Lets two processes write, kills one or both at random, and checks all promises at each return.
fn kill_again_and_again(what: &'static str, listen: [String; 2], durability: &str, count: u64, folder: &Path) {
    let mut random = Random::announced(what);
    let mut a = Side::new("a", folder, &listen[0], &[&format!("create-{durability}")]);
    a.start();
    a.listen = a.hear("listens");
    let ticket = a.hear("ticket");
    a.hear("opened");
    let mut b = Side::new("b", folder, &listen[1], &["join", &ticket]);
    b.start();
    b.opened();
    let mut tally = Tally { kills: 0, both: 0, at_start: 0, numbers: 0 };
    let is_sync = durability != "batched";
    let (begin, mut slowest) = (Instant::now(), Duration::ZERO);
    while tally.kills < count {
        let _watchdog = watchdog("a kill and the return from it", 60);
        a.go();
        b.go();
        std::thread::sleep(Duration::from_micros(random.below(60_000)));
        let victims = random.below(4);
        if victims != 0 {
            a.kill();
        }
        if victims != 1 {
            b.kill();
        }
        tally.kills += if victims >= 2 { 2 } else { 1 };
        tally.both += u64::from(victims >= 2);
        let returned = Instant::now();
        // Killed again on the way up, now and then.
        for side in [&mut a, &mut b] {
            if side.process.is_none() && random.below(3) == 0 {
                side.start();
                std::thread::sleep(Duration::from_micros(random.below(25_000)));
                side.kill();
                tally.kills += 1;
                tally.at_start += 1;
            }
        }
        let b_first = random.below(2) == 0;
        for is_b in [b_first, !b_first] {
            let (side, other) = if is_b { (&mut b, &mut a) } else { (&mut a, &mut b) };
            if side.process.is_none() {
                side.start();
                let state = side.opened();
                // The peer may be up and have given back what was lost; when both were killed, the first one had only its ledger.
                let (own, its) = (last(&state, side.name), last(&state, other.name));
                // Only the creator chose when its writes are durable.
                let promised = if is_sync && side.name == "a" { side.wrote } else { side.settled };
                assert!(own >= promised, "{}: {own} of its own left, {promised} were promised", side.name);
                assert!(its >= other.settled, "{}: {its} of {} left, {} were acknowledged", side.name, other.name, other.settled);
            }
        }
        a.stop();
        b.stop();
        let digests = digests(&mut a, &mut b);
        assert_eq!(digests.0, digests.1, "not the same: {:?}", both(&mut a, &mut b));
        assert!(digests.0.starts_with("true"), "not settled: {digests:?}");
        slowest = slowest.max(returned.elapsed());
        tally.numbers += check_survivor(&mut a, "b") + check_survivor(&mut b, "a");
    }
    check_counts(&mut a, durability);
    quit([&mut a, &mut b]);
    let Tally { kills, both, at_start, numbers } = tally;
    println!(
        "{what}: {kills} kills ({both} of both at once, {at_start} while starting) in {:.1?}, slowest return {slowest:.1?}, {numbers} numbers survived",
        begin.elapsed()
    );
}

#[test]
fn a_sync_pair_over_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let listen = || "tcp:127.0.0.1:0".to_owned();
    kill_again_and_again("kill, sync, tcp", [listen(), listen()], "sync", kills() * 2 / 5, folder.path());
}

#[test]
fn a_batched_pair_over_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let listen = [unix(folder.path(), "sa"), unix(folder.path(), "sb")];
    kill_again_and_again("kill, batched, unix", listen, "batched", kills() * 2 / 5, folder.path());
}

/// What a counter was told is counted once, however often the halves give back to each other what they lost.
#[test]
fn a_counted_pair_over_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let listen = [unix(folder.path(), "sa"), unix(folder.path(), "sb")];
    kill_again_and_again("kill, counted, unix", listen, "counted", kills() / 5, folder.path());
}

/// The same of candidates that are kept whole and judged in order.
#[test]
fn a_guarded_pair_over_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let listen = [unix(folder.path(), "sa"), unix(folder.path(), "sb")];
    kill_again_and_again("kill, guarded, unix", listen, "guarded", kills() / 5, folder.path());
}

/// Killed during the first contact: whoever got a ticket can use it afterwards, and the two agree.
#[test]
fn first_contact() {
    let mut random = Random::announced("kill, first contact");
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while count < kills() / 5 {
        let _watchdog = watchdog("a first contact with kills", 60);
        let folder = tempfile::tempdir().unwrap();
        let mut a = Side::new("a", folder.path(), &unix(folder.path(), "sa"), &["create-batched"]);
        // Killed while the ledger is made, until it says a ticket.
        let ticket = loop {
            a.start();
            if random.below(2) == 0 {
                std::thread::sleep(Duration::from_micros(random.below(20_000)));
                a.kill();
                count += 1;
                continue;
            }
            break a.hear("ticket");
        };
        a.hear("opened");
        let listen = if random.below(2) == 0 { String::new() } else { unix(folder.path(), "sb") };
        let mut b = Side::new("b", folder.path(), &listen, &["join", &ticket]);
        b.start();
        std::thread::sleep(Duration::from_micros(random.below(40_000)));
        let victims = random.below(3);
        if victims != 0 {
            a.kill();
            count += 1;
        }
        if victims != 1 {
            b.kill();
            count += 1;
        }
        let returned = Instant::now();
        for side in [&mut a, &mut b] {
            if side.process.is_none() {
                side.start();
            }
        }
        b.opened();
        if victims != 0 {
            a.hear("opened");
        }
        a.go();
        b.go();
        a.stop();
        b.stop();
        let digests = digests(&mut a, &mut b);
        assert_eq!(digests.0, digests.1, "not the same: {:?}", both(&mut a, &mut b));
        assert!(digests.0.starts_with("true"), "not settled: {digests:?}");
        slowest = slowest.max(returned.elapsed());
    }
    println!("kill, first contact: {count} kills, slowest return {slowest:.1?}");
}
