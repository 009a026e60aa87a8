//! Every crate takes the lints of the workspace, and no profile stops at a panic.

use super::Finding;
use crate::tree::{Crate, Tree};
use toml::{Table, Value};

/// Finds manifests without the lints, with `panic = "abort"`, and code that turns the lint for documentation off.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let texts = tree.sources.iter().filter(|source| source.path.ends_with("Cargo.toml") || source.path.ends_with(".cargo/config.toml"));
    for source in texts {
        let Ok(table) = source.text.parse::<Table>() else {
            continue;
        };
        if source.path == "Cargo.toml" {
            findings.extend(workspace(&table));
        }
        if aborts(&table) || source.text.contains("panic=abort") {
            let message = "panic = \"abort\" would end the program of whoever loads libspook; leave it out";
            findings.push(Finding::new(&source.path, source.line_of("abort"), message));
        }
    }
    let members = tree.crates.iter().filter(|package| !package.is_apart());
    findings.extend(members.filter_map(lints));
    findings.extend(silenced(tree));
    findings
}

fn workspace(table: &Table) -> Vec<Finding> {
    let set = |lint: &str| {
        let rust = table.get("workspace").and_then(|workspace| workspace.get("lints")?.get("rust"));
        rust.and_then(|rust| rust.get(lint)).and_then(Value::as_str)
    };
    [("missing_docs", "deny"), ("unsafe_code", "forbid")]
        .into_iter()
        .filter(|(lint, level)| set(lint) != Some(level))
        .map(|(lint, level)| {
            let message = format!("[workspace.lints.rust] must say {lint} = \"{level}\"");
            Finding::new("Cargo.toml", 1, message)
        })
        .collect()
}

fn lints(package: &Crate) -> Option<Finding> {
    let lints = package.table.get("lints");
    if lints.and_then(|lints| lints.get("workspace")?.as_bool()) == Some(true) {
        return None;
    }
    let borders = package.folder.starts_with("ffi") || package.folder.starts_with("bindings/");
    let docs = lints.and_then(|lints| lints.get("rust")?.get("missing_docs")?.as_str());
    if borders && docs == Some("deny") {
        return None;
    }
    let message = if borders {
        "add [lints] workspace = true, or [lints.rust] with missing_docs = \"deny\" where unsafe code is needed"
    } else {
        "add [lints] workspace = true"
    };
    Some(Finding::new(&package.manifest, 1, message))
}

fn aborts(table: &Table) -> bool {
    let Some(profiles) = table.get("profile").and_then(Value::as_table) else {
        return false;
    };
    let abort = |profile: &Value| profile.get("panic").and_then(Value::as_str) == Some("abort");
    profiles.values().any(abort)
}

fn silenced(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.code("core/").chain(tree.code("ffi/")) {
        let source = tree.source(&file.path);
        let silent = |line: &str| {
            let line = line.trim_start();
            line.starts_with('#') && line.contains("allow(") && line.contains("missing_docs")
        };
        let lines = source.map(|source| source.text.lines().enumerate()).into_iter().flatten();
        for (index, _) in lines.filter(|(_, line)| silent(line)) {
            let message = "allow(missing_docs); document the item instead";
            findings.push(Finding::new(&file.path, index + 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.lints.rust]\nmissing_docs = \"deny\"\nunsafe_code = \"forbid\"\n";
    const PACKAGE: &str = "[package]\nname = \"a\"\n";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn missing_lints_are_found() {
        assert_eq!(found(&[("Cargo.toml", "[workspace]")]).len(), 2);
        assert_eq!(found(&[("core/a/Cargo.toml", PACKAGE)]).len(), 1);
        assert_eq!(found(&[("ffi/Cargo.toml", PACKAGE)]).len(), 1);
        let own = PACKAGE.to_owned() + "[lints.rust]\nmissing_docs = \"deny\"";
        assert_eq!(found(&[("core/a/Cargo.toml", &own)]).len(), 1);
        let silent = "#![allow(missing_docs)]";
        assert_eq!(found(&[("core/a/src/lib.rs", silent)]).len(), 1);
    }

    #[test]
    fn abort_is_found_in_any_profile_and_in_flags() {
        let profile = ROOT.to_owned() + "[profile.small]\npanic = \"abort\"";
        assert!(found(&[("Cargo.toml", &profile)])[0].starts_with("Cargo.toml:5:"));
        let flags = "[build]\nrustflags = [\"-Cpanic=abort\"]";
        assert_eq!(found(&[(".cargo/config.toml", flags)]).len(), 1);
    }

    #[test]
    fn good_manifests_are_free() {
        let member = PACKAGE.to_owned() + "[lints]\nworkspace = true\n[profile.release]\npanic = \"unwind\"";
        let border = PACKAGE.to_owned() + "[lints.rust]\nmissing_docs = \"deny\"";
        let apart = PACKAGE.to_owned() + "[workspace]";
        let findings = found(&[
            ("Cargo.toml", ROOT),
            ("core/a/Cargo.toml", &member),
            ("ffi/Cargo.toml", &border),
            ("bindings/python/Cargo.toml", &border),
            ("bench/peers/Cargo.toml", &apart),
        ]);
        assert_eq!(findings, [""; 0]);
    }
}
