//! What the tests share: connected streams of every kind, and two sides that send to each other.
// Each test program uses a part of it.
#![allow(dead_code)]

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use spook_transport::{Address, Dial, Key, Listener, Poller, Progress, Ready, Stream, TransportError, dial};

/// No wait in a test that passes takes this long; one that does has missed an event.
pub const STUCK: Duration = Duration::from_secs(20);

/// Two connected streams, and what must live as long.
pub struct Connected {
    pub kind: &'static str,
    pub dialled: Stream,
    pub accepted: Stream,
    pub listener: Option<Listener>,
    place: Option<tempfile::TempDir>,
}

/// One connection of each kind.
pub fn every_kind() -> Vec<Connected> {
    let (dialled, accepted) = Stream::pair();
    let mut all = vec![
        Connected { kind: "pair", dialled, accepted, listener: None, place: None },
        connect("tcp", &tcp_any(), None),
        connect("memory", &unique_name(), None),
    ];
    if cfg!(unix) {
        let place = tempfile::tempdir().unwrap();
        let address = Address::Unix(place.path().join("s"));
        all.push(connect("unix", &address, Some(place)));
    }
    all
}

/// A loopback address with a port that the system chooses.
pub fn tcp_any() -> Address {
    "tcp:127.0.0.1:0".parse().unwrap()
}

/// A host that no name server needs to be asked for: a part of a name has at most 63 characters.
pub fn nowhere() -> Address {
    Address::Tcp { host: format!("{}.invalid", "x".repeat(64)), port: 1 }
}

/// A `mem:` address that no other test uses.
pub fn unique_name() -> Address {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    Address::Memory(format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn connect(kind: &'static str, address: &Address, place: Option<tempfile::TempDir>) -> Connected {
    let listener = Listener::bind(address).unwrap();
    let dialled = finish(dial(listener.address())).unwrap();
    let accepted = accept(&listener);
    Connected { kind, dialled, accepted, listener: Some(listener), place }
}

/// Follows a dial on a poller of its own; the stream is registered nowhere afterwards.
pub fn finish(mut dial: Dial) -> Result<Stream, TransportError> {
    let mut poller = Poller::new()?;
    poller.register(&mut dial, Key(0))?;
    let mut ready = Vec::new();
    loop {
        wait(&mut poller, &mut ready);
        match dial.finish()? {
            Progress::Pending(pending) => dial = pending,
            Progress::Connected(mut stream) => {
                poller.deregister(&mut stream)?;
                return Ok(stream);
            }
        }
    }
}

/// Accepts one stream that was dialled already; the system may take a moment to tell.
pub fn accept(listener: &Listener) -> Stream {
    for _ in 0..2000 {
        if let Some(stream) = listener.accept().unwrap() {
            return stream;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing to accept at {}", listener.address());
}

/// Waits for something; panics when nothing comes.
pub fn wait(poller: &mut Poller, ready: &mut Vec<Ready>) {
    let begin = Instant::now();
    ready.clear();
    while ready.is_empty() {
        poller.wait(Some(STUCK), ready).unwrap();
        assert!(begin.elapsed() < STUCK, "no event came");
    }
}

/// Everything that is reported until `done` says that it is enough.
pub fn wait_until(poller: &mut Poller, mut done: impl FnMut(&Ready) -> bool) {
    let mut ready = Vec::new();
    loop {
        wait(poller, &mut ready);
        if ready.iter().any(&mut done) {
            return;
        }
    }
}

/// One side of a conversation: sends all it has, then the end, and reads to the other's end.
pub struct Side {
    pub stream: Stream,
    outgoing: Vec<u8>,
    sent: usize,
    pub received: Vec<u8>,
    chunk: usize,
    shut: bool,
    pub ended: bool,
}

impl Side {
    /// Reads at most `chunk` bytes at a time.
    pub fn new(stream: Stream, outgoing: Vec<u8>, chunk: usize) -> Self {
        Self { stream, outgoing, sent: 0, received: Vec::new(), chunk, shut: false, ended: false }
    }

    pub fn is_done(&self) -> bool {
        self.shut && self.ended
    }

    /// Does what can be done now.
    pub fn advance(&mut self) {
        self.send();
        self.receive();
    }

    fn send(&mut self) {
        while self.sent < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) => return assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
        }
        if !self.shut {
            self.stream.shutdown().unwrap();
            self.shut = true;
        }
    }

    fn receive(&mut self) {
        let mut buffer = vec![0; self.chunk];
        while !self.ended {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) => return assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
        }
    }
}

/// Bytes that show when any is lost, doubled or out of place.
pub fn pattern(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    })
    .take(length)
    .collect()
}
