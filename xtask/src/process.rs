//! Running other programs: found on the PATH, output kept in a log, stopped after a limit.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How often a running program is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long output may trail behind the end of the program that made it.
const TRAIL: Duration = Duration::from_secs(5);

/// What a finished program left.
pub struct Ran {
    /// Whether it ended with exit code 0, within the limit.
    pub success: bool,
    /// Why not, in words.
    pub problem: String,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// The full path of a program, if the PATH has it.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| [folder.join(program), folder.join(format!("{program}.exe"))])
        .find(|file| file.is_file())
}

/// The cargo that runs this program, or the one on the PATH.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a program to its end. Its output goes to the file `log` as it comes; `progress` gets the time since the start and the newest
/// line, a few times a second.
pub fn run(command: &mut Command, log: &Path, limit: Duration, mut progress: impl FnMut(Duration, &str)) -> Ran {
    let mut ran = Ran { success: false, problem: String::new(), stdout: String::new(), stderr: String::new() };
    let (mut file, mut child, lines) = match start(command, log) {
        Ok(started) => started,
        Err(problem) => {
            ran.problem = problem;
            return ran;
        }
    };
    let (begin, mut newest, mut ended) = (Instant::now(), String::new(), None::<(Instant, bool)>);
    loop {
        let line = lines.recv_timeout(TICK);
        progress(begin.elapsed(), &newest);
        match line {
            Ok((is_error, line)) => {
                // A log that cannot be written is no reason to stop: the same text is in memory.
                let _ = writeln!(file, "{line}");
                let text = if is_error { &mut ran.stderr } else { &mut ran.stdout };
                text.push_str(&line);
                text.push('\n');
                newest = line;
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(TICK.min(Duration::from_millis(5))),
        }
        let closed = matches!(line, Err(RecvTimeoutError::Disconnected));
        if ended.is_none() {
            ended = end_of(&mut child, &mut ran.problem).map(|success| (Instant::now(), success));
        }
        if let Some((when, success)) = ended
            && (closed || when.elapsed() > TRAIL)
        {
            ran.success = success;
            return ran;
        }
        if ended.is_none() && begin.elapsed() > limit {
            stop(&mut child);
            ran.problem = format!("stopped after {} s without an end", limit.as_secs());
            ended = Some((Instant::now(), false));
        }
    }
}

type Lines = Receiver<(bool, String)>;

fn start(command: &mut Command, log: &Path) -> Result<(File, Child, Lines), String> {
    let written = |error: std::io::Error| format!("{}: {error}", log.display());
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).map_err(written)?;
    }
    let mut file = File::create(log).map_err(written)?;
    writeln!(file, "$ {}", shown(command)).map_err(written)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{}` does not start: {error}", shown(command)))?;
    let (sender, lines) = mpsc::channel();
    if let Some(stream) = child.stdout.take() {
        listen(stream, false, sender.clone());
    }
    if let Some(stream) = child.stderr.take() {
        listen(stream, true, sender);
    }
    Ok((file, child, lines))
}

fn listen(stream: impl Read + Send + 'static, is_error: bool, sender: Sender<(bool, String)>) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send((is_error, text)).is_err() {
                return;
            }
            line.clear();
        }
    });
}

fn end_of(child: &mut Child, problem: &mut String) -> Option<bool> {
    match child.try_wait() {
        Ok(None) => None,
        Ok(Some(status)) => {
            if !status.success() {
                *problem = format!("ended with {status}");
            }
            Some(status.success())
        }
        Err(error) => {
            *problem = format!("cannot be waited for: {error}");
            Some(false)
        }
    }
}

/// Ends a program and all that it started: `cargo test` alone would leave the hanging test behind.
fn stop(child: &mut Child) {
    for pid in descendants(child.id()) {
        // Each may have ended by itself meanwhile.
        let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The processes below one, from Linux' /proc; elsewhere none are found.
fn descendants(root: u32) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, behind_name) = text.rsplit_once(')')?;
        behind_name.split_whitespace().nth(1)?.parse().ok()
    };
    let Ok(folder) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pairs: Vec<(u32, u32)> =
        folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut below = vec![root];
    let mut index = 0;
    while let Some(&pid) = below.get(index) {
        let children = pairs.iter().filter(|(_, parent)| *parent == pid);
        below.extend(children.map(|(child, _)| *child));
        index += 1;
    }
    below.split_off(1)
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> (Ran, String) {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let log = std::env::temp_dir().join(format!("xtask-process-{}-{number}", std::process::id()));
        let ran = run(Command::new("sh").args(["-c", script]), &log, limit, |_, _| {});
        let text = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        (ran, text)
    }

    #[test]
    fn output_and_exit_code_are_kept() {
        let (ran, log) = shell("echo out; echo err >&2; exit 3", Duration::from_secs(60));
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
        assert!(!ran.success && ran.problem.contains('3'), "{}", ran.problem);
        assert!(log.starts_with("$ sh -c") && log.contains("\nout\n") && log.contains("\nerr\n"));
        assert!(shell("true", Duration::from_secs(60)).0.success);
    }

    #[test]
    fn what_hangs_is_stopped_with_all_that_it_started() {
        let (ran, _) = shell("sleep 600 & echo $!; wait", Duration::from_millis(300));
        assert!(!ran.success && ran.problem.contains("stopped after"), "{}", ran.problem);
        let pid: u32 = ran.stdout.trim().parse().unwrap();
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }

    #[test]
    fn a_missing_program_is_a_problem_in_words() {
        let log = std::env::temp_dir().join(format!("xtask-process-{}-missing", std::process::id()));
        let ran = run(&mut Command::new("no-such-program"), &log, TICK, |_, _| {});
        assert!(!ran.success && ran.problem.contains("`no-such-program` does not start"));
        fs::remove_file(&log).unwrap();
        assert!(find("sh").is_some() && find("no-such-program").is_none());
    }
}
