//! The crates of the repository, by their manifests, and the layer each one stands on.

use super::Source;
use toml::Table;

/// One `Cargo.toml` with a `[package]`.
pub struct Crate {
    /// The folder, without a `/` at its end.
    pub folder: String,
    /// The path of the manifest.
    pub manifest: String,
    /// The name of the package.
    pub name: String,
    /// The manifest.
    pub table: Table,
}

impl Crate {
    /// The names of the packages that this one depends on, in whatever table they stand (also for tests, builds and targets).
    pub fn dependencies(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect(&self.table, &mut names);
        names
    }

    /// Whether it is a workspace of its own.
    pub fn is_apart(&self) -> bool {
        self.table.contains_key("workspace")
    }
}

fn collect(table: &Table, names: &mut Vec<String>) {
    for (key, value) in table {
        let Some(inner) = value.as_table() else {
            continue;
        };
        if key.ends_with("dependencies") {
            names.extend(inner.iter().map(|(name, what)| package(name, what)));
        } else if key == "target" {
            for platform in inner.values().filter_map(|value| value.as_table()) {
                collect(platform, names);
            }
        }
    }
}

/// The name of the package behind a dependency, which may have been renamed.
fn package(name: &str, what: &toml::Value) -> String {
    let renamed = what.get("package").and_then(|field| field.as_str());
    renamed.unwrap_or(name).to_owned()
}

/// Reads every manifest; those that are no TOML go to `broken`.
pub fn parse(sources: &[Source], broken: &mut Vec<(String, usize, String)>) -> Vec<Crate> {
    let manifests = sources.iter().filter(|source| source.path == "Cargo.toml" || source.path.ends_with("/Cargo.toml"));
    let mut crates = Vec::new();
    for source in manifests {
        let table: Table = match source.text.parse() {
            Ok(table) => table,
            Err(error) => {
                let problem = format!("is not TOML: {error}").replace('\n', " ");
                broken.push((source.path.clone(), 1, problem));
                continue;
            }
        };
        let name = table.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str());
        if let Some(name) = name {
            crates.push(Crate {
                folder: source.path.trim_end_matches("/Cargo.toml").to_owned(),
                manifest: source.path.clone(),
                name: name.to_owned(),
                table,
            });
        }
    }
    crates
}

/// The layer of a folder: a crate may depend only on crates of lower layers. The highest layer is used by nobody.
pub fn layer(folder: &str) -> u8 {
    let named = [
        ("core/protocol", 0),
        ("core/ledger", 1),
        ("core/transport", 1),
        ("core/engine", 2),
        ("ffi/artifact", 4),
        ("ffi", 3),
        ("bindings/", 3),
        ("daemon", 4),
        ("wrappers/", 5),
    ];
    named.iter().find(|(start, _)| folder == *start || (start.ends_with('/') && folder.starts_with(start))).map_or(6, |(_, layer)| *layer)
}
