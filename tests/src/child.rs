//! A process with an engine, told what to do line by line, to be killed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// A running process.
pub struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    /// Lines so far, and how many of them were looked at.
    seen: Vec<String>,
    heard: usize,
}

impl Process {
    /// Starts a command.
    pub fn start(command: &mut Command) -> Process {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).all(|line| send.send(line).is_ok()));
        let stdin = child.stdin.take().unwrap();
        Process { child, stdin, lines, seen: Vec::new(), heard: 0 }
    }

    /// Says a line to it. A process that is gone hears nothing.
    pub fn tell(&mut self, line: &str) {
        let _ = writeln!(self.stdin, "{line}");
    }

    /// Waits for the line that begins with `word`; gives what follows it. `None` if the process ended first.
    pub fn hear(&mut self, word: &str) -> Option<String> {
        loop {
            while let Some(line) = self.seen.get(self.heard) {
                self.heard += 1;
                if let Some(rest) = line.strip_prefix(word) {
                    return Some(rest.trim().to_owned());
                }
            }
            match self.lines.recv_timeout(Duration::from_secs(40)) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no {word:?} from the process; it said {:?}", self.seen.iter().rev().take(5).collect::<Vec<_>>())
                }
            }
        }
    }

    /// All lines so far.
    pub fn said(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Kills it as by `kill -9`, and gives all that it said before.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.rest()
    }

    /// Waits until it ends by itself.
    pub fn wait(mut self) -> (bool, Vec<String>) {
        let status = self.child.wait().unwrap();
        (status.success(), self.rest())
    }

    fn rest(&mut self) -> Vec<String> {
        let mut said = std::mem::take(&mut self.seen);
        said.extend(self.lines.iter());
        said
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
