//! The Python package, tested as a person gets it: built by pip, installed into an environment with nothing else in it, and run where its
//! sources cannot be seen.

use super::step::{Context, Outcome, Step, end_of_output};
use crate::process::{self, Ran};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The step.
pub const STEPS: &[Step] = &[Step { name: "python", lang: "python", fast: false, run }];

/// Versions of Python that the package is for. One wheel serves all of them.
const MINORS: std::ops::RangeInclusive<u32> = 9..=14;

fn run(context: &Context) -> Outcome {
    let Some(python) = process::find("python3") else {
        return Outcome::skip("python", "python3 is missing: apt-get install python3 python3-venv");
    };
    let place = Place { context, folder: context.target.join("python") };
    let tools = match place.tools(&python) {
        Ok(tools) => tools,
        Err(reason) => return Outcome::skip("python", reason),
    };
    let wheel = match place.wheel(&tools) {
        Ok(wheel) => wheel,
        Err(failed) => return failed,
    };
    let mut outcome = match place.installed(&python, &wheel, "here") {
        Ok(installed) => {
            let mut outcome = place.suite(&installed, "python tests", &[]);
            outcome.add(place.types(&installed, &tools));
            outcome
        }
        Err(failed) => failed,
    };
    if !context.fast {
        outcome.add(place.source_distribution(&tools, &wheel));
        for (minor, python) in others() {
            let name = format!("3.{minor}");
            outcome.add(match place.installed(&python, &wheel, &name) {
                Ok(installed) => place.suite(&installed, &format!("python {name} tests"), &["SPOOK_TEST_FAST"]),
                Err(failed) => failed,
            });
        }
    }
    outcome
}

/// Where the step works.
struct Place<'a> {
    context: &'a Context,
    folder: PathBuf,
}

impl Place<'_> {
    /// An environment with maturin, and mypy if it is to be had. It stays for the next run.
    fn tools(&self, python: &Path) -> Result<PathBuf, String> {
        let venv = self.folder.join("tools");
        if !program(&venv, "maturin").exists() {
            self.environment(python, &venv)
                .map_err(|ran| format!("python3 makes no environment (apt-get install python3-venv): {}", ran.problem))?;
            let ran = self.context.run("python tools", pip(&venv).args(["install", "-q", "maturin>=1.9,<2"]));
            if !ran.success {
                return Err(format!("maturin is not to be had: {}", last_line(&ran)));
            }
            // Without mypy the test that needs it says so.
            self.context.run("python mypy", pip(&venv).args(["install", "-q", "mypy"]));
        }
        Ok(venv)
    }

    /// An empty environment.
    fn environment(&self, python: &Path, venv: &Path) -> Result<(), Ran> {
        // What is not there need not be removed, and what stays is found by the program below.
        let _ = fs::remove_dir_all(venv);
        let ran = self.context.run("python venv", Command::new(python).args(["-m", "venv"]).arg(venv));
        if ran.success { Ok(()) } else { Err(ran) }
    }

    /// The wheel, made by pip from the folder of the package.
    fn wheel(&self, tools: &Path) -> Result<PathBuf, Outcome> {
        self.pip_wheel(tools, &self.context.root.join("python"), "wheel")
    }

    /// The wheel that pip makes of a folder or an archive. As fast as the other tests build, not as fast as it would then run.
    fn pip_wheel(&self, tools: &Path, source: &Path, name: &str) -> Result<PathBuf, Outcome> {
        let wheels = self.folder.join(name);
        let _ = fs::remove_dir_all(&wheels);
        let mut command = pip(tools);
        command.args(["wheel", "-q", "--no-build-isolation", "--no-index", "--no-deps", "--no-cache-dir", "-w"]).arg(&wheels).arg(source);
        command.env("CARGO_TARGET_DIR", &self.context.target).env("MATURIN_PEP517_ARGS", "--profile dev");
        let ran = self.context.run(&format!("python {name}"), with_path(&mut command, tools));
        let made = only_file(&wheels).filter(|_| ran.success);
        made.ok_or_else(|| Outcome::fail(format!("python {name}"), format!("{}\n{}", ran.problem, end_of_output(&ran))))
    }

    /// The package in an environment of its own.
    fn installed(&self, python: &Path, wheel: &Path, name: &str) -> Result<PathBuf, Outcome> {
        let venv = self.folder.join(format!("venv-{name}"));
        let failed = |ran: &Ran| Outcome::fail(format!("python install {name}"), format!("{}\n{}", ran.problem, end_of_output(ran)));
        self.environment(python, &venv).map_err(|ran| failed(&ran))?;
        let ran = self.context.run("python install", pip(&venv).args(["install", "-q", "--no-index"]).arg(wheel));
        if ran.success { Ok(venv) } else { Err(failed(&ran)) }
    }

    /// The command that runs the tests, in a folder where there is nothing.
    fn tests(&self, venv: &Path) -> Command {
        let nowhere = self.folder.join("nowhere");
        // A folder that cannot be made fails the program that is to run in it.
        let _ = fs::create_dir_all(&nowhere);
        let mut command = Command::new(program(venv, "python"));
        command.arg(self.context.root.join("python/tests/run.py")).current_dir(nowhere).env_remove("PYTHONPATH");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn suite(&self, venv: &Path, name: &str, variables: &[&str]) -> Outcome {
        let mut command = self.tests(venv);
        command.envs(variables.iter().map(|variable| (variable, "1")));
        verdicts(name, &self.context.run(name, &mut command))
    }

    /// The stubs against the package, with the mypy of the tools.
    fn types(&self, venv: &Path, tools: &Path) -> Outcome {
        let Some(packages) = site_packages(tools).filter(|packages| packages.join("mypy").exists()) else {
            return Outcome::skip("python types", "mypy is not to be had");
        };
        let mut command = self.tests(venv);
        command.arg("type_checks").env("PYTHONPATH", packages);
        verdicts("python types", &self.context.run("python types", &mut command))
    }

    /// The archive for those for whom there is no wheel holds all that a build needs.
    fn source_distribution(&self, tools: &Path, wheel: &Path) -> Outcome {
        let name = "python sdist";
        let folder = self.folder.join("sdist");
        let _ = fs::remove_dir_all(&folder);
        let mut command = Command::new(program(tools, "maturin"));
        command.args(["sdist", "--out"]).arg(&folder).current_dir(self.context.root.join("python"));
        let ran = self.context.run(name, &mut command);
        let Some(archive) = only_file(&folder).filter(|_| ran.success) else {
            return Outcome::of(name, &ran);
        };
        let size = |wheel: &Path| fs::metadata(wheel).map(|file| file.len()).unwrap_or_default();
        match self.pip_wheel(tools, &archive, "wheel-of-sdist") {
            Ok(again) if size(&again) == 0 || size(wheel) == 0 => Outcome::fail(name, "it gives an empty wheel"),
            Ok(_) => Outcome::pass(),
            Err(failed) => failed,
        }
    }
}

