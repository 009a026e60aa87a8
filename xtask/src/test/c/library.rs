//! The header and the installed library as such: they compile, export and are named as they should be.

use super::super::step::{Context, Outcome};
use super::{folder, installed, present};
use crate::process;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The header, included twice, in every version of the languages that people use.
pub fn header(context: &Context) -> Outcome {
    let source = folder(context).join("twice.c");
    let text = "#include <spook.h>\n#include <spook.h>\nint main(void) { return spook_null().kind == SPOOK_NULL ? 0 : 1; }\n";
    if let Err(error) = fs::create_dir_all(folder(context)).and_then(|()| fs::write(&source, text)) {
        return Outcome::fail("c header", format!("{}: {error}", source.display()));
    }
    let c = (["gcc", "clang"], ["c99", "c11", "c17", "c2x"], "c");
    let cpp = (["g++", "clang++"], ["c++11", "c++14", "c++17", "c++20"], "c++");
    let mut outcome = Outcome::default();
    for (compilers, standards, language) in [c, cpp] {
        for compiler in present(&compilers) {
            for standard in standards {
                let name = format!("c header {compiler} {standard}");
                let mut command = Command::new(compiler);
                command.args(["-x", language, "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]);
                command.arg(format!("-std={standard}")).arg("-I").arg(context.root.join("include")).arg(&source);
                outcome.add(Outcome::of(&name, &context.run(&name, &mut command)));
            }
        }
    }
    if outcome == Outcome::default() {
        return Outcome::skip("c header", "no C compiler is here");
    }
    outcome
}

/// Exports, the name inside, and that no function is left out of the tests of NULL.
pub fn library(context: &Context) -> Outcome {
    let prefix = match installed(context) {
        Ok(prefix) => prefix,
        Err(outcome) => return outcome,
    };
    let mut outcome = Outcome::default();
    outcome.add(verdict("c library: exports", exports(context, &prefix)));
    outcome.add(verdict("c library: every export is tested with NULL", tested_with_null(&context.root)));
    outcome.add(verdict("c library: every export stands in the header", in_header(&context.root)));
    outcome
}

/// What is wrong, and whether that is only a tool that is missing.
type Verdict = Result<(), (bool, String)>;

fn verdict(name: &str, result: Verdict) -> Outcome {
    match result {
        Ok(()) => Outcome::pass(),
        Err((true, reason)) => Outcome::skip(name, reason),
        Err((false, reason)) => Outcome::fail(name, reason),
    }
}

fn failed(problem: impl ToString) -> (bool, String) {
    (false, problem.to_string())
}

/// The committed list. It is written by hand: a new export is a promise.
fn listed(root: &Path) -> Result<BTreeSet<String>, (bool, String)> {
    let path = root.join("include/exports.txt");
    let text = fs::read_to_string(&path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn exports(context: &Context, prefix: &Path) -> Verdict {
    let library = prefix.join("lib").join(if cfg!(target_os = "macos") { "libspook.dylib" } else { "libspook.so" });
    if process::find("nm").is_none() {
        return Err((true, "nm is missing".to_owned()));
    }
    let words: &[&str] = if cfg!(target_os = "macos") { &["-gU"] } else { &["-D", "--defined-only"] };
    let ran = context.run("c library exports", Command::new("nm").args(words).arg(&library));
    if !ran.success {
        return Err(failed(ran.problem));
    }
    let names = ran.stdout.lines().filter_map(|line| line.split_whitespace().next_back());
    let found: BTreeSet<String> = names.map(|name| name.strip_prefix('_').unwrap_or(name).to_owned()).collect();
    let listed = listed(&context.root)?;
    let more: Vec<_> = found.difference(&listed).map(String::as_str).collect();
    let fewer: Vec<_> = listed.difference(&found).map(String::as_str).collect();
    if more.is_empty() && fewer.is_empty() {
        return Ok(());
    }
    let advice = "an export is a promise: if it is meant, change include/exports.txt";
    Err(failed(format!("exported but not listed: {}\nlisted but not exported: {}\n{advice}", more.join(" "), fewer.join(" "))))
}

/// Functions without pointers, and those that give a text about an error, are tested elsewhere.
fn tested_with_null(root: &Path) -> Verdict {
    let free = ["spook_version", "spook_abi_version", "spook_build_info", "spook_lifecycle_name"];
    let path = root.join("tests/c/nulls.c");
    let text = fs::read_to_string(&path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    let words: BTreeSet<&str> = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
    let listed = listed(root)?;
    let left_out: Vec<&str> = listed
        .iter()
        .map(String::as_str)
        .filter(|name| !free.contains(name) && !name.starts_with("spook_code_") && !words.contains(name))
        .collect();
    if left_out.is_empty() { Ok(()) } else { Err(failed(format!("tests/c/nulls.c does not call {}", left_out.join(", ")))) }
}

fn in_header(root: &Path) -> Verdict {
    let path = root.join("include/spook.h");
    let text = fs::read_to_string(&path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    let listed = listed(root)?;
    let missing: Vec<&str> = listed.iter().map(String::as_str).filter(|name| !text.contains(&format!("{name}("))).collect();
    if missing.is_empty() { Ok(()) } else { Err(failed(format!("the header lacks {}", missing.join(", ")))) }
}
