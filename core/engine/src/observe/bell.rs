//! A descriptor that is readable while something waits, for programs that poll(2) everything in one loop.

use crate::error::Error;
use spook_protocol::error::Code;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Two connected sockets: one byte is on the way from one to the other while the bell rings, so that it is level-triggered.
///
/// Sockets and not a pipe, because the standard library can make those non-blocking: should the program read the byte itself, silencing
/// must not wait for it.
#[derive(Debug)]
pub(super) struct Bell {
    read: UnixStream,
    write: UnixStream,
}

impl Bell {
    /// # Errors
    /// [`Code::Io`] when the process has no descriptors left.
    pub(super) fn new() -> Result<Bell, Error> {
        let made = UnixStream::pair().and_then(|(read, write)| {
            read.set_nonblocking(true)?;
            write.set_nonblocking(true)?;
            Ok(Bell { read, write })
        });
        made.map_err(|error: io::Error| Error::new(Code::Io, format!("making a descriptor for a subscription: {error}")))
    }

    pub(super) fn ring(&self) {
        // Fails only if the program filled or closed the descriptor it was lent; then there is nobody to tell.
        let _ = (&self.write).write(&[1]);
    }

    pub(super) fn silence(&self) {
        let _ = (&self.read).read(&mut [0]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}
