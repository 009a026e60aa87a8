//! The second process of a measurement: this program again, as `spook-bench child ROLE ...`.

use crate::{apply, bare, ping, plain};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Plays a role until its input ends.
///
/// # Panics
/// When anything goes wrong: the process that started it then misses an answer, and says so.
pub fn run(role: &[String]) {
    let words: Vec<&str> = role.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["answer"] => ping::answer(),
        ["bare", socket] => bare::answer(socket),
        ["apply", cells] => apply::serve(cells),
        ["plain", cells] => plain::serve(cells),
        _ => Err(format!("no role {words:?}")),
    };
    result.expect("the role is played to its end");
}

/// A second process that is told what to do a line at a time.
pub struct Second {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Second {
    /// Starts this program again in a role.
    ///
    /// # Errors
    /// In words: it does not start.
    pub fn start(role: &[&str]) -> Result<Second, String> {
        let program = std::env::current_exe().map_err(|error| format!("this program does not know where it is: {error}"))?;
        let mut command = Command::new(program);
        command.arg("child").args(role);
        Second::from(command)
    }

    /// Starts a command that runs this program in a role.
    ///
    /// # Errors
    /// In words: it does not start.
    pub fn from(mut command: Command) -> Result<Second, String> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| format!("the second process does not start: {error}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the second process has no input or output".into());
        };
        Ok(Second { child, input: Some(input), output: BufReader::new(output) })
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line.
    ///
    /// # Errors
    /// In words: it has ended.
    pub fn say(&mut self, line: &str) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("the second process was told to end")?;
        writeln!(input, "{line}").and_then(|()| input.flush()).map_err(|error| format!("the second process has ended: {error}"))
    }

    /// Waits for a line.
    ///
    /// # Errors
    /// In words: it has ended.
    pub fn hear(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(count) if count > 0 => Ok(line.trim().to_owned()),
            _ => Err("the second process has ended without an answer".into()),
        }
    }

    /// Sends a line and waits for the answer, a number.
    ///
    /// # Errors
    /// In words: it has ended, or says something else.
    pub fn ask(&mut self, line: &str) -> Result<f64, String> {
        self.say(line)?;
        let answer = self.hear()?;
        answer.parse().map_err(|_| format!("the second process says `{answer}`"))
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        // The end of its input is what it stops at.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// Answers one line, as the second process.
pub fn reply(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| format!("nobody hears: {error}"))
}

/// The lines that the first process sends.
pub fn orders() -> impl Iterator<Item = String> {
    std::io::stdin().lock().lines().map_while(Result::ok)
}
