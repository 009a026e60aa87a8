//! The queue of one subscription, between the thread that publishes and the one that takes.

#[cfg(unix)]
use super::bell::Bell;
use super::dispatcher::{Dispatcher, Turn};
use super::foreign;
use super::notice::{News, Notice, ObserveOptions, select};
use super::queue::Queue;
use crate::error::Error;
use crate::rules;
use spook_protocol::error::Code;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(unix)]
use std::sync::OnceLock;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A callback.
pub(super) type Observer = Box<dyn FnMut(Notice) + Send>;

pub(super) struct Mailbox {
    prefix: Box<str>,
    options: ObserveOptions,
    /// Set if notices go to a callback.
    dispatcher: Option<Dispatcher>,
    /// The process that made it: a forked child has the memory, but neither the threads nor the state of the locks.
    process: u32,
    inner: Mutex<Inner>,
    /// For those who pull: a notice waits, or none will come any more.
    ready: Condvar,
    /// For those who close: the observer has been dropped.
    gone: Condvar,
    #[cfg(unix)]
    bell: OnceLock<Bell>,
}

struct Inner {
    queue: Queue,
    /// Nothing more comes in.
    ended: bool,
    /// Threads that wait for `ready`. Without any, nobody has to be woken.
    waiting: usize,
    observer: Slot,
    /// Whether the dispatcher has this mailbox in its list, or in hand.
    scheduled: bool,
    #[cfg(unix)]
    rings: bool,
}

/// Where the callback is.
enum Slot {
    /// There is none: this is pulled.
    Pull,
    /// Here, waiting for the next call.
    Idle(Observer),
    /// Being called or dropped, by a thread that holds no lock meanwhile.
    Away,
    /// Dropped.
    Gone,
}

