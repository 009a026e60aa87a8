//! The commands of the repository: `cargo xtask COMMAND`.
//!
//! | module | holds |
//! |---|---|
//! | `cli` | the list of commands, their help, the reading of arguments |
//! | `errors` | `ffi/errors.toml`, read and checked |
//! | `generate` | the files that are made from it |

mod cli;
mod errors;
mod generate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    cli::run(&repository(), &arguments)
}

/// The root of the repository: the folder above this crate.
fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
