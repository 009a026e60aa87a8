//! What a step of the test command is, and what it gives.

use crate::process::{self, Ran};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A step that hangs is stopped after this.
const LIMIT: Duration = Duration::from_secs(40 * 60);
/// While a program runs, a line tells that it does, this often.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// One step. To add one, put it into the `STEPS` of a module of `test` and list that module in `test::all`.
pub struct Step {
    /// A short name, unique; also the name of its log.
    pub name: &'static str,
    /// The language whose package it tests, as `--lang` names it.
    pub lang: &'static str,
    /// Whether `--fast` runs it, too.
    pub fast: bool,
    /// Does it.
    pub run: fn(&Context) -> Outcome,
}

/// Where and how the steps run.
pub struct Context {
    /// The root of the repository.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    /// Whether the run is to be short.
    pub fast: bool,
}

impl Context {
    /// A cargo command in the root, as `cargo WORDS`.
    pub fn cargo<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = process::cargo();
        command.args(words).current_dir(&self.root);
        command
    }

    /// Runs a program; its output goes to `test-logs/NAME.log` in the target folder.
    pub fn run(&self, name: &str, command: &mut Command) -> Ran {
        if self.fast {
            command.env("SPOOK_TEST_FAST", "1");
        }
        let mut told = Duration::ZERO;
        process::run(command, &self.log(name), LIMIT, |elapsed, newest| {
            if elapsed >= told + HEARTBEAT {
                told = elapsed;
                let start: String = newest.chars().take(100).collect();
                println!("        {name}: {} s, now: {start}", elapsed.as_secs());
            }
        })
    }

    /// The log of that name.
    pub fn log(&self, name: &str) -> PathBuf {
        let file = name.replace([' ', '/'], "-");
        self.target.join("test-logs").join(file + ".log")
    }
}

/// What a step gives: counts, and a reason for each thing that did not pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many tests passed.
    pub passed: usize,
    /// The tests that failed: name and reason. The reason may be long.
    pub failed: Vec<(String, String)>,
    /// The tests that did not run: name and reason.
    pub skipped: Vec<(String, String)>,
}

impl Outcome {
    /// One test that passed.
    pub fn pass() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One test that failed.
    pub fn fail(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { failed: vec![(name.into(), reason.into())], ..Self::default() }
    }

    /// One test that could not run.
    pub fn skip(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { skipped: vec![(name.into(), reason.into())], ..Self::default() }
    }

    /// A program that is one test: it passes by exit code 0. On failure the end of its output is the reason.
    pub fn of(name: &str, ran: &Ran) -> Self {
        if ran.success {
            return Self::pass();
        }
        Self::fail(name, format!("{}\n{}", ran.problem, end_of_output(ran)))
    }

    /// Adds what another part gave.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
    }
}

/// The last lines that a program wrote, where the reason of a failure mostly stands.
pub fn end_of_output(ran: &Ran) -> String {
    let lines: Vec<&str> = ran.stdout.lines().chain(ran.stderr.lines()).collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
