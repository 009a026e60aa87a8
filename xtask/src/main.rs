//! The commands of the repository: `cargo xtask COMMAND`.
//!
//! | module | holds |
//! |---|---|
//! | `commands` | the list of commands and their help |
//! | `test`, `tidy`, `generate`, `install`, `bench`, `sim`, `doctor`, `setup` | one command each |
//! | `errors` | `ffi/errors.toml`, read and checked |
//! | `tree` | the repository as text, syntax and crates |
//! | `tools` | the programs that building and testing use |
//! | `process` | running other programs |
//! | `folders` | where things are |
//! | `arguments` | the words behind a command |

mod arguments;
mod bench;
mod commands;
mod demo;
mod doctor;
mod errors;
mod folders;
mod generate;
mod install;
mod process;
mod setup;
mod sim;
mod test;
mod tidy;
mod tools;
mod tree;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    commands::run(&folders::root(), &arguments)
}
