//! The C header. The crate `ffi/header` makes it, so that this one need not be built with cbindgen.

use super::Stale;
use crate::process;
use std::fs;
use std::path::Path;

const PATH: &str = "include/spook.h";

/// The header, if it is not what `ffi/` gives.
pub fn stale(root: &Path) -> Result<Vec<Stale>, String> {
    if !root.join("ffi/header/Cargo.toml").exists() {
        return Ok(Vec::new());
    }
    let mut command = process::cargo();
    let output = command.args(["run", "--quiet", "--package", "spook-header"]).current_dir(root).output();
    let output = output.map_err(|error| format!("cargo does not run: {error}"))?;
    if !output.status.success() {
        return Err(format!("the header cannot be made:\n{}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let text = String::from_utf8(output.stdout).map_err(|error| format!("the header: {error}"))?;
    let is_fresh = fs::read_to_string(root.join(PATH)).is_ok_and(|old| old == text);
    Ok(if is_fresh { Vec::new() } else { vec![(PATH, text)] })
}
