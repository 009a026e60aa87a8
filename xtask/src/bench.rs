//! `cargo xtask bench`: the figures of libspook, and beside them those of its peers.

use crate::arguments::{Arguments, Done};
use crate::process;
use std::path::Path;

/// The help of the command.
pub const HELP: &str = "\
Measures libspook beside Automerge, Yrs and Loro, in release mode, and prints one table with what it ran on (docs/benchmarks.md).
It judges ratios and exact counts; a benchmark is not a test, and fails only if it cannot run.

Options:
  --row P1[,P2...]   only these rows
  --fast             fewer rounds, and no state of 10 M cells
  --no-peers         without the peers (bench/peers, a workspace apart: minutes to build the first time)
  --write FILE       put the table between the markers of that file, too, such as docs/benchmarks.md
";

/// Runs the command.
pub fn command(root: &Path, mut arguments: Arguments) -> Done {
    let mut own = process::cargo();
    own.args(["run", "--quiet", "--release", "--package", "spook-bench", "--"]).current_dir(root);
    for name in ["--row", "--write"] {
        if let Some(value) = arguments.value(name)? {
            own.args([name, &value]);
        }
    }
    own.args(["--fast", "--no-peers"].into_iter().filter(|name| arguments.flag(name)));
    arguments.finish(&["--row", "--fast", "--no-peers", "--write"])?;
    let status = own.status().map_err(|error| format!("cargo does not run: {error}"))?;
    Ok(status.success())
}
