//! A pipe inside the process: two ends, each reads what the other wrote.
//!
//! Each direction is a bounded queue under a lock of its own, with a watcher for either side. A watcher is armed when
//! its side cannot go on (the reader has read all, or the writer has met [`WouldBlock`](io::ErrorKind::WouldBlock)), and
//! reports once when that is over: the edge-triggered contract of sockets, so that a link cannot tell the difference.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    sync::{Arc, Mutex},
};

use crate::readiness::{Interest, Notifier, Ready, lock, registered_already};

/// How many bytes [`Stream::pair`](crate::Stream::pair) and `mem:` addresses hold in each direction: 256 KiB.
pub const PIPE_CAPACITY: usize = 256 * 1024;

/// One end of a pipe.
#[derive(Debug)]
pub(crate) struct PipeEnd {
    incoming: Arc<Mutex<Direction>>,
    outgoing: Arc<Mutex<Direction>>,
}

/// The bytes on their way from one end to the other.
#[derive(Debug)]
struct Direction {
    bytes: VecDeque<u8>,
    /// The most bytes on their way at once; at least 1.
    capacity: usize,
    /// The writing end will write no more.
    finished: bool,
    /// The reading end is gone.
    abandoned: bool,
    reader: Watcher,
    writer: Watcher,
}

/// Who wants to know when one side of a direction can go on.
#[derive(Debug)]
struct Watcher {
    interest: Option<Interest>,
    armed: bool,
}

/// Two ends that hold up to `capacity` bytes in each direction.
pub(crate) fn pipe(capacity: usize) -> (PipeEnd, PipeEnd) {
    let one = Direction::new(capacity);
    let other = Direction::new(capacity);
    let first = PipeEnd { incoming: Arc::clone(&one), outgoing: Arc::clone(&other) };
    (first, PipeEnd { incoming: other, outgoing: one })
}

impl PipeEnd {
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, woken) = lock(&self.incoming).read(buffer)?;
        wake(woken);
        Ok(count)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let (count, woken) = lock(&self.outgoing).write(bytes)?;
        wake(woken);
        Ok(count)
    }

    /// Writes no more; the other end reads the rest and then the end.
    pub(crate) fn shutdown(&self) {
        let woken = lock(&self.outgoing).finish();
        wake(woken);
    }

    pub(crate) fn attach(&self, interest: &Interest) -> io::Result<()> {
        let mut woken = None;
        {
            let mut incoming = lock(&self.incoming);
            if incoming.reader.interest.is_some() {
                return Err(registered_already());
            }
            incoming.reader.interest = Some(interest.clone());
            woken = incoming.report_to_reader().or(woken);
        }
        {
            let mut outgoing = lock(&self.outgoing);
            outgoing.writer.interest = Some(interest.clone());
            woken = outgoing.report_to_writer().or(woken);
        }
        wake(woken);
        Ok(())
    }

    pub(crate) fn detach(&self) -> io::Result<()> {
        lock(&self.outgoing).writer.interest = None;
        let mut incoming = lock(&self.incoming);
        let interest = incoming.reader.interest.take().ok_or(ErrorKind::NotFound)?;
        // A later registration is to learn of what is there already.
        incoming.reader.armed = true;
        interest.forget();
        Ok(())
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        // Not registered is no error here.
        let _ = self.detach();
        self.shutdown();
        let woken = lock(&self.incoming).abandon();
        wake(woken);
    }
}

