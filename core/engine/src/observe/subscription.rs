//! The handle of an observer.

use super::hub::Listed;
use super::mailbox::Mailbox;
use super::notice::Notice;
use crate::error::Error;
use std::fmt;
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Changes of a Pair, at and below a path, as they come.
///
/// It lives until it is closed or dropped, or until its Pair or engine closes. It can be shared between threads; each notice goes to one of
/// them. A slow observer slows nobody: its queue is bounded, and a [`Notice::Gap`] tells what was merged.
#[must_use = "a subscription ends when it is dropped"]
pub struct Subscription {
    mailbox: Arc<Mailbox>,
    hub: Weak<Listed>,
}

impl Subscription {
    pub(super) fn new(mailbox: Arc<Mailbox>, hub: Weak<Listed>) -> Subscription {
        Subscription { mailbox, hub }
    }

    /// Waits for the next notice; `None` as timeout waits for ever. `Ok(None)` once the subscription has ended: after
    /// [`Subscription::close`] at once, after its Pair or engine closed when all that waited has been taken.
    ///
    /// # Errors
    /// [`Code::Timeout`](crate::Code::Timeout) if nothing came in time; [`Code::Invalid`](crate::Code::Invalid) if it has a callback;
    /// [`Code::Forked`](crate::Code::Forked) in a forked child.
    pub fn next(&self, timeout: Option<Duration>) -> Result<Option<Notice>, Error> {
        self.mailbox.next(timeout)
    }

    /// The next notice if one waits. `None` also if the subscription has ended, has a callback, or belongs to the parent process.
    #[must_use]
    pub fn try_next(&self) -> Option<Notice> {
        self.mailbox.try_next()
    }

    /// Waits for one notice after the other until the subscription ends.
    pub fn iter(&self) -> Notices<'_> {
        Notices { subscription: self }
    }

    /// Ends it. What waits is forgotten, and whoever waits for a notice is woken.
    ///
    /// After it returns no further call of a callback starts. A running one is waited for, and the callback has been dropped when this returns;
    /// but from inside an observer (of any Pair or engine) this returns at once, and the callback is dropped when its running call has returned.
    /// So do not hold a lock that the callback takes. Closing again does nothing.
    pub fn close(&self) {
        if self.mailbox.is_forked() {
            return; // The locks may have been held when the process forked, by threads that this one does not have.
        }
        if let Some(hub) = self.hub.upgrade() {
            hub.remove(&self.mailbox);
        }
        self.mailbox.close();
    }

    /// Whether it was closed, or ended with its Pair or engine. Notices can still wait in the latter case.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// A descriptor for poll(2), select(2) and their kin: readable while a notice waits, and for good once the subscription has ended. It
    /// is made on the first request and belongs to the subscription: only poll it, do not read or close it.
    ///
    /// # Errors
    /// [`Code::Io`](crate::Code::Io) when the process has no descriptors left, and as [`Subscription::next`].
    #[cfg(unix)]
    pub fn descriptor(&self) -> Result<BorrowedFd<'_>, Error> {
        self.mailbox.descriptor()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Subscription").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// The iterator of [`Subscription::iter`]: waits for each notice, ends with the subscription.
#[derive(Debug)]
pub struct Notices<'a> {
    subscription: &'a Subscription,
}

impl Iterator for Notices<'_> {
    type Item = Notice;

    fn next(&mut self) -> Option<Notice> {
        self.subscription.next(None).ok().flatten()
    }
}

impl<'a> IntoIterator for &'a Subscription {
    type Item = Notice;
    type IntoIter = Notices<'a>;

    fn into_iter(self) -> Notices<'a> {
        self.iter()
    }
}
