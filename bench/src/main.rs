//! Measures the rows of docs/benchmarks.md and prints them as one table, with what they ran on: `cargo xtask bench`.
//!
//! | module | row | measures |
//! |---|---|---|
//! | `local` | P1, P2 | a write and a read of one number |
//! | `wire` | P3 | bytes of a write and of its acknowledgement on a link |
//! | `ping`, `bare` | P4 | write here to observer there, beside bare encrypted pings |
//! | `apply`, `callgrind`, `plain` | P5 | applying a delta, against the size of the state |
//! | `meet` | P6 | coming together after both sides changed apart |
//! | `growth` | P7 | a million overwrites of one key |
//!
//! | module | holds |
//! |---|---|
//! | `options` | the words of the command line |
//! | `table`, `figures`, `machine` | what is printed |
//! | `peers` | the programs of `bench/peers`, built and run |
//! | `linked`, `relay` | two engines, and the counting wire between them |
//! | `child` | the second process of a measurement |

mod apply;
mod bare;
mod callgrind;
mod child;
mod figures;
mod growth;
mod linked;
mod local;
mod machine;
mod meet;
mod options;
mod peers;
mod ping;
mod plain;
mod relay;
mod table;
mod wire;

use options::{Options, Row};
use std::process::ExitCode;
use table::Table;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("child", role)) = words.split_first().map(|(first, role)| (first.as_str(), role)) {
        child::run(role);
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(&words) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("bench: {message}");
            return ExitCode::FAILURE;
        }
    };
    match measure(&options) {
        Ok(table) => finish(&table, &options),
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Every row that was asked for, in order. What takes longer than a second says what it is doing on standard error.
fn measure(options: &Options) -> Result<Table, String> {
    let mut table = Table::new(options);
    let peers = peers::Peers::start(options)?;
    for row in &options.rows {
        table.add(match row {
            Row::P1 => local::writes(options, &peers)?,
            Row::P2 => local::reads(options, &peers)?,
            Row::P3 => wire::rows(options, &peers)?,
            Row::P4 => ping::rows(options)?,
            Row::P5 => apply::rows(options)?,
            Row::P6 => meet::rows(options, &peers)?,
            Row::P7 => growth::rows(options, &peers)?,
        });
    }
    Ok(table)
}

fn finish(table: &Table, options: &Options) -> ExitCode {
    let text = table.markdown();
    print!("{text}");
    let Some(path) = &options.write else { return ExitCode::SUCCESS };
    match table::replace(path, &text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}
