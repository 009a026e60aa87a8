//! Each function of the C interface says who owns what, on which thread it may run, whether it blocks, and how it fails.

use super::Finding;
use crate::tree::Tree;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ItemFn, Lit, Meta};

const TAGS: [&str; 4] = ["Ownership", "Thread", "Blocking", "Errors"];

/// Finds exported `extern "C"` functions in `ffi/` whose documentation lacks one of the four tags.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.code("ffi/") {
        let mut finder = Finder(Vec::new());
        finder.visit_file(&file.live);
        for (name, line, missing) in finder.0 {
            let message =
                format!("{name} does not say {}; add a line of documentation that begins with it and a colon", missing.join(", "));
            findings.push(Finding::new(&file.path, line, message));
        }
    }
    findings
}

struct Finder(Vec<(String, usize, Vec<&'static str>)>);

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if function.sig.abi.is_some() && function.attrs.iter().any(is_exported) {
            let docs: Vec<String> = function.attrs.iter().filter_map(doc).collect();
            let missing: Vec<&str> = TAGS.into_iter().filter(|tag| !says(&docs, tag)).collect();
            if !missing.is_empty() {
                let name = &function.sig.ident;
                self.0.push((name.to_string(), name.span().start().line, missing));
            }
        }
        visit::visit_item_fn(self, function);
    }
}

/// `#[no_mangle]` or `#[unsafe(no_mangle)]`.
fn is_exported(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::Path(path) => path.is_ident("no_mangle"),
        Meta::List(list) => list.path.is_ident("unsafe") && list.tokens.to_string() == "no_mangle",
        _ => false,
    }
}

fn doc(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(value) if pair.path.is_ident("doc") => match &value.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

fn says(docs: &[String], tag: &str) -> bool {
    let mut lines = docs.iter().flat_map(|doc| doc.lines());
    lines.any(|line| {
        let line = line.trim_start_matches([' ', '*', '#', '-']);
        line.strip_prefix(tag).is_some_and(|rest| rest.trim_start_matches('*').starts_with(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "/// Closes it.\n///\n/// Ownership: takes it.\n/// - Thread: any.\n/// **Blocking**: no.\n/// Errors: none.\n";

    fn found(text: &str) -> Vec<String> {
        check(&Tree::of(&[("ffi/src/lib.rs", text)])).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_missing_tag_is_named() {
        let text = FULL.replace("Thread:", "Threads are fine") + "#[unsafe(no_mangle)] pub extern \"C\" fn spook_a() {}";
        let findings = found(&text);
        assert!(findings[0].contains("spook_a does not say Thread;"), "{findings:?}");
        assert_eq!(found("#[no_mangle] pub extern \"C\" fn spook_a() {}").len(), 1);
    }

    #[test]
    fn full_documentation_and_inner_functions_are_free() {
        let full = FULL.to_owned() + "#[unsafe(no_mangle)] pub unsafe extern \"C\" fn spook_a() {}";
        assert!(found(&full).is_empty());
        assert!(found("pub extern \"C\" fn callback() {}\npub fn helper() {}").is_empty());
    }
}
