//! The enum `Code` of the protocol crate.

use super::HEADER;
use crate::errors::{Entry, FAULTS, capitalised};

/// The text of `core/protocol/src/error/code.rs`; rustfmt has yet to go over it.
pub fn render(entries: &[Entry]) -> String {
    format!("// {HEADER}\n\n//! The permanent error codes.\n\n{}\n{}\n{}", fault(), code(entries), methods(entries))
}

const FAULT_DOCS: [&str; 5] = [
    "The program that made the call: it can be written so that this does not happen.",
    "The other side of a link.",
    "The machine or the network: disk, addresses, other processes, time.",
    "What is stored: the ledger.",
    "libspook itself.",
];

fn fault() -> String {
    let mut text = String::from(
        "/// Whose fault an error is: who has to act for the call to succeed next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {\n",
    );
    for (name, doc) in FAULTS.iter().zip(FAULT_DOCS) {
        text += &format!("    /// {doc}\n    {},\n", capitalised(name));
    }
    text += "}

impl Fault {
    /// The fault as a word in lower case, such as `environment`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {\n";
    for name in FAULTS {
        text += &format!("            Self::{} => \"{name}\",\n", capitalised(name));
    }
    text + "        }\n    }\n}\n"
}

fn code(entries: &[Entry]) -> String {
    let mut text = String::from(
        "/// What went wrong. Names and numbers are permanent, and equal in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Code {\n",
    );
    for entry in entries {
        text += &format!("    /// {} {}\n    {} = {},\n", entry.what, entry.advice, entry.type_name(), entry.number);
    }
    text + "}

/// What is known of a code beside its number.
struct Entry {
    name: &'static str,
    fault: Fault,
    what: &'static str,
    advice: &'static str,
}\n"
}

fn methods(entries: &[Entry]) -> String {
    let mut text = String::from(
        "impl Code {
    /// Every code, in the order of the list.
    pub const ALL: &'static [Self] = &[\n",
    );
    for entry in entries {
        text += &format!("        Self::{},\n", entry.type_name());
    }
    text += GETTERS;
    for entry in entries {
        text += &format!("            {} => Some(Self::{}),\n", entry.number, entry.type_name());
    }
    text += "            _ => None,
        }
    }

    const fn entry(self) -> Entry {
        match self {\n";
    for entry in entries {
        text += &format!(
            "            Self::{} => Entry {{
                name: {:?},
                fault: Fault::{},
                what: {:?},
                advice: {:?},
            }},\n",
            entry.type_name(),
            entry.name,
            capitalised(&entry.fault),
            entry.what,
            entry.advice
        );
    }
    text + "        }\n    }\n}\n"
}

const GETTERS: &str = "    ];

    /// The permanent number: negative, because 0 is success in C.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The permanent name, such as `NOT_FOUND`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(self) -> Fault {
        self.entry().fault
    }

    /// What happened, one sentence.
    #[must_use]
    pub const fn what(self) -> &'static str {
        self.entry().what
    }

    /// What to do, one or two sentences.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        self.entry().advice
    }

    /// The code of a number; `None` if this version knows no such number.
    #[must_use]
    pub const fn from_number(number: i32) -> Option<Self> {
        match number {\n";
