//! `cargo xtask doctor`: which tools are there, and how to get the others.

use crate::arguments::{Arguments, Done};
use crate::tools::TOOLS;
use std::path::Path;

/// The help of the command.
pub const HELP: &str = "\
Lists the tools that building and testing use, with their versions, and says how to get the missing ones.
Fails only if something is missing without which nothing works. `cargo xtask setup` installs what it can.
";

/// Runs the command.
pub fn command(_root: &Path, arguments: Arguments) -> Done {
    arguments.finish(&[])?;
    let mut works = true;
    for tool in TOOLS {
        match tool.found() {
            Some(version) => println!("ok       {:<24} {version}", tool.name),
            None => {
                let kind = if tool.is_needed { "MISSING" } else { "missing" };
                println!("{kind}  {:<24} {} (for {})", tool.name, tool.remedy(), tool.purpose);
                works &= !tool.is_needed;
            }
        }
    }
    Ok(works)
}
