//! What a rule finds.

use std::fmt;

/// One place that breaks a rule. Ordered by place, so that a list can be sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the root.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
    /// A warning is listed but fails nothing.
    pub is_warning: bool,
}

impl Finding {
    /// A finding that fails the run.
    pub fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into(), is_warning: false }
    }

    /// The same as a warning.
    pub fn warning(mut self) -> Self {
        self.is_warning = true;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_warning { "warning: " } else { "" };
        write!(out, "{}:{}: {kind}{}", self.path, self.line, self.message)
    }
}
