//! `cargo xtask bench`: the figures of libspook, and beside them those of its peers.

use crate::arguments::{Arguments, Done};
use crate::process;
use std::path::Path;
use std::process::Command;

/// The help of the command.
pub const HELP: &str = "\
Runs the benchmarks in release mode: those of libspook, then the same work on the peers (bench/peers, a workspace apart, slow to build).
They print ratios and exact counts; a benchmark is not a test, and fails only if it cannot run.

Options:
  --no-peers   leave the peers out
  -- WORDS     handed on to each benchmark
";

/// Runs the command.
pub fn command(root: &Path, mut arguments: Arguments) -> Done {
    let words = arguments.behind_dashes();
    let no_peers = arguments.flag("--no-peers");
    arguments.finish(&["--no-peers"])?;
    let mut own = process::cargo();
    own.args(["run", "--release", "-p", "spook-bench", "--"]);
    let mut works = run(root, own.args(&words))?;
    let peers = root.join("bench/peers/Cargo.toml");
    if !no_peers && peers.exists() {
        let mut command = process::cargo();
        command.args(["run", "--release", "--manifest-path"]).arg(peers).arg("--");
        works &= run(root, command.args(&words))?;
    }
    Ok(works)
}

fn run(root: &Path, command: &mut Command) -> Result<bool, String> {
    let status = command.current_dir(root).status().map_err(|error| format!("cargo does not run: {error}"))?;
    Ok(status.success())
}
