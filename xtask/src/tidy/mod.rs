//! `cargo xtask tidy`: the rules of style and structure that the compiler does not check.
//!
//! Each rule is a function from the [`Tree`] to its [`Finding`]s, in a file of its own, with a test in which it fires and one in which
//! it does not.

mod cycles;
mod ffi_docs;
mod finding;
mod host_folders;
mod layers;
mod lengths;
mod macros;
mod manifests;
mod panics;
mod purity;
mod unsafe_code;
mod words;

pub use finding::Finding;

use crate::arguments::{Arguments, Done};
use crate::tree::Tree;
use std::path::Path;

/// The help of the command.
pub const HELP: &str = "\
Reports what breaks the rules of style and structure, one finding a line: `path:line: what, and what to do`.

  lengths       files (500 lines warn, 800 fail) and functions (70 lines)
  cycles        no cycles between the top-level modules of a crate
  layers        crates depend only on crates of lower layers
  panics        no unwrap, dbg!, println!, todo! in core; expect only with a reason, at most one per 1000 lines
  unsafe        only in ffi/ and bindings/
  manifests     [lints] workspace = true; missing_docs = deny; no panic = \"abort\"
  ffi docs      each extern function says Ownership, Thread, Blocking, Errors
  host folders  no .rs files in python/, node/, ...
  purity        no clock, randomness, thread, file, socket in core/protocol
  macros        at most five macro_rules! in core
  words         no paths of a workplace, unfinished marks or issue numbers

Options:
  --warnings   fail on warnings, too
";

/// One rule.
pub struct Rule {
    /// Its name, as in the help.
    pub name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

/// Every rule.
pub const RULES: &[Rule] = &[
    rule("readable", readable),
    rule("lengths", lengths::check),
    rule("cycles", cycles::check),
    rule("layers", layers::check),
    rule("panics", panics::check),
    rule("unsafe", unsafe_code::check),
    rule("manifests", manifests::check),
    rule("ffi docs", ffi_docs::check),
    rule("host folders", host_folders::check),
    rule("purity", purity::check),
    rule("macros", macros::check),
    rule("words", words::check),
];

const fn rule(name: &'static str, check: fn(&Tree) -> Vec<Finding>) -> Rule {
    Rule { name, check }
}

impl Rule {
    /// What the rule finds, sorted by place.
    pub fn findings(&self, tree: &Tree) -> Vec<Finding> {
        let mut findings = (self.check)(tree);
        findings.sort();
        findings
    }
}

/// A file that cannot be read as what it is would escape every other rule.
fn readable(tree: &Tree) -> Vec<Finding> {
    let finding = |(path, line, problem): &(String, usize, String)| Finding::new(path, *line, format!("{problem}; mend it"));
    tree.broken.iter().map(finding).collect()
}

/// Runs the command.
pub fn command(root: &Path, mut arguments: Arguments) -> Done {
    let strict = arguments.flag("--warnings");
    arguments.finish(&["--warnings"])?;
    let tree = Tree::read(root)?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule.findings(&tree)).collect();
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    let warnings = findings.iter().filter(|finding| finding.is_warning).count();
    let failures = findings.len() - warnings;
    println!("tidy: {} files, {} rules, {failures} findings, {warnings} warnings", tree.sources.len(), RULES.len());
    Ok(failures == 0 && (warnings == 0 || !strict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_parse_is_a_finding() {
        let broken = Tree::of(&[("core/a/src/lib.rs", "fn {")]);
        assert_eq!(readable(&broken).len(), 1);
        assert!(readable(&Tree::of(&[("core/a/src/lib.rs", "fn a() {}")])).is_empty());
    }

    #[test]
    fn a_finding_says_where_and_what() {
        let finding = Finding::new("a.rs", 3, "x is long; split it");
        assert_eq!(finding.to_string(), "a.rs:3: x is long; split it");
        assert!(finding.warning().to_string().contains(": warning: "));
    }
}
