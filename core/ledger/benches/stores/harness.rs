//! The work, and the tables that come out.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A store under measurement.
pub trait Subject {
    /// Opens or creates it in a folder of its own.
    fn open(&mut self, folder: &Path);
    /// Adds a record to the next commit.
    fn put(&mut self, key: &[u8], value: &[u8]);
    /// Makes the records durable.
    fn commit(&mut self);
    /// Reads one record.
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>>;
    /// Closes it cleanly.
    fn close(&mut self);
}

/// A name and a way to make the subject.
pub type Candidate = (&'static str, fn() -> Box<dyn Subject>);

/// Batch sizes and how many commits of each make one round.
const BATCHES: [(usize, usize); 5] = [(1, 400), (10, 200), (100, 60), (1000, 20), (20_000, 4)];
const ROUNDS: usize = 5;
const OPENS: usize = 5;

/// Runs everything, or the part of a child process that gets killed; then `more` in a folder of its own.
pub fn run(candidates: &[Candidate], more: impl FnOnce(&Path)) {
    let mut args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args.first().is_some_and(|arg| arg == "writer") {
        let (_, make) = candidates[args[1].parse::<usize>().unwrap()];
        return write_until_killed(&mut *make(), Path::new(&args[3]), args[2].parse().unwrap());
    }
    let cells: u64 = args.first().map_or(1_000_000, |cells| cells.parse().unwrap());
    let base = PathBuf::from(args.pop().filter(|_| args.len() == 1).unwrap_or_else(|| "/tmp".into()));
    let base = base.join(format!("spook-stores-{}", std::process::id()));
    let folders: Vec<PathBuf> = (0..candidates.len()).map(|number| base.join(number.to_string())).collect();
    let mut subjects: Vec<Box<dyn Subject>> = candidates.iter().map(|(_, make)| make()).collect();
    println!("{cells} cells of about 100 bytes, in {}", base.display());
    build(candidates, &mut subjects, &folders, cells);
    commits(candidates, &mut subjects, cells);
    for subject in &mut subjects {
        subject.close();
    }
    opens(candidates, &folders, cells);
    more(&base.join("more"));
    std::fs::remove_dir_all(&base).unwrap();
}

fn build(candidates: &[Candidate], subjects: &mut [Box<dyn Subject>], folders: &[PathBuf], cells: u64) {
    println!("\n{:28} {:>9} {:>9} {:>9}", "build", "s", "MB", "closed MB");
    for ((subject, folder), (name, _)) in subjects.iter_mut().zip(folders).zip(candidates) {
        std::fs::create_dir_all(folder).unwrap();
        let began = Instant::now();
        subject.open(folder);
        for first in (0..cells).step_by(10_000) {
            for number in first..(first + 10_000).min(cells) {
                subject.put(&key(number), &value(number));
            }
            subject.commit();
        }
        let took = began.elapsed();
        let size = megabytes(folder);
        subject.close();
        println!("{name:28} {:9.2} {size:9.1} {:9.1}", took.as_secs_f64(), megabytes(folder));
        subject.open(folder);
    }
}

fn commits(candidates: &[Candidate], subjects: &mut [Box<dyn Subject>], cells: u64) {
    println!(
        "\n{:28} {:>7} {:>10} {:>10} {:>8} {:>8} {:>14}",
        "overwrites at random", "batch", "commits/s", "values/s", "p50 us", "p99 us", "time / append"
    );
    let mut random = 1u64;
    for (batch, count) in BATCHES {
        let mut times = vec![Vec::new(); subjects.len()];
        let mut rounds = vec![Vec::new(); subjects.len()];
        for _ in 0..ROUNDS {
            for (number, subject) in subjects.iter_mut().enumerate() {
                let mut total = Duration::ZERO;
                for _ in 0..count {
                    for _ in 0..batch {
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        subject.put(&key((random >> 33) % cells), &value(random));
                    }
                    let began = Instant::now();
                    subject.commit();
                    let took = began.elapsed();
                    total += took;
                    times[number].push(took.as_secs_f64() * 1e6);
                }
                rounds[number].push(total.as_secs_f64() / count as f64);
            }
        }
        // Rounds are interleaved, so the ratio is taken within a round.
        for (number, (name, _)) in candidates.iter().enumerate() {
            let ratios = rounds[number].iter().zip(&rounds[0]).map(|(own, floor)| own / floor).collect();
            let commit = quantile(rounds[number].clone(), 0.5);
            println!(
                "{name:28} {batch:7} {:10.0} {:10.0} {:8.0} {:8.0} {:14.2}",
                1.0 / commit,
                batch as f64 / commit,
                quantile(times[number].clone(), 0.5),
                quantile(times[number].clone(), 0.99),
                quantile(ratios, 0.5)
            );
        }
    }
}

fn opens(candidates: &[Candidate], folders: &[PathBuf], cells: u64) {
    println!("\n{:28} {:>12} {:>12} {:>12}", "open + read one, ms", "after close", "after kill", "(worst)");
    for (number, (name, make)) in candidates.iter().enumerate() {
        let mut clean = Vec::new();
        let mut killed = Vec::new();
        for _ in 0..OPENS {
            clean.push(open_once(&mut *make(), &folders[number], cells));
        }
        for _ in 0..OPENS {
            kill_a_writer(number, cells, &folders[number]);
            killed.push(open_once(&mut *make(), &folders[number], cells));
        }
        let worst = killed.iter().copied().fold(0.0, f64::max);
        println!("{name:28} {:12.2} {:12.2} {worst:12.2}", quantile(clean, 0.5), quantile(killed, 0.5));
    }
}

fn open_once(subject: &mut dyn Subject, folder: &Path, cells: u64) -> f64 {
    let began = Instant::now();
    subject.open(folder);
    std::hint::black_box(subject.get(&key(cells / 2)));
    let took = began.elapsed();
    subject.close();
    took.as_secs_f64() * 1e3
}

/// Starts a process that writes, and kills it in the midst.
fn kill_a_writer(number: usize, cells: u64, folder: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["writer", &number.to_string(), &cells.to_string()])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

fn write_until_killed(subject: &mut dyn Subject, folder: &Path, cells: u64) {
    subject.open(folder);
    for number in 0u64.. {
        subject.put(&key(number * 7919 % cells), &value(number));
        subject.commit();
        if number == 500 {
            println!("writing");
        }
    }
}

/// Pair index and path of a cell.
pub fn key(number: u64) -> Vec<u8> {
    let mut key = ((number % 100) as u32).to_be_bytes().to_vec();
    key.extend_from_slice(format!("/sensor/{}/value", number / 100).as_bytes());
    key
}

/// A value with its dot and stamp, of the size of a small cell.
pub fn value(number: u64) -> [u8; 80] {
    let mut value = [0; 80];
    for (position, chunk) in value.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&number.wrapping_mul(position as u64 + 1).to_le_bytes());
    }
    value
}

/// Megabytes of all files in a folder.
fn megabytes(folder: &Path) -> f64 {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let size = |entry: std::fs::DirEntry| {
        if entry.path().is_dir() { (megabytes(&entry.path()) * 1e6) as u64 } else { entry.metadata().unwrap().len() }
    };
    files.map(size).sum::<u64>() as f64 / 1e6
}

/// The value at a share of the sorted values.
pub fn quantile(mut values: Vec<f64>, at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * at).round() as usize]
}
