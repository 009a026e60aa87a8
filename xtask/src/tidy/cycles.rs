//! No cycles between the top-level modules of a crate: each module can be read knowing only the ones below it.

use super::Finding;
use crate::tree::{RustFile, Tree, paths};
use std::collections::{BTreeMap, BTreeSet};
use syn::{Item, UseTree};

/// Who names whom, and where: module -> named module -> the place.
type Graph = BTreeMap<String, BTreeMap<String, Place>>;
type Place = (String, usize);

/// Finds one cycle, the shortest, for each set of modules that hang together.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &tree.crates {
        let sources = format!("{}/src/", package.folder);
        let files: Vec<&RustFile> = tree.code(&sources).collect();
        let graph = graph(&files);
        let mut reported = BTreeSet::new();
        for module in graph.keys() {
            if reported.contains(module) {
                continue;
            }
            if let Some(cycle) = shortest_cycle(&graph, module) {
                reported.extend(cycle.iter().cloned());
                findings.push(describe(&graph, &cycle));
            }
        }
    }
    findings
}

fn describe(graph: &Graph, cycle: &[String]) -> Finding {
    let mut steps = Vec::new();
    let mut first = None;
    for (index, from) in cycle.iter().enumerate() {
        let to = &cycle[(index + 1) % cycle.len()];
        let (path, line) = &graph[from][to];
        steps.push(format!("{from} names {to} at {path}:{line}"));
        first.get_or_insert((path, *line));
    }
    let (path, line) = first.map_or(("", 1), |(path, line)| (path.as_str(), line));
    let message = format!("modules in a cycle: {}; move what both need into a module below both", steps.join(", "));
    Finding::new(path, line, message)
}

fn graph(files: &[&RustFile]) -> Graph {
    let modules: BTreeSet<String> = files.iter().filter_map(|file| file.module()?.first().cloned()).collect();
    let exports = root_exports(files, &modules);
    let mut graph = Graph::new();
    for file in files {
        let Some(module) = file.module() else {
            continue;
        };
        for path in paths(&file.live) {
            let here = [module.clone(), path.inside].concat();
            let Some(from) = here.first() else {
                continue;
            };
            let Some(named) = resolve(&here, &path.segments) else {
                continue;
            };
            let to = if modules.contains(&named) {
                &named
            } else if let Some(owner) = exports.get(&named) {
                owner
            } else {
                continue;
            };
            if to != from {
                let place = (file.path.clone(), path.line);
                graph.entry(from.clone()).or_default().entry(to.clone()).or_insert(place);
            }
        }
    }
    graph
}

/// The name, directly in the crate's root, that a path goes through; `None` if the path is not written from the root.
fn resolve(here: &[String], segments: &[String]) -> Option<String> {
    let (first, mut rest) = segments.split_first()?;
    let mut base = match first.as_str() {
        "crate" => Vec::new(),
        "self" => here.to_vec(),
        "super" => here[..here.len().checked_sub(1)?].to_vec(),
        _ => return None,
    };
    while rest.first().is_some_and(|word| word == "super") {
        base.pop();
        rest = &rest[1..];
    }
    base.extend_from_slice(rest);
    base.into_iter().next()
}

/// What the root re-exports from its modules: name -> module. `crate::Name` then means that module.
fn root_exports(files: &[&RustFile], modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    let roots = files.iter().filter(|file| file.module().is_some_and(|module| module.is_empty()));
    for item in roots.flat_map(|file| &file.live.items) {
        if let Item::Use(item) = item {
            let mut names = Vec::new();
            leaves(&item.tree, &mut Vec::new(), &mut names);
            for (segments, name) in names {
                let start = usize::from(["crate", "self"].contains(&segments[0].as_str()));
                if let Some(module) = segments.get(start).filter(|module| modules.contains(*module)) {
                    exports.insert(name, module.clone());
                }
            }
        }
    }
    exports
}

fn leaves(tree: &UseTree, before: &mut Vec<String>, names: &mut Vec<(Vec<String>, String)>) {
    let mut leaf = |name: String, shown: String| {
        let mut segments = before.clone();
        segments.push(name);
        names.push((segments, shown));
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves(&path.tree, before, names);
            before.pop();
        }
        UseTree::Name(name) => leaf(name.ident.to_string(), name.ident.to_string()),
        UseTree::Rename(name) => leaf(name.ident.to_string(), name.rename.to_string()),
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, before, names);
            }
        }
        _ => {}
    }
}

/// The shortest way from a module back to itself (breadth first).
fn shortest_cycle(graph: &Graph, start: &String) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.clone()]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let Some(named) = way.last().and_then(|last| graph.get(last)) else {
                continue;
            };
            for next in named.keys() {
                if next == start {
                    return Some(way);
                }
                if seen.insert(next.clone()) {
                    longer.push([way.clone(), vec![next.clone()]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<Finding> {
        let mut all = vec![("core/a/Cargo.toml", "[package]\nname = \"a\"")];
        all.extend_from_slice(files);
        check(&Tree::of(&all))
    }

    #[test]
    fn a_cycle_is_found_however_it_is_written() {
        for back in [
            "use crate::low::L;",
            "use super::low::L;",
            "use crate::{low::L, other};",
            "fn f() -> crate::low::L { todo() }",
            "fn f() { assert!(crate::low::ok()); }",
            "mod inner { use super::super::low::L; }",
            "use crate::Exported;",
        ] {
            let findings = found(&[
                ("core/a/src/lib.rs", "mod low; mod high; pub use low::L as Exported;"),
                ("core/a/src/low.rs", "\nuse crate::high::H;"),
                ("core/a/src/high/mod.rs", back),
            ]);
            assert_eq!(findings.len(), 1, "{back}");
            assert!(findings[0].message.contains("low names high at core/a/src/low.rs:2"), "{back}");
        }
    }

    #[test]
    fn a_cycle_of_three_is_found_once() {
        let findings = found(&[
            ("core/a/src/lib.rs", ""),
            ("core/a/src/x.rs", "use crate::y;"),
            ("core/a/src/y.rs", "use crate::z;"),
            ("core/a/src/z/deep.rs", "use super::super::x::X;"),
        ]);
        assert_eq!(findings.len(), 1);
    }

    #[test]
    fn layers_tests_and_inner_cycles_are_free() {
        let findings = found(&[
            ("core/a/src/lib.rs", "mod low; mod high; use crate::high::H; pub use low::L;"),
            ("core/a/src/low.rs", "use std::fmt; #[cfg(test)] mod tests { use crate::high::H; use super::L; }"),
            ("core/a/src/high/mod.rs", "mod part; use crate::low::L; use self::part::P; pub(super) fn f() {}"),
            ("core/a/src/high/part.rs", "use super::Q; use crate::high::R; use crate::L;"),
        ]);
        assert_eq!(findings, []);
    }
}
