//! The program behind `cargo xtask sim`.

use spook_simulator::draw::draw_with;
use spook_simulator::run::{Failure, run};
use spook_simulator::scenario::Scenario;
use spook_simulator::shrink::shrink;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "spook-sim [--seed N] [--runs N] [--minutes N] [--replay FILE] [--restores] [--trace] [--canary NAME|all|list]";

/// What was asked for.
#[derive(Default)]
struct Wish {
    seed: u64,
    runs: Option<u64>,
    minutes: Option<u64>,
    replay: Option<PathBuf>,
    trace: bool,
    restores: bool,
    canary: Option<String>,
}

fn main() -> ExitCode {
    let wish = match read(std::env::args().skip(1)) {
        Ok(wish) => wish,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = match (&wish.canary, &wish.replay) {
        (Some(name), _) => sing(name, &wish),
        (None, Some(file)) => replay(file, wish.trace),
        (None, None) => search(&wish),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn read(mut words: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut wish = Wish::default();
    while let Some(word) = words.next() {
        let mut number = || {
            let text = words.next().ok_or_else(|| format!("{word} wants a number"))?;
            text.parse::<u64>().map_err(|_| format!("{text:?} is no number"))
        };
        match word.as_str() {
            "--seed" => wish.seed = number()?,
            "--runs" => wish.runs = Some(number()?),
            "--minutes" => wish.minutes = Some(number()?),
            "--replay" => wish.replay = Some(words.next().ok_or("--replay wants a file")?.into()),
            "--restores" => wish.restores = true,
            "--canary" => wish.canary = Some(words.next().ok_or("--canary wants a name")?),
            "--trace" => wish.trace = true,
            _ => return Err(format!("{word:?} is not understood")),
        }
    }
    Ok(wish)
}

fn replay(file: &PathBuf, trace: bool) -> Result<bool, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let scenario = Scenario::read(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    match run(&scenario, trace) {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            println!("ok: {}", scenario.title);
            Ok(true)
        }
        Err(failure) => {
            failure.trace.iter().for_each(|line| println!("{line}"));
            println!("FAILED at event {}: {}", failure.at, failure.message);
            Ok(false)
        }
    }
}

/// Runs one seed after the other until one fails, or the time or the number is up.
fn search(wish: &Wish) -> Result<bool, String> {
    let (begin, limit) = (Instant::now(), wish.minutes.map(|minutes| Duration::from_secs(minutes * 60)));
    let runs = wish.runs.unwrap_or(if wish.minutes.is_some() { u64::MAX } else { 1 });
    let mut told = Instant::now();
    for count in 0..runs {
        if limit.is_some_and(|limit| begin.elapsed() > limit) {
            println!("ok: {count} runs from seed {} in {:.1} s", wish.seed, begin.elapsed().as_secs_f64());
            return Ok(true);
        }
        let seed = wish.seed + count;
        let scenario = draw_with(seed, wish.restores);
        if let Err(failure) = run(&scenario, false) {
            println!("seed {seed} FAILED at event {} of {}: {}", failure.at, scenario.events.len(), failure.message);
            return keep(seed, &scenario, &failure, wish.trace).map(|()| false);
        }
        if told.elapsed() > Duration::from_secs(1) && std::io::stderr().is_terminal() {
            eprint!("\r{count} runs in {:.0} s", begin.elapsed().as_secs_f64());
            told = Instant::now();
        }
    }
    println!("ok: {runs} runs from seed {} in {:.1} s", wish.seed, begin.elapsed().as_secs_f64());
    Ok(true)
}

/// Breaks one rule after the other, and says how soon that is found.
#[cfg(feature = "canary")]
fn sing(name: &str, wish: &Wish) -> Result<bool, String> {
    use spook_simulator::canaries;
    let chosen: Vec<_> = canaries::all().into_iter().filter(|(known, _)| name == "all" || name == "list" || name == known).collect();
    if chosen.is_empty() {
        return Err(format!("there is no canary {name:?}; `list` lists them"));
    }
    let mut is_found = true;
    for (name_of, canary) in chosen {
        if name == "list" {
            println!("{name_of}");
            continue;
        }
        let begin = Instant::now();
        let runs = wish.runs.unwrap_or(1000);
        match canaries::hunt(canary, wish.seed..wish.seed + runs) {
            Some((seed, failure)) => {
                let message: String = failure.message.chars().take(150).collect();
                println!("{name_of:<24} {:>5} runs {:>6.1} s  {message}", seed - wish.seed + 1, begin.elapsed().as_secs_f64());
            }
            None => {
                is_found = false;
                println!("{name_of:<24} NOT FOUND in {runs} runs, {:.1} s", begin.elapsed().as_secs_f64());
            }
        }
    }
    Ok(is_found)
}

#[cfg(not(feature = "canary"))]
fn sing(_: &str, _: &Wish) -> Result<bool, String> {
    Err("this program has no canaries; build it with the feature `canary`".to_owned())
}

/// Makes what fails short, and writes it down.
fn keep(seed: u64, scenario: &Scenario, failure: &Failure, trace: bool) -> Result<(), String> {
    let mut told = Instant::now();
    let mut short = shrink(scenario, &failure.kind(), |tries, events| {
        if told.elapsed() > Duration::from_secs(1) {
            eprint!("\rshrinking: {tries} tries, {events} events ");
            let _ = std::io::stderr().flush();
            told = Instant::now();
        }
    });
    let words = run(&short, trace);
    if let Err(failure) = &words {
        failure.trace.iter().for_each(|line| println!("{line}"));
        short.title = format!("seed {seed}: {}", failure.message.replace('\n', " "));
    }
    let file = format!("seed-{seed}.scn");
    std::fs::write(&file, short.to_string()).map_err(|error| format!("{file}: {error}"))?;
    println!("\n{short}\nwritten to {file}; `cargo xtask sim --replay {file}` plays it again");
    Ok(())
}
