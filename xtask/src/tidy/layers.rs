//! Crates depend only on crates of lower layers: protocol <- ledger, transport <- engine <- ffi, bindings.

use super::Finding;
use crate::tree::{Tree, layer};

/// Finds dependencies that point up or sideways.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for user in &tree.crates {
        for name in user.dependencies() {
            let Some(used) = tree.crates.iter().find(|other| other.name == name) else {
                continue;
            };
            if layer(&used.folder) < layer(&user.folder) {
                continue;
            }
            let line = tree.source(&user.manifest).map_or(1, |source| source.line_of(&name));
            let message = format!(
                "{} depends on {name} ({}), which is not below it; {}",
                user.folder,
                used.folder,
                advice(&user.folder, &used.folder)
            );
            findings.push(Finding::new(&user.manifest, line, message));
        }
    }
    findings
}

fn advice(user: &str, used: &str) -> &'static str {
    if user.starts_with("bindings/") && used.starts_with("ffi") {
        "depend on the engine, or the package exports every spook_* symbol again"
    } else {
        "pass it in as an argument, or move what is shared into a lower crate"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(folder: &str, dependency: &str) -> Vec<Finding> {
        let package = |name: &str| format!("[package]\nname = \"{name}\"\n");
        let manifest = package("user") + dependency;
        check(&Tree::of(&[
            ("core/protocol/Cargo.toml", &package("spook-protocol")),
            ("core/ledger/Cargo.toml", &package("spook-ledger")),
            ("core/engine/Cargo.toml", &package("spook")),
            ("ffi/Cargo.toml", &package("spook-ffi")),
            (&format!("{folder}/Cargo.toml"), &manifest),
        ]))
    }

    #[test]
    fn downwards_is_free() {
        for (folder, dependency) in [
            ("core/transport", "[dependencies]\nspook-protocol.workspace = true"),
            ("bindings/python", "[dependencies]\nspook = {}\nserde = \"1\""),
            ("ffi/artifact", "[dependencies]\nspook-ffi = {}"),
            ("tests", "[dev-dependencies]\nspook-ffi = {}\nspook = {}"),
        ] {
            assert_eq!(found(folder, dependency), [], "{folder}");
        }
    }

    #[test]
    fn upwards_and_sideways_are_found() {
        for (folder, dependency) in [
            ("core/transport", "[dependencies]\nspook = {}"),
            ("core/transport", "[dependencies]\nspook-ledger = {}"),
            ("core/transport", "[target.'cfg(unix)'.dependencies]\nspook-ledger = {}"),
            ("core/transport", "[dev-dependencies]\nalias = { package = \"spook-ledger\" }"),
            ("bindings/python", "[dependencies]\nspook-ffi = {}"),
        ] {
            assert_eq!(found(folder, dependency).len(), 1, "{folder}: {dependency}");
        }
    }
}
