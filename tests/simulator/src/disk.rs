//! A simulated disk: what was written and not synced may be lost, torn or garbled by a crash, in any order.

use crate::rng::Rng;
use spook_ledger::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that a disk writes as one.
const SECTOR: usize = 512;
/// The page at the beginning of the file, which is rewritten in place.
const PAGE: u64 = 4096;

/// What a crash makes of the writes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// All of them are there.
    Kept,
    /// None of them is.
    Lost,
    /// The first so many of them.
    Prefix,
    /// Each by itself kept or lost, which is what reordering comes to.
    Some,
    /// Each kept, lost, or kept in part, by sectors.
    Torn,
    /// Each kept, lost, or garbled by sectors.
    Garbled,
}

impl Fate {
    /// Every fate with its name in scenario files.
    pub const NAMES: [(&'static str, Fate); 6] = [
        ("kept", Fate::Kept),
        ("lost", Fate::Lost),
        ("prefix", Fate::Prefix),
        ("some", Fate::Some),
        ("torn", Fate::Torn),
        ("garbled", Fate::Garbled),
    ];
}

#[derive(Clone, Debug)]
enum Pending {
    Write { at: u64, bytes: Vec<u8> },
    Length(u64),
}

#[derive(Clone, Debug, Default)]
struct Inner {
    /// What a crash cannot take away.
    durable: Vec<u8>,
    /// What reads see.
    current: Vec<u8>,
    pending: Vec<Pending>,
    /// The power goes after so many more operations.
    fuse: Option<u64>,
    /// So many more syncs succeed, and the next one fails.
    failing_sync: Option<u64>,
    /// A sync has failed: what it should have kept is readable until the process ends.
    failed: bool,
    capacity: Option<u64>,
    /// Where the tree of the ledger begins: its first page is rewritten in place, too.
    tree: u64,
}

/// The disk of one machine. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Inner>>);

impl Disk {
    /// An empty disk, for a ledger whose tree begins at `tree`.
    pub fn new(tree: u64) -> Disk {
        Disk::of(Inner { tree, ..Inner::default() })
    }

