//! The programs that building and testing use, and how to get each one.

use crate::process;
use std::process::Command;

/// One program or module.
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// How to find out whether it is there.
    pub probe: Probe,
    /// What it is used for.
    pub purpose: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// Whether nothing works without it.
    pub is_needed: bool,
}

/// How to find out whether a tool is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// It is on the PATH.
    Program,
    /// Python can import these.
    PythonModules(&'static str),
    /// rustup lists it among the installed targets.
    RustTarget,
}

/// Where a tool comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A package of Debian and its relatives.
    Apt(&'static str),
    /// A component of the Rust toolchain.
    Component(&'static str),
    /// A target of the Rust toolchain.
    Target(&'static str),
    /// A page to read: it has to be installed by hand.
    Page(&'static str),
}

/// Every tool.
pub const TOOLS: &[Tool] = &[
    needed("cargo", "everything", Source::Page("https://rustup.rs")),
    needed("git", "tidy: the list of files", Source::Apt("git")),
    needed("cc", "linking, the C tests", Source::Apt("gcc")),
    needed("rustfmt", "generate, test", Source::Component("rustfmt")),
    needed("cargo-clippy", "test", Source::Component("clippy")),
    wanted("rustup", Probe::Program, "the tools of Rust below", Source::Page("https://rustup.rs")),
    wanted("wasm32-unknown-unknown", Probe::RustTarget, "the protocol as WebAssembly", Source::Target("wasm32-unknown-unknown")),
    wanted("c++", Probe::Program, "the C++ tests", Source::Apt("g++")),
    wanted("pkg-config", Probe::Program, "the tests of the installed C library", Source::Apt("pkg-config")),
    wanted("cmake", Probe::Program, "the tests of the installed C library", Source::Apt("cmake")),
    wanted("valgrind", Probe::Program, "the memory tests of the C library", Source::Apt("valgrind")),
    wanted("nm", Probe::Program, "the list of exported symbols", Source::Apt("binutils")),
    wanted("python3", Probe::Program, "the Python package", Source::Apt("python3")),
    wanted("python3 venv", Probe::PythonModules("venv, ensurepip"), "the Python package", Source::Apt("python3-venv")),
];

const fn needed(name: &'static str, purpose: &'static str, source: Source) -> Tool {
    Tool { name, probe: Probe::Program, purpose, source, is_needed: true }
}

const fn wanted(name: &'static str, probe: Probe, purpose: &'static str, source: Source) -> Tool {
    Tool { name, probe, purpose, source, is_needed: false }
}

impl Tool {
    /// Its version or place; `None` if it is not there.
    pub fn found(&self) -> Option<String> {
        match self.probe {
            Probe::Program => {
                let path = process::find(self.name)?;
                let version = first_line(Command::new(&path).arg("--version"));
                Some(version.unwrap_or_else(|| path.display().to_string()))
            }
            Probe::PythonModules(names) => first_line(Command::new("python3").args(["-c", &format!("import {names}; print('there')")])),
            Probe::RustTarget => {
                let output = Command::new("rustup").args(["target", "list", "--installed"]).output().ok()?;
                let list = String::from_utf8_lossy(&output.stdout).into_owned();
                list.lines().any(|line| line == self.name).then(|| "installed".to_owned())
            }
        }
    }

    /// The command or page that gets it.
    pub fn remedy(&self) -> String {
        match self.source {
            Source::Apt(package) => format!("apt-get install {package}"),
            Source::Component(name) => format!("rustup component add {name}"),
            Source::Target(name) => format!("rustup target add {name}"),
            Source::Page(address) => format!("see {address}"),
        }
    }
}

/// The first line that a program prints, if it succeeds.
fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_what_is_not_has_a_remedy() {
        assert!(TOOLS[0].found().is_some_and(|version| version.starts_with("cargo ")));
        let absent = wanted("no-such-program", Probe::Program, "nothing", Source::Apt("no-such-package"));
        assert_eq!(absent.found(), None);
        assert_eq!(absent.remedy(), "apt-get install no-such-package");
        let absent = wanted("x", Probe::PythonModules("no_such_module"), "nothing", Source::Target("x"));
        assert_eq!((absent.found(), absent.remedy().as_str()), (None, "rustup target add x"));
    }
}
