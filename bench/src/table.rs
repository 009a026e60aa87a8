//! The table that comes out.

use crate::machine;
use crate::options::{Options, Row};
use std::fs;
use std::path::Path;

/// The table stands between these in a file.
const BEGIN: &str = "<!-- begin: written by cargo xtask bench --write -->";
const END: &str = "<!-- end -->";

/// One line of the table.
#[derive(Debug, Default)]
pub struct Line {
    /// The row that it belongs to.
    pub row: String,
    /// What was measured.
    pub what: String,
    /// What is to be reached; empty where the line only informs.
    pub target: String,
    /// libspook's figure.
    pub ours: String,
    /// The figures of the reference or of the peers.
    pub beside: String,
    /// libspook's figure over that of the best of those; below 1 libspook has less of it.
    pub ratio: Option<f64>,
    /// Whether the target is reached; `None` where there is none, or where it needs figures that were left out.
    pub reached: Option<bool>,
    /// What the figures are made from.
    pub samples: String,
}

impl Line {
    /// A line of a row, with nothing in it yet.
    pub fn new(row: Row, what: impl Into<String>) -> Line {
        Line { row: row.name(), what: what.into(), ..Line::default() }
    }

    fn cells(&self) -> [String; 9] {
        let ratio = self.ratio.filter(|ratio| ratio.is_finite()).map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
        let reached = self.reached.map_or("-", |reached| if reached { "yes" } else { "**no**" });
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        [
            self.row.clone(),
            self.what.clone(),
            or_dash(&self.target),
            or_dash(&self.ours),
            or_dash(&self.beside),
            ratio,
            reached.to_owned(),
            or_dash(&self.samples),
            format!("`cargo xtask bench --row {}`", self.row),
        ]
    }
}

/// All lines, and what they were measured on.
#[derive(Debug)]
pub struct Table {
    facts: Vec<String>,
    lines: Vec<Line>,
}

const HEAD: [&str; 9] = ["row", "what", "target", "libspook", "reference or peers", "ratio", "reached", "samples", "again with"];

impl Table {
    /// A table without lines; the facts are taken now.
    pub fn new(options: &Options) -> Table {
        let mut facts = machine::facts();
        if !options.peers {
            facts.push("- without Automerge, Yrs and Loro (`--no-peers`): what is measured against them is not judged".into());
        }
        if options.fast {
            facts.push("- in short form (`--fast`): fewer rounds, nothing of 10 M cells".into());
        }
        Table { facts, lines: Vec::new() }
    }

    /// Adds the lines of a row.
    pub fn add(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines);
    }

    /// As Markdown, with columns that line up.
    pub fn markdown(&self) -> String {
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.extend(self.lines.iter().map(Line::cells));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
        let mut text = self.facts.join("\n") + "\n\n";
        for (index, row) in rows.iter().enumerate() {
            text += &line(row, &widths);
            if index == 0 {
                text += &line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>(), &widths);
            }
        }
        text
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| {
        let room = width - cell.chars().count();
        format!(" {cell}{} ", " ".repeat(room))
    });
    format!("|{}|\n", padded.collect::<Vec<_>>().join("|"))
}

/// Puts the table into a file, between the markers.
///
/// # Errors
/// In words: the file cannot be read or written, or has no markers.
pub fn replace(path: &Path, table: &str) -> Result<(), String> {
    let problem = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(problem)?;
    let text = between(&text, table).ok_or_else(|| format!("{} has no `{BEGIN}` with an `{END}` behind it", path.display()))?;
    fs::write(path, text).map_err(problem)
}

fn between(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_gaps_show() {
        let line = Line { target: "<= 5".into(), ours: "7".into(), ratio: Some(1.4), reached: Some(false), ..Line::new(Row::P3, "bytes") };
        let table = Table { facts: vec!["- a fact".into()], lines: vec![line] };
        let text = table.markdown();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[4].contains("| 7 ") && lines[4].contains("| 1.40  |") && lines[4].contains("**no**"), "{text}");
        assert!(lines[2..].iter().all(|line| line.chars().count() == lines[2].chars().count()), "{text}");
    }

    #[test]
    fn the_table_goes_between_the_markers_and_nothing_else_changes() {
        let text = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        assert_eq!(between(&text, "new\n").unwrap(), format!("above\n{BEGIN}\nnew\n{END}\nbelow\n"));
        assert_eq!(between("above", "new"), None);
    }
}
