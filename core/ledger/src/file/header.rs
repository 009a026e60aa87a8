//! The first page of the file: what it is, its format, and where its parts lie.

use redb::StorageBackend;

use crate::error::LedgerError;

/// The format of files that this version writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// Bytes of the header page. The journal begins behind it.
pub(super) const PAGE: u64 = 4096;

const MAGIC: [u8; 8] = *b"SpookDB\0";
/// The two states differ in every bit: a file that is taken for unfinished is overwritten.
const BEING_MADE: u8 = 0x5a;
const READY: u8 = 0xa5;

/// Positions in the header page; `docs/ledger-format.md` has the table.
const VERSION_AT: usize = 8;
const JOURNAL_AT: usize = 16;
const CHECK_AT: usize = 24;
const STATE_AT: usize = 40;
const USED: usize = 41;

/// Journals outside these bounds are not made and not believed.
const JOURNAL_BOUNDS: std::ops::RangeInclusive<u64> = PAGE..=64 << 20;

/// Where the parts of a file lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    journal_bytes: u64,
}

/// What the first page says.
#[derive(Debug)]
pub(super) enum State {
    /// There is no ledger yet, and nothing that anybody could miss.
    Empty,
    /// A ledger.
    Ready(Header),
}

impl Header {
    /// The header of a new file, whose journal gets `journal_bytes` rounded to whole pages.
    pub(super) fn new(journal_bytes: u64) -> Header {
        let wanted = journal_bytes.clamp(*JOURNAL_BOUNDS.start(), *JOURNAL_BOUNDS.end());
        Header { journal_bytes: wanted.next_multiple_of(PAGE) }
    }

    pub(super) fn journal_bytes(&self) -> u64 {
        self.journal_bytes
    }

    /// Where the tree begins.
    pub(super) fn tree_start(&self) -> u64 {
        PAGE + self.journal_bytes
    }

    /// Reads and checks the first page. Writes nothing, so that a file that is no ledger stays as it is.
    pub(super) fn read(backend: &dyn StorageBackend) -> Result<State, LedgerError> {
        let len = backend.len().map_err(|error| LedgerError::io("measuring the ledger", error))?;
        let mut page = [0; USED];
        let readable = len.min(USED as u64) as usize;
        backend.read(0, &mut page[..readable]).map_err(|error| LedgerError::io("reading the ledger", error))?;
        if len <= USED as u64 && page[STATE_AT] != READY && begins_like_a_header(&page) {
            return Ok(State::Empty);
        }
        if page[..MAGIC.len()] != MAGIC {
            return Err(not_a_ledger(len));
        }
        let version = u32::from_le_bytes(fixed(&page, VERSION_AT));
        if version > FORMAT_VERSION {
            return Err(LedgerError::Version { found: version, supported: FORMAT_VERSION });
        }
        let header = Header { journal_bytes: u64::from_le_bytes(fixed(&page, JOURNAL_AT)) };
        let bytes = header.encode(page[STATE_AT]);
        if version != FORMAT_VERSION || bytes != page || !JOURNAL_BOUNDS.contains(&header.journal_bytes) {
            return Err(LedgerError::corrupt("the ledger is damaged: the checksum of its header, at byte 0, is wrong"));
        }
        match page[STATE_AT] {
            // Its making was cut short, so nothing was ever committed to it.
            BEING_MADE => Ok(State::Empty),
            READY if len <= header.tree_start() => Err(LedgerError::corrupt(format!(
                "the ledger is cut short: it has {len} bytes and its journal alone ends at {}",
                header.tree_start()
            ))),
            READY => Ok(State::Ready(header)),
            other => Err(LedgerError::corrupt(format!("the ledger is damaged: its header has state {other}"))),
        }
    }

