//! The reference of P5: what the same machine takes to overwrite one number in a hash table of std with the same keys, at the same sizes.
//! It keeps no order of arrival, no stamps and no digest, so it fetches less memory; how much slower it gets with size is what caches cost.

use crate::child::{Second, orders, reply};
use crate::figures::Figures;
use std::collections::HashMap;
use std::time::Instant;

/// Overwrites of one batch.
const BATCH: usize = 2_000;

/// Times of one overwrite at each size; the sizes take turns.
///
/// # Errors
/// In words.
pub fn times(sizes: &[usize], rounds: usize) -> Result<Vec<Figures>, String> {
    let mut processes = Vec::new();
    for cells in sizes {
        let mut process = Second::start(&["plain", &cells.to_string()])?;
        process.hear()?;
        processes.push(process);
    }
    let mut times = vec![Figures::default(); sizes.len()];
    for round in 0..=rounds {
        for (process, figures) in processes.iter_mut().zip(&mut times) {
            let figure = process.ask("go")?;
            // The first batch warms up.
            if round > 0 {
                figures.push(figure);
            }
        }
    }
    Ok(times)
}

/// The second process: holds the table, and overwrites a batch of keys drawn at random for each line.
///
/// # Errors
/// In words.
pub fn serve(cells: &str) -> Result<(), String> {
    let cells: u64 = cells.parse().map_err(|_| format!("`{cells}` is no number of cells"))?;
    let key = |cell: u64| format!("key{cell:07}");
    let mut table: HashMap<String, i64> = (0..cells).map(|cell| (key(cell), 0)).collect();
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    reply("ready")?;
    for (value, _) in (1..).zip(orders()) {
        let mut draw = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            key(random % cells)
        };
        let keys: Vec<String> = (0..BATCH).map(|_| draw()).collect();
        let begin = Instant::now();
        for key in &keys {
            *table.get_mut(key).ok_or("a key of the table")? = value;
        }
        reply(&(begin.elapsed().as_nanos() as f64 / BATCH as f64).to_string())?;
    }
    Ok(())
}
