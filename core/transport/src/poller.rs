//! Waiting for many sources at once.

use std::{io, sync::Arc, time::Duration};

use mio::{Events, Poll};

use crate::{
    error::TransportError,
    readiness::{Interest, Key, Notifier, Ready},
};

/// How many events of the operating system one wait takes at most; the next wait takes the rest.
const EVENTS: usize = 256;

/// The longest one wait; it comes back empty after it. Some systems count the time in 32 bits of milliseconds.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Tells which streams, listeners and dials can go on.
///
/// One thread waits. Sources may be read and written by other threads meanwhile, and any thread may end the wait with a
/// [`Waker`].
#[derive(Debug)]
pub struct Poller {
    poll: Poll,
    events: Events,
    notifier: Arc<Notifier>,
}

impl Poller {
    /// A poller that watches nothing yet.
    ///
    /// # Errors
    /// `IO`: the process has no descriptor left.
    pub fn new() -> Result<Self, TransportError> {
        let open = || {
            let poll = Poll::new()?;
            let notifier = Arc::new(Notifier::new(poll.registry())?);
            Ok(Self { poll, events: Events::with_capacity(EVENTS), notifier })
        };
        open().map_err(|error| TransportError::io("open a poller", "", error))
    }

    /// Watches a stream, listener or dial from now on. What is ready already is reported by the next wait.
    ///
    /// # Errors
    /// `IO`: it is registered already, the key is `usize::MAX`, or the system refuses to watch more.
    pub fn register(&self, source: &mut impl Source, key: Key) -> Result<(), TransportError> {
        let registered = if key == Key::WAKER {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "this key belongs to the poller itself"))
        } else {
            source.attach(Interest { notifier: Arc::clone(&self.notifier), key })
        };
        registered.map_err(|error| TransportError::io("register", source.name(), error))
    }

    /// Stops watching. Dropping a source does so as well.
    ///
    /// # Errors
    /// `IO`: it is not registered.
    pub fn deregister(&self, source: &mut impl Source) -> Result<(), TransportError> {
        source.detach().map_err(|error| TransportError::io("deregister", source.name(), error))
    }

    /// A handle by which any thread ends the wait.
    pub fn waker(&self) -> Waker {
        Waker { notifier: Arc::clone(&self.notifier) }
    }

    /// Waits until a source is ready, a [`Waker`] was used, or `timeout` has passed (`None`: for ever), and replaces
    /// what is in `ready` by what is ready. It may be empty: after a wake, at the timeout, after a signal, and now and
    /// then because what another thread reported was taken by the wait before.
    ///
    /// # Errors
    /// `IO`: the operating system cannot wait.
    pub fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> Result<(), TransportError> {
        ready.clear();
        let timeout = if self.notifier.fall_asleep() { timeout.map(|time| time.min(WAIT_MAX)) } else { Some(Duration::ZERO) };
        let polled = self.poll.poll(&mut self.events, timeout);
        self.notifier.get_up();
        match polled {
            Ok(()) => ready.extend(self.events.iter().filter_map(ready_of)),
            // A signal. The events of the last wait would still be in the buffer.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(TransportError::io("wait", "", error)),
        }
        self.notifier.take_posted(ready);
        Ok(())
    }
}

fn ready_of(event: &mio::event::Event) -> Option<Ready> {
    let key = Key(event.token().0);
    (key != Key::WAKER).then(|| Ready {
        key,
        readable: event.is_readable() || event.is_read_closed(),
        writable: event.is_writable() || event.is_write_closed(),
        closed: event.is_read_closed() || event.is_write_closed() || event.is_error(),
    })
}

/// Ends the wait of its [`Poller`], from any thread. Cheap to clone.
///
/// Wakes before the poller's thread looks count as one, and cost a system call only when that thread sleeps. The wait
/// that returns sees everything done before the wake.
#[derive(Clone, Debug)]
pub struct Waker {
    notifier: Arc<Notifier>,
}

impl Waker {
    /// Makes the present wait return, or the next one if none is going on.
    pub fn wake(&self) {
        self.notifier.wake();
    }
}

/// What a [`Poller`] can watch: [`Stream`](crate::Stream), [`Listener`](crate::Listener) and [`Dial`](crate::Dial).
/// Not to be implemented elsewhere.
pub trait Source: sealed::Source {}

impl<T: sealed::Source> Source for T {}

pub(crate) mod sealed {
    use crate::readiness::Interest;
    use std::{fmt, io};

    pub trait Source {
        fn attach(&mut self, interest: Interest) -> io::Result<()>;
        fn detach(&mut self) -> io::Result<()>;
        fn name(&self) -> impl fmt::Display;
    }
}
