//! A handful of macros in the core: each one is a small language that a reader has to learn.

use super::Finding;
use crate::tree::Tree;
use syn::ItemMacro;
use syn::visit::{self, Visit};

const MOST: usize = 5;

/// Finds the `macro_rules!` in core beyond the fifth.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut places = Vec::new();
    for file in tree.code("core/") {
        let mut finder = Finder(Vec::new());
        finder.visit_file(&file.live);
        places.extend(finder.0.into_iter().map(|line| (&file.path, line)));
    }
    let count = places.len();
    let message = format!("core has {count} macro_rules!, more than {MOST}; use a function or a generic instead");
    let beyond = places.into_iter().skip(MOST);
    beyond.map(|(path, line)| Finding::new(path, line, &*message)).collect()
}

struct Finder(Vec<usize>);

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        if let (true, Some(name)) = (item.mac.path.is_ident("macro_rules"), &item.ident) {
            self.0.push(name.span().start().line);
        }
        visit::visit_item_macro(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(count: usize) -> Vec<Finding> {
        let text: String = (0..count).map(|n| format!("macro_rules! m{n} {{ () => {{}} }}\n")).collect();
        check(&Tree::of(&[("core/a/src/lib.rs", &text)]))
    }

    #[test]
    fn the_sixth_macro_is_found() {
        let findings = found(6);
        assert_eq!((findings.len(), findings[0].line), (1, 6));
    }

    #[test]
    fn five_macros_are_free() {
        assert_eq!(found(5), []);
    }
}
