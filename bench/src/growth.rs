//! P7: what a million overwrites of one key leave in memory and in the ledger. Measured by the program `overwrites`, under an allocator that
//! counts, and so apart from all timings.

use crate::figures::{bytes, count};
use crate::options::{Options, Row};
use crate::peers::{Peers, shown};
use crate::table::Line;
use serde_json::Value;
use std::process::{Command, Stdio};

const LIMIT: f64 = 64.0 * 1024.0;

/// Row P7.
///
/// # Errors
/// In words.
pub fn rows(_: &Options, peers: &Peers) -> Result<Vec<Line>, String> {
    eprintln!("bench: P7");
    let ours = run()?;
    let figures = peers.figures("P7")?;
    let overwrites = ours.get("overwrites").and_then(Value::as_f64).unwrap_or(f64::NAN);
    let figure = |name: &str| ours.get(name).and_then(Value::as_f64).ok_or_else(|| format!("no `{name}` was measured"));
    let title = format!("{} overwrites of one key", count(overwrites));
    let line = |what: &str, name: &str, unit: &str| -> Result<Line, String> {
        let ours = figure(name)?;
        let (mut beside, least) = shown(&figures, &format!("{overwrites} overwrites"), unit, bytes);
        if unit == "bytes saved" {
            let (trimmed, _) = shown(&figures, &format!("{overwrites} overwrites"), "bytes saved without history", bytes);
            beside = if trimmed.is_empty() { beside } else { format!("{beside}, without history {trimmed}") };
        }
        Ok(Line {
            target: "<= 65,536 B".into(),
            ours: bytes(ours),
            beside,
            ratio: (least > 0.0).then_some(ours / least),
            reached: Some(ours <= LIMIT),
            samples: "once".into(),
            ..Line::new(Row::P7, format!("{title}: {what}"))
        })
    };
    let mut ledger = line("ledger larger than after one", "ledger", "bytes saved")?;
    ledger.ours += &format!(" of {}", bytes(figure("ledger in all")?));
    Ok(vec![
        line("memory more than after one", "memory, without a file", "bytes of memory")?,
        line("memory more than after one, with a ledger in a file", "memory, with a file", "bytes of memory")?,
        ledger,
    ])
}

fn run() -> Result<Value, String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = cargo
        .args(["run", "--quiet", "--release", "--package", "spook-bench", "--bin", "overwrites"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("`overwrites` ended with {}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("`overwrites` printed no figures: {error}"))
}
