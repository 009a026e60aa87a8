//! The list of commands and their help.

use crate::arguments::{Arguments, Done, nearest};
use crate::{bench, demo, doctor, generate, install, setup, sim, test, tidy};
use std::path::Path;
use std::process::ExitCode;

/// One command.
struct Command {
    name: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(&Path, Arguments) -> Done,
}

const COMMANDS: &[Command] = &[
    Command { name: "demo", summary: "two programs, two languages, one shared state, step by step", help: demo::HELP, run: demo::command },
    Command { name: "test", summary: "run every test", help: test::HELP, run: test::command },
    Command { name: "tidy", summary: "check the rules of style and structure", help: tidy::HELP, run: tidy::command },
    Command {
        name: "generate",
        summary: "write the files that are made from ffi/errors.toml",
        help: generate::HELP,
        run: generate::command,
    },
    Command { name: "install", summary: "install the C library below a folder", help: install::HELP, run: install::command },
    Command { name: "bench", summary: "measure libspook and its peers", help: bench::HELP, run: bench::command },
    Command { name: "sim", summary: "search for faults in simulated worlds", help: sim::HELP, run: sim::command },
    Command {
        name: "doctor",
        summary: "list the tools that are there and those that are missing",
        help: doctor::HELP,
        run: doctor::command,
    },
    Command { name: "setup", summary: "install the missing tools", help: setup::HELP, run: setup::command },
];

/// Finds the command that the arguments name and runs it.
pub fn run(root: &Path, arguments: &[String]) -> ExitCode {
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", overview());
        return ExitCode::FAILURE;
    };
    match name.as_str() {
        "help" | "-h" | "--help" => return help(rest.first()),
        _ => {}
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprint!("{}", unknown(name));
        return ExitCode::FAILURE;
    };
    if rest.iter().any(|word| word == "--help" || word == "-h") {
        print!("{}", page(command));
        return ExitCode::SUCCESS;
    }
    match (command.run)(root, Arguments::new(rest)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("xtask {name}: {message}");
            ExitCode::FAILURE
        }
    }
}

fn help(name: Option<&String>) -> ExitCode {
    let Some(name) = name else {
        print!("{}", overview());
        return ExitCode::SUCCESS;
    };
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => {
            print!("{}", page(command));
            ExitCode::SUCCESS
        }
        None => {
            eprint!("{}", unknown(name));
            ExitCode::FAILURE
        }
    }
}

fn page(command: &Command) -> String {
    format!("cargo xtask {}: {}\n\n{}", command.name, command.summary, command.help)
}

fn overview() -> String {
    let mut text = String::from("Usage: cargo xtask COMMAND [OPTIONS]\n\n");
    for command in COMMANDS {
        text += &format!("  {:<10} {}\n", command.name, command.summary);
    }
    text + "\n`cargo xtask help COMMAND` tells more.\n"
}

fn unknown(name: &str) -> String {
    let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    let guess = nearest(name, &names).map(|guess| format!(" Did you mean `{guess}`?")).unwrap_or_default();
    format!("xtask: there is no command `{name}`.{guess}\n\n{}", overview())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_listed_with_help() {
        for command in COMMANDS {
            assert!(overview().contains(command.name));
            assert!(!command.help.trim().is_empty());
        }
        assert!(unknown("generat").contains("`generate`?"));
    }
}
