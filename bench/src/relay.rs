//! A wire between two engines: unix sockets through this process, which counts what goes by and can be cut. A link puts the same bytes on
//! a unix socket as above TCP.
//!
//! It reads the lengths that stand before each message (docs/wire-format.md), so it can tell hellos from sealed messages; the rest is
//! sealed to it as to anybody else.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the side that dialled.
    Out,
    /// To the side that dialled.
    Back,
}

/// A message that went by in full.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    /// Which way.
    pub way: Way,
    /// Whether it belongs to the handshake.
    pub is_hello: bool,
    /// Its bytes above TCP, its length included.
    pub bytes: usize,
    /// Its bytes without the length that stands before it.
    pub sealed: usize,
    /// When.
    pub at: Instant,
}

#[derive(Default)]
struct State {
    passed: Vec<Passed>,
    streams: Vec<UnixStream>,
    cut: bool,
}

/// The wire.
#[derive(Clone)]
pub struct Relay {
    state: Arc<Mutex<State>>,
    here: PathBuf,
    there: PathBuf,
}

impl Relay {
    /// Puts a wire before the engine that listens at a path: its socket gets another name, and the wire listens under the old one. So the
    /// address that the engine gives to its peers leads to the wire.
    ///
    /// # Errors
    /// In words: the socket cannot be moved or made.
    pub fn before(socket: &Path) -> Result<Relay, String> {
        let there = socket.with_extension("behind");
        fs::rename(socket, &there).map_err(|error| format!("{}: {error}", socket.display()))?;
        let relay = Relay { state: Arc::default(), here: socket.to_owned(), there };
        relay.listen()?;
        Ok(relay)
    }

    /// Ends what is connected and lets nobody connect.
    pub fn cut(&self) {
        let mut state = self.state();
        state.cut = true;
        for stream in state.streams.drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        // The listener waits in accept; this makes it look, and go.
        let _ = UnixStream::connect(&self.here);
        let _ = fs::remove_file(&self.here);
    }

    /// Lets connections through again.
    ///
    /// # Errors
    /// In words: the socket cannot be made.
    pub fn mend(&self) -> Result<(), String> {
        self.state().cut = false;
        self.listen()
    }

    /// What went by since the last [`Relay::forget`].
    pub fn passed(&self) -> Vec<Passed> {
        self.state().passed.clone()
    }

    /// Forgets what went by.
    pub fn forget(&self) {
        self.state().passed.clear();
    }

    /// Waits until nothing has gone by for `quiet`. Heartbeats come every second or two: `quiet` must be shorter.
    pub fn settle(&self, quiet: Duration) {
        let (mut count, mut since) = (usize::MAX, Instant::now());
        while since.elapsed() < quiet {
            let now = self.state().passed.len();
            if now != count {
                (count, since) = (now, Instant::now());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of the relay panics while it holds this")
    }

    fn listen(&self) -> Result<(), String> {
        let listener = UnixListener::bind(&self.here).map_err(|error| format!("{}: {error}", self.here.display()))?;
        let relay = self.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = UnixStream::connect(&relay.there) else { continue };
                let (Ok(near_again), Ok(far_again)) = (near.try_clone(), far.try_clone()) else { continue };
                let mut state = relay.state();
                if state.cut {
                    return;
                }
                state.streams.extend([near.try_clone(), far.try_clone()].into_iter().flatten());
                drop(state);
                relay.pump(near, far, Way::Out);
                relay.pump(far_again, near_again, Way::Back);
            }
        });
        Ok(())
    }

    fn pump(&self, mut from: UnixStream, mut to: UnixStream, way: Way) {
        let relay = self.clone();
        thread::spawn(move || {
            let mut messages = Messages { way, bytes: Vec::new(), began: false };
            let mut buffer = vec![0; 64 << 10];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                // Counted before it is passed on: what the receiver does about it comes later in the list.
                let passed = messages.take(&buffer[..count]);
                relay.state().passed.extend(passed);
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

/// One direction of a connection, cut into messages.
struct Messages {
    way: Way,
    bytes: Vec<u8>,
    /// Whether the hello has gone by.
    began: bool,
}

impl Messages {
    fn take(&mut self, bytes: &[u8]) -> Vec<Passed> {
        self.bytes.extend_from_slice(bytes);
        let mut passed = Vec::new();
        let mut at = 0;
        while let Some((head, sealed)) = self.length(at)
            && at + head + sealed <= self.bytes.len()
        {
            let is_hello = !std::mem::replace(&mut self.began, true);
            passed.push(Passed { way: self.way, is_hello, bytes: head + sealed, sealed, at: Instant::now() });
            at += head + sealed;
        }
        self.bytes.drain(..at);
        passed
    }

    /// Bytes of the length that stands at `at`, and what it says.
    fn length(&self, at: usize) -> Option<(usize, usize)> {
        let bytes = &self.bytes[at..];
        if !self.began {
            let head = bytes.first_chunk::<2>()?;
            return Some((2, usize::from(u16::from_be_bytes(*head))));
        }
        let mut length = 0;
        for (index, byte) in bytes.iter().take(3).enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Some((index + 1, length));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_hello_and_messages() {
        let mut stream = vec![0, 3, 9, 9, 9, 2, 7, 7, 0x80 | 44, 2];
        stream.extend([5; 300]);
        for step in [1, 4, stream.len()] {
            let mut messages = Messages { way: Way::Out, bytes: Vec::new(), began: false };
            let passed: Vec<Passed> = stream.chunks(step).flat_map(|bytes| messages.take(bytes)).collect();
            let seen: Vec<_> = passed.iter().map(|passed| (passed.is_hello, passed.bytes, passed.sealed)).collect();
            assert_eq!(seen, [(true, 5, 3), (false, 3, 2), (false, 302, 300)]);
        }
    }

    #[test]
    fn a_cut_wire_carries_nothing_until_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("echo");
        let echo = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            for mut stream in echo.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let mut bytes = [0; 64];
                    while let Ok(count @ 1..) = stream.read(&mut bytes) {
                        stream.write_all(&bytes[..count]).unwrap();
                    }
                });
            }
        });
        let relay = Relay::before(&socket).unwrap();
        let say = || -> std::io::Result<[u8; 4]> {
            let mut stream = UnixStream::connect(&relay.here)?;
            stream.write_all(&[0, 2, 1, 1])?;
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).map(|()| answer)
        };
        assert_eq!(say().unwrap(), [0, 2, 1, 1]);
        let ways: Vec<_> = relay.passed().iter().map(|passed| (passed.way, passed.bytes, passed.is_hello)).collect();
        assert_eq!(ways, [(Way::Out, 4, true), (Way::Back, 4, true)]);
        relay.cut();
        assert!(say().is_err());
        relay.forget();
        relay.mend().unwrap();
        assert_eq!(say().unwrap(), [0, 2, 1, 1]);
        assert_eq!(relay.passed().len(), 2);
    }
}
