//! The one kind of stream that links see.

use std::{fmt, io};

use crate::{
    pipe::{PIPE_CAPACITY, PipeEnd, pipe},
    poller::sealed,
    readiness::Interest,
    socket::Socket,
};

/// A connected, non-blocking stream of bytes both ways: TCP, a unix socket, or one end of a pipe in this process.
///
/// Reading and writing take `&self`, so that one thread may write while another reads. Two threads that write (or
/// two that read) at once must agree on an order between them, by a lock of their own.
///
/// Dropping the stream closes it both ways. Over TCP a drop with unread bytes may take from the peer what was written
/// last: to part in order, [`shutdown`](Self::shutdown), read to the end, then drop.
#[derive(Debug)]
pub struct Stream {
    carrier: Carrier,
    peer: String,
}

#[derive(Debug)]
enum Carrier {
    Socket(Socket),
    Pipe(PipeEnd),
}

impl Stream {
    /// The two ends of a pipe inside this process, with [`PIPE_CAPACITY`] in each direction.
    pub fn pair() -> (Self, Self) {
        Self::pair_with_capacity(PIPE_CAPACITY)
    }

    /// The two ends of a pipe that holds at most `capacity` bytes in each direction; 0 counts as 1.
    pub fn pair_with_capacity(capacity: usize) -> (Self, Self) {
        let (one, other) = pipe(capacity);
        (Self::from_pipe(one, "mem:".to_owned()), Self::from_pipe(other, "mem:".to_owned()))
    }

    pub(crate) fn from_pipe(end: PipeEnd, peer: String) -> Self {
        Self { carrier: Carrier::Pipe(end), peer }
    }

    pub(crate) fn from_socket(socket: Socket, peer: String) -> Self {
        Self { carrier: Carrier::Socket(socket), peer }
    }

    /// Reads what is there, up to the size of `buffer`, and says how many bytes. 0 for a `buffer` that is not empty
    /// is the end: the peer writes no more.
    ///
    /// # Errors
    /// `WouldBlock`: nothing is there now; the poller will report `readable`. Any other: the stream has failed for good.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.carrier {
            Carrier::Socket(socket) => socket.read(buffer),
            Carrier::Pipe(end) => end.read(buffer),
        }
    }

    /// Writes as much of `bytes` as there is room for, and says how many bytes.
    ///
    /// # Errors
    /// `WouldBlock`: there is no room now; the poller will report `writable`. Any other: the stream has failed for
    /// good. No signal is raised when the peer is gone.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.carrier {
            Carrier::Socket(socket) => socket.write(bytes),
            Carrier::Pipe(end) => end.write(bytes),
        }
    }

    /// Ends the writing side: the peer reads what was written and then the end. Reading goes on.
    ///
    /// # Errors
    /// The stream has failed or was closed by the peer, so there is nothing left to end.
    pub fn shutdown(&self) -> io::Result<()> {
        match &self.carrier {
            Carrier::Socket(socket) => socket.shutdown(),
            Carrier::Pipe(end) => {
                end.shutdown();
                Ok(())
            }
        }
    }

    /// Who is at the other end, for messages to people: an address as [`Address`](crate::Address) prints it, which for
    /// accepted unix and `mem:` streams is that of the listener.
    pub fn peer(&self) -> &str {
        &self.peer
    }
}

impl sealed::Source for Stream {
    fn attach(&mut self, interest: Interest) -> io::Result<()> {
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.attach(interest),
            Carrier::Pipe(end) => end.attach(&interest),
        }
    }

    fn detach(&mut self) -> io::Result<()> {
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.detach(),
            Carrier::Pipe(end) => end.detach(),
        }
    }

    fn name(&self) -> impl fmt::Display {
        &self.peer
    }
}
