//! All subscriptions of a Pair.

use super::dispatcher::Dispatcher;
use super::mailbox::{Mailbox, Observer};
use super::notice::{News, Notice, ObserveOptions};
use super::subscription::Subscription;
use crate::error::Error;
use spook_protocol::error::Code;
use spook_protocol::pointer;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a Pair holds of its observers.
///
/// Its methods are of three kinds: commands of the application (`subscribe`, `subscribe_with`, `close`), the input of the engine
/// (`publish`) and a getter (`is_watched`).
#[derive(Default)]
pub(crate) struct Observers {
    listed: Arc<Listed>,
}

/// Observers that have to be woken: that happens when this is dropped.
#[derive(Default)]
#[must_use = "observers are woken when this is dropped: hold it until the locks are released"]
pub(crate) struct Wakes(Vec<Arc<Mailbox>>);

impl Wakes {
    /// Takes over those of another.
    pub(crate) fn join(&mut self, mut other: Wakes) {
        self.0.append(&mut other.0);
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|mailbox| mailbox.wake());
    }
}

/// The list, which a subscription leaves when it is closed.
#[derive(Default)]
pub(super) struct Listed {
    /// Whether the list holds anything; read without the lock, because most Pairs are not observed most of the time.
    watched: AtomicBool,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    closed: bool,
    mailboxes: Vec<Arc<Mailbox>>,
}

impl Observers {
    /// Whether anybody observes. It changes with the first subscription and with the close of the last.
    pub(crate) fn is_watched(&self) -> bool {
        self.listed.watched.load(Ordering::Acquire)
    }

    /// A subscription to pull from. It gets everything that is published after this returned.
    ///
    /// # Errors
    /// [`Code::Pointer`] if `prefix` is no path, [`Code::Closed`] after [`Observers::close`].
    pub(crate) fn subscribe(&self, prefix: &str, options: ObserveOptions) -> Result<Subscription, Error> {
        check(prefix)?;
        self.listed.add(Mailbox::new(prefix, options, None))
    }

    /// A subscription whose notices `observer` is called with, on the dispatcher's thread. It is dropped exactly once, after its last call
    /// returned, also when this fails.
    ///
    /// # Errors
    /// As [`Observers::subscribe`], and those of [`Dispatcher::start`].
    pub(crate) fn subscribe_with(
        &self,
        prefix: &str,
        options: ObserveOptions,
        dispatcher: &Dispatcher,
        observer: impl FnMut(Notice) + Send + 'static,
    ) -> Result<Subscription, Error> {
        check(prefix)?;
        dispatcher.start()?;
        let observer: Observer = Box::new(observer);
        self.listed.add(Mailbox::new(prefix, options, Some((dispatcher.clone(), observer))))
    }

    /// Tells every observer what concerns it, and gives those who have to be woken: best after the caller has let go of its locks, because the
    /// first thing that many of them do is to take the same ones.
    ///
    /// The caller does so in the order of `seq`, and after the changes can be read. This runs no code of the application and waits for no observer.
    pub(crate) fn publish(&self, news: News<'_>) -> Wakes {
        if !self.is_watched() {
            return Wakes::default();
        }
        let list = self.listed.lock();
        Wakes(list.mailboxes.iter().filter(|mailbox| mailbox.offer(news)).cloned().collect())
    }

    /// Ends all subscriptions there are; new ones may follow.
    pub(crate) fn end_all(&self) {
        let mut list = self.listed.lock();
        let mailboxes = std::mem::take(&mut list.mailboxes);
        self.listed.watched.store(false, Ordering::Release);
        drop(list);
        mailboxes.iter().for_each(|mailbox| mailbox.end());
    }

    /// Ends all subscriptions, and refuses new ones. Those that are pulled give what still waits in them; callbacks are closed as by
    /// [`Subscription::close`]. Can be called again.
    pub(crate) fn close(&self) {
        self.listed.lock().closed = true;
        self.end_all();
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Observers").field("watched", &self.is_watched()).finish_non_exhaustive()
    }
}

fn check(prefix: &str) -> Result<(), Error> {
    let mut keys = pointer::keys(prefix).map_err(|error| Error::pointer(prefix, error))?;
    keys.try_for_each(|key| key.map(drop)).map_err(|error| Error::pointer(prefix, error))
}

impl Listed {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(self: &Arc<Self>, mailbox: Mailbox) -> Result<Subscription, Error> {
        let mailbox = Arc::new(mailbox);
        let mut list = self.lock();
        if list.closed {
            // The mailbox, and the observer in it, is dropped after the lock.
            return Err(Error::new(Code::Closed, "the Pair is closed"));
        }
        list.mailboxes.push(Arc::clone(&mailbox));
        self.watched.store(true, Ordering::Release);
        drop(list);
        Ok(Subscription::new(mailbox, Arc::downgrade(self)))
    }

    /// Takes a mailbox out. Its subscription still holds it, so nothing is dropped under the lock.
    pub(super) fn remove(&self, mailbox: &Arc<Mailbox>) {
        let mut list = self.lock();
        list.mailboxes.retain(|listed| !Arc::ptr_eq(listed, mailbox));
        self.watched.store(!list.mailboxes.is_empty(), Ordering::Release);
    }
}
