//! What tells a poller that a source can go on: the part of the poller that sources and other threads share.
//!
//! Sockets are watched by the operating system. Pipes, memory listeners and name look-ups are not, so they post their
//! readiness to the [`Notifier`] of the poller that watches them, which wakes it when it sleeps.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use mio::{Registry, Token};

/// The caller's name for a source that a [`Poller`](crate::Poller) watches. `usize::MAX` is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub usize);

impl Key {
    /// Taken by the poller's own waker.
    pub(crate) const WAKER: Self = Self(usize::MAX);
}

/// That a source can go on. One source may have more than one of these in one wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The key that the source was registered with.
    pub key: Key,
    /// There is something to read, to accept, or the end to see.
    pub readable: bool,
    /// There is room to write again, or a dial has got further.
    pub writable: bool,
    /// The peer will send no more, or the stream failed. Read what is left first.
    pub closed: bool,
}

impl Ready {
    /// No readiness yet; to be filled in.
    pub(crate) const fn none(key: Key) -> Self {
        Self { key, readable: false, writable: false, closed: false }
    }

    pub(crate) const fn readable(key: Key) -> Self {
        Self { readable: true, ..Self::none(key) }
    }

    pub(crate) const fn writable(key: Key) -> Self {
        Self { writable: true, ..Self::none(key) }
    }

    fn merge(&mut self, other: Self) {
        self.readable |= other.readable;
        self.writable |= other.writable;
        self.closed |= other.closed;
    }
}

/// The poller's thread is at work and will look for posts and wakes before it sleeps.
const AWAKE: u8 = 0;
/// The poller's thread sleeps, or is about to.
const ASLEEP: u8 = 1;
/// Somebody woke it since it last looked.
const WOKEN: u8 = 2;

/// The shared part of one poller.
#[derive(Debug)]
pub(crate) struct Notifier {
    registry: Registry,
    waker: mio::Waker,
    state: AtomicU8,
    posted: Mutex<BTreeMap<Key, Ready>>,
}

impl Notifier {
    pub(crate) fn new(registry: &Registry) -> io::Result<Self> {
        Ok(Self {
            registry: registry.try_clone()?,
            waker: mio::Waker::new(registry, Token(Key::WAKER.0))?,
            state: AtomicU8::new(AWAKE),
            posted: Mutex::new(BTreeMap::new()),
        })
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Makes the present or next wait return. Costs a system call only when the poller's thread sleeps and nobody woke
    /// it yet.
    pub(crate) fn wake(&self) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP {
            // Fails only for a broken descriptor, and then the poller's own wait reports it.
            let _ = self.waker.wake();
        }
    }

    /// Announces sleep. False: somebody woke the poller since it last looked, so it must not sleep.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends sleep. Everything done before a wake that this sees is visible after it. True: somebody woke the poller.
    pub(crate) fn get_up(&self) -> bool {
        self.state.swap(AWAKE, Ordering::AcqRel) == WOKEN
    }

    /// Takes what was posted, in the order of keys.
    pub(crate) fn take_posted(&self, ready: &mut Vec<Ready>) {
        let mut posted = lock(&self.posted);
        ready.extend(std::mem::take(&mut *posted).into_values());
    }
}

/// A source's registration: which poller watches it, under which key.
///
/// Public in name only: no path leads to it from outside.
#[derive(Clone, Debug)]
pub struct Interest {
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) key: Key,
}

impl Interest {
    pub(crate) fn registry(&self) -> &Registry {
        self.notifier.registry()
    }

    pub(crate) fn token(&self) -> Token {
        Token(self.key.0)
    }

    /// Leaves readiness for the poller without waking it, for callers that hold a lock; they wake what this returns
    /// once they let go of it.
    #[must_use = "the poller sleeps on until it is woken"]
    pub(crate) fn post(&self, ready: Ready) -> Arc<Notifier> {
        lock(&self.notifier.posted).entry(self.key).or_insert(Ready::none(self.key)).merge(ready);
        Arc::clone(&self.notifier)
    }

    /// Leaves readiness for the poller and wakes it.
    pub(crate) fn announce(&self, ready: Ready) {
        self.post(ready).wake();
    }

    /// Takes back what was posted for this key.
    pub(crate) fn forget(&self) {
        lock(&self.notifier.posted).remove(&self.key);
    }
}

/// The error of registering a source twice.
pub(crate) fn registered_already() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "it is registered with a poller already")
}

/// Locks, also after a panic elsewhere: no code in this crate panics while it holds one of its locks, so what they
/// guard is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
