//! A connected socket of the operating system, and when to ask the system for which readiness.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest as Events, event, net::TcpStream};

use crate::readiness::{Interest, lock, registered_already};

/// The two kinds of connected sockets.
#[derive(Debug)]
pub(crate) enum Kind {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// A non-blocking socket that can be read by one thread and written by another.
///
/// Room to write is asked of the system only while a write has met `WouldBlock`: a unix socket would otherwise report
/// room each time its peer has read something, and so wake this side once for every message it sends.
#[derive(Debug)]
pub(crate) struct Socket {
    kind: Kind,
    /// Whether room to write is to be reported.
    blocked: AtomicBool,
    interest: Mutex<Option<Interest>>,
}

impl Socket {
    /// A socket that is connected.
    pub(crate) fn connected(kind: Kind) -> Self {
        match &kind {
            // Links write whole messages; waiting for more would only delay them. Refused only by a stream that was
            // reset already, which the first read tells.
            Kind::Tcp(stream) => drop(stream.set_nodelay(true)),
            #[cfg(unix)]
            Kind::Unix(_) => {}
        }
        Self { kind, blocked: AtomicBool::new(false), interest: Mutex::new(None) }
    }

    /// A socket that reports room to write when it is connected or has failed.
    pub(crate) fn connecting(kind: Kind) -> Self {
        Self { kind, blocked: AtomicBool::new(true), interest: Mutex::new(None) }
    }

    /// The same socket, now that it is connected. It reports anew whatever is ready.
    pub(crate) fn established(mut self) -> io::Result<Self> {
        let interest = self.registered().take();
        if let Some(interest) = &interest {
            self.with_source(|source| interest.registry().deregister(source))?;
        }
        let mut connected = Self::connected(self.kind);
        interest.map_or(Ok(()), |interest| connected.attach(interest))?;
        Ok(connected)
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        retry(|| match &self.kind {
            Kind::Tcp(stream) => (&*stream).read(buffer),
            #[cfg(unix)]
            Kind::Unix(stream) => (&*stream).read(buffer),
        })
    }

    // Not `write_vectored`: the standard library would use writev(2), which raises SIGPIPE in programs that do not
    // ignore it. Its `write` to a socket does not.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = retry(|| match &self.kind {
            Kind::Tcp(stream) => (&*stream).write(bytes),
            #[cfg(unix)]
            Kind::Unix(stream) => (&*stream).write(bytes),
        });
        match &written {
            Ok(count) if *count == bytes.len() && *count > 0 => self.set_blocked(false)?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.set_blocked(true)?,
            _ => {}
        }
        written
    }

    /// Sends the end of the stream after what was written.
    pub(crate) fn shutdown(&self) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Kind::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// Whether a connect has succeeded, if that is known yet.
    pub(crate) fn is_connected(&self) -> io::Result<bool> {
        let (failure, peer) = match &self.kind {
            Kind::Tcp(stream) => (stream.take_error()?, stream.peer_addr()),
            // Connects at once or not at all.
            #[cfg(unix)]
            Kind::Unix(_) => return Ok(true),
        };
        if let Some(error) = failure {
            return Err(error);
        }
        match peer {
            Ok(peer) => self.check_not_itself(peer).and(Ok(true)),
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// TCP connects a socket to itself when a port on which nobody listens is dialled and the system happens to choose
    /// the same port for this end.
    fn check_not_itself(&self, peer: SocketAddr) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(stream) if stream.local_addr()? == peer => Err(ErrorKind::ConnectionRefused.into()),
            _ => Ok(()),
        }
    }

    /// Asks for room to write, or no longer. Registering anew also reports what is ready now, so no change is missed.
    fn set_blocked(&self, blocked: bool) -> io::Result<()> {
        if self.blocked.load(Ordering::Relaxed) == blocked {
            return Ok(());
        }
        let interest = lock(&self.interest);
        self.blocked.store(blocked, Ordering::Relaxed);
        interest.as_ref().map_or(Ok(()), |interest| self.update(interest))
    }

    pub(crate) fn attach(&mut self, interest: Interest) -> io::Result<()> {
        if self.registered().is_some() {
            return Err(registered_already());
        }
        let events = self.events();
        self.with_source(|source| interest.registry().register(source, interest.token(), events))?;
        *self.registered() = Some(interest);
        Ok(())
    }

    pub(crate) fn detach(&mut self) -> io::Result<()> {
        let interest = self.registered().take().ok_or(ErrorKind::NotFound)?;
        self.with_source(|source| interest.registry().deregister(source))
    }

    fn registered(&mut self) -> &mut Option<Interest> {
        self.interest.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Unix systems watch descriptors, which can be changed while others read and write.
#[cfg(unix)]
impl Socket {
    fn events(&self) -> Events {
        if self.blocked.load(Ordering::Relaxed) { Events::READABLE | Events::WRITABLE } else { Events::READABLE }
    }

    fn update(&self, interest: &Interest) -> io::Result<()> {
        let events = self.events();
        self.with_source(|source| interest.registry().reregister(source, interest.token(), events))
    }

    fn with_source<T>(&self, act: impl FnOnce(&mut dyn event::Source) -> T) -> T {
        use std::os::fd::AsRawFd;
        let descriptor = match &self.kind {
            Kind::Tcp(stream) => stream.as_raw_fd(),
            Kind::Unix(stream) => stream.as_raw_fd(),
        };
        act(&mut mio::unix::SourceFd(&descriptor))
    }
}

/// On Windows mio itself asks for room only after a write that would have blocked.
#[cfg(not(unix))]
impl Socket {
    fn events(&self) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    fn update(&self, _interest: &Interest) -> io::Result<()> {
        Ok(())
    }

    fn with_source<T>(&mut self, act: impl FnOnce(&mut dyn event::Source) -> T) -> T {
        match &mut self.kind {
            Kind::Tcp(stream) => act(stream),
        }
    }
}

/// Goes on after signals.
fn retry<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
