//! Every path that a piece of Rust names: in `use`, in code, and inside the arguments of macros.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, Macro, UseTree};

/// One path, where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathUse {
    /// The modules written inline around it, outermost first.
    pub inside: Vec<String>,
    /// Its parts: `["crate", "estp", "Delta"]`.
    pub segments: Vec<String>,
    /// Its line, counted from 1.
    pub line: usize,
}

/// Lists the paths of a file in the order in which they stand. A `use` with braces counts as one path for each name.
pub fn paths(file: &syn::File) -> Vec<PathUse> {
    let mut finder = Finder::default();
    finder.visit_file(file);
    finder.found
}

#[derive(Default)]
struct Finder {
    inside: Vec<String>,
    found: Vec<PathUse>,
}

impl Finder {
    fn add(&mut self, segments: Vec<String>, line: usize) {
        let inside = self.inside.clone();
        self.found.push(PathUse { inside, segments, line });
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: String| {
            let mut segments = before.to_vec();
            segments.push(name);
            segments
        };
        match tree {
            UseTree::Path(path) => self.tree(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) => {
                self.add(with(name.ident.to_string()), name.ident.span().start().line);
            }
            UseTree::Rename(name) => {
                self.add(with(name.ident.to_string()), name.ident.span().start().line);
            }
            UseTree::Glob(glob) => {
                self.add(with("*".to_owned()), glob.star_token.spans[0].start().line);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(before, tree);
                }
            }
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.flush(&mut path, line);
                    }
                    if path.is_empty() {
                        line = name.span().start().line;
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Group(group) => {
                    self.flush(&mut path, line);
                    self.tokens(group.stream());
                    colons = 0;
                }
                _ => {
                    self.flush(&mut path, line);
                    colons = 0;
                }
            }
        }
        self.flush(&mut path, line);
    }

    fn flush(&mut self, path: &mut Vec<String>, line: usize) {
        if !path.is_empty() {
            self.add(std::mem::take(path), line);
        }
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.inside.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.inside.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(1, |segment| segment.ident.span().start().line);
        self.add(segments, line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        visit::visit_macro(self, call);
        self.tokens(call.tokens.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_code_and_macros_are_all_seen() {
        let text = "use std::{thread, fs::File as F};\nmod inner {\n fn f() -> crate::a::B { vec![crate::c::d(1), x] }\n}\nuse super::*;";
        let found = paths(&syn::parse_file(text).unwrap());
        let shown: Vec<String> =
            found.iter().map(|path| format!("{}:{}:{}", path.line, path.inside.join("."), path.segments.join("::"))).collect();
        for wanted in ["1::std::thread", "1::std::fs::File", "3:inner:crate::a::B", "3:inner:crate::c::d", "3:inner:x", "5::super::*"] {
            assert!(shown.iter().any(|path| path == wanted), "{wanted} is not in {shown:?}");
        }
    }
}
