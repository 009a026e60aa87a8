//! The steps that need nothing but Rust.

use super::libtest;
use super::step::{Context, Outcome, Step};
use crate::tidy::RULES;
use crate::tree::Tree;
use crate::{generate, process};

/// The steps, in the order in which they run: what is quick to fail comes first.
pub const STEPS: &[Step] = &[
    step("generated files", generated),
    step("tidy", tidy),
    step("format", format),
    step("clippy", clippy),
    step("rust tests", tests),
    Step { name: "canaries", lang: "rust", fast: false, run: canaries },
];

const fn step(name: &'static str, run: fn(&Context) -> Outcome) -> Step {
    Step { name, lang: "rust", fast: true, run }
}

fn generated(context: &Context) -> Outcome {
    match generate::stale(&context.root) {
        Err(problem) => Outcome::fail("generated files", problem),
        Ok(stale) if stale.is_empty() => Outcome::pass(),
        Ok(stale) => {
            let mut outcome = Outcome::default();
            for (path, _) in stale {
                outcome.add(Outcome::fail(path, generate::STALE));
            }
            outcome
        }
    }
}

/// One test for each rule.
fn tidy(context: &Context) -> Outcome {
    let tree = match Tree::read(&context.root) {
        Ok(tree) => tree,
        Err(problem) => return Outcome::fail("tidy", problem),
    };
    let mut outcome = Outcome::default();
    for rule in RULES {
        let (warnings, failures): (Vec<_>, Vec<_>) = rule.findings(&tree).into_iter().partition(|finding| finding.is_warning);
        for warning in warnings {
            println!("        {warning}");
        }
        if failures.is_empty() {
            outcome.passed += 1;
        } else {
            let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
            outcome.add(Outcome::fail(format!("tidy: {}", rule.name), lines.join("\n")));
        }
    }
    outcome
}

fn format(context: &Context) -> Outcome {
    if process::find("rustfmt").is_none() {
        return Outcome::skip("format", "rustfmt is missing: rustup component add rustfmt");
    }
    let ran = context.run("format", &mut context.cargo(["fmt", "--all", "--check", "--", "--color=never"]));
    Outcome::of("format", &ran)
}

fn clippy(context: &Context) -> Outcome {
    if process::find("cargo-clippy").is_none() {
        return Outcome::skip("clippy", "clippy is missing: rustup component add clippy");
    }
    let words = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let ran = context.run("clippy", &mut context.cargo(words));
    Outcome::of("clippy", &ran)
}

/// Rules are broken one by one, and the simulator has to find each. A feature of its own, so that no other test is built with it.
fn canaries(context: &Context) -> Outcome {
    let words = ["test", "--package", "spook-simulator", "--features", "canary", "--test", "canaries"];
    libtest::outcome(&context.run("canaries", &mut context.cargo(words)))
}

fn tests(context: &Context) -> Outcome {
    let mut command = context.cargo(["test", "--workspace", "--no-fail-fast"]);
    if context.fast {
        command.args(["--lib", "--bins", "--tests"]);
    }
    libtest::outcome(&context.run("rust tests", &mut command))
}
