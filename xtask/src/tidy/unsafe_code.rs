//! `unsafe` stands where other languages meet Rust, and nowhere else.

use super::Finding;
use crate::tree::Tree;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

/// Finds the word `unsafe` outside `ffi/` and `bindings/`, tests included.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.rust {
        if file.path.starts_with("ffi/") || file.path.starts_with("bindings/") {
            continue;
        }
        let mut lines = Vec::new();
        find(file.syntax.to_token_stream(), &mut lines);
        let message = "unsafe outside ffi/ and bindings/; use a safe crate for it";
        findings.extend(lines.into_iter().map(|line| Finding::new(&file.path, line, message)));
    }
    findings
}

fn find(tokens: TokenStream, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) if name == "unsafe" => lines.push(name.span().start().line),
            TokenTree::Group(group) => find(group.stream(), lines),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_is_found_as_a_word_of_the_language() {
        for text in
            ["fn f() {\n unsafe { g() }\n}", "\nunsafe impl Send for A {}", "\n#[unsafe(no_mangle)] fn f() {}", "m! {\n unsafe fn f() {} }"]
        {
            let findings = check(&Tree::of(&[("core/a/src/lib.rs", text)]));
            assert_eq!((findings.len(), findings[0].line), (1, 2), "{text}");
        }
    }

    #[test]
    fn the_borders_and_comments_are_free() {
        let tree = Tree::of(&[
            ("ffi/src/lib.rs", "unsafe fn f() {}"),
            ("bindings/python/src/lib.rs", "unsafe fn f() {}"),
            ("core/a/src/lib.rs", "//! unsafe\n#![forbid(unsafe_code)]\nconst A: &str = \"unsafe\";"),
        ]);
        assert_eq!(check(&tree), []);
    }
}
