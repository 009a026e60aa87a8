//! What the programs print.

use serde_json::json;
use std::io::Write;

/// Prints one figure and sends it off at once: whoever reads may be waiting for it.
pub fn print(row: &str, what: &str, peer: &str, value: f64, unit: &str) {
    let line = json!({ "row": row, "what": what, "peer": peer, "value": value, "unit": unit });
    let mut out = std::io::stdout().lock();
    // A reader that has gone away is no reason to panic; the next line meets the same.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The middle one of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
