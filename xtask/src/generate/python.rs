//! The exception classes of the Python package.

use super::HEADER;
use crate::errors::Entry;

/// The built-in exceptions that a class also is, so that the usual `except` clauses of Python catch it.
const BUILT_IN: &[(&str, &str)] = &[
    ("INVALID", "ValueError"),
    ("POINTER", "ValueError"),
    ("UTF8", "ValueError"),
    ("TYPE", "TypeError"),
    ("NAN", "ValueError"),
    ("TOO_LARGE", "ValueError"),
    ("NOT_FOUND", "KeyError"),
    ("UNREACHABLE", "ConnectionError"),
    ("TIMEOUT", "TimeoutError"),
    ("DECOHERED", "ConnectionError, TimeoutError"),
    ("IO", "OSError"),
    ("ADDRESS", "ValueError"),
];

/// The text of `python/spook/_errors.py`.
pub fn render(entries: &[Entry]) -> String {
    let mut text = format!("# {HEADER}\n{BASE}");
    for entry in entries {
        text += &class(entry);
    }
    text += "\n\nBY_CODE: dict[int, type[SpookError]] = {\n";
    for entry in entries {
        text += &format!("    {}: {},\n", entry.number, entry.type_name());
    }
    text += "}\n";
    text += FROM_CODE;
    text += "\n\n__all__ = [\n    \"SpookError\",\n";
    for entry in entries {
        text += &format!("    \"{}\",\n", entry.type_name());
    }
    text + "]\n"
}

fn class(entry: &Entry) -> String {
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == entry.name).map(|(_, class)| format!(", {class}")).unwrap_or_default();
    format!(
        "\n\nclass {}(SpookError{built_in}):
    {}

    code = {}
    name = {}
    fault = {}
    what = {}
    advice = {}\n",
        entry.type_name(),
        docstring(&entry.what),
        entry.number,
        quoted(&entry.name),
        quoted(&entry.fault),
        quoted(&entry.what),
        quoted(&entry.advice)
    )
}

/// A text as a Python literal. Rust's notation is also Python's for the printable text that the list holds.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn docstring(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"\"\"{escaped}\"\"\"")
}

const BASE: &str = r#""""The exceptions of spook: one class for each permanent error code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._spook import Candidate


class SpookError(Exception):
    """An error of libspook: what happened, whose fault it is, what to do.

    ``detail`` is what is known of this one occurrence: a path, a size, an address. It may be empty.

    ``candidate`` is the write that was done though it raised this: of Decohered, whose outcome is open, and of Voided.
    """

    code: int = 0
    name: str = ""
    fault: str = ""
    what: str = ""
    advice: str = ""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.candidate: Candidate | None = None

    def __reduce__(self) -> tuple[type[SpookError], tuple[str], dict[str, object]]:
        # A candidate belongs to this process.
        return type(self), (self.detail,), {**self.__dict__, "candidate": None}

    def __str__(self) -> str:
        happened = " ".join(part for part in (self.what, self.detail) if part)
        if not self.name:
            return happened
        return f"{happened} [{self.name}, fault: {self.fault}] {self.advice}"
"#;

const FROM_CODE: &str = r#"

def from_code(code: int, detail: str = "") -> SpookError:
    """The exception for a code; a code of a newer library than this package gives a plain SpookError."""
    known = BY_CODE.get(code)
    if known is not None:
        return known(detail)
    error = SpookError(detail or f"Error {code} is not known to this version of the package.")
    error.code = code
    return error
"#;
