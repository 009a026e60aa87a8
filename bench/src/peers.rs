//! The programs of `bench/peers`: Automerge, Yrs and Loro doing the same work.

use crate::options::Options;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The peers whose batches can be interleaved with libspook's, as `bench/peers` calls them.
pub const TIMED: [&str; 3] = ["yrs", "loro", "automerge"];

/// One figure of a peer.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// Who did it.
    pub peer: String,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// The peers, if they were asked for.
pub struct Peers {
    wanted: bool,
}

impl Peers {
    /// Builds the programs, unless the peers are not wanted.
    ///
    /// # Errors
    /// In words: they cannot be built.
    pub fn start(options: &Options) -> Result<Peers, String> {
        let rows = ["P1", "P2", "P3", "P6", "P7"];
        let wanted = options.peers && options.rows.iter().any(|row| rows.contains(&row.name().as_str()));
        if wanted {
            eprintln!("bench: building the peers; the first time takes minutes (--no-peers leaves them out)");
            let status = cargo("build").status().map_err(|error| format!("cargo does not start: {error}"))?;
            if !status.success() {
                return Err("the peers do not build; --no-peers leaves them out".into());
            }
        }
        Ok(Peers { wanted })
    }

    /// The figures of one row; none if the peers are not wanted.
    ///
    /// # Errors
    /// In words: the program failed.
    pub fn figures(&self, row: &str) -> Result<Vec<Figure>, String> {
        if !self.wanted {
            return Ok(Vec::new());
        }
        eprintln!("bench: {row} of the peers");
        let mut command = if row == "P7" { run("growth") } else { run("spook-bench-peers") };
        if row != "P7" {
            command.arg(row);
        }
        let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("cargo does not start: {error}"))?;
        if !output.status.success() {
            return Err(format!("the peers' part of {row} ended with {}", output.status));
        }
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        lines.lines().map(figure).collect()
    }

    /// A program that runs batches when asked to; `None` if the peers are not wanted.
    ///
    /// # Errors
    /// In words: it does not start.
    pub fn serve(&self) -> Result<Option<Server>, String> {
        if !self.wanted {
            return Ok(None);
        }
        let mut command = run("spook-bench-peers");
        let mut child = command
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cargo does not start: {error}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the peers' program has no input or output".into());
        };
        Ok(Some(Server { child, input: Some(input), output: BufReader::new(output) }))
    }
}

/// A running program of the peers.
pub struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Has one batch of a row run by one peer; gives its figure.
    ///
    /// # Errors
    /// In words: the program has ended.
    pub fn batch(&mut self, row: &str, peer: &str) -> Result<f64, String> {
        let gone = |error: std::io::Error| format!("the peers' program has ended: {error}");
        if let Some(input) = &mut self.input {
            writeln!(input, "{row} {peer}").map_err(gone)?;
        }
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(gone)?;
        Ok(figure(&line)?.value)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is what it stops at.
        self.input = None;
        let _ = self.child.wait();
    }
}

fn figure(line: &str) -> Result<Figure, String> {
    let value: Value = serde_json::from_str(line).map_err(|_| format!("the peers printed `{}`", line.trim()))?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = value.get("value").and_then(Value::as_f64).ok_or_else(|| format!("no value in `{}`", line.trim()))?;
    Ok(Figure { what: text("what"), peer: text("peer"), value: number, unit: text("unit") })
}

/// The peers' figures of one unit, `yrs 40 B, loro 96 B`, and the smallest of them.
pub fn shown(figures: &[Figure], what: &str, unit: &str, write: impl Fn(f64) -> String) -> (String, f64) {
    let mine = || figures.iter().filter(|figure| figure.what == what && figure.unit == unit);
    let texts: Vec<String> = mine().map(|figure| format!("{} {}", figure.peer, write(figure.value))).collect();
    (texts.join(", "), mine().map(|figure| figure.value).fold(f64::NAN, f64::min))
}

fn cargo(command: &str) -> Command {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(command).args(["--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest);
    cargo
}

fn run(program: &str) -> Command {
    let mut cargo = cargo("run");
    cargo.args(["--bin", program, "--"]);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_peers_is_read() {
        let figure = figure(r#"{"peer":"yrs","row":"P3","unit":"bytes","value":40.0,"what":"update"}"#).unwrap();
        assert_eq!((figure.peer.as_str(), figure.value), ("yrs", 40.0));
        let other = Figure { peer: "loro".into(), value: 96.0, ..figure.clone() };
        let (text, least) = shown(&[figure, other], "update", "bytes", |value| format!("{value}"));
        assert_eq!((text.as_str(), least), ("yrs 40, loro 96", 40.0));
        assert!(super::figure("panicked at").is_err());
    }
}