impl Mailbox {
    pub(super) fn new(prefix: &str, options: ObserveOptions, callback: Option<(Dispatcher, Observer)>) -> Mailbox {
        let (dispatcher, observer) = match callback {
            None => (None, Slot::Pull),
            Some((dispatcher, observer)) => (Some(dispatcher), Slot::Idle(observer)),
        };
        let inner = Inner {
            queue: Queue::new(options.capacity),
            ended: false,
            waiting: 0,
            observer,
            scheduled: false,
            #[cfg(unix)]
            rings: false,
        };
        Mailbox {
            prefix: prefix.into(),
            options,
            dispatcher,
            process: std::process::id(),
            inner: Mutex::new(inner),
            ready: Condvar::new(),
            gone: Condvar::new(),
            #[cfg(unix)]
            bell: OnceLock::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what concerns this subscription. Returns whether somebody has to be woken for it, by [`Mailbox::wake`].
    pub(super) fn offer(&self, news: News<'_>) -> bool {
        let mut notices = select(&self.prefix, self.options, news).peekable();
        if notices.peek().is_none() {
            return false;
        }
        let mut inner = self.lock();
        if inner.ended {
            return false;
        }
        notices.for_each(|notice| inner.queue.push(notice));
        match &self.dispatcher {
            None => {
                self.settle_bell(&mut inner);
                inner.waiting > 0
            }
            Some(_) => !std::mem::replace(&mut inner.scheduled, true),
        }
    }

    /// Wakes whoever waits for what was put in.
    pub(super) fn wake(self: &Arc<Self>) {
        match &self.dispatcher {
            None => self.ready.notify_all(),
            Some(dispatcher) => dispatcher.schedule(Arc::clone(self) as Arc<dyn Turn>),
        }
    }

    /// The oldest notice. Without one: `None` once no more will come, [`Code::Timeout`] after `timeout`.
    pub(super) fn next(&self, timeout: Option<Duration>) -> Result<Option<Notice>, Error> {
        self.check_pull()?;
        let mut inner = self.lock();
        let mut deadline = None;
        loop {
            if let Some(notice) = self.pop(&mut inner) {
                return Ok(Some(notice));
            }
            if inner.ended {
                return Ok(None);
            }
            let left = timeout.and_then(|timeout| {
                let now = Instant::now();
                // A deadline beyond what the clock counts is none.
                let deadline = *deadline.get_or_insert_with(|| now.checked_add(timeout));
                deadline.map(|deadline| deadline.saturating_duration_since(now))
            });
            if left == Some(Duration::ZERO) {
                return Err(Error::new(Code::Timeout, format!("no change in {:?} below {:?}", timeout.unwrap_or_default(), self.prefix)));
            }
            inner.waiting += 1;
            inner = match left {
                None => self.ready.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.ready.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0,
            };
            inner.waiting -= 1;
        }
    }

    /// The oldest notice, if there is one.
    pub(super) fn try_next(&self) -> Option<Notice> {
        self.check_pull().ok()?;
        self.pop(&mut self.lock())
    }

    fn pop(&self, inner: &mut Inner) -> Option<Notice> {
        let notice = inner.queue.pop();
        self.settle_bell(inner);
        notice
    }

    /// Lets nothing more in. What waits can still be pulled; a callback gets no further call, as after [`Mailbox::close`].
    pub(super) fn end(&self) {
        if self.dispatcher.is_some() {
            return self.close();
        }
        self.end_locked(self.lock());
    }

    /// Forgets what waits. When this returns no further call starts, and the one that runs has ended and the observer is dropped, unless
    /// this is called from inside an observer: then both follow.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.queue.clear();
        inner.ended = true;
        match std::mem::replace(&mut inner.observer, Slot::Away) {
            Slot::Pull => {
                inner.observer = Slot::Pull;
                self.end_locked(inner);
            }
            Slot::Idle(observer) => {
                drop(inner);
                self.drop_observer(observer);
            }
            Slot::Away if foreign::is_inside() => {}
            Slot::Away => {
                while !matches!(inner.observer, Slot::Gone) {
                    inner = self.gone.wait(inner).unwrap_or_else(PoisonError::into_inner);
                }
            }
            Slot::Gone => inner.observer = Slot::Gone,
        }
    }

    fn end_locked(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.ended = true;
        self.settle_bell(&mut inner);
        drop(inner);
        self.ready.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_forked() || self.lock().ended
    }

    fn drop_observer(&self, observer: Observer) {
        foreign::run(|| drop(observer));
        self.lock().observer = Slot::Gone;
        self.gone.notify_all();
    }

    fn check_pull(&self) -> Result<(), Error> {
        if self.is_forked() {
            return Err(Error::new(Code::Forked, "the subscription belongs to the parent process"));
        }
        if rules::is_inside() {
            return Err(Error::new(Code::Reentrant, ""));
        }
        if self.dispatcher.is_some() {
            return Err(Error::new(Code::Invalid, "a subscription with a callback cannot be pulled"));
        }
        Ok(())
    }

    /// Whether this is a child of the process that made it.
    pub(super) fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// The descriptor that is readable while a notice waits, and once none will come any more.
    #[cfg(unix)]
    pub(super) fn descriptor(&self) -> Result<BorrowedFd<'_>, Error> {
        self.check_pull()?;
        let mut inner = self.lock();
        let bell = match self.bell.get() {
            Some(bell) => bell,
            None => {
                let bell = Bell::new()?;
                self.bell.get_or_init(|| bell)
            }
        };
        self.settle_bell(&mut inner);
        Ok(bell.as_fd())
    }

    #[cfg(unix)]
    fn settle_bell(&self, inner: &mut Inner) {
        let Some(bell) = self.bell.get() else { return };
        let should_ring = inner.ended || !inner.queue.is_empty();
        match (inner.rings, should_ring) {
            (false, true) => bell.ring(),
            (true, false) => bell.silence(),
            _ => {}
        }
        inner.rings = should_ring;
    }

    #[cfg(not(unix))]
    fn settle_bell(&self, _inner: &mut Inner) {}
}

#[cfg(test)]
impl Mailbox {
    /// One that another process made.
    pub(super) fn of_process(process: u32) -> Mailbox {
        Mailbox { process, ..Mailbox::new("", ObserveOptions::default(), None) }
    }
}

impl Turn for Mailbox {
    fn turn(&self) -> bool {
        let mut inner = self.lock();
        let notice = inner.queue.pop();
        let (mut observer, notice) = match (std::mem::replace(&mut inner.observer, Slot::Away), notice) {
            (Slot::Idle(observer), Some(notice)) => (observer, notice),
            (slot, _) => {
                // Closed since it was scheduled.
                inner.observer = slot;
                inner.scheduled = false;
                return false;
            }
        };
        drop(inner);
        foreign::run(|| observer(notice));
        let mut inner = self.lock();
        if inner.ended {
            inner.scheduled = false;
            drop(inner);
            self.drop_observer(observer);
            return false;
        }
        inner.observer = Slot::Idle(observer);
        inner.scheduled = !inner.queue.is_empty();
        inner.scheduled
    }
}
