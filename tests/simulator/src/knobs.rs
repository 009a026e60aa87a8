//! What is fixed for the length of one run: the properties of machines and network.

use crate::rng::Rng;
use spook_protocol::link::Options;

/// The properties of a world. Times are in µs unless their name says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Knobs {
    /// The seed of everything that is random within the run: keys, jitter, which half of a torn write is there.
    pub noise: u64,
    /// Pairs that are there at the beginning.
    pub pairs: u64,
    /// The kinds of their schemas, two bits each.
    pub schemas: u64,
    /// Who dials: bit 0 the first endpoint, bit 1 the second.
    pub dials: u64,
    /// How long a message travels.
    pub latency: u64,
    /// By how much that varies.
    pub jitter: u64,
    /// Bytes that a link carries in a millisecond.
    pub bandwidth: u64,
    /// Bytes that wait in a socket before the sender is held up.
    pub window: u64,
    /// One message in so many arrives in two pieces; 0 is never.
    pub pieces: u64,
    /// How long a commit of the ledger waits for company.
    pub gather: u64,
    /// How long the disk takes.
    pub disk: u64,
    /// Whether the cells of a commit are collected at its end: then it holds more than it says.
    pub late: u64,
    /// How long what was written waits for company before it is sent.
    pub flush: u64,
    /// How many numbers are reserved ahead with each commit.
    pub numbers_ahead: u64,
    /// How many ms of stamps are.
    pub stamps_ahead: u64,
    /// How long the journal of a ledger is, bytes.
    pub journal: u64,
    /// After how many messages a key is replaced.
    pub rekey_messages: u64,
    /// After how many bytes it is.
    pub rekey_bytes: u64,
    /// After how long a silent peer is given up.
    pub silence: u64,
}

impl Default for Knobs {
    fn default() -> Knobs {
        let Options { silence, rekey_messages, rekey_bytes, .. } = Options::default();
        Knobs {
            noise: 0,
            pairs: 1,
            schemas: 0,
            dials: 2,
            latency: 1_000,
            jitter: 0,
            bandwidth: 100_000,
            window: 128 << 10,
            pieces: 0,
            gather: 2_000,
            disk: 1_000,
            late: 0,
            flush: 0,
            numbers_ahead: 1 << 20,
            stamps_ahead: 3_000,
            journal: 1 << 16,
            rekey_messages,
            rekey_bytes,
            silence,
        }
    }
}

impl Knobs {
    /// Draws the properties of a world: most are at their defaults in most worlds, so that what goes wrong together is found together.
    pub fn draw(rng: &mut Rng) -> Knobs {
        let plain = Knobs::default();
        let mut some = |default: u64, others: &[u64]| if rng.once_in(2) { default } else { *rng.pick(others) };
        let mut knobs = Knobs {
            noise: 0,
            pairs: some(2, &[1, 3]),
            schemas: some(0b01_00, &[0b00_01, 0b10_10, 0b01_10_01]),
            dials: some(2, &[1, 3, 3]),
            latency: some(plain.latency, &[0, 100, 20_000, 300_000]),
            jitter: some(0, &[500, 30_000]),
            bandwidth: some(plain.bandwidth, &[100, 2_000]),
            window: some(plain.window, &[2_000, 70_000]),
            pieces: some(0, &[1, 3, 10]),
            gather: some(plain.gather, &[0, 50_000, 400_000]),
            disk: some(plain.disk, &[0, 30_000, 200_000]),
            late: some(0, &[1]),
            flush: some(0, &[20, 5_000]),
            numbers_ahead: some(plain.numbers_ahead, &[3, 20]),
            stamps_ahead: some(plain.stamps_ahead, &[2, 100, 1 << 30]),
            journal: some(plain.journal, &[4096, 8192]),
            rekey_messages: some(plain.rekey_messages, &[2, 5]),
            rekey_bytes: some(plain.rekey_bytes, &[100, 5_000]),
            silence: plain.silence,
        };
        knobs.noise = rng.bits() >> 16;
        knobs
    }

    /// The options of links.
    pub fn options(&self) -> Options {
        let Knobs { silence, rekey_messages, rekey_bytes, .. } = *self;
        Options { silence, rekey_messages, rekey_bytes, ..Options::default() }
    }

    /// Every property by its name in scenario files.
    pub fn fields(&mut self) -> [(&'static str, &mut u64); 19] {
        [
            ("noise", &mut self.noise),
            ("pairs", &mut self.pairs),
            ("schemas", &mut self.schemas),
            ("dials", &mut self.dials),
            ("latency", &mut self.latency),
            ("jitter", &mut self.jitter),
            ("bandwidth", &mut self.bandwidth),
            ("window", &mut self.window),
            ("pieces", &mut self.pieces),
            ("gather", &mut self.gather),
            ("disk", &mut self.disk),
            ("late", &mut self.late),
            ("flush", &mut self.flush),
            ("numbers-ahead", &mut self.numbers_ahead),
            ("stamps-ahead", &mut self.stamps_ahead),
            ("journal", &mut self.journal),
            ("rekey-messages", &mut self.rekey_messages),
            ("rekey-bytes", &mut self.rekey_bytes),
            ("silence", &mut self.silence),
        ]
    }
}
