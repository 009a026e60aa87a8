//! The examples check themselves: each is a test, in each language that it is written in.

use super::step::{Context, Outcome, Step};
use crate::demo::build;
use std::process::Command;

/// The steps.
pub const STEPS: &[Step] = &[
    Step { name: "examples in Rust", lang: "rust", fast: false, run: rust },
    Step { name: "examples in Python", lang: "python", fast: false, run: python },
];

/// `examples/NAME/NAME.rs` and `examples/NAME/NAME.py`.
const EXAMPLES: [&str; 4] = ["transfer", "order", "sensor", "strong"];

fn rust(context: &Context) -> Outcome {
    each(context, "Rust", |name| context.cargo(["run", "--quiet", "--package", "spook-examples", "--bin", name]))
}

fn python(context: &Context) -> Outcome {
    match build::everything(&context.root, false) {
        Ok(built) => each(context, "Python", |name| built.python(&context.root.join(format!("examples/{name}/{name}.py")))),
        Err(reason) => Outcome::fail("examples in Python", reason),
    }
}

fn each(context: &Context, language: &str, program: impl Fn(&str) -> Command) -> Outcome {
    let mut outcome = Outcome::default();
    for example in EXAMPLES {
        let name = format!("example {example} in {language}");
        outcome.add(Outcome::of(&name, &context.run(&name, &mut program(example))));
    }
    outcome
}