    fn of(inner: Inner) -> Disk {
        Disk(Arc::new(Mutex::new(inner)))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the machine finds after its power went and came back: another disk, so that what still holds this one can harm nothing.
    pub fn after_crash(&self, fate: Fate, rng: &mut Rng) -> Disk {
        let inner = self.lock();
        let mut image = inner.durable.clone();
        let kept = match fate {
            Fate::Lost => 0,
            Fate::Prefix => rng.index(inner.pending.len() + 1),
            _ => inner.pending.len(),
        };
        for pending in &inner.pending[..kept] {
            let chance = match fate {
                Fate::Kept | Fate::Prefix => 0,
                Fate::Some => rng.below(2),
                _ => rng.below(3),
            };
            match (pending, chance) {
                (_, 1) => {}
                (Pending::Length(len), _) => image.resize(*len as usize, 0),
                (Pending::Write { at, bytes }, 0) => overwrite(&mut image, *at, bytes),
                (Pending::Write { at, bytes }, _) if *at < PAGE.min(inner.tree) || *at == inner.tree => mix(&mut image, *at, bytes, rng),
                (Pending::Write { at, bytes }, _) => damage(&mut image, *at, bytes, fate, rng),
            }
        }
        Disk::of(Inner { durable: image.clone(), current: image, tree: inner.tree, capacity: inner.capacity, ..Inner::default() })
    }

    /// What the next process finds when this one was killed and the machine went on: the system still has what was not synced.
    pub fn after_kill(&self) -> Disk {
        let inner = self.lock();
        if inner.failed {
            // The system has dropped the pages that it could not write. (One that kept them readable would show, after a restart of the process
            // alone, what the disk never got; no program can tell.)
            let (durable, current) = (inner.durable.clone(), inner.durable.clone());
            return Disk::of(Inner { durable, current, tree: inner.tree, capacity: inner.capacity, ..Inner::default() });
        }
        Disk::of(Inner { fuse: None, ..inner.clone() })
    }

    /// A copy as a backup or a snapshot takes it.
    pub fn copy(&self) -> Disk {
        let inner = self.lock();
        let (durable, current) = (inner.current.clone(), inner.current.clone());
        Disk::of(Inner { durable, current, tree: inner.tree, ..Inner::default() })
    }

    /// The power goes after so many more operations (write, change of length or sync): from then on all fail.
    pub fn set_fuse(&self, operations: u64) {
        self.lock().fuse = Some(operations);
    }

    /// So many more syncs succeed, and the next one fails; what it should have made durable is lost.
    pub fn fail_sync(&self, after: u64) {
        self.lock().failing_sync = Some(after);
    }

    /// What was to fail later does not.
    pub fn heal(&self) {
        let mut inner = self.lock();
        (inner.fuse, inner.failing_sync) = (None, None);
    }

    /// No more than so many bytes above what is there now fit from now on; `None`: there is room again.
    pub fn limit(&self, room: Option<u64>) {
        let mut inner = self.lock();
        inner.capacity = room.map(|room| inner.current.len() as u64 + room);
    }
}

fn overwrite(image: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let end = at as usize + bytes.len();
    image.resize(image.len().max(end), 0);
    image[at as usize..end].copy_from_slice(bytes);
}

/// Each byte is the old or the new one.
fn mix(image: &mut Vec<u8>, at: u64, bytes: &[u8], rng: &mut Rng) {
    let end = at as usize + bytes.len();
    image.resize(image.len().max(end), 0);
    for (old, new) in image[at as usize..end].iter_mut().zip(bytes) {
        if rng.once_in(2) {
            *old = *new;
        }
    }
}

/// Each sector is the old one, the new one, or garbage.
fn damage(image: &mut Vec<u8>, at: u64, bytes: &[u8], fate: Fate, rng: &mut Rng) {
    let end = at as usize + bytes.len();
    image.resize(image.len().max(end), 0);
    let sector = if rng.once_in(2) { SECTOR } else { 8 * SECTOR };
    let mut from = at as usize;
    while from < end {
        // Sectors lie where the disk has them, not where the write begins.
        let to = (from / sector * sector + sector).min(end);
        match rng.below(3) {
            0 => {}
            1 if fate == Fate::Garbled => image[from..to].iter_mut().for_each(|byte| *byte = rng.bits() as u8),
            _ => image[from..to].copy_from_slice(&bytes[from - at as usize..to - at as usize]),
        }
        from = to;
    }
}

impl Inner {
    /// Counts an operation; an error if the power is gone.
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.fuse {
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn check_room(&self, end: u64) -> io::Result<()> {
        let is_full = end > self.current.len() as u64 && self.capacity.is_some_and(|capacity| end > capacity);
        if is_full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
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
        inner.check_room(len)?;
        inner.current.resize(len as usize, 0);
        inner.pending.push(Pending::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.operate()?;
        match inner.failing_sync {
            Some(0) => {
                // As Linux does: the pages count as clean and stay readable, and the disk never gets them.
                (inner.failing_sync, inner.failed) = (None, true);
                inner.pending.clear();
                return Err(io::Error::other("the disk refused to sync"));
            }
            Some(left) => inner.failing_sync = Some(left - 1),
            None => {}
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
        inner.check_room(offset + data.len() as u64)?;
        overwrite(&mut inner.current, offset, data);
        inner.pending.push(Pending::Write { at: offset, bytes: data.to_vec() });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(disk: &Disk) -> Vec<u8> {
        let mut out = vec![0; disk.len().unwrap() as usize];
        disk.read(0, &mut out).unwrap();
        out
    }

    #[test]
    fn a_crash_takes_what_was_not_synced_and_nothing_else() {
        let disk = Disk::new(0);
        disk.write(0, b"synced").unwrap();
        disk.sync_data().unwrap();
        disk.write(3, b"xyz").unwrap();
        assert_eq!(bytes(&disk.after_crash(Fate::Lost, &mut Rng::new(1))), b"synced");
        assert_eq!(bytes(&disk.after_crash(Fate::Kept, &mut Rng::new(1))), b"synxyz");
        assert_eq!(bytes(&disk.after_kill()), b"synxyz");
        disk.set_fuse(1);
        disk.write(0, b"S").unwrap();
        assert!(disk.sync_data().is_err() && disk.write(0, b"T").is_err());
    }

    #[test]
    fn a_failed_sync_loses_what_it_should_have_kept() {
        let disk = Disk::new(0);
        disk.fail_sync(0);
        disk.write(0, b"lost").unwrap();
        assert!(disk.sync_data().is_err());
        assert!(disk.sync_data().is_ok());
        assert_eq!(bytes(&disk), b"lost");
        assert_eq!(bytes(&disk.after_crash(Fate::Kept, &mut Rng::new(1))), b"");
        disk.limit(Some(2));
        assert!(disk.write(4, b"abc").is_err() && disk.write(0, b"full").is_ok());
    }
}
