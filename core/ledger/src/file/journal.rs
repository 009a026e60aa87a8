//! The journal: a fixed area of the file that takes one frame a commit.

use std::sync::Arc;

use redb::StorageBackend;

use super::header::{Header, PAGE};
use crate::batch::{Batch, Change};
use crate::canary::{self, Canary};
use crate::error::LedgerError;
use crate::table::Table;

/// Names one filling of the journal. It keys the checksum of every frame, so that frames of an earlier filling, and bytes
/// that an application stored to look like a frame, are never taken for frames of this one.
pub(super) type Generation = [u8; 32];

/// Frame head: length of the payload (u32), position in the generation (u32), checksum (16 bytes).
const HEAD: usize = 24;
const CHECK_AT: usize = 8;
/// Change head: table and kind (1), length of the key (u16), length of the value (u32, puts only).
const CHANGE_HEAD: usize = 7;
const DELETE: u8 = 0x80;

/// A batch that would fill more of the journal than this share goes into the tree at once: it pays for its transaction
/// itself, and would only be written twice.
const LARGEST_SHARE: u64 = 2;

/// The journal of an open file.
#[derive(Debug)]
pub(super) struct Journal {
    backend: Arc<dyn StorageBackend>,
    capacity: u64,
    generation: Generation,
    /// Where in the journal the next frame goes.
    end: u64,
    /// The position of the next frame in the generation.
    index: u32,
    /// Buffer of the frame being written.
    frame: Vec<u8>,
}

/// A new generation.
pub(super) fn fresh_generation() -> Result<Generation, LedgerError> {
    let mut generation = [0; 32];
    getrandom::fill(&mut generation).map_err(|error| LedgerError::io("drawing random bytes", std::io::Error::other(error)))?;
    Ok(generation)
}

impl Journal {
    /// Reads the frames of `generation` and calls `replay` with their changes in the order of their commits.
    pub(super) fn open(
        backend: Arc<dyn StorageBackend>,
        header: &Header,
        generation: Generation,
        mut replay: impl FnMut(Change<'_>),
    ) -> Result<Journal, LedgerError> {
        let mut area = vec![0; header.journal_bytes() as usize];
        backend.read(PAGE, &mut area).map_err(|error| LedgerError::io("reading the journal", error))?;
        let mut journal = Journal { backend, capacity: header.journal_bytes(), generation, end: 0, index: 0, frame: Vec::new() };
        while let Some(payload) = journal.frame_at(&area[journal.end as usize..]) {
            for change in Changes(payload) {
                replay(change?);
            }
            journal.end += (HEAD + payload.len()) as u64;
            journal.index += 1;
        }
        Ok(journal)
    }

    /// The payload of the next frame of this generation, if one begins here. A frame that was cut short by a crash has a
    /// wrong checksum and was never acknowledged; it ends the journal.
    fn frame_at<'a>(&self, area: &'a [u8]) -> Option<&'a [u8]> {
        let (head, rest) = area.split_at_checked(HEAD)?;
        let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let index = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let payload = rest.get(..len)?;
        let right = index == self.index && self.check(&head[..CHECK_AT], payload) == head[CHECK_AT..];
        (right && len > 0).then_some(payload)
    }

    fn check(&self, head: &[u8], payload: &[u8]) -> [u8; HEAD - CHECK_AT] {
        let mut hasher = blake3::Hasher::new_keyed(&self.generation);
        hasher.update(head).update(payload);
        let mut check = [0; HEAD - CHECK_AT];
        hasher.finalize_xof().fill(&mut check);
        check
    }

    /// Whether `batch` has room and is small enough to be worth a frame.
    pub(super) fn fits(&self, batch: &Batch) -> bool {
        let frame = (HEAD + batch.len() * CHANGE_HEAD + batch.bytes()) as u64;
        frame <= self.capacity / LARGEST_SHARE && self.end + frame <= self.capacity
    }

    /// Whether no frame was written in this generation.
    pub(super) fn is_empty(&self) -> bool {
        self.index == 0
    }

    /// Writes `batch` as one frame and syncs: one write, one sync. The caller has asked [`Journal::fits`].
    pub(super) fn append(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        let mut frame = std::mem::take(&mut self.frame);
        encode(&mut frame, self.index, batch);
        let check = self.check(&frame[..CHECK_AT], &frame[HEAD..]);
        frame[CHECK_AT..HEAD].copy_from_slice(&check);
        let sync = || if canary::sings(Canary::CommitWithoutSync) { Ok(()) } else { self.backend.sync_data() };
        let written = self.backend.write(PAGE + self.end, &frame).and_then(|()| sync());
        let len = frame.len() as u64;
        self.frame = frame;
        written.map_err(|error| LedgerError::io("writing the journal", error))?;
        self.end += len;
        self.index += 1;
        Ok(())
    }

    /// Begins at the front again. The caller has made `generation` durable in the tree.
    pub(super) fn restart(&mut self, generation: Generation) {
        self.generation = generation;
        self.end = 0;
        self.index = 0;
    }
}

/// Writes the frame of `batch` into `frame`, with a checksum of zeros.
fn encode(frame: &mut Vec<u8>, index: u32, batch: &Batch) {
    frame.clear();
    frame.resize(HEAD, 0);
    for (table, key, value) in batch.changes() {
        let kind = if value.is_some() { 0 } else { DELETE };
        frame.push(table.number() | kind);
        frame.extend_from_slice(&(key.len() as u16).to_le_bytes());
        if let Some(value) = value {
            frame.extend_from_slice(&(value.len() as u32).to_le_bytes());
        }
        frame.extend_from_slice(key);
        frame.extend_from_slice(value.unwrap_or_default());
    }
    let len = (frame.len() - HEAD) as u32;
    frame[..4].copy_from_slice(&len.to_le_bytes());
    frame[4..CHECK_AT].copy_from_slice(&index.to_le_bytes());
}

/// The changes of a payload.
struct Changes<'a>(&'a [u8]);

impl<'a> Changes<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn change(&mut self) -> Option<Change<'a>> {
        let kind = self.take(1)?[0];
        let key_len = self.take(2)?;
        let key_len = usize::from(u16::from_le_bytes([key_len[0], key_len[1]]));
        let table = Table::from_number(kind & !DELETE)?;
        if kind & DELETE != 0 {
            return Some((table, self.take(key_len)?, None));
        }
        let value_len = self.take(4)?;
        let value_len = u32::from_le_bytes([value_len[0], value_len[1], value_len[2], value_len[3]]);
        let key = self.take(key_len)?;
        Some((table, key, Some(self.take(value_len as usize)?)))
    }
}

impl<'a> Iterator for Changes<'a> {
    type Item = Result<Change<'a>, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        // The checksum was right, so this is no damage of the disk but a file that a broken program wrote.
        let damaged = || LedgerError::corrupt("the ledger is damaged: a frame of its journal has no valid change");
        let change = self.change().ok_or_else(damaged);
        if change.is_err() {
            self.0 = &[];
        }
        Some(change)
    }
}
