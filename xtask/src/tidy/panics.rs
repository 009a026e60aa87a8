//! The core reports errors; it does not stop the program, and it does not print.

use super::Finding;
use crate::tree::{RustFile, Tree};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Expr, ExprLit, ExprMethodCall, Lit, Macro};

const PRINTS: [&str; 5] = ["dbg", "print", "println", "eprint", "eprintln"];
const STUBS: [&str; 2] = ["todo", "unimplemented"];

/// Finds what panics or prints outside tests in core, and `expect` without a reason or used too often.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.crates.iter().filter(|package| package.folder.starts_with("core/")) {
        let folder = format!("{}/", package.folder);
        let (mut lines, mut expects) = (0, Vec::new());
        for file in tree.code(&folder) {
            lines += file.lines;
            let mut finder = Finder::new(file);
            finder.visit_file(&file.live);
            findings.append(&mut finder.findings);
            expects.append(&mut finder.expects);
        }
        let allowed = (lines / 1000).max(1);
        if expects.len() > allowed {
            let message = format!(
                "{} uses expect() {} times in {lines} lines; {allowed} are allowed: return an error instead",
                package.name,
                expects.len()
            );
            findings.extend(expects.iter().skip(allowed).map(|(path, line)| Finding::new(path, *line, &*message)));
        }
    }
    findings
}

struct Finder<'a> {
    file: &'a RustFile,
    findings: Vec<Finding>,
    expects: Vec<(String, usize)>,
}

impl<'a> Finder<'a> {
    fn new(file: &'a RustFile) -> Self {
        Self { file, findings: Vec::new(), expects: Vec::new() }
    }

    fn add(&mut self, line: usize, message: impl Into<String>) {
        self.findings.push(Finding::new(&self.file.path, line, message));
    }

    /// The arguments of a macro are tokens: `.unwrap(` and `.expect(` are looked for as such.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut before_name = false;
        let mut called: Option<(String, usize)> = None;
        for token in tokens {
            match &token {
                TokenTree::Group(group) => {
                    if let Some((name, line)) = called.take() {
                        self.method(&name, line, group.stream().is_empty(), true, 1);
                    }
                    self.tokens(group.stream());
                    before_name = false;
                }
                TokenTree::Punct(mark) => {
                    before_name = mark.as_char() == '.';
                    called = None;
                }
                TokenTree::Ident(name) => {
                    let line = name.span().start().line;
                    called = before_name.then(|| (name.to_string(), line));
                    before_name = false;
                }
                TokenTree::Literal(_) => called = None,
            }
        }
    }

    fn method(&mut self, name: &str, line: usize, no_arguments: bool, has_reason: bool, arguments: usize) {
        if name == "unwrap" && no_arguments {
            self.add(line, "unwrap() panics; return an error with its code instead");
        } else if name == "expect" && !no_arguments && arguments == 1 {
            self.expects.push((self.file.path.clone(), line));
            if !has_reason {
                self.add(line, "expect() must say as a text why it cannot fail");
            }
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let line = call.method.span().start().line;
        let reason = |argument: &Expr| match argument {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value().trim().len() >= 8,
            _ => false,
        };
        self.method(&call.method.to_string(), line, call.args.is_empty(), call.args.iter().all(reason), call.args.len());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let name = call.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
        let line = call.path.segments.first().map_or(1, |first| first.ident.span().start().line);
        if PRINTS.contains(&name.as_str()) {
            self.add(line, format!("{name}! in the core; report by an event or an error, a library has no terminal"));
        }
        if STUBS.contains(&name.as_str()) {
            self.add(line, format!("{name}! in the core; finish it or leave it out"));
        }
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of(&[("core/a/Cargo.toml", "[package]\nname = \"a\""), ("core/a/src/lib.rs", text)]);
        check(&tree).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn what_panics_or_prints_is_found() {
        for (text, word) in [
            ("fn f() { x.unwrap(); }", "unwrap"),
            ("fn f() { assert!(x.unwrap() > 1); }", "unwrap"),
            ("fn f() { x.expect(REASON); }", "as a text"),
            ("fn f() { x.expect(\"\"); }", "as a text"),
            ("fn f() { todo!() }", "finish"),
            ("fn f() { std::unimplemented!() }", "finish"),
            ("fn f() { std::println!(\"x\") }", "terminal"),
            ("fn f() { dbg!(1); }", "terminal"),
        ] {
            let findings = found(text);
            assert!(findings.len() == 1 && findings[0].contains(word), "{text}: {findings:?}");
        }
    }

    #[test]
    fn a_second_expect_in_a_thousand_lines_is_found() {
        let twice = "fn f() {\n x.expect(\"checked above\");\n y.expect(\"checked above\");\n}\n";
        assert!(found(twice)[0].starts_with("core/a/src/lib.rs:3: a uses expect() 2 times"));
        assert!(found(&(twice.to_owned() + &"\n".repeat(2000))).is_empty());
    }

    #[test]
    fn tests_and_other_methods_are_free() {
        for text in [
            "fn f() { x.expect(\"the list is never empty\"); }",
            "fn f() { x.unwrap_or(1); write.expect(path, value); parser.unwrap(1); }",
            "#[cfg(test)] mod tests { fn f() { x.unwrap(); println!(); } }",
            "fn f() { write!(out, \"unwrap()\"); unreachable!() }",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
        let outside = Tree::of(&[("xtask/src/main.rs", "fn f() { x.unwrap(); println!(); }")]);
        assert!(check(&outside).is_empty());
    }
}
