//! The protocol does no input or output of its own: clocks, randomness, threads, files and sockets stay outside.

use super::Finding;
use crate::tree::{Tree, paths};

const FOLDER: &str = "core/protocol/";

/// Names that may not stand in the protocol, and what to do instead. A name matches anywhere in a path.
const BANNED: &[(&[&str], &str)] = &[
    (&["Instant", "now"], "take `now` as an argument"),
    (&["SystemTime"], "take `now` as an argument"),
    (&["UNIX_EPOCH"], "take `now` as an argument"),
    (&["std", "collections", "HashMap"], "use BTreeMap, or hashbrown with a fixed hasher and never its order"),
    (&["std", "collections", "HashSet"], "use BTreeSet, or hashbrown with a fixed hasher and never its order"),
    (&["RandomState"], "use a hasher with a fixed seed"),
    (&["std", "thread"], "let the engine run threads"),
    (&["std", "fs"], "take the bytes as an argument"),
    (&["std", "env"], "take it as an argument"),
    (&["std", "process"], "let the engine do it"),
    (&["TcpStream"], "let transport do it"),
    (&["TcpListener"], "let transport do it"),
    (&["UdpSocket"], "let transport do it"),
    (&["ToSocketAddrs"], "let transport do it"),
    (&["std", "os"], "let the engine do it"),
    (&["getrandom"], "take a seed as an argument"),
    (&["rand"], "take a seed as an argument"),
    (&["OsRng"], "take a seed as an argument"),
    (&["thread_rng"], "take a seed as an argument"),
];

/// Crates that bring a clock, randomness, threads or sockets along.
const BANNED_CRATES: [&str; 9] = ["getrandom", "rand", "libc", "mio", "tokio", "crossbeam-channel", "parking_lot", "web-time", "js-sys"];

/// Finds banned names and banned dependencies in the protocol, outside its tests.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.code(FOLDER) {
        for path in paths(&file.live) {
            if let Some((name, advice)) = BANNED.iter().find(|(name, _)| contains(&path.segments, name)) {
                let message = format!("{} in the protocol; {advice}", name.join("::"));
                findings.push(Finding::new(&file.path, path.line, message));
            }
        }
    }
    findings.dedup();
    findings.extend(dependencies(tree));
    findings
}

fn contains(segments: &[String], name: &[&str]) -> bool {
    segments.windows(name.len()).any(|part| part.iter().zip(name).all(|(a, b)| a == b))
}

fn dependencies(tree: &Tree) -> Vec<Finding> {
    let Some(package) = tree.crates.iter().find(|package| format!("{}/", package.folder) == FOLDER) else {
        return Vec::new();
    };
    let Some(list) = package.table.get("dependencies").and_then(|list| list.as_table()) else {
        return Vec::new();
    };
    let banned = list.keys().filter(|name| BANNED_CRATES.contains(&name.as_str()));
    banned
        .map(|name| {
            let line = tree.source(&package.manifest).map_or(1, |source| source.line_of(name));
            let message = format!("the protocol depends on {name}; let the engine use it and pass in what comes of it");
            Finding::new(&package.manifest, line, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Finding> {
        check(&Tree::of(&[("core/protocol/src/lib.rs", text)]))
    }

    #[test]
    fn clocks_and_the_like_are_found() {
        for text in [
            "fn f() { let now = std::time::Instant::now(); }",
            "use std::time::SystemTime;",
            "use std::{collections::{BTreeMap, HashMap}};",
            "use std::thread;",
            "fn f() { std::fs::read(p); }",
            "use std::net::TcpStream;",
            "fn f() { m!(getrandom::fill(x)); }",
            "use rand::Rng;",
        ] {
            assert_eq!(found(text).len(), 1, "{text}: {:?}", found(text));
        }
    }

    #[test]
    fn a_dependency_is_found() {
        let manifest = "[package]\nname = \"p\"\n[dependencies]\ngetrandom = \"0.4\"\n[dev-dependencies]\nrand = \"1\"";
        let findings = check(&Tree::of(&[("core/protocol/Cargo.toml", manifest)]));
        assert_eq!((findings.len(), findings[0].line), (1, 4));
    }

    #[test]
    fn data_tests_and_other_crates_are_free() {
        for text in [
            "use std::net::{IpAddr, SocketAddr}; use std::time::Duration; use hashbrown::HashMap; fn rand_like() {}",
            "#[cfg(test)] mod tests { use std::collections::HashMap; use std::thread; }",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
        let other = Tree::of(&[("core/engine/src/lib.rs", "use std::thread;")]);
        assert_eq!(check(&other), []);
    }
}
