//! `cargo xtask sim`: the simulator.

use crate::arguments::{Arguments, Done};
use crate::process;
use std::path::Path;

/// The help of the command.
pub const HELP: &str = "\
Runs the real protocol and the real ledger in worlds drawn from seeds, with faults of network, disks, clocks and processes, and compares them
with a plain model (tests/simulator). A run that fails is made short and written to a scenario file that plays it again.

Options:
  --seed N        the first seed (0)
  --runs N        so many seeds, one after the other (1)
  --minutes N     as many seeds as there is time for
  --replay FILE   play a scenario file
  --restores      old copies take the place of ledgers, too
  --trace         print what happens, one line for each thing
  --canary NAME   break the engine in this one way, and see how soon that is found; `all` for each of them, `list` for their names
";

const NUMBERS: [&str; 3] = ["--seed", "--runs", "--minutes"];

/// Runs the command.
pub fn command(root: &Path, mut arguments: Arguments) -> Done {
    let mut words: Vec<String> = Vec::new();
    for name in NUMBERS.into_iter().chain(["--replay"]) {
        if let Some(value) = arguments.value(name)? {
            words.extend([name.to_owned(), value]);
        }
    }
    let canary = arguments.value("--canary")?;
    words.extend(["--trace", "--restores"].into_iter().filter(|name| arguments.flag(name)).map(str::to_owned));
    arguments.finish(&["--seed", "--runs", "--minutes", "--replay", "--trace", "--restores", "--canary"])?;
    let mut own = process::cargo();
    own.args(["run", "--quiet", "--package", "spook-simulator", "--bin", "spook-sim"]);
    if let Some(name) = canary {
        own.args(["--features", "canary"]);
        words.extend(["--canary".to_owned(), name]);
    }
    // Paths of scenario files are those of the caller.
    own.arg("--manifest-path").arg(root.join("Cargo.toml")).arg("--").args(words);
    let status = own.status().map_err(|error| format!("cargo does not run: {error}"))?;
    Ok(status.success())
}
