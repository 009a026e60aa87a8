//! The page of errors for readers.

use super::HEADER;
use crate::errors::Entry;

/// The text of `docs/errors.md`.
pub fn render(entries: &[Entry]) -> String {
    let mut text = format!(
        "<!-- {HEADER} -->

# Errors

Every error has a permanent number and name, equal in every language, and comes in three parts: what happened, whose fault it is, and
what to do. The fault says who has to act: the *caller* (the program), the *peer* (the other side), the *environment* (machine or
network), the *data* (what is stored), or nobody but us (*bug*).

| number | name | fault | what happened | what to do |
|---:|---|---|---|---|\n"
    );
    for entry in entries {
        text += &format!("| {} | `{}` | {} | {} | {} |\n", entry.number, entry.name, entry.fault, cell(&entry.what), cell(&entry.advice));
    }
    text
}

/// A text as it may stand in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
