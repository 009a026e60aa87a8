//! The C interface: the header, the library that is installed, and the programs in `tests/c` through it.

mod library;
mod programs;

use super::step::{Context, Outcome, Step};
use crate::{install, process};
use programs::{Linking, Program, Source};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The steps. The first installs what the others use.
pub const STEPS: &[Step] = &[
    step("c header", true, library::header),
    step("c library", true, library::library),
    step("c tests", true, tests),
    step("c example", true, example),
    step("c panic", false, panic),
    step("c cmake", false, cmake),
    step("c beside rust", false, beside),
    step("c sanitizers", false, sanitizers),
    step("c valgrind", false, valgrind),
];

const fn step(name: &'static str, fast: bool, run: fn(&Context) -> Outcome) -> Step {
    Step { name, lang: "c", fast, run }
}

/// The test programs, each a file of `tests/c`.
const PROGRAMS: &[&str] =
    &["values", "handles", "nulls", "library", "observe", "poll", "share", "superposed", "rules", "threads", "process", "sequences", FLAT];

/// Watches the memory of its process, which a sanitizer or valgrind uses for itself.
const FLAT: &str = "flat";

/// C and C++, the oldest version of each that the header is for.
const LANGUAGES: [(&str, &[&str]); 2] = [("c99", &["gcc", "clang"]), ("c++17", &["g++", "clang++"])];

/// Where everything of these steps goes.
fn folder(context: &Context) -> PathBuf {
    context.target.join("c-tests")
}

/// The folder that libspook is installed below.
fn installed(context: &Context) -> Result<PathBuf, Outcome> {
    let prefix = folder(context).join("prefix");
    match install::install(&context.root, &prefix, false) {
        Ok(_) => Ok(prefix),
        Err(problem) => Err(Outcome::fail("c: install", problem)),
    }
}

