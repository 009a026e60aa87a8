//! Files with `@NAME@` in the places to be filled.

/// The text with every place filled.
///
/// # Errors
/// A message, if a name between two `@` has no value.
pub fn filled(text: &str, values: &[(&'static str, String)]) -> Result<String, String> {
    let mut filled = text.to_owned();
    for (name, value) in values {
        filled = filled.replace(&format!("@{name}@"), value);
    }
    let lines = filled.lines().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n") + "\n";
    match lines.lines().find(|line| line.contains('@')) {
        Some(line) => Err(format!("there is no value for the name in `{line}`")),
        None => Ok(lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_filled_or_refused() {
        let values = [("A", "1".to_owned()), ("B", String::new())];
        assert_eq!(filled("x @A@ @A@\ny: @B@\n", &values), Ok("x 1 1\ny:\n".to_owned()));
        assert!(filled("@C@", &values).unwrap_err().contains("@C@"));
    }
}
