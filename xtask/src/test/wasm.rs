//! The protocol crate as WebAssembly: it builds, and it asks the outside for nothing.
//!
//! A crate that must not read a clock is not believed, it is looked at. Compiled for a target that has no clock, an object file lists
//! every function of the standard library that its code calls, and a linked module lists everything that it wants from its host.

use super::step::{Context, Outcome, Step};
use super::wasm_imports::imports;
use crate::process;
use std::fs;
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// The parts of the standard library that reach outside. In symbols, each name stands behind its length.
const OUTSIDE: &[(&str, &str)] = &[
    ("3std4time", "a clock"),
    ("3std6thread", "threads"),
    ("3std2fs", "files"),
    ("3std3net", "sockets"),
    ("3std3env", "the environment"),
    ("3std7process", "processes"),
    ("6random", "randomness"),
    ("RandomState", "randomness"),
    ("getrandom", "randomness"),
];

/// One object and one module with all the code in it: nothing calls it, so the compiler and the linker would leave it out.
const WHOLE: [&str; 6] = ["-C", "codegen-units=1", "-C", "link-dead-code", "-C", "link-arg=--no-gc-sections"];

/// The step.
pub const STEPS: &[Step] = &[Step { name: "wasm", lang: "rust", fast: false, run: wasm }];

fn wasm(context: &Context) -> Outcome {
    if let Err(reason) = target_is_there(context) {
        return Outcome::skip("wasm", reason);
    }
    let object = context.target.join("test-logs").join("spook_protocol.o");
    let mut command = context.cargo(["rustc", "-p", "spook-protocol", "--lib", "--release"]);
    command
        .args(["--target", TARGET, "--crate-type", "cdylib", "--"])
        .arg(format!("--emit=obj={},link", object.display()))
        .args(WHOLE)
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    let ran = context.run("wasm", &mut command);
    let mut outcome = Outcome::of("wasm: the protocol builds", &ran);
    if ran.success {
        let module = context.target.join(TARGET).join("release/spook_protocol.wasm");
        outcome.add(verdict("wasm: the module imports nothing", read(&module), |_| Some("an import")));
        outcome.add(verdict("wasm: no call reaches outside", read(&object), outside));
    }
    outcome.add(canary(context));
    outcome
}

/// Code that must be caught: the compiler leaves so small a function out of an object unless it is told not to.
const CLOCK: &str = "pub fn clock() -> std::time::Instant { std::time::Instant::now() }";

/// A check that has never failed may be one that cannot.
fn canary(context: &Context) -> Outcome {
    let name = "wasm: a clock would be caught";
    let (source, object) = (context.log("canary").with_extension("rs"), context.log("canary").with_extension("o"));
    if let Err(error) = fs::write(&source, CLOCK) {
        return Outcome::fail(name, format!("{}: {error}", source.display()));
    }
    let mut command = Command::new("rustc");
    command
        .args(["--edition", "2024", "--target", TARGET, "--crate-type", "cdylib", "-O"])
        .args(WHOLE)
        .arg(format!("--emit=obj={}", object.display()))
        .arg(&source)
        .current_dir(&context.root);
    let ran = context.run("wasm canary", &mut command);
    if !ran.success {
        return Outcome::of(name, &ran);
    }
    match verdict(name, read(&object), outside).failed.as_slice() {
        [(_, reason)] if reason.contains("a clock: ") => Outcome::pass(),
        other => Outcome::fail(name, format!("the clock in {} was not found: {other:?}", source.display())),
    }
}

fn target_is_there(context: &Context) -> Result<(), String> {
    if process::find("rustup").is_none() {
        return Err(format!("rustup is missing, which installs the target {TARGET}"));
    }
    let words = ["target", "add", TARGET];
    let ran = context.run("wasm target", Command::new("rustup").args(words).current_dir(&context.root));
    if ran.success {
        return Ok(());
    }
    Err(format!("`rustup target add {TARGET}` fails: {}", ran.stderr.trim()))
}

fn read(path: &std::path::Path) -> Result<Vec<String>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    imports(&bytes).ok_or(format!("{} is no WebAssembly", path.display()))
}

fn verdict(name: &str, found: Result<Vec<String>, String>, judge: fn(&str) -> Option<&str>) -> Outcome {
    let names = match found {
        Ok(names) => names,
        Err(problem) => return Outcome::fail(name, problem),
    };
    let bad: Vec<String> = names.iter().filter_map(|import| Some(format!("{}: {import}", judge(import)?))).collect();
    if bad.is_empty() {
        return Outcome::pass();
    }
    let advice = "take what it gives as an argument instead";
    Outcome::fail(name, format!("{}\n{advice}", bad.join("\n")))
}

/// What a function of this name reaches, if it is one that does.
fn outside(symbol: &str) -> Option<&'static str> {
    OUTSIDE.iter().find(|(part, _)| symbol.contains(part)).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_symbols_are_understood() {
        for symbol in [
            "_RNvMNtCsebHcaeoSrxy_3std4timeNtB2_7Instant3now",
            "_ZN3std4time7Instant3now17h31e5dd03b6d45c71E",
            "_RNvNtNtNtCsebHcaeoSrxy_3std3sys6random11unsupported19hashmap_random_keys",
            "_RNvMs_NtNtCsebHcaeoSrxy_3std6thread6threadNtB4_6Thread3new",
        ] {
            assert!(outside(symbol).is_some(), "{symbol}");
        }
        for symbol in ["_ZN4snow7builder7Builder3new17h", "_RNvNtCsgX_4core4time8Duration", "__stack_pointer"] {
            assert_eq!(outside(symbol), None);
        }
    }

    #[test]
    fn what_reaches_outside_fails_with_its_name() {
        let clock = Ok(vec!["_ZN3std4time7Instant3now17hE".to_owned()]);
        let outcome = verdict("t", clock, outside);
        assert!(outcome.failed[0].1.contains("a clock: _ZN3std4time"), "{outcome:?}");
        assert_eq!(verdict("t", Ok(vec!["memcpy".to_owned()]), outside), Outcome::pass());
        assert_eq!(verdict("t", Err("gone".to_owned()), outside).failed.len(), 1);
    }
}