    /// Marks the file as a ledger that is being made.
    pub(super) fn begin(&self, backend: &dyn StorageBackend) -> Result<(), LedgerError> {
        let make = || {
            backend.set_len(0)?;
            // Nothing else is written before this is durable, so that what a crash leaves is never taken for a foreign file.
            backend.write(0, &self.encode(BEING_MADE))?;
            backend.sync_data()
        };
        make().map_err(|error| LedgerError::io("creating the ledger", error))
    }

    /// Marks the file as a ledger that is complete, once everything in it is durable. The change is one byte, so it cannot
    /// be torn.
    pub(super) fn finish(&self, backend: &dyn StorageBackend) -> Result<(), LedgerError> {
        let written = backend.write(STATE_AT as u64, &[READY]).and_then(|()| backend.sync_data());
        written.map_err(|error| LedgerError::io("creating the ledger", error))
    }

    fn encode(&self, state: u8) -> [u8; USED] {
        let mut page = [0; USED];
        page[..MAGIC.len()].copy_from_slice(&MAGIC);
        page[VERSION_AT..VERSION_AT + 4].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        page[JOURNAL_AT..JOURNAL_AT + 8].copy_from_slice(&self.journal_bytes.to_le_bytes());
        let check = blake3::hash(&page[..CHECK_AT]);
        page[CHECK_AT..STATE_AT].copy_from_slice(&check.as_bytes()[..STATE_AT - CHECK_AT]);
        page[STATE_AT] = state;
        page
    }
}

/// Whether these can be the bytes of a header whose first write was cut short, each written or not.
fn begins_like_a_header(page: &[u8; USED]) -> bool {
    let expected = Header::new(0).encode(BEING_MADE);
    page[..JOURNAL_AT].iter().zip(expected).all(|(&found, wanted)| found == 0 || found == wanted)
}

fn not_a_ledger(len: u64) -> LedgerError {
    LedgerError::corrupt(format!("the file is not a ledger: its {len} bytes do not begin with \"SpookDB\"; it was left as it is"))
}

/// The `N` bytes at `at`.
fn fixed<const N: usize>(page: &[u8; USED], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&page[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    fn holding(bytes: &[u8]) -> InMemoryBackend {
        let backend = InMemoryBackend::new();
        backend.set_len(bytes.len() as u64).unwrap();
        backend.write(0, bytes).unwrap();
        backend
    }

    fn ready() -> Vec<u8> {
        let header = Header::new(8192);
        let mut file = header.encode(READY).to_vec();
        file.resize(header.tree_start() as usize + 1, 0);
        file
    }

    #[test]
    fn a_header_reads_back() {
        assert!(matches!(Header::read(&holding(&ready())), Ok(State::Ready(Header { journal_bytes: 8192 }))));
    }

    #[test]
    fn nothing_and_an_unfinished_file_are_empty() {
        let mut unfinished = ready();
        unfinished[STATE_AT] = BEING_MADE;
        for file in [&[][..], &[0; 30], &unfinished[..3], &unfinished[..USED], &unfinished] {
            assert!(matches!(Header::read(&holding(file)), Ok(State::Empty)));
        }
    }

    #[test]
    fn other_files_are_refused() {
        for file in [&b"hello"[..], b"SQLite format 3\0", &[0; 8192], &ready()[..5000], &ready()[..USED]] {
            assert_eq!(Header::read(&holding(file)).unwrap_err().code_name(), "LEDGER_CORRUPT");
        }
    }

    #[test]
    fn a_newer_format_is_refused_whatever_else_it_changed() {
        let mut file = ready();
        file[VERSION_AT] = 2;
        file[USED..200].fill(7);
        assert_eq!(Header::read(&holding(&file)).unwrap_err().code_name(), "LEDGER_VERSION");
    }

    #[test]
    fn every_flipped_bit_of_the_header_is_seen() {
        let good = ready();
        for bit in 0..USED * 8 {
            let mut file = good.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::read(&holding(&file)).is_err(), "bit {bit}");
        }
    }
}
