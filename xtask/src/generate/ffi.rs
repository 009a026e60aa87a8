//! The constants `SPOOK_E_*`, from which cbindgen makes those of the C header.

use super::HEADER;
use crate::errors::Entry;

/// The text of `ffi/src/codes.rs`; rustfmt has yet to go over it.
pub fn render(entries: &[Entry]) -> String {
    let mut text = format!(
        "// {HEADER}

//! The error codes of the C interface: 0 is success, every error is negative and permanent.

/// Success.
pub const SPOOK_OK: i32 = 0;\n"
    );
    for entry in entries {
        text += &format!(
            "\n/// {} {} (Fault: {}.)\npub const SPOOK_E_{}: i32 = {};\n",
            entry.what, entry.advice, entry.fault, entry.name, entry.number
        );
    }
    text
}
