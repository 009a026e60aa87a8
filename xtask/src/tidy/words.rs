//! What is committed makes sense to anyone: no paths of somebody's workplace, no private registries, no numbers of issues that only the
//! authors can look up, no marks of unfinished work.

use super::Finding;
use crate::tree::{Source, Tree};

/// Spelled in two parts, so that this file does not find itself.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("/wo", "rk/", "a path of one workplace; name the file relative to the repository"),
    ("shared/", "design", "a path of one workplace; say it here"),
    ("shared/", "references", "a path of one workplace; say it here"),
    ("shared/", "seeds", "a path of one workplace; say it here"),
    ("/tmp/tar", "get-", "a path of one workplace; leave it out"),
    ("/tmp/sp", "ook/", "a path of one workplace; use a temporary folder of its own"),
    ("/root", "/.", "a path of one workplace; leave it out"),
    ("artif", "actory", "the host of a private registry; leave it out"),
    ("TO", "DO", "a mark of unfinished work; finish it or leave it out"),
    ("FIX", "ME", "a mark of unfinished work; finish it or leave it out"),
];

/// Finds forbidden words in every text file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.sources.iter().flat_map(words).collect()
}

fn words(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for (start, end, advice) in FORBIDDEN {
            let word = format!("{start}{end}");
            if line.contains(&word) {
                let message = format!("`{word}` is {advice}");
                findings.push(Finding::new(&source.path, index + 1, message));
            }
        }
        if let Some(number) = issue_number(line) {
            let message = format!("`{number}` means nothing to a reader; say what it is about");
            findings.push(Finding::new(&source.path, index + 1, message));
        }
    }
    findings
}

/// The word "issue" and a number behind it, however it is capitalised.
fn issue_number(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(2).find_map(|pair| {
        let first = pair[0].trim_matches(|letter: char| !letter.is_alphanumeric());
        let second = pair[1].trim_start_matches(['#', '(']);
        let named = ["issue", "issues"].contains(&first.to_ascii_lowercase().as_str());
        let numbered = second.starts_with(|letter: char| letter.is_ascii_digit());
        (named && numbered).then(|| format!("{first} {second}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Finding> {
        check(&Tree::of(&[("docs/a.md", text)]))
    }

    #[test]
    fn every_forbidden_word_is_found() {
        for (start, end, _) in FORBIDDEN {
            let findings = found(&format!("a\nsee {start}{end} there"));
            assert_eq!((findings.len(), findings[0].line), (1, 2), "{start}{end}");
        }
        for text in ["As (Issue", "the issue", "some issues"] {
            for number in ["2", "#2", "12) asks"] {
                assert_eq!(found(&format!("{text} {number}")).len(), 1, "{text} {number}");
            }
        }
    }

    #[test]
    fn ordinary_text_is_free() {
        for text in ["The issue is that 2 writers", "A tissue 3", "rust-lang/rust#44322", "works/", "shared/state", "network/x"] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
