//! Accepting streams.

use std::{
    fmt,
    io::{self, ErrorKind},
    net::ToSocketAddrs,
};

#[cfg(unix)]
use mio::net::UnixListener;
use mio::{Interest as Events, event, net::TcpListener};

#[cfg(unix)]
use crate::unix_socket::{self, SocketFile};
use crate::{
    address::Address,
    error::TransportError,
    memory::MemoryListener,
    poller::sealed,
    readiness::{Interest, registered_already},
    socket::{Kind, Socket},
    stream::Stream,
};

/// Listens at one address until it is dropped.
///
/// A unix socket's file is only for this user (mode 0600, in a directory made with mode 0700 if there was none). A
/// file that a dead process left is replaced, one that somebody listens behind is not. It is taken away at the end.
#[derive(Debug)]
pub struct Listener {
    port: Port,
    address: Address,
    interest: Option<Interest>,
}

#[derive(Debug)]
enum Port {
    Tcp(TcpListener),
    /// The file comes first, so that it is gone before the socket closes: see `unix_socket::is_listened_on`.
    #[cfg(unix)]
    Unix(#[expect(dead_code, reason = "held for its drop")] SocketFile, UnixListener),
    Memory(MemoryListener),
}

impl Listener {
    /// Listens at an address. A host name is looked up here and now, which may take a while; listening on one is rare.
    ///
    /// # Errors
    /// `ADDRESS`: somebody else listens there, this machine or user may not, the host is unknown, a socket's path is
    /// too long. `IO`: the system refuses for another reason.
    pub fn bind(address: &Address) -> Result<Self, TransportError> {
        let (port, address) = match address {
            Address::Tcp { host, port } => {
                let listener = bind_tcp(address, host, *port)?;
                let bound = listener.local_addr().map_err(|error| TransportError::bind(address, error))?;
                (Port::Tcp(listener), Address::from(bound))
            }
            Address::Unix(path) => (bind_unix(address, path)?, address.clone()),
            Address::Memory(name) => {
                let listener = MemoryListener::bind(name).map_err(|error| TransportError::bind(address, error))?;
                (Port::Memory(listener), address.clone())
            }
        };
        Ok(Self { port, address, interest: None })
    }

    /// The next stream that waits, or `None`: then the poller reports `readable` when there is one.
    ///
    /// # Errors
    /// `IO`: mostly that the process has no descriptor left. Those that wait go on waiting, and nothing reports them a
    /// second time: accept again a little later.
    pub fn accept(&self) -> Result<Option<Stream>, TransportError> {
        let accepted = match &self.port {
            Port::Tcp(listener) => accept_next(|| {
                let (stream, peer) = listener.accept()?;
                Ok(Stream::from_socket(Socket::connected(Kind::Tcp(stream)), Address::from(peer).to_string()))
            }),
            #[cfg(unix)]
            Port::Unix(_, listener) => accept_next(|| {
                let (stream, _) = listener.accept()?;
                Ok(Stream::from_socket(Socket::connected(Kind::Unix(stream)), self.address.to_string()))
            }),
            Port::Memory(listener) => Ok(listener.accept().map(|end| Stream::from_pipe(end, self.address.to_string()))),
        };
        accepted.map_err(|error| TransportError::io("accept", &self.address, error))
    }

    /// Where it listens; for a TCP port of 0, with the port that the system chose.
    pub fn address(&self) -> &Address {
        &self.address
    }

    fn source(&mut self) -> Option<&mut dyn event::Source> {
        match &mut self.port {
            Port::Tcp(listener) => Some(listener),
            #[cfg(unix)]
            Port::Unix(_, listener) => Some(listener),
            Port::Memory(_) => None,
        }
    }
}

/// Listens on the first of the host's addresses that this machine has.
fn bind_tcp(address: &Address, host: &str, port: u16) -> Result<TcpListener, TransportError> {
    let unknown = |error: io::Error| TransportError::address(address, format!("the host is unknown ({error})"));
    let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
    for candidate in (host, port).to_socket_addrs().map_err(unknown)? {
        match TcpListener::bind(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(TransportError::bind(address, failure))
}

#[cfg(unix)]
fn bind_unix(address: &Address, path: &std::path::Path) -> Result<Port, TransportError> {
    let (file, listener) = unix_socket::bind(path).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => TransportError::address(address, error.to_string()),
        _ => TransportError::bind(address, error),
    })?;
    Ok(Port::Unix(file, listener))
}

#[cfg(not(unix))]
fn bind_unix(address: &Address, _path: &std::path::Path) -> Result<Port, TransportError> {
    Err(TransportError::address(address, "this system has no unix sockets; write tcp:127.0.0.1:PORT"))
}

/// Skips those that gave up while they waited.
fn accept_next(mut accept: impl FnMut() -> io::Result<Stream>) -> io::Result<Option<Stream>> {
    loop {
        match accept() {
            Ok(stream) => return Ok(Some(stream)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Ok(None),
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {}
                _ => return Err(error),
            },
        }
    }
}

impl sealed::Source for Listener {
    fn attach(&mut self, interest: Interest) -> io::Result<()> {
        if let Port::Memory(listener) = &self.port {
            return listener.attach(interest);
        }
        if self.interest.is_some() {
            return Err(registered_already());
        }
        if let Some(source) = self.source() {
            interest.registry().register(source, interest.token(), Events::READABLE)?;
        }
        self.interest = Some(interest);
        Ok(())
    }

    fn detach(&mut self) -> io::Result<()> {
        if let Port::Memory(listener) = &self.port {
            return listener.detach();
        }
        let interest = self.interest.take().ok_or(ErrorKind::NotFound)?;
        self.source().map_or(Ok(()), |source| interest.registry().deregister(source))
    }

    fn name(&self) -> impl fmt::Display {
        &self.address
    }
}
