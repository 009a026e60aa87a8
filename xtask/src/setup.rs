//! `cargo xtask setup`: installs the missing tools that it can.

use crate::arguments::{Arguments, Done};
use crate::process;
use crate::tools::{Source, TOOLS, Tool};
use std::path::Path;
use std::process::Command;

/// The help of the command.
pub const HELP: &str = "\
Installs the missing tools: components and targets by rustup, programs by apt-get where there is one and it is run as root.
What cannot be installed is named, and is no failure: the tests that need it are skipped with the reason.

Options:
  --dry-run   print the commands and run none
";

/// Runs the command.
pub fn command(_root: &Path, mut arguments: Arguments) -> Done {
    let dry = arguments.flag("--dry-run");
    arguments.finish(&["--dry-run"])?;
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| tool.found().is_none()).collect();
    let may_apt = process::find("apt-get").is_some() && is_root();
    for words in commands(&missing, may_apt) {
        println!("$ {}", words.join(" "));
        if dry {
            continue;
        }
        let status = Command::new(&words[0]).args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive").status();
        if !status.is_ok_and(|status| status.success()) {
            println!("  failed");
        }
    }
    for tool in missing.iter().filter(|tool| dry || tool.found().is_none()) {
        println!("missing: {}: {} (for {})", tool.name, tool.remedy(), tool.purpose);
    }
    Ok(true)
}

/// The commands that install what is missing.
fn commands(missing: &[&Tool], may_apt: bool) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = Vec::new();
    let mut packages = Vec::new();
    for tool in missing {
        let words = match tool.source {
            Source::Apt(package) => {
                packages.push(package.to_owned());
                continue;
            }
            Source::Component(name) => ["rustup", "component", "add", name],
            Source::Target(name) => ["rustup", "target", "add", name],
            Source::Page(_) => continue,
        };
        commands.push(words.map(str::to_owned).to_vec());
    }
    if may_apt && !packages.is_empty() {
        commands.push(["apt-get", "update", "-q"].map(str::to_owned).to_vec());
        let mut install = ["apt-get", "install", "-qy", "--no-install-recommends"].map(str::to_owned).to_vec();
        install.append(&mut packages);
        commands.push(install);
    }
    commands
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_is_run_once_and_only_by_root() {
        let all: Vec<&Tool> = TOOLS.iter().collect();
        let lines: Vec<String> = commands(&all, true).iter().map(|words| words.join(" ")).collect();
        assert!(lines.contains(&"rustup component add clippy".to_owned()), "{lines:?}");
        let install = lines.iter().filter(|line| line.starts_with("apt-get install")).collect::<Vec<_>>();
        assert!(install.len() == 1 && install[0].contains("valgrind") && install[0].contains("python3-venv"));
        assert!(!commands(&all, false).iter().any(|words| words[0] == "apt-get"));
        assert!(commands(&[], true).is_empty());
    }
}
