//! The commands of the repository: `cargo xtask COMMAND`.
//!
//! | module | holds |
//! |---|---|
//! | `commands` | the list of commands and their help |
//! | `arguments` | the words behind a command |
//! | `errors` | `ffi/errors.toml`, read and checked |
//! | `generate` | the files that are made from it |
//! | `tree` | the repository as text, syntax and crates |
//! | `tidy` | the rules of style and structure |
//! | `process` | running other programs |
//! | `test` | the steps of the test command |

mod arguments;
mod commands;
mod errors;
mod generate;
mod process;
mod test;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    commands::run(&repository(), &arguments)
}

/// The root of the repository: the folder above this crate.
fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
