//! `ffi/errors.toml`: the permanent list of errors, read and checked.

use std::collections::BTreeSet;
use toml::Table;

/// Who has to act for the call to succeed next time.
pub const FAULTS: [&str; 5] = ["caller", "peer", "environment", "data", "bug"];

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The permanent name, such as `NOT_FOUND`.
    pub name: String,
    /// The permanent number; negative.
    pub number: i32,
    /// One of [`FAULTS`].
    pub fault: String,
    /// What happened, one sentence.
    pub what: String,
    /// What to do, one or two sentences.
    pub advice: String,
}

impl Entry {
    /// The name as types are written: `NotFound`.
    pub fn type_name(&self) -> String {
        self.name.split('_').map(capitalised).collect()
    }
}

/// `ENVIRONMENT` or `environment` as types are written: `Environment`.
pub fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + &letters.as_str().to_ascii_lowercase(),
        None => String::new(),
    }
}

/// Reads the list. Entries stay in the order of the file.
///
/// # Errors
/// A message that names the entry, if the text is not TOML, a field is missing or of the wrong kind, a name or number is used
/// twice, a number is not negative, or a fault is not one of [`FAULTS`].
pub fn read(text: &str) -> Result<Vec<Entry>, String> {
    let table: Table = text.parse().map_err(|error| format!("ffi/errors.toml: {error}"))?;
    let list = table.get("error").and_then(|list| list.as_array()).ok_or("ffi/errors.toml has no [[error]] entry")?;
    let entries = list
        .iter()
        .enumerate()
        .map(|(index, value)| entry(value).map_err(|problem| format!("ffi/errors.toml, entry {}: {problem}", index + 1)))
        .collect::<Result<Vec<_>, _>>()?;
    unique(&entries)?;
    Ok(entries)
}

fn entry(value: &toml::Value) -> Result<Entry, String> {
    let text = |key: &str| {
        value
            .get(key)
            .and_then(|field| field.as_str())
            .filter(|field| !field.is_empty())
            .map(str::to_owned)
            .ok_or(format!("`{key}` must be a text"))
    };
    let number = value
        .get("number")
        .and_then(|field| field.as_integer())
        .and_then(|number| i32::try_from(number).ok())
        .filter(|number| *number < 0)
        .ok_or("`number` must be a negative 32-bit integer")?;
    let entry = Entry { name: text("name")?, number, fault: text("fault")?, what: text("what")?, advice: text("advice")? };
    let upper = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    if !entry.name.starts_with(|letter: char| letter.is_ascii_uppercase()) || !entry.name.chars().all(upper) {
        return Err(format!("the name `{}` must be UPPER_CASE", entry.name));
    }
    if !FAULTS.contains(&entry.fault.as_str()) {
        return Err(format!("the fault `{}` must be one of {FAULTS:?}", entry.fault));
    }
    Ok(entry)
}

fn unique(entries: &[Entry]) -> Result<(), String> {
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for entry in entries {
        if !names.insert(entry.type_name()) || !numbers.insert(entry.number) {
            return Err(format!(
                "ffi/errors.toml: {} ({}) has a name or number that is taken; both are permanent",
                entry.name, entry.number
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, number: i32, fault: &str) -> String {
        format!("[[error]]\nname = \"{name}\"\nnumber = {number}\nfault = \"{fault}\"\nwhat = \"W.\"\nadvice = \"A.\"\n")
    }

    #[test]
    fn a_good_list_is_read_in_order() {
        let list = read(&(text("NOT_FOUND", -9, "caller") + &text("UTF8", -5, "peer"))).unwrap();
        assert_eq!(list[0].type_name(), "NotFound");
        assert_eq!((list[1].type_name().as_str(), list[1].number), ("Utf8", -5));
    }

    #[test]
    fn a_bad_list_is_refused_with_the_entry() {
        for (bad, word) in [
            (text("A", 1, "caller"), "negative"),
            (text("a", -1, "caller"), "UPPER_CASE"),
            (text("A", -1, "nobody"), "fault"),
            (text("A", -1, "bug") + &text("B", -1, "bug"), "taken"),
            (text("A", -1, "bug") + &text("A", -2, "bug"), "taken"),
            (text("A", -1, "bug").replace("W.", ""), "what"),
            ("x = 1".to_owned(), "no [[error]]"),
            ("[[".to_owned(), "errors.toml"),
        ] {
            let message = read(&bad).unwrap_err();
            assert!(message.contains(word), "{message}");
        }
    }
}