fn present(compilers: &[&'static str]) -> Vec<&'static str> {
    compilers.iter().copied().filter(|name| process::find(name).is_some()).collect()
}

/// Each program, as C and as C++, with the shared and with the static library.
fn tests(context: &Context) -> Outcome {
    let prefix = match installed(context) {
        Ok(prefix) => prefix,
        Err(outcome) => return outcome,
    };
    let mut outcome = Outcome::default();
    for (standard, compilers) in LANGUAGES {
        let present = present(compilers);
        for missing in compilers.iter().filter(|name| !present.contains(name)) {
            outcome.add(Outcome::skip(format!("c tests: {missing}"), format!("{missing} is missing")));
        }
        for compiler in present {
            for linking in [Linking::Shared, Linking::Static] {
                if context.fast && linking == Linking::Static {
                    continue;
                }
                for name in PROGRAMS {
                    let source = Source::Test(name);
                    outcome.add(Program { source, compiler, standard, linking, flags: &[] }.tested(context, &prefix, &[]));
                }
            }
        }
    }
    outcome
}

/// The first C compiler that is here.
fn c_compiler(step: &str) -> Result<&'static str, Outcome> {
    present(&["gcc", "clang"]).first().copied().ok_or_else(|| Outcome::skip(step, "neither gcc nor clang is here"))
}

fn example(context: &Context) -> Outcome {
    let run = || -> Result<Outcome, Outcome> {
        let (compiler, prefix) = (c_compiler("c example")?, installed(context)?);
        let program = Program { source: Source::Example("thermostat"), compiler, standard: "c99", linking: Linking::Shared, flags: &[] };
        let file = program.built(context, &prefix)?;
        let work = folder(context).join("example");
        fs::create_dir_all(&work).map_err(|error| Outcome::fail("c example", error.to_string()))?;
        let mut command = Command::new("sh");
        command.arg(context.root.join("tests/c/example.sh")).arg(file).arg(work);
        Ok(Outcome::of("c example", &context.run("c example", &mut command)))
    };
    run().unwrap_or_else(|outcome| outcome)
}

/// A library of the same profile with one function more, by which a panic is forced.
fn panic(context: &Context) -> Outcome {
    let run = || -> Result<Outcome, Outcome> {
        let (compiler, prefix) = (c_compiler("c panic")?, installed(context)?);
        let mut build = context.cargo(["build", "-p", "spook-artifact", "--features", "test-panic"]);
        let ran = context.run("c panic build", &mut build);
        if !ran.success {
            return Err(Outcome::of("c panic: build", &ran));
        }
        let (built, name) =
            if cfg!(target_os = "macos") { ("libspook.dylib", "libspook.0.dylib") } else { ("libspook.so", "libspook.so.0") };
        let (built, lib) = (context.target.join("debug").join(built), folder(context).join("panic"));
        let copied = fs::create_dir_all(&lib).and_then(|()| fs::copy(&built, lib.join(name)));
        copied.map_err(|error| Outcome::fail("c panic", format!("{}: {error}", built.display())))?;
        // The library without the feature goes back to its place, for whoever looks there.
        installed(context)?;
        let link = [lib.join(name).display().to_string(), format!("-Wl,-rpath,{}", lib.display())];
        let link: Vec<&str> = link.iter().map(String::as_str).collect();
        let program = Program { source: Source::Test("panic"), compiler, standard: "c99", linking: Linking::Named, flags: &link };
        Ok(program.tested(context, &prefix, &[]))
    };
    run().unwrap_or_else(|outcome| outcome)
}

/// Somebody else's project finds the installed library with find_package, shared and static.
fn cmake(context: &Context) -> Outcome {
    if process::find("cmake").is_none() {
        return Outcome::skip("c cmake", "cmake is missing");
    }
    let prefix = match installed(context) {
        Ok(prefix) => prefix,
        Err(outcome) => return outcome,
    };
    let build = folder(context).join("cmake");
    let _ = fs::remove_dir_all(&build); // CMake remembers paths of an earlier run.
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(context.root.join("tests/c/cmake")).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    let mut compile = Command::new("cmake");
    compile.arg("--build").arg(&build);
    let mut test = Command::new("ctest");
    test.arg("--output-on-failure").current_dir(&build);
    for (name, command) in [("c cmake configure", &mut configure), ("c cmake build", &mut compile), ("c cmake test", &mut test)] {
        let ran = context.run(name, command);
        if !ran.success {
            return Outcome::of(name, &ran);
        }
    }
    Outcome::pass()
}

/// The static library in one program with another Rust static library.
fn beside(context: &Context) -> Outcome {
    let run = || -> Result<Outcome, Outcome> {
        let (compiler, prefix) = (c_compiler("c beside rust")?, installed(context)?);
        let other = folder(context).join("libother.a");
        let mut rustc = Command::new("rustc");
        rustc.args(["--crate-type", "staticlib", "--edition", "2021", "-o"]).arg(&other).arg(context.root.join("tests/c/other.rs"));
        let ran = context.run("c beside rust build", &mut rustc);
        if !ran.success {
            return Err(Outcome::of("c beside rust: build", &ran));
        }
        let other = other.display().to_string();
        let program =
            Program { source: Source::Test("beside"), compiler, standard: "c99", linking: Linking::Static, flags: &[other.as_str()] };
        Ok(program.tested(context, &prefix, &[]))
    };
    run().unwrap_or_else(|outcome| outcome)
}

/// The programs under AddressSanitizer and UndefinedBehaviorSanitizer.
fn sanitizers(context: &Context) -> Outcome {
    let flags = &["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    under(context, "c sanitizers", flags, |name| match name {
        // What a child has of its parent is lost to it by design.
        "process" => vec!["env", "ASAN_OPTIONS=detect_leaks=0"],
        _ => Vec::new(),
    })
}

/// The programs under valgrind.
fn valgrind(context: &Context) -> Outcome {
    if process::find("valgrind").is_none() {
        return Outcome::skip("c valgrind", "valgrind is missing");
    }
    under(context, "c valgrind", &[], |name| {
        let leaks = if name == "process" { "--leak-check=no" } else { "--leak-check=full" };
        // Valgrind runs one thread at a time; without fair turns a busy one keeps the others out for minutes.
        let common =
            ["valgrind", "-q", "--fair-sched=yes", "--error-exitcode=9", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"];
        common.into_iter().chain([leaks]).collect()
    })
}

fn under(context: &Context, step: &str, flags: &[&str], runner: fn(&str) -> Vec<&'static str>) -> Outcome {
    let run = || -> Result<Outcome, Outcome> {
        let (compiler, prefix) = (c_compiler(step)?, installed(context)?);
        let mut outcome = Outcome::default();
        for name in PROGRAMS.iter().filter(|name| **name != FLAT) {
            let program = Program { source: Source::Test(name), compiler, standard: "c99", linking: Linking::Shared, flags };
            outcome.add(program.tested(context, &prefix, &runner(name)));
        }
        Ok(outcome)
    };
    run().unwrap_or_else(|outcome| outcome)
}
