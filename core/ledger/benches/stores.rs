//! Measures the store; see the text of `main`.
fn main() {}
