//! JSON Pointer (RFC 6901): the text by which a path is written.

use crate::limits;
use std::borrow::Cow;
use std::fmt;

/// Why a text is not a path of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerError {
    /// It is neither empty nor begins with `/`.
    NoSlash,
    /// A `~` is followed by something other than 0 or 1.
    Escape,
    /// The path or one of its keys is longer than [`limits`] allows.
    TooLong,
    /// The path has more levels than [`limits::DEPTH`].
    TooDeep,
}

impl fmt::Display for PointerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PointerError::NoSlash => out.write_str("it does not begin with '/'"),
            PointerError::Escape => out.write_str("a '~' is not followed by 0 or 1"),
            PointerError::TooLong => write!(out, "it is longer than {} bytes, or a key than {}", limits::PATH_BYTES, limits::KEY_BYTES),
            PointerError::TooDeep => write!(out, "it has more than {} levels", limits::DEPTH),
        }
    }
}

/// The keys of a path, outermost first, without copying those that hold no escape.
///
/// # Errors
/// [`PointerError`] for whatever is wrong with the text; the iterator ends after an error.
pub fn keys(path: &str) -> Result<Keys<'_>, PointerError> {
    if path.len() > limits::PATH_BYTES {
        return Err(PointerError::TooLong);
    }
    match path.as_bytes().first() {
        None => Ok(Keys { rest: None, depth: 0 }),
        Some(b'/') => Ok(Keys { rest: Some(&path[1..]), depth: 0 }),
        Some(_) => Err(PointerError::NoSlash),
    }
}

/// The iterator of [`keys`].
#[derive(Clone, Debug)]
pub struct Keys<'a> {
    rest: Option<&'a str>,
    depth: usize,
}

impl<'a> Iterator for Keys<'a> {
    type Item = Result<Cow<'a, str>, PointerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let raw = match rest.as_bytes().iter().position(|&byte| byte == b'/') {
            None => rest,
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                &rest[..at]
            }
        };
        self.depth += 1;
        let key = if self.depth > limits::DEPTH {
            Err(PointerError::TooDeep)
        } else if raw.len() > limits::KEY_BYTES {
            Err(PointerError::TooLong)
        } else {
            unescape(raw)
        };
        if key.is_err() {
            self.rest = None;
        }
        Some(key)
    }
}

fn unescape(raw: &str) -> Result<Cow<'_, str>, PointerError> {
    if !raw.as_bytes().contains(&b'~') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut key = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(char) = chars.next() {
        match (char, if char == '~' { chars.next() } else { None }) {
            ('~', Some('0')) => key.push('~'),
            ('~', Some('1')) => key.push('/'),
            ('~', _) => return Err(PointerError::Escape),
            (other, _) => key.push(other),
        }
    }
    Ok(Cow::Owned(key))
}

/// Appends `/key` to a path, with the escapes that RFC 6901 asks for.
pub fn push_key(path: &mut String, key: &str) {
    path.push('/');
    for char in key.chars() {
        match char {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            other => path.push(other),
        }
    }
}

/// Whether `path` is `prefix` or lies below it. Both are written as JSON Pointers.
pub fn is_within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(path: &str) -> Result<Vec<String>, PointerError> {
        keys(path)?.map(|key| key.map(Cow::into_owned)).collect()
    }

    #[test]
    fn the_examples_of_rfc_6901_section_5() {
        assert_eq!(all("").unwrap(), Vec::<String>::new());
        assert_eq!(all("/").unwrap(), [""]);
        assert_eq!(all("/foo/0").unwrap(), ["foo", "0"]);
        assert_eq!(all("/a~1b").unwrap(), ["a/b"]);
        assert_eq!(all("/c%d").unwrap(), ["c%d"]);
        assert_eq!(all("/m~0n").unwrap(), ["m~n"]);
        assert_eq!(all("/ ").unwrap(), [" "]);
        assert_eq!(all("/~01").unwrap(), ["~1"]);
    }

    #[test]
    fn what_is_no_pointer_is_refused_with_the_reason() {
        assert_eq!(all("foo"), Err(PointerError::NoSlash));
        assert_eq!(all("/~2"), Err(PointerError::Escape));
        assert_eq!(all("/a~"), Err(PointerError::Escape));
        assert_eq!(all(&"/a".repeat(limits::DEPTH + 1)), Err(PointerError::TooDeep));
        assert_eq!(all(&format!("/{}", "k".repeat(limits::KEY_BYTES + 1))), Err(PointerError::TooLong));
        assert_eq!(all(&"/a".repeat(limits::PATH_BYTES)), Err(PointerError::TooLong));
    }

    #[test]
    fn push_key_undoes_what_keys_does() {
        for key in ["", "a/b", "~", "~1", "ä/~0"] {
            let mut path = String::new();
            push_key(&mut path, key);
            assert_eq!(all(&path).unwrap(), [key]);
        }
    }

    #[test]
    fn within_asks_for_whole_keys() {
        assert!(is_within("/a/b", "/a"));
        assert!(is_within("/a", "/a"));
        assert!(is_within("/a", ""));
        assert!(!is_within("/ab", "/a"));
    }
}
