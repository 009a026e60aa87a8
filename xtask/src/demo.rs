//! `cargo xtask demo`: two programs, two languages, one shared state, from nothing to equal digests after a kill.

mod actor;
pub mod build;

use crate::arguments::{Arguments, Done};
use actor::{Actor, Report};
use build::Built;
use std::path::Path;
use std::time::{Duration, Instant};

/// The help of the command.
pub const HELP: &str = "\
Runs the main job on real input, step by step, and checks each step:
a Python program shares this machine's live readings as a durable Pair; a C program, built against the installed header, opens it by ticket over
encrypted TCP, watches the readings and sets a target; the C program is killed with SIGKILL; both sides change things while they are apart; the C
program comes back from its ledger; both end with equal digests. Exits with an error if anything differs.

Options:
  --over WHAT  tcp (the default) or unix: what the two programs are linked over
  --release    build the library optimised
  --keep       leave the ledgers where they are, and say where
";

/// Runs the command.
pub fn command(root: &Path, mut arguments: Arguments) -> Done {
    let release = arguments.flag("--release");
    let keep = arguments.flag("--keep");
    let over = arguments.value("--over")?.unwrap_or_else(|| "tcp".to_owned());
    arguments.finish(&["--over", "--release", "--keep"])?;
    if cfg!(not(target_os = "linux")) {
        return Err("the demo reads /proc and stops programs by signals: it runs on Linux".to_owned());
    }
    let begin = Instant::now();
    let built = build::everything(root, release)?;
    say(&format!("built and installed in {:.0} s; now the two programs", begin.elapsed().as_secs_f64()));
    let folder = built.folder.join("ledgers");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (address, carrier) = match over.as_str() {
        "tcp" => ("tcp:127.0.0.1:0".to_owned(), "TCP"),
        "unix" => (format!("unix:{}", folder.join("home.socket").display()), "a unix socket"),
        other => return Err(format!("--over takes tcp or unix, not `{other}`")),
    };
    play(&built, &folder, &address, carrier)?;
    if keep {
        println!("the ledgers are in {}", folder.display());
    } else {
        let _ = std::fs::remove_dir_all(&folder);
    }
    println!("\ndemo passed in {:.0} s", begin.elapsed().as_secs_f64());
    Ok(true)
}

fn say(text: &str) {
    println!("\n== {text}");
}

fn play(built: &Built, folder: &Path, address: &str, carrier: &str) -> Result<(), String> {
    let (home, phone) = (folder.join("home.spook"), folder.join("phone.spook"));

    say(&format!("1. A Python program shares this machine's readings as a durable Pair, and listens on {carrier}"));
    let mut python = Actor::start("python", built.python_program(&home, address))?;
    let ticket = python.wait_for("ticket ")?;
    python.wait_for("ready")?;
    println!("   ticket: {}... ({} characters, works once, for a day)", &ticket[..24.min(ticket.len())], ticket.len());

    say(&format!("2. A C program opens the Pair by the ticket, over {carrier}, encrypted, and watches it"));
    let opened = Instant::now();
    let mut c = Actor::start("c", built.c_program(&phone, &ticket))?;
    c.wait_for("ready")?;
    println!("   the Pair is formed, the state is here, {} ms after the program was started", opened.elapsed().as_millis());
    watch(&mut c)?;

    say("3. The C program sets the target again and again; the Python program sees it, in that order");
    set_targets(&mut python, &mut c)?;

    say("4. The C program is killed with SIGKILL, in the middle of its work");
    let before = python.report()?;
    c.kill()?;
    println!("   killed; the Python program goes on writing readings, and sets the target itself");
    std::thread::sleep(Duration::from_millis(1200));
    python.tell("target 19.0")?;
    python.wait_for("wrote ")?;

    say("5. The Python program is stopped (SIGSTOP), as if the network were gone; the C program comes back from its ledger alone");
    python.tell("hold")?;
    python.wait_for("held")?;
    python.signal("STOP")?;
    let mut c = Actor::start("c", built.c_program(&phone, "machine"))?;
    c.wait_for("ready")?;
    c.tell("target 23.5")?;
    println!("   c: wrote {}", c.wait_for("wrote ")?);
    c.tell("note written while nobody was there")?;
    println!("   c: wrote {}", c.wait_for("wrote ")?);
    let alone = c.report()?;
    println!("   c: {alone}");
    if alone.settled {
        return Err("the C program says that its writes are settled although the other side is stopped".to_owned());
    }

    say("6. The Python program goes on (SIGCONT): both send what the other lacks");
    let met = Instant::now();
    python.signal("CONT")?;
    let (left, right) = agree(&mut python, &mut c, met)?;
    println!("   python: {left}");
    println!("   c:      {right}");
    println!("   equal digests {} ms after the network was back", met.elapsed().as_millis());
    println!(
        "   the C side's whole link: {} B sent, {} B received; {} handshake, whose one round trip brought C up to date; {} messages in all",
        right.sent, right.received, right.handshakes, right.messages
    );
    println!(
        "   the Python side sent {} B since the kill; its readings changed all the while, and old ones were never sent",
        left.sent - before.sent
    );
    python.tell("quit")?;
    c.tell("quit")?;
    python.end()?;
    c.end()
}

/// Asks both sides until they are settled and equal, for half a minute at the most.
fn agree(python: &mut Actor, c: &mut Actor, since: Instant) -> Result<(Report, Report), String> {
    loop {
        let (left, right) = (python.report()?, c.report()?);
        if left.settled && right.settled && left.digest == right.digest {
            return Ok((left, right));
        }
        if since.elapsed() > Duration::from_secs(30) {
            return Err(format!("the two sides did not come to agree:\n  python: {left}\n  c:      {right}"));
        }
    }
}

/// The readings come to the C program in order.
fn watch(c: &mut Actor) -> Result<(), String> {
    let mut last = 0;
    for _ in 0..5 {
        let change = c.wait_for("change ")?;
        println!("   c sees: change {change}");
        let seq = change.split(' ').next().and_then(|seq| seq.parse::<u64>().ok()).ok_or("a change without its number")?;
        if std::mem::replace(&mut last, seq) >= seq {
            return Err(format!("the C program saw change {seq} out of order"));
        }
    }
    Ok(())
}

/// What the C program writes comes to the Python program in order.
fn set_targets(python: &mut Actor, c: &mut Actor) -> Result<(), String> {
    let targets = ["21.5", "22.0", "22.5"];
    for target in targets {
        c.tell(&format!("target {target}"))?;
        println!("   c: wrote {}", c.wait_for("wrote ")?);
    }
    for target in targets {
        let change = python.wait_for_containing("/target")?;
        println!("   python sees: change {change}");
        if !change.ends_with(target) {
            return Err(format!("the Python program was to see {target} next, and saw {change}"));
        }
    }
    Ok(())
}
