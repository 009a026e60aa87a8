//! Causal contexts: what the writer of a candidate had applied when it wrote.

use super::dot::AuthorIndex;

/// For each other author, up to which of its numbers the writer of a candidate had applied. A candidate overwrites what its context includes and
/// is concurrent with the rest.
///
/// With two members it is one entry, kept in place; each further author epoch that they ever had may add one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    first: Option<(AuthorIndex, u64)>,
    rest: Vec<(AuthorIndex, u64)>,
}

impl Context {
    /// The context that includes `author` up to `number`.
    pub fn of(author: AuthorIndex, number: u64) -> Context {
        let mut context = Context::default();
        context.include(author, number);
        context
    }

    /// Includes an author up to a number.
    pub fn include(&mut self, author: AuthorIndex, number: u64) {
        if number == 0 {
            return;
        }
        if let Some(entry) = self.entry(author) {
            entry.1 = entry.1.max(number);
        } else if self.first.is_none() {
            self.first = Some((author, number));
        } else {
            self.rest.push((author, number));
        }
    }

    fn entry(&mut self, author: AuthorIndex) -> Option<&mut (AuthorIndex, u64)> {
        self.first.iter_mut().chain(&mut self.rest).find(|entry| entry.0 == author)
    }

    /// Up to which of the author's numbers it reaches; 0 if it includes nothing of that author.
    pub fn seen(&self, author: AuthorIndex) -> u64 {
        self.entries().find(|entry| entry.0 == author).map_or(0, |entry| entry.1)
    }

    /// The authors included, each with the number up to which.
    pub fn entries(&self) -> impl Iterator<Item = (AuthorIndex, u64)> + '_ {
        self.first.iter().chain(&self.rest).copied()
    }
}

impl FromIterator<(AuthorIndex, u64)> for Context {
    fn from_iter<I: IntoIterator<Item = (AuthorIndex, u64)>>(entries: I) -> Context {
        let mut context = Context::default();
        entries.into_iter().for_each(|(author, number)| context.include(author, number));
        context
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_of_each_author_counts() {
        let context: Context =
            [(1, 5), (2, 7), (1, 9), (3, 0), (2, 4)].map(|(author, number)| (AuthorIndex(author), number)).into_iter().collect();
        let seen: Vec<u64> = (0..4).map(|author| context.seen(AuthorIndex(author))).collect();
        assert_eq!(seen, [0, 9, 7, 0]);
        assert_eq!(context.entries().count(), 2);
    }
}
