//! `cargo xtask test`: the one command that runs every test.
//!
//! Each step is a [`Step`] in one of the modules here; [`all`] lists them in the order in which they run. A step that lacks a tool is
//! skipped with the reason, never passed.

mod c;
mod examples;
mod libtest;
mod python;
mod readme;
mod rust;
mod step;
mod wasm;
mod wasm_imports;

pub use step::{Context, Outcome, Step};

use crate::arguments::{Arguments, Done};
use crate::folders;
use std::path::Path;
use std::time::Instant;

/// The help of the command.
pub const HELP: &str = "\
Runs every test: generated files, tidy, format, clippy, the tests of Rust, WebAssembly, and of each language's package.
The last line is `N passed, N failed, N skipped`. Logs are in test-logs/ in cargo's target folder.

Options:
  --lang NAME   only the steps of one language: rust, c, python, node, java, swift, dotnet, go, web
  --step NAME   only the step of that name
  --fast        only what belongs before a commit (under two minutes once built)
  --list        list the steps and run none
";

const LANGUAGES: [&str; 9] = ["rust", "c", "python", "node", "java", "swift", "dotnet", "go", "web"];

/// Every step, in order.
fn all() -> impl Iterator<Item = &'static Step> {
    [rust::STEPS, wasm::STEPS, c::STEPS, python::STEPS, readme::STEPS, examples::STEPS].into_iter().flatten()
}

/// Runs the command.
pub fn command(root: &Path, mut arguments: Arguments) -> Done {
    let lang = arguments.value("--lang")?;
    let name = arguments.value("--step")?;
    let fast = arguments.flag("--fast");
    let list = arguments.flag("--list");
    arguments.finish(&["--lang", "--step", "--fast", "--list"])?;
    if let Some(lang) = lang.as_deref().filter(|lang| !LANGUAGES.contains(lang)) {
        return Err(format!("--lang takes one of {}, not `{lang}`", LANGUAGES.join(", ")));
    }
    let chosen: Vec<&Step> = all()
        .filter(|step| lang.as_deref().is_none_or(|lang| lang == step.lang))
        .filter(|step| name.as_deref().is_none_or(|name| name == step.name))
        .filter(|step| step.fast || !fast)
        .collect();
    if list {
        for step in chosen {
            println!("{:<24} {:<8} {}", step.name, step.lang, if step.fast { "fast" } else { "" });
        }
        return Ok(true);
    }
    if let (Some(name), true) = (&name, chosen.is_empty()) {
        return Err(format!("there is no step `{name}`; --list lists them"));
    }
    let context = Context { root: root.to_path_buf(), target: folders::target(root), fast };
    let mut total = run(&context, &chosen);
    if let (Some(lang), true) = (lang, chosen.is_empty()) {
        total.add(Outcome::skip(lang, "it has no package here yet, so there is nothing to test"));
    }
    Ok(report(&total))
}

fn run(context: &Context, steps: &[&Step]) -> Outcome {
    let mut total = Outcome::default();
    for (index, step) in steps.iter().enumerate() {
        println!("[{}/{}] {} ...", index + 1, steps.len(), step.name);
        let begin = Instant::now();
        let outcome = (step.run)(context);
        println!("[{}/{}] {}: {} in {:.1} s", index + 1, steps.len(), step.name, counts(&outcome), begin.elapsed().as_secs_f64());
        for (name, reason) in &outcome.failed {
            println!("\n--- FAILED: {name}\n{reason}\n--- log: {}\n", context.log(step.name).display());
        }
        total.add(outcome);
    }
    total
}

/// Prints what did not pass, and the counts as the last line. True if nothing failed and something ran.
fn report(total: &Outcome) -> bool {
    println!();
    for (name, reason) in &total.skipped {
        println!("skipped: {name}: {reason}");
    }
    for (name, _) in &total.failed {
        println!("FAILED: {name}");
    }
    println!("{}", counts(total));
    total.failed.is_empty()
}

fn counts(outcome: &Outcome) -> String {
    format!("{} passed, {} failed, {} skipped", outcome.passed, outcome.failed.len(), outcome.skipped.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    fn context() -> Context {
        Context { root: PathBuf::from("."), target: std::env::temp_dir(), fast: true }
    }

    #[test]
    fn steps_have_names_of_their_own_and_known_languages() {
        let names: BTreeSet<&str> = all().map(|step| step.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(all().all(|step| LANGUAGES.contains(&step.lang)));
    }

    #[test]
    fn outcomes_are_added_and_a_failure_fails_the_run() {
        const fn step(name: &'static str, run: fn(&Context) -> Outcome) -> Step {
            let lang = "rust";
            Step { name, lang, fast: true, run }
        }
        let good = step("good", |_| Outcome::pass());
        let away = step("away", |_| Outcome::skip("swift", "no compiler"));
        let bad = step("bad", |_| Outcome::fail("x", "because"));
        let total = run(&context(), &[&good, &away]);
        assert_eq!(counts(&total), "1 passed, 0 failed, 1 skipped");
        assert!(report(&total));
        let total = run(&context(), &[&good, &bad]);
        assert_eq!(counts(&total), "1 passed, 1 failed, 0 skipped");
        assert!(!report(&total));
    }

    #[test]
    fn a_program_that_fails_gives_its_output_as_the_reason() {
        let mut program = context().cargo(["--no-such-option"]);
        let ran = context().run("unit test of the test command", &mut program);
        let outcome = Outcome::of("x", &ran);
        assert!(outcome.failed[0].1.contains("no-such-option"), "{outcome:?}");
    }

    #[test]
    fn unknown_languages_and_steps_are_refused() {
        let command = |words: &[&str]| command(Path::new("."), Arguments::for_test(words));
        assert!(command(&["--lang", "klingon"]).unwrap_err().contains("python"));
        assert!(command(&["--step", "nothing"]).unwrap_err().contains("--list"));
        assert!(command(&["--lang"]).is_err());
        assert_eq!(command(&["--list"]), Ok(true));
    }
}
