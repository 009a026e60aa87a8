//! A Rust static library that has nothing to do with libspook; `beside.c` links both.

/// Adds two numbers, by way of the standard library.
#[allow(unsafe_attr_outside_unsafe)]
#[no_mangle]
pub extern "C" fn other_library_adds(a: i32, b: i32) -> i32 {
    let text = format!("{a} {b}");
    text.split(' ').map(|word| word.parse::<i32>().unwrap_or(0)).sum()
}
