//! Reading what `cargo test` prints.

use super::step::{Outcome, end_of_output};
use crate::process::Ran;

/// Counts the tests of a run of `cargo test`, over all its test programs.
pub fn outcome(ran: &Ran) -> Outcome {
    let mut outcome = Outcome::default();
    for line in ran.stdout.lines() {
        if let Some(counts) = line.strip_prefix("test result: ") {
            outcome.passed += count(counts, "passed");
        } else if let Some((name, verdict)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            if verdict.starts_with("FAILED") {
                outcome.failed.push((name.to_owned(), panic_of(name, &ran.stdout)));
            } else if let Some(reason) = verdict.strip_prefix("ignored") {
                let reason = reason.trim_start_matches(", ");
                let reason = if reason.is_empty() { "marked #[ignore]" } else { reason };
                outcome.skipped.push((name.to_owned(), reason.to_owned()));
            }
        }
    }
    if !ran.success && outcome.failed.is_empty() {
        // It did not compile, or a test program ended before it could name the test.
        let reason = format!("{}\n{}", ran.problem, end_of_output(ran));
        outcome.failed.push(("cargo test".to_owned(), reason));
    }
    outcome
}

/// The number before a word, as in "3 passed; 0 failed".
fn count(counts: &str, word: &str) -> usize {
    let part = counts.split([';', '.']).find(|part| part.trim_end().ends_with(word));
    let number = part.and_then(|part| part.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// What a failed test printed: the section that begins with its name.
fn panic_of(name: &str, output: &str) -> String {
    let head = format!("---- {name} stdout ----");
    let section = output.split_once(&head).map_or("", |(_, rest)| rest);
    let lines = section.lines().skip(1).take_while(|line| !line.starts_with("---- ") && *line != "failures:");
    lines.take(40).collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 3 tests
test a::works ... ok
test b::waits ... ignored, needs a terminal
test c::breaks ... FAILED

failures:

---- c::breaks stdout ----

thread 'c::breaks' panicked at src/c.rs:1:
left is not right

failures:
    c::breaks

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 2 tests
test d ... ok
test e - f (line 3) ... ignored
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    fn ran(success: bool, stdout: &str) -> Ran {
        Ran { success, problem: "ended with 101".into(), stdout: stdout.into(), stderr: "error: it does not compile".into() }
    }

    #[test]
    fn all_programs_are_counted_with_names_and_reasons() {
        let outcome = outcome(&ran(false, OUTPUT));
        assert_eq!(outcome.passed, 13);
        assert_eq!(outcome.failed.len(), 1);
        assert!(outcome.failed[0].1.ends_with("left is not right"), "{:?}", outcome.failed);
        let skipped: Vec<&str> = outcome.skipped.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(skipped, ["needs a terminal", "marked #[ignore]"]);
    }

    #[test]
    fn a_run_that_ends_without_a_verdict_is_a_failure() {
        let outcome = outcome(&ran(false, "running 1 test\n"));
        assert!(outcome.failed[0].1.contains("does not compile"));
    }
}