/// Other versions of Python on this machine: the oldest and the newest that the package is for.
fn others() -> Vec<(u32, PathBuf)> {
    let mut found: Vec<(u32, PathBuf)> = MINORS.filter_map(|minor| Some((minor, version(minor)?))).collect();
    if found.len() > 2 {
        found.drain(1..found.len() - 1);
    }
    found
}

/// A Python of that version, from the PATH or of pyenv.
fn version(minor: u32) -> Option<PathBuf> {
    let is_good =
        |python: &Path| Command::new(python).args(["-c", "import venv, ensurepip"]).output().is_ok_and(|output| output.status.success());
    let on_path = process::find(&format!("python3.{minor}"));
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")));
    let prefix = format!("3.{minor}.");
    let of_pyenv = root.and_then(|root| fs::read_dir(root.join("versions")).ok()).into_iter().flatten().filter_map(|entry| {
        let folder = entry.ok()?;
        folder.file_name().to_str()?.starts_with(&prefix).then(|| folder.path().join("bin/python"))
    });
    on_path.into_iter().chain(of_pyenv).find(|python| is_good(python))
}

/// Counts what python/tests/run.py prints.
fn verdicts(name: &str, ran: &Ran) -> Outcome {
    let mut outcome = Outcome::default();
    let mut lines = ran.stdout.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((verdict, rest)) = line.split_once(' ') else { continue };
        let rest = rest.rsplit_once(" (").map_or(rest, |(rest, _)| rest);
        match verdict {
            "passed" => outcome.passed += 1,
            "failed" => {
                let mut reason = String::new();
                while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
                    reason += line.trim_start_matches("| ");
                    reason.push('\n');
                }
                outcome.failed.push((format!("{name}: {rest}"), reason));
            }
            "skipped" => {
                let (test, reason) = rest.split_once(": ").unwrap_or((rest, ""));
                outcome.skipped.push((format!("{name}: {test}"), reason.to_owned()));
            }
            _ => {}
        }
    }
    if (!ran.success && outcome.failed.is_empty()) || outcome == Outcome::default() {
        let reason = format!("{}\n{}", ran.problem, end_of_output(ran));
        outcome.failed.push((name.to_owned(), reason));
    }
    outcome
}

fn program(venv: &Path, name: &str) -> PathBuf {
    if cfg!(windows) { venv.join("Scripts").join(format!("{name}.exe")) } else { venv.join("bin").join(name) }
}

fn pip(venv: &Path) -> Command {
    let mut command = Command::new(program(venv, "python"));
    command.args(["-m", "pip", "--disable-pip-version-check"]).env_remove("PYTHONPATH");
    command
}

/// Puts the programs of an environment before all others: pip looks for maturin there.
fn with_path<'a>(command: &'a mut Command, venv: &Path) -> &'a mut Command {
    let mut folders: Vec<PathBuf> = program(venv, "python").parent().map(Path::to_path_buf).into_iter().collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let path: OsString = std::env::join_paths(folders).unwrap_or_default();
    command.env("PATH", path)
}

fn site_packages(venv: &Path) -> Option<PathBuf> {
    let mut command = Command::new(program(venv, "python"));
    let output = command.args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).output().ok()?;
    Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn only_file(folder: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    files.next().filter(|_| files.next().is_none())
}

fn last_line(ran: &Ran) -> String {
    ran.stderr.lines().chain(ran.stdout.lines()).last().unwrap_or(&ran.problem).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(success: bool, stdout: &str) -> Ran {
        Ran { success, problem: "ended with 1".into(), stdout: stdout.into(), stderr: "a stack".into() }
    }

    #[test]
    fn what_the_tests_print_is_counted() {
        let text =
            "passed a.B.c (0.00 s)\nnoise\nfailed a.B.d (i=3) (1.00 s)\n| Traceback\n| x != y\nskipped a.B.e: no fork here (0.00 s)\n";
        let outcome = verdicts("python", &ran(false, text));
        assert_eq!(outcome.passed, 1);
        assert_eq!(outcome.failed, [("python: a.B.d (i=3)".to_owned(), "Traceback\nx != y\n".to_owned())]);
        assert_eq!(outcome.skipped, [("python: a.B.e".to_owned(), "no fork here".to_owned())]);
    }

    #[test]
    fn a_run_that_ends_early_or_finds_no_test_has_failed() {
        assert!(verdicts("python", &ran(false, "passed a (0 s)\n")).failed[0].1.contains("a stack"));
        assert_eq!(verdicts("python", &ran(true, "")).failed.len(), 1);
    }
}
