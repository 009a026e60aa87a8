//! Builds what the demo runs: the C library below a folder, the C program against it, the Python package in an environment of its own.

use crate::{folders, install, process};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What was built, and where.
pub struct Built {
    /// The folder of the demo.
    pub folder: PathBuf,
    prefix: PathBuf,
    sources: PathBuf,
}

/// Builds the C library and installs it below the folder of the demo.
pub fn c_library(root: &Path, release: bool) -> Result<Built, String> {
    let folder = folders::target(root).join("demo");
    let built = Built { prefix: folder.join("prefix"), sources: root.join("examples/demo"), folder };
    step("the C library, installed below a folder", || install::install(root, &built.prefix, release).map(drop))?;
    Ok(built)
}

/// Builds everything that is not up to date.
pub fn everything(root: &Path, release: bool) -> Result<Built, String> {
    let built = c_library(root, release)?;
    step("the C program, by pkg-config", || built.compile(&built.sources.join("watcher.c"), &built.folder.join("watcher")))?;
    step("the Python package, in an environment of its own", || built.install_python(root, release))?;
    Ok(built)
}

fn step(what: &str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    println!("building {what} ...");
    work()
}

impl Built {
    /// Compiles a C program against the installed library, as strictly as there are warnings.
    pub fn compile(&self, source: &Path, program: &Path) -> Result<(), String> {
        let flags = Command::new("pkg-config")
            .args(["--cflags", "--libs", "spook"])
            .env("PKG_CONFIG_PATH", self.prefix.join("lib/pkgconfig"))
            .output()
            .map_err(|error| format!("pkg-config: {error}; `cargo xtask setup` installs it"))?;
        if !flags.status.success() {
            return Err(String::from_utf8_lossy(&flags.stderr).into_owned());
        }
        let flags = String::from_utf8_lossy(&flags.stdout).into_owned();
        let library = self.prefix.join("lib");
        let mut compiler = Command::new("cc");
        compiler
            .args(["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2"])
            .arg(source)
            .args(flags.split_whitespace())
            .arg(format!("-Wl,-rpath,{}", library.display()))
            .arg("-o")
            .arg(program);
        run(&mut compiler)
    }

    fn install_python(&self, root: &Path, release: bool) -> Result<(), String> {
        let environment = self.folder.join("venv");
        if !environment.join("bin/python").is_file() {
            let python = process::find("python3").ok_or("python3 is missing; `cargo xtask setup` installs it")?;
            run(Command::new(python).args(["-m", "venv"]).arg(&environment))?;
        }
        let mut pip = Command::new(environment.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--force-reinstall"]).arg(root.join("python"));
        pip.env("CARGO_TARGET_DIR", folders::target(root));
        if !release {
            pip.args(["--config-settings", "build-args=--profile dev"]);
        }
        run(&mut pip)
    }

    /// The command that runs a Python program in the environment.
    pub fn python(&self, source: &Path) -> Command {
        let mut command = Command::new(self.folder.join("venv/bin/python"));
        command.arg(source).current_dir(&self.folder);
        command
    }

    /// The command that shares the readings.
    pub fn python_program(&self, ledger: &Path, address: &str) -> Command {
        let mut command = self.python(&self.sources.join("readings.py"));
        command.arg(ledger).arg(address);
        command
    }

    /// The command that watches them.
    pub fn c_program(&self, ledger: &Path, ticket_or_name: &str) -> Command {
        let mut command = Command::new(self.folder.join("watcher"));
        command.arg(ledger).arg(ticket_or_name).current_dir(&self.folder);
        command
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed:\n{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}
