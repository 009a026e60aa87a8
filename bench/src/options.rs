//! The words of the command line.

use std::path::PathBuf;

/// What `--help` prints.
pub const HELP: &str = "\
Measures libspook beside its peers and prints one table, with what it ran on. Nothing is judged but the column `reached`;
timings depend on the machine and on what else it does, bytes and instructions do not.

Options:
  --row P1[,P2...]   only these rows (P1 to P7)
  --fast             fewer rounds, and no state of 10 M cells
  --no-peers         without Automerge, Yrs and Loro (they take minutes to build the first time)
  --write FILE       put the table between the markers of that file, too
";

/// The rows of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A local write.
    P1,
    /// A read.
    P2,
    /// Bytes on the wire.
    P3,
    /// Latency between two processes.
    P4,
    /// Applying a delta.
    P5,
    /// Re-entangling.
    P6,
    /// Overwrites.
    P7,
}

impl Row {
    const ALL: [Row; 7] = [Row::P1, Row::P2, Row::P3, Row::P4, Row::P5, Row::P6, Row::P7];

    /// Its name in the table.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// What was asked for.
#[derive(Debug)]
pub struct Options {
    /// Which rows, in the order of the table.
    pub rows: Vec<Row>,
    /// Fewer rounds, and nothing that takes gigabytes.
    pub fast: bool,
    /// Whether the peers are measured beside.
    pub peers: bool,
    /// A file that takes the table, too.
    pub write: Option<PathBuf>,
}

impl Options {
    /// Reads the command line; `None` when it asks for help.
    ///
    /// # Errors
    /// What is not understood, in words.
    pub fn parse(words: &[String]) -> Result<Option<Options>, String> {
        let mut options = Options { rows: Row::ALL.to_vec(), fast: false, peers: true, write: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (name, assigned) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value.to_owned())));
            let mut value = || assigned.clone().or_else(|| words.next().cloned()).ok_or_else(|| format!("`{name}` needs a value"));
            match name {
                "--row" | "--rows" => options.rows = rows(&value()?)?,
                "--write" => options.write = Some(value()?.into()),
                "--fast" => options.fast = true,
                "--no-peers" => options.peers = false,
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("`{word}` is not understood\n\n{HELP}")),
            }
        }
        Ok(Some(options))
    }

    /// How many rounds a timing takes; each gives one figure, and the median counts.
    pub fn rounds(&self) -> usize {
        if self.fast { 5 } else { 11 }
    }
}

fn rows(list: &str) -> Result<Vec<Row>, String> {
    let named = |name: &str| Row::ALL.into_iter().find(|row| row.name().eq_ignore_ascii_case(name.trim()));
    let wanted: Result<Vec<Row>, String> =
        list.split(',').map(|name| named(name).ok_or_else(|| format!("there is no row `{name}`; rows are P1 to P7"))).collect();
    let wanted = wanted?;
    Ok(Row::ALL.into_iter().filter(|row| wanted.contains(row)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn rows_come_in_the_order_of_the_table() {
        let options = parse("--row=p4,P1 --fast").unwrap().unwrap();
        assert_eq!(options.rows, [Row::P1, Row::P4]);
        assert!(options.fast && options.peers);
        assert_eq!(parse("--no-peers").unwrap().unwrap().rows.len(), 7);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(parse("--row P9").unwrap_err().contains("P9"));
        assert!(parse("--row").unwrap_err().contains("needs a value"));
        assert!(parse("--quick").unwrap_err().contains("--quick"));
        assert!(parse("--help").unwrap().is_none());
    }
}
