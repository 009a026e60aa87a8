//! A file holds one idea, a function fits a screen.

use super::Finding;
use crate::tree::{RustFile, Source, Tree};
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

const FILE_SOFT: usize = 500;
const FILE_HARD: usize = 800;
const FUNCTION: usize = 70;
const LANGUAGES: [&str; 8] = ["rs", "py", "pyi", "c", "h", "hpp", "cpp", "js"];

/// Finds hand-written files and functions that are too long.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let written = |path: &str| tree.source(path).is_some_and(|source| !source.is_generated());
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|source| !source.is_generated()) {
        if source.has_extension(&LANGUAGES) {
            findings.extend(file(source));
        }
        let functions = if source.has_extension(&["py", "pyi"]) {
            python(&source.text)
        } else if source.has_extension(&["c", "h", "cpp", "hpp"]) {
            braces(&source.text)
        } else {
            continue;
        };
        findings.extend(functions.iter().filter_map(|found| found.finding(&source.path)));
    }
    for source in tree.rust.iter().filter(|file| written(&file.path)) {
        findings.extend(rust(source).iter().filter_map(|found| found.finding(&source.path)));
    }
    findings
}

fn file(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count();
    let message = |limit: usize| format!("the file has {lines} lines, more than {limit}; look for the seam and split it");
    if lines > FILE_HARD {
        Some(Finding::new(&source.path, 1, message(FILE_HARD)))
    } else if lines > FILE_SOFT {
        Some(Finding::new(&source.path, 1, message(FILE_SOFT)).warning())
    } else {
        None
    }
}

/// A function and the lines it takes, the first and the last included.
struct Function {
    name: String,
    first: usize,
    last: usize,
}

impl Function {
    fn finding(&self, path: &str) -> Option<Finding> {
        let lines = self.last + 1 - self.first;
        (lines > FUNCTION).then(|| {
            let message = format!("`{}` has {lines} lines, more than {FUNCTION}; move a step of it into a function", self.name);
            Finding::new(path, self.first, message)
        })
    }
}

fn rust(file: &RustFile) -> Vec<Function> {
    let mut finder = Finder(Vec::new());
    finder.visit_file(&file.syntax);
    finder.0
}

struct Finder(Vec<Function>);

impl Finder {
    fn add(&mut self, signature: &Signature, block: &Block) {
        self.0.push(Function {
            name: signature.ident.to_string(),
            first: signature.fn_token.span.start().line,
            last: block.brace_token.span.close().end().line,
        });
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// Python: from `def` to the last line that is indented deeper.
fn python(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut functions = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let start = line.trim_start();
        let head = start.strip_prefix("async ").unwrap_or(start);
        let Some(rest) = head.strip_prefix("def ") else {
            continue;
        };
        let mut last = index;
        for (next, below) in lines.iter().enumerate().skip(index + 1) {
            let closes = below.trim_start().starts_with([')', ']', '}']);
            if below.trim().is_empty() {
                continue;
            }
            if indent(below) <= indent(line) && !closes {
                break;
            }
            last = next;
        }
        let name = rest.split('(').next().unwrap_or(rest).to_owned();
        functions.push(Function { name, first: index + 1, last: last + 1 });
    }
    functions
}

/// C and C++: from the line before a `{` that opens a body at the left margin to the `}` at the left margin.
fn braces(text: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut head = String::new();
    for (index, line) in text.lines().enumerate() {
        if let Some((first, name)) = &open {
            if line.starts_with('}') {
                functions.push(Function { name: name.clone(), first: *first, last: index + 1 });
                open = None;
            }
            continue;
        }
        let opens = line.starts_with('{') || (line.ends_with('{') && !line.starts_with([' ', '\t', '#', '/']));
        if !line.starts_with('{') {
            head = line.to_owned();
        }
        if opens && is_function_head(&head) {
            let before = head.split('(').next().unwrap_or(&head);
            let name = before.rsplit([' ', '*']).next().unwrap_or(before);
            open = Some((index + 1, name.to_owned()));
        }
    }
    functions
}

fn is_function_head(head: &str) -> bool {
    let first = head.split_whitespace().next().unwrap_or_default();
    head.contains('(') && !["typedef", "struct", "enum", "union", "namespace", "class", "extern"].contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let findings = check(&Tree::of(&[(path, text)]));
        findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn long_files_warn_then_fail_unless_generated() {
        assert!(found("a.c", &"\n".repeat(500)).is_empty());
        assert!(found("a.c", &"\n".repeat(501))[0].contains("warning"));
        assert!(!found("a.c", &"\n".repeat(801))[0].contains("warning"));
        let generated = "// Generated by a tool\n".to_owned() + &"\n".repeat(900);
        assert!(found("a.c", &generated).is_empty());
        assert!(found("a.json", &"\n".repeat(900)).is_empty());
    }

    #[test]
    fn a_rust_function_of_71_lines_is_found() {
        let function = |lines: usize| format!("impl A {{\n    fn long() {{\n{}    }}\n}}", "\n".repeat(lines - 2));
        assert!(found("a.rs", &function(70)).is_empty());
        let findings = found("a.rs", &function(71));
        assert!(findings[0].starts_with("a.rs:2: `long` has 71 lines"), "{findings:?}");
    }

    #[test]
    fn a_python_function_of_71_lines_is_found() {
        let function = |lines: usize| {
            let body = "        pass\n".repeat(lines - 3);
            format!("class A:\n    async def long(\n        self,\n    ) -> None:\n{body}\n    x = 1\n")
        };
        assert!(found("a.py", &function(70)).is_empty());
        let findings = found("a.py", &function(71));
        assert!(findings[0].starts_with("a.py:2: `long` has 71 lines"), "{findings:?}");
    }

    #[test]
    fn a_c_function_of_71_lines_is_found() {
        let function = |lines: usize| {
            format!("typedef struct {{\n  int x;\n}} s;\nstatic int *\nlong_one(int a)\n{{\n{}}}\n", "  a++;\n".repeat(lines - 2))
        };
        assert!(found("a.c", &function(70)).is_empty());
        let findings = found("a.c", &function(71));
        assert!(findings[0].contains("`long_one` has 71 lines"), "{findings:?}");
    }
}
