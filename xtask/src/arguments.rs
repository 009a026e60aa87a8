//! The words behind a command, and the guess at what a mistyped one was meant to be.

/// What a command gives: `Ok(true)` is success, `Ok(false)` a failure it has already reported, `Err` a failure to report.
pub type Done = Result<bool, String>;

/// The name that is close enough to what was typed to be what was meant.
pub fn nearest<'a>(typed: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| (distance(typed, name), *name))
        .filter(|(steps, name)| *steps <= 2.max(name.len() / 3))
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be added, removed or replaced to turn `a` into `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The words behind the command; a command takes out what it knows and refuses the rest.
pub struct Arguments {
    words: Vec<String>,
}

impl Arguments {
    /// The words as they were typed.
    pub fn new(words: &[String]) -> Self {
        Self { words: words.to_vec() }
    }

    /// The arguments as a test writes them.
    #[cfg(test)]
    pub fn for_test(words: &[&str]) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self { words }
    }

    /// Takes `--name`; true if it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        before != self.words.len()
    }

    /// Takes `--name VALUE` or `--name=VALUE`.
    ///
    /// # Errors
    /// A message, if nothing stands behind the name.
    pub fn value(&mut self, name: &str) -> Result<Option<String>, String> {
        let assigned = format!("{name}=");
        let Some(index) = self.words.iter().position(|word| word == name || word.starts_with(&assigned)) else {
            return Ok(None);
        };
        let word = self.words.remove(index);
        if let Some(value) = word.strip_prefix(&assigned) {
            return Ok(Some(value.to_owned()));
        }
        if index == self.words.len() || self.words[index].starts_with("--") {
            return Err(format!("`{name}` needs a value"));
        }
        Ok(Some(self.words.remove(index)))
    }

    /// Refuses what no call has taken.
    pub fn finish(self, known: &[&str]) -> Result<(), String> {
        let Some(word) = self.words.first() else {
            return Ok(());
        };
        let guess = nearest(word, known).map(|guess| format!(" Did you mean `{guess}`?")).unwrap_or_default();
        Err(format!("`{word}` is not understood.{guess}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_command() {
        let names = ["test", "tidy", "generate", "install"];
        assert_eq!(nearest("tset", &names), Some("test"));
        assert_eq!(nearest("generte", &names), Some("generate"));
        assert_eq!(nearest("deploy", &names), None);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let mut arguments = Arguments::for_test(&["--chekc"]);
        assert!(!arguments.flag("--check"));
        let message = arguments.finish(&["--check"]).unwrap_err();
        assert!(message.contains("Did you mean `--check`?"), "{message}");
    }

    #[test]
    fn values_are_taken_in_both_ways_of_writing() {
        let mut arguments = Arguments::for_test(&["--a", "1", "--b=2", "--c", "--d"]);
        assert_eq!(arguments.value("--a"), Ok(Some("1".to_owned())));
        assert_eq!(arguments.value("--b"), Ok(Some("2".to_owned())));
        assert!(arguments.value("--c").is_err());
        assert_eq!(arguments.value("--e"), Ok(None));
        assert!(arguments.flag("--d"));
        assert_eq!(arguments.finish(&[]), Ok(()));
    }
}
