//! What every peer has to be able to do: a map of numbers, its updates, and bringing two replicas together.

/// How many characters a key has.
pub const KEY_BYTES: usize = 10;

/// The key with a number: ten characters, as in every row of the table.
pub fn key(number: usize) -> String {
    let key = format!("key{number:07}");
    debug_assert_eq!(key.len(), KEY_BYTES);
    key
}

/// What it took to bring two replicas together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sync {
    /// Payload bytes, both ways. No framing, no encryption: the application's transport adds those.
    pub bytes: usize,
    /// Messages, both ways.
    pub messages: usize,
    /// Half round trips: both sides may send at once in each.
    pub steps: usize,
}

impl Sync {
    /// Counts a message.
    pub fn message(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.messages += 1;
    }
}

/// A replica of a document with one map of numbers.
pub trait Document: Sized {
    /// The name in the table.
    const NAME: &'static str;
    /// Writes of one timed batch: the slower the peer, the fewer.
    const BATCH: usize;

    /// An empty replica, with an identity as the library draws it.
    fn new() -> Self;
    /// Sets the keys 0 to `keys`, in `commits` equal commits.
    fn fill(&mut self, keys: usize, commits: usize);
    /// Sets one key, as a commit of its own.
    fn set(&mut self, key: &str, value: i64);
    /// Reads one key.
    fn get(&self, key: &str) -> Option<i64>;
    /// Sets one key and gives the bytes to send for it to a peer that has all before.
    fn update(&mut self, key: &str, value: i64) -> Vec<u8>;
    /// The whole document, as the library stores it by default.
    fn save(&mut self) -> Vec<u8>;
    /// The smallest form in which the library stores the current state, if it has another.
    fn save_state(&mut self) -> Option<Vec<u8>>;
    /// A replica of its own from what [`Document::save`] gave.
    fn load(bytes: &[u8]) -> Self;
    /// What the two ends keep of an earlier meeting, so that the next is cheaper.
    type Meeting;
    /// The first meeting of two replicas that hold the same.
    fn meet(one: &mut Self, other: &mut Self) -> Self::Meeting;
    /// Exchanges what differs, the way the library's own protocol does, and counts it.
    fn sync(one: &mut Self, other: &mut Self, meeting: &mut Self::Meeting) -> Sync;
}
