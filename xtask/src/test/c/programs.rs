//! Building and running one test program.

use super::super::libtest;
use super::super::step::{Context, Outcome};
use super::folder;
use crate::process;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which library a program is linked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Linking {
    /// What `pkg-config spook` gives.
    Shared,
    /// What `pkg-config spook-static` gives.
    Static,
    /// A library that the flags name.
    Named,
}

/// The file that a program is made of.
#[derive(Clone, Copy)]
pub enum Source {
    /// `tests/c/NAME.c`
    Test(&'static str),
    /// `examples/c/NAME.c`
    Example(&'static str),
}

/// A program, and how it is built.
pub struct Program<'a> {
    pub source: Source,
    pub compiler: &'static str,
    pub standard: &'static str,
    pub linking: Linking,
    /// What the compiler gets beside the usual.
    pub flags: &'a [&'a str],
}

impl Program<'_> {
    fn name(&self) -> &'static str {
        match self.source {
            Source::Test(name) | Source::Example(name) => name,
        }
    }

    /// The name that tells this build from others: it is a file, a log, and the name of a failure.
    fn label(&self) -> String {
        let linking = match self.linking {
            Linking::Shared => "shared",
            Linking::Static => "static",
            Linking::Named => "own library",
        };
        let sanitized = if self.flags.iter().any(|flag| flag.starts_with("-fsanitize")) { " sanitized" } else { "" };
        format!("c {} {} {} {linking}{sanitized}", self.name(), self.compiler, self.standard)
    }

    /// Builds it; gives its file.
    ///
    /// # Errors
    /// What to report instead of a run.
    pub fn built(&self, context: &Context, prefix: &Path) -> Result<PathBuf, Outcome> {
        let label = self.label();
        if process::find("pkg-config").is_none() {
            return Err(Outcome::skip(label, "pkg-config is missing"));
        }
        let file = folder(context).join(label.replace(' ', "-"));
        let source = match self.source {
            Source::Test(name) => context.root.join("tests/c").join(name),
            Source::Example(name) => context.root.join("examples/c").join(name),
        };
        let mut command = Command::new(self.compiler);
        command.args(["-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]).arg(format!("-std={}", self.standard));
        if self.standard.starts_with("c++") {
            command.args(["-x", "c++"]);
        }
        command.arg(source.with_extension("c")).args(["-x", "none"]).args(self.flags);
        command.args(packages(prefix, self.linking).map_err(|problem| Outcome::fail(&label, problem))?);
        if self.linking == Linking::Shared {
            command.arg(format!("-Wl,-rpath,{}", prefix.join("lib").display()));
        }
        command.args(["-lpthread", "-lm", "-o"]).arg(&file);
        let ran = context.run(&format!("{label} build"), &mut command);
        if ran.success { Ok(file) } else { Err(Outcome::of(&format!("{label}: build"), &ran)) }
    }

    /// Builds it and runs it, below another program if one is given; its tests are counted.
    pub fn tested(&self, context: &Context, prefix: &Path, runner: &[&str]) -> Outcome {
        let file = match self.built(context, prefix) {
            Ok(file) => file,
            Err(outcome) => return outcome,
        };
        let mut words: Vec<&str> = runner.to_vec();
        let path = file.display().to_string();
        words.push(&path);
        let mut command = Command::new(words[0]);
        // Cargo lets its programs find the libraries that it has just built; this one is to find the installed one.
        command.args(&words[1..]).env_remove("LD_LIBRARY_PATH").env_remove("DYLD_FALLBACK_LIBRARY_PATH");
        let label = if runner.is_empty() { self.label() } else { format!("{} {}", self.label(), runner[0]) };
        let mut outcome = libtest::outcome(&context.run(&label, &mut command));
        for (name, _) in outcome.failed.iter_mut().chain(&mut outcome.skipped) {
            *name = format!("{label}: {name}");
        }
        outcome
    }
}

/// What pkg-config says about the installed library.
fn packages(prefix: &Path, linking: Linking) -> Result<Vec<String>, String> {
    let words: &[&str] = match linking {
        Linking::Shared => &["--cflags", "--libs", "spook"],
        Linking::Static => &["--cflags", "--libs", "spook-static"],
        Linking::Named => &["--cflags", "spook"],
    };
    let output = Command::new("pkg-config")
        .args(words)
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"))
        .output()
        .map_err(|error| format!("pkg-config does not run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect())
}
