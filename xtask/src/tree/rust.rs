//! Rust files as syntax, with the parts that only tests see set apart.

use super::Source;
use syn::{Attribute, ImplItem, Item, Meta};

/// One Rust file.
pub struct RustFile {
    /// Relative to the root, with `/`.
    pub path: String,
    /// How many lines it has.
    pub lines: usize,
    /// All of it.
    pub syntax: syn::File,
    /// Without what `#[cfg(test)]` and `#[test]` hide.
    pub live: syn::File,
    /// Whether only tests, examples or benchmarks compile it.
    pub is_test: bool,
}

impl RustFile {
    /// The path of the module, such as `["estp", "collapse"]`, and `[]` for the root; `None` for a program of its own in `src/bin`,
    /// a build script, or a file outside `src/`.
    pub fn module(&self) -> Option<Vec<String>> {
        let (_, inside) = self.path.rsplit_once("/src/").or_else(|| {
            let inside = self.path.strip_prefix("src/")?;
            Some(("", inside))
        })?;
        if inside.starts_with("bin/") {
            return None;
        }
        let stem = inside.strip_suffix(".rs")?;
        let mut names: Vec<String> = stem.split('/').map(str::to_owned).collect();
        match names.last().map(String::as_str) {
            Some("mod") => {
                names.pop();
            }
            Some("lib" | "main") if names.len() == 1 => names.clear(),
            _ => {}
        }
        Some(names)
    }
}

/// Reads every Rust file; those that do not parse go to `broken`.
pub fn parse(sources: &[Source], broken: &mut Vec<(String, usize, String)>) -> Vec<RustFile> {
    let mut files = Vec::new();
    for source in sources.iter().filter(|source| source.has_extension(&["rs"])) {
        match syn::parse_file(&source.text) {
            Ok(syntax) => {
                let mut live = syntax.clone();
                strip(&mut live.items);
                files.push(RustFile {
                    path: source.path.clone(),
                    lines: source.text.lines().count(),
                    syntax,
                    live,
                    is_test: is_test_path(&source.path),
                });
            }
            Err(error) => {
                let line = error.span().start().line;
                broken.push((source.path.clone(), line, format!("is not Rust: {error}")));
            }
        }
    }
    mark_test_modules(&mut files);
    files
}

/// Folders whose Rust is only for tests, examples and benchmarks.
fn is_test_path(path: &str) -> bool {
    let mut folders = path.split('/').rev().skip(1);
    folders.any(|folder| ["tests", "benches", "bench", "examples", "fuzz"].contains(&folder))
}

/// A file behind `#[cfg(test)] mod name;` is for tests, and so is all below it.
fn mark_test_modules(files: &mut [RustFile]) {
    let mut starts = Vec::new();
    for file in files.iter() {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let base = match name {
            "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
            name => format!("{folder}/{}", name.trim_end_matches(".rs")),
        };
        for item in &file.syntax.items {
            if let Item::Mod(module) = item
                && module.content.is_none()
                && is_for_tests(&module.attrs)
            {
                starts.push(format!("{base}/{}", module.ident));
            }
        }
    }
    for file in files {
        let below = |start: &String| {
            let rest = file.path.strip_prefix(start.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        file.is_test |= starts.iter().any(below);
    }
}

fn strip(items: &mut Vec<Item>) {
    items.retain(|item| !is_for_tests(attributes(item)));
    for item in items {
        match item {
            Item::Mod(module) => {
                if let Some((_, inner)) = &mut module.content {
                    strip(inner);
                }
            }
            Item::Impl(block) => block.items.retain(|item| match item {
                ImplItem::Fn(function) => !is_for_tests(&function.attrs),
                ImplItem::Const(constant) => !is_for_tests(&constant.attrs),
                _ => true,
            }),
            _ => {}
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("test") || (attribute.path().is_ident("cfg") && hides(&attribute.meta)))
}

/// Whether a condition holds in tests only: `test`, or `all(..)` with such a part.
fn hides(meta: &Meta) -> bool {
    match meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") || list.path.is_ident("all") => {
            let parts = list.parse_args_with(syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated);
            parts.is_ok_and(|parts| parts.iter().any(hides))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::Tree;
    use quote::ToTokens;

    #[test]
    fn what_only_tests_see_is_set_apart() {
        let tree = Tree::of(&[
            (
                "core/a/src/lib.rs",
                "mod live;\n#[cfg(test)]\nmod checks;\n#[cfg(all(test, unix))]\nfn gone() {}\n#[cfg(not(test))]\nfn stays() {}",
            ),
            ("core/a/src/live.rs", "struct A;\nimpl A { #[cfg(test)] fn gone(&self) {} }"),
            ("core/a/src/checks.rs", ""),
            ("core/a/src/checks/deep.rs", ""),
            ("core/a/src/checksum.rs", ""),
            ("core/a/tests/b.rs", ""),
        ]);
        let code: Vec<&str> = tree.code("core/").map(|file| file.path.as_str()).collect();
        assert_eq!(code, ["core/a/src/lib.rs", "core/a/src/live.rs", "core/a/src/checksum.rs"]);
        let text: String = tree.code("core/").map(|file| file.live.to_token_stream().to_string()).collect();
        assert!(text.contains("stays") && !text.contains("gone"), "{text}");
    }

    #[test]
    fn a_file_that_is_no_rust_is_reported_with_its_line() {
        let tree = Tree::of(&[("core/a/src/lib.rs", "fn a() {}\nfn {\n")]);
        assert_eq!((tree.broken[0].0.as_str(), tree.broken[0].1), ("core/a/src/lib.rs", 2));
    }

    #[test]
    fn modules_are_named_by_their_path() {
        let paths = [
            ("core/a/src/lib.rs", Some(vec![])),
            ("core/a/src/b/mod.rs", Some(vec!["b"])),
            ("core/a/src/b/c.rs", Some(vec!["b", "c"])),
            ("core/a/src/bin/d.rs", None),
            ("core/a/build.rs", None),
        ];
        for (path, module) in paths {
            let tree = Tree::of(&[(path, "")]);
            let module = module.map(|names| names.into_iter().map(str::to_owned).collect());
            assert_eq!(tree.rust[0].module(), module, "{path}");
        }
    }
}
