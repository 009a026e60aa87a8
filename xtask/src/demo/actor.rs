//! A program of the demo: told what to do by lines, watched by the lines it prints.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// How long a line may be waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program. It is killed when it is dropped, whatever became of the demo.
pub struct Actor {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
}

/// What a program says of its half.
pub struct Report {
    /// Whether everything is committed.
    pub settled: bool,
    /// The digest of its state.
    pub digest: String,
    /// Bytes sent since the program started.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
    /// Messages both ways.
    pub messages: u64,
    /// Handshakes done.
    pub handshakes: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { settled, digest, sent, received, .. } = self;
        write!(out, "digest {digest}, {}, {sent} B sent, {received} B received", if *settled { "settled" } else { "not settled" })
    }
}

impl Actor {
    /// Starts a program.
    pub fn start(name: &'static str, mut command: Command) -> Result<Actor, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {:?} does not start: {error}", command.get_program()))?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Actor { name, child, lines })
    }

    /// Gives the program a line.
    pub fn tell(&mut self, line: &str) -> Result<(), String> {
        let stdin = self.child.stdin.as_mut().ok_or("no standard input")?;
        writeln!(stdin, "{line}").map_err(|error| format!("{}: {error}", self.name))
    }

    /// Waits for a line that begins so, and gives the rest of it.
    pub fn wait_for(&mut self, begin: &str) -> Result<String, String> {
        self.wait_until(&format!("begins with {begin:?}"), |line| line.strip_prefix(begin).map(|rest| rest.trim().to_owned()))
    }

    /// Waits for a line about a change that holds this text.
    pub fn wait_for_containing(&mut self, text: &str) -> Result<String, String> {
        let change = |line: &str| line.strip_prefix("change ").filter(|rest| rest.contains(text)).map(str::to_owned);
        self.wait_until(&format!("tells of a change of {text:?}"), change)
    }

    fn wait_until(&mut self, what: &str, found: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let begin = Instant::now();
        while let Some(left) = PATIENCE.checked_sub(begin.elapsed()) {
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(rest) = found(&line) {
                        return Ok(rest);
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => break,
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(format!("{}: ended before it printed a line that {what}", self.name));
                }
            }
        }
        Err(format!("{}: printed no line that {what} within {} s", self.name, PATIENCE.as_secs()))
    }

    /// Asks the program for its report.
    pub fn report(&mut self) -> Result<Report, String> {
        self.tell("report")?;
        let line = self.wait_for("report ")?;
        let fields: BTreeMap<&str, &str> = line.split(' ').filter_map(|field| field.split_once('=')).collect();
        let text = |name: &str| fields.get(name).copied().ok_or_else(|| format!("{}: a report without {name}: {line}", self.name));
        let number = |name: &str| text(name)?.parse::<u64>().map_err(|error| format!("{}: {name}: {error}", self.name));
        Ok(Report {
            settled: text("settled")? == "1",
            digest: text("digest")?.to_owned(),
            sent: number("sent")?,
            received: number("received")?,
            messages: number("messages")?,
            handshakes: number("handshakes")?,
        })
    }

    /// Sends the program a signal.
    pub fn signal(&self, name: &str) -> Result<(), String> {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        if status.is_ok_and(|status| status.success()) { Ok(()) } else { Err(format!("{}: could not send SIG{name}", self.name)) }
    }

    /// Ends the program with SIGKILL: it gets no chance to put anything in order.
    pub fn kill(mut self) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).map_err(|error| format!("{}: {error}", self.name))
    }

    /// Waits for the program to end by itself, with success.
    pub fn end(mut self) -> Result<(), String> {
        drop(self.child.stdin.take());
        let status = self.child.wait().map_err(|error| format!("{}: {error}", self.name))?;
        if status.success() { Ok(()) } else { Err(format!("{}: ended with {status}", self.name)) }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // It may have ended long ago; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
