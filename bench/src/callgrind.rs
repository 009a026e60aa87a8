//! Counting instructions with valgrind's callgrind: only between two moments, so that building a state is not counted.

use crate::child::Second;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether valgrind is there.
pub fn is_there() -> bool {
    let version = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version("valgrind").is_ok_and(|status| status.success()) && version("callgrind_control").is_ok()
}

/// This program in a role, under callgrind, which counts nothing yet.
pub struct Counted {
    /// The process.
    pub process: Second,
    folder: tempfile::TempDir,
    counts: usize,
}

impl Counted {
    /// Starts it.
    ///
    /// # Errors
    /// In words: it does not start.
    pub fn start(role: &[&str]) -> Result<Counted, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new("valgrind");
        command
            .args(["--quiet", "--tool=callgrind", "--instr-atstart=no"])
            .arg(format!("--callgrind-out-file={}", folder.path().join("out").display()))
            .arg(program)
            .arg("child")
            .args(role);
        Ok(Counted { process: Second::from(command)?, folder, counts: 0 })
    }

    /// How many instructions the process runs while `work` has it do something.
    ///
    /// # Errors
    /// In words: valgrind cannot be told, or the work failed.
    pub fn count(&mut self, work: impl FnOnce(&mut Second) -> Result<(), String>) -> Result<f64, String> {
        self.tell("--instr=on")?;
        work(&mut self.process)?;
        self.tell("--instr=off")?;
        // Writes the figures to a file with the next number, and begins again at zero.
        self.tell("--dump")?;
        self.counts += 1;
        total(&self.folder.path().join(format!("out.{}", self.counts)))
    }

    fn tell(&self, word: &str) -> Result<(), String> {
        let output = Command::new("callgrind_control").arg(word).arg(self.process.id().to_string()).output();
        let output = output.map_err(|error| format!("callgrind_control does not start: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        if output.status.success() && said.contains("OK") { Ok(()) } else { Err(format!("callgrind_control says: {}", said.trim())) }
    }
}

/// The sum that callgrind writes at the end of a file.
fn total(file: &Path) -> Result<f64, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("callgrind left no figures: {error}"))?;
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| "callgrind left no sum".to_owned())
}