impl Direction {
    fn new(capacity: usize) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            bytes: VecDeque::new(),
            capacity: capacity.max(1),
            finished: false,
            abandoned: false,
            // A reader waits for the first byte; a writer has room from the start.
            reader: Watcher { interest: None, armed: true },
            writer: Watcher { interest: None, armed: false },
        }))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Option<Arc<Notifier>>)> {
        let count = buffer.len().min(self.bytes.len());
        if count == 0 {
            if buffer.is_empty() || self.finished {
                return Ok((0, None));
            }
            // The read that emptied the queue has armed the watcher.
            return Err(ErrorKind::WouldBlock.into());
        }
        let (front, back) = self.bytes.as_slices();
        let from_front = count.min(front.len());
        buffer[..from_front].copy_from_slice(&front[..from_front]);
        buffer[from_front..count].copy_from_slice(&back[..count - from_front]);
        self.bytes.drain(..count);
        // As with sockets, the next byte is news to who has read everything.
        self.reader.armed |= self.bytes.is_empty();
        Ok((count, self.report_to_writer()))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<(usize, Option<Arc<Notifier>>)> {
        if self.finished || self.abandoned {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(self.capacity - self.bytes.len());
        if count == 0 && !bytes.is_empty() {
            self.writer.armed = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        self.bytes.extend(&bytes[..count]);
        Ok((count, self.report_to_reader()))
    }

    fn finish(&mut self) -> Option<Arc<Notifier>> {
        self.finished = true;
        self.reader.armed = true;
        self.report_to_reader()
    }

    fn abandon(&mut self) -> Option<Arc<Notifier>> {
        self.abandoned = true;
        self.bytes = VecDeque::new();
        self.writer.armed = true;
        self.report_to_writer()
    }

    fn report_to_reader(&mut self) -> Option<Arc<Notifier>> {
        let closed = self.finished;
        let readable = closed || !self.bytes.is_empty();
        self.reader.report(readable, |interest| Ready { closed, ..Ready::readable(interest.key) })
    }

    /// Room is reported when half of it is free: a writer woken for every byte read would do no work for each wake.
    fn report_to_writer(&mut self) -> Option<Arc<Notifier>> {
        let closed = self.abandoned;
        let writable = closed || self.bytes.len() <= self.capacity / 2;
        self.writer.report(writable, |interest| Ready { closed, ..Ready::writable(interest.key) })
    }
}

impl Watcher {
    /// Posts, if this side waits for it and somebody watches; returns whom to wake when the lock is let go.
    fn report(&mut self, is_ready: bool, ready: impl FnOnce(&Interest) -> Ready) -> Option<Arc<Notifier>> {
        let interest = self.interest.as_ref().filter(|_| self.armed && is_ready)?;
        self.armed = false;
        Some(interest.post(ready(interest)))
    }
}

fn wake(notifier: Option<Arc<Notifier>>) {
    if let Some(notifier) = notifier {
        notifier.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_no_more_than_its_capacity() {
        let (left, right) = pipe(10);
        assert_eq!(left.write(&[1; 7]).unwrap(), 7);
        assert_eq!(left.write(&[2; 7]).unwrap(), 3);
        assert_eq!(left.write(&[3]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut buffer = [0; 16];
        assert_eq!(right.read(&mut buffer[..8]).unwrap(), 8);
        assert_eq!(left.write(&[4; 20]).unwrap(), 8);
        assert_eq!(right.read(&mut buffer).unwrap(), 10);
        assert_eq!(buffer[..10], [2, 2, 4, 4, 4, 4, 4, 4, 4, 4]);
        assert_eq!(right.read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn the_end_comes_after_the_rest() {
        let (left, right) = pipe(10);
        left.write(b"rest").unwrap();
        left.shutdown();
        assert_eq!(left.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
        right.write(b"back").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(left.read(&mut buffer).unwrap(), 4);
        drop(left);
        assert_eq!(right.read(&mut buffer).unwrap(), 4);
        assert_eq!(right.read(&mut buffer).unwrap(), 0);
        assert_eq!(right.read(&mut buffer).unwrap(), 0);
        assert_eq!(right.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn empty_buffers_neither_block_nor_end() {
        let (left, right) = pipe(1);
        assert_eq!(left.write(&[]).unwrap(), 0);
        assert_eq!(right.read(&mut []).unwrap(), 0);
        left.write(&[1]).unwrap();
        assert_eq!(left.write(&[]).unwrap(), 0);
    }
}
