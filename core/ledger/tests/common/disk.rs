//! A simulated disk under the store: what was written and not synced may be lost, torn or garbled by a crash.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use spook_ledger::StorageBackend;

use super::Random;

/// The first page of the file and the page where the tree begins hold commit records that are rewritten in place. Of these
/// a crash may leave any mixture of old and new bytes, and no others: bytes are written entirely or not at all.
const PAGE: u64 = 4096;
const SECTOR: usize = 512;

/// What a crash makes of the writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    AllKept,
    NoneKept,
    /// The first so many of them.
    Prefix,
    /// Each kept or dropped by itself.
    Some,
    /// Each kept, dropped, or kept in part, by sectors of 512 or 4096 bytes.
    Torn,
    /// Each kept, dropped, or garbled by sectors.
    Garbage,
}

impl Fate {
    pub const ALL: [Fate; 6] = [Fate::AllKept, Fate::NoneKept, Fate::Prefix, Fate::Some, Fate::Torn, Fate::Garbage];
}

#[derive(Debug, Clone)]
enum Pending {
    Write { at: u64, bytes: Vec<u8> },
    Length(u64),
}

#[derive(Debug, Default)]
struct Inner {
    /// What a crash cannot take away.
    durable: Vec<u8>,
    /// What reads see.
    current: Vec<u8>,
    pending: Vec<Pending>,
    operations: usize,
    stop_at: Option<usize>,
    fail_sync: Option<usize>,
    syncs: usize,
    capacity: Option<u64>,
    /// Where the tree begins, once known.
    tree: u64,
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<Inner>>);

impl Disk {
    /// A disk that holds `bytes`; the tree in it begins at `tree`.
    pub fn holding(bytes: Vec<u8>, tree: u64) -> Disk {
        let disk = Disk::default();
        *disk.lock() = Inner { durable: bytes.clone(), current: bytes, tree, ..Inner::default() };
        disk
    }

    /// A disk that holds `durable`, under a system that still has `current` in its cache and has not synced it.
    pub fn holding_cached(durable: Vec<u8>, current: Vec<u8>, tree: u64) -> Disk {
        let pending = vec![Pending::Length(current.len() as u64), Pending::Write { at: 0, bytes: current.clone() }];
        let disk = Disk::default();
        *disk.lock() = Inner { durable, current, pending, tree, ..Inner::default() };
        disk
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// The power goes at this operation (write, change of length or sync), counted from 0: it and all later ones fail.
    pub fn stop_at(self, operation: usize) -> Disk {
        self.lock().stop_at = Some(operation);
        self
    }

    /// This sync, counted from 0, fails; what it should have made durable is lost and nothing else fails.
    pub fn fail_sync(&self, number: usize) {
        self.lock().fail_sync = Some(number);
    }

    /// No more than this many bytes fit from now on.
    pub fn limit(&self, capacity: Option<u64>) {
        self.lock().capacity = capacity;
    }

    pub fn operations(&self) -> usize {
        self.lock().operations
    }

    pub fn syncs(&self) -> usize {
        self.lock().syncs
    }

    pub fn len(&self) -> usize {
        self.lock().current.len()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.lock().current.clone()
    }

    pub fn unsynced(&self) -> usize {
        self.lock().pending.len()
    }

    /// What is found after the power came back.
    pub fn after_crash(&self, fate: Fate, random: &mut Random) -> Vec<u8> {
        let inner = self.lock();
        let mut image = inner.durable.clone();
        let kept = match fate {
            Fate::NoneKept => 0,
            Fate::Prefix => random.below(inner.pending.len() as u64 + 1) as usize,
            _ => inner.pending.len(),
        };
        for pending in &inner.pending[..kept] {
            let whole = matches!(fate, Fate::AllKept | Fate::Prefix);
            let chance = if whole { 0 } else { random.below(if fate == Fate::Some { 2 } else { 3 }) };
            match (pending, chance) {
                (_, 1) => {}
                (Pending::Length(len), _) => image.resize(*len as usize, 0),
                (Pending::Write { at, bytes }, 0) => overwrite(&mut image, *at, bytes),
                (Pending::Write { at, bytes }, _) if *at < PAGE.min(inner.tree) || *at == inner.tree => {
                    mix_bytes(&mut image, *at, bytes, random);
                }
                (Pending::Write { at, bytes }, _) => damage(&mut image, *at, bytes, fate, random),
            }
        }
        image
    }
}

fn overwrite(image: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let end = at as usize + bytes.len();
    image.resize(image.len().max(end), 0);
    image[at as usize..end].copy_from_slice(bytes);
}

/// Each byte is the old or the new one.
fn mix_bytes(image: &mut Vec<u8>, at: u64, bytes: &[u8], random: &mut Random) {
    let end = at as usize + bytes.len();
    image.resize(image.len().max(end), 0);
    for (old, new) in image[at as usize..end].iter_mut().zip(bytes) {
        if random.below(2) == 0 {
            *old = *new;
        }
    }
}

/// Each sector is the old one, the new one, or garbage.
fn damage(image: &mut Vec<u8>, at: u64, bytes: &[u8], fate: Fate, random: &mut Random) {
    let end = at as usize + bytes.len();
    image.resize(image.len().max(end), 0);
    let sector = if random.below(2) == 0 { SECTOR } else { 8 * SECTOR };
    let mut from = at as usize;
    while from < end {
        // Sectors lie where the disk has them, not where the write begins.
        let to = (from / sector * sector + sector).min(end);
        match random.below(3) {
            0 => {}
            1 if fate == Fate::Garbage => {
                let garbage = random.bytes(to - from);
                image[from..to].copy_from_slice(&garbage);
            }
            _ => image[from..to].copy_from_slice(&bytes[from - at as usize..to - at as usize]),
        }
        from = to;
    }
}

impl Inner {
    /// Counts an operation; an error if the power is gone.
    fn operate(&mut self) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        match self.stop_at {
            Some(stop) if number > stop => Err(io::Error::other("the power is gone")),
            _ => Ok(()),
        }
    }

    /// Whether the power goes with the operation that was counted last.
    fn goes_now(&self) -> io::Result<()> {
        if self.stop_at.is_some_and(|stop| self.operations > stop) {
            return Err(io::Error::other("the power is gone"));
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let inner = self.lock();
        let from = offset as usize;
        let bytes = inner.current.get(from..from + out.len());
        out.copy_from_slice(bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.lock();
        inner.operate()?;
        if inner.capacity.is_some_and(|capacity| len > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.current.resize(len as usize, 0);
        inner.pending.push(Pending::Length(len));
        inner.goes_now()
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.operate()?;
        // The power that goes during a sync leaves its writes undecided.
        inner.goes_now()?;
        let number = inner.syncs;
        inner.syncs += 1;
        if inner.fail_sync == Some(number) {
            // As Linux does: the pages count as clean and stay readable, and the disk never gets them.
            inner.pending.clear();
            return Err(io::Error::other("the disk refused to sync"));
        }
        for pending in std::mem::take(&mut inner.pending) {
            match pending {
                Pending::Length(len) => inner.durable.resize(len as usize, 0),
                Pending::Write { at, bytes } => overwrite(&mut inner.durable, at, &bytes),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = self.lock();
        inner.operate()?;
        if inner.capacity.is_some_and(|capacity| offset + data.len() as u64 > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        overwrite(&mut inner.current, offset, data);
        inner.pending.push(Pending::Write { at: offset, bytes: data.to_vec() });
        inner.goes_now()
    }
}
