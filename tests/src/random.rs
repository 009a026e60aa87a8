//! Choices that can be made again.

/// A generator of choices, from a seed that is printed: `SEED=... cargo test` makes the same ones again.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The seed in the environment, or a fresh one; either is printed.
    pub fn announced(what: &str) -> Random {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(fresh);
        println!("{what}: SEED={seed}");
        Random { state: seed }
    }

    /// The next 64 bits (splitmix64, Steele, Lea and Flood 2014).
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// That many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.bits().to_le_bytes()).take(count).collect()
    }
}

fn fresh() -> u64 {
    u64::from_le_bytes(seed()[..8].try_into().unwrap())
}

/// Fresh random bytes.
pub fn seed() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}
