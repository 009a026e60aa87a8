//! One machine: a disk, a wall clock, a process that may run on it, and a program that knows what it wants.

use crate::disk::Disk;
use crate::engine::{Engine, tree_of};
use crate::knobs::Knobs;
use crate::reference::Known;
use crate::rng::Rng;
use spook_ledger::{FileStamp, LedgerError};
use spook_protocol::etcp::{Identity, Ticket};

/// When the time of a world begins, Unix ms.
pub const BEGIN_MS: i64 = 1_700_000_000_000;

/// A wall clock as operating systems have them: it can be set, may lie before 1970, and may count in large steps.
#[derive(Clone, Debug)]
pub struct WallClock {
    offset: i64,
    step: i64,
}

impl WallClock {
    /// A clock that is right.
    pub fn right() -> WallClock {
        WallClock { offset: BEGIN_MS, step: 1 }
    }

    fn true_ms(&self, now: u64) -> i64 {
        (now / 1000) as i64 + self.offset
    }

    /// What it shows, Unix ms; 0 before 1970.
    pub fn read(&self, now: u64) -> u64 {
        let ms = self.true_ms(now);
        u64::try_from(ms - ms.rem_euclid(self.step)).unwrap_or(0)
    }

    /// Sets it by so many ms.
    pub fn shift(&mut self, ms: i64) {
        self.offset = self.offset.saturating_add(ms);
    }

    /// Sets it to a time.
    pub fn set(&mut self, now: u64, ms: i64) {
        self.offset = ms - (now / 1000) as i64;
    }

    /// It counts in steps of so many ms.
    pub fn coarsen(&mut self, step: u64) {
        self.step = step.max(1) as i64;
    }
}

/// A copy of a ledger, and what was in it of each Pair.
pub struct Saved {
    disk: Disk,
    /// What the endpoint had promised to keep, by Pair.
    pub promised: Vec<Known>,
    /// What was being written when the copy was made.
    pub under_way: Vec<Option<(u64, Known)>>,
}

/// One machine.
pub struct Machine {
    /// Which endpoint it is.
    pub who: usize,
    /// Its keys.
    pub identity: Identity,
    /// Its disk.
    pub disk: Disk,
    /// Its wall clock.
    pub clock: WallClock,
    /// The process, if it runs.
    pub engine: Option<Engine>,
    /// The tickets that the program wants to use, or has used.
    pub asks: Vec<Ticket>,
    /// The process stands still until then.
    pub suspended_until: u64,
    /// The power goes after so many more outputs.
    pub fuse: Option<u64>,
    /// The power goes within the next commit after so many operations of the disk.
    pub commit_fuse: Option<u64>,
    /// A copy of the ledger.
    pub saved: Option<Saved>,
    /// The file that the ledger is in: a number for each copy.
    file: u64,
    opened: u32,
    /// The author epoch of the last start.
    pub epoch: u32,
}

impl Machine {
    /// A machine with an empty disk.
    pub fn new(who: usize, knobs: &Knobs, rng: &mut Rng) -> Machine {
        Machine {
            who,
            identity: Identity::generate(rng.seed()),
            disk: Disk::new(tree_of(knobs)),
            clock: WallClock::right(),
            engine: None,
            asks: Vec::new(),
            suspended_until: 0,
            fuse: None,
            commit_fuse: None,
            saved: None,
            file: 1,
            opened: 0,
            epoch: 0,
        }
    }

    /// Starts the process.
    ///
    /// # Errors
    /// As the ledger's own.
    pub fn open(&mut self, knobs: &Knobs) -> Result<Engine, LedgerError> {
        self.opened += 1;
        let place = FileStamp { device: self.who as u64, inode: self.file, born: self.file };
        // A new author epoch if the ledger turns out to be new or another one.
        let epoch = (self.who as u32 + 1) << 16 | self.opened;
        let engine = Engine::open(self.who, &self.identity, &self.disk, place, epoch, knobs)?;
        self.epoch = engine.me().epoch;
        Ok(engine)
    }

    /// Copies the ledger.
    pub fn save(&mut self, promised: Vec<Known>, under_way: Vec<Option<(u64, Known)>>) {
        self.saved = Some(Saved { disk: self.disk.copy(), promised, under_way });
    }

    /// Puts the copy in the place of the ledger, as a new file.
    pub fn restore(&mut self) {
        if let Some(saved) = &self.saved {
            self.disk = saved.disk.copy();
            self.file += 1;
            self.epoch = 0;
        }
    }
}
