//! A wire between two engines, through this process: it records what goes by, and can be cut, held and limited.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// One stream, of either kind.
pub enum Wire {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a unix socket.
    Unix(UnixStream),
}

impl Wire {
    /// Connects to an address as engines write it.
    ///
    /// # Errors
    /// What the system says.
    pub fn connect(address: &str) -> std::io::Result<Wire> {
        match address.split_once(':').unwrap() {
            ("tcp", address) => TcpStream::connect(address).map(Wire::Tcp),
            (_, path) => UnixStream::connect(path).map(Wire::Unix),
        }
    }

    /// The same stream once more.
    pub fn again(&self) -> Wire {
        match self {
            Wire::Tcp(stream) => Wire::Tcp(stream.try_clone().unwrap()),
            Wire::Unix(stream) => Wire::Unix(stream.try_clone().unwrap()),
        }
    }

    /// Ends both directions.
    pub fn shutdown(&self) {
        let _ = match self {
            Wire::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Wire::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    /// Sets how long a read waits.
    pub fn wait_at_most(&self, time: std::time::Duration) {
        match self {
            Wire::Tcp(stream) => stream.set_read_timeout(Some(time)).unwrap(),
            Wire::Unix(stream) => stream.set_read_timeout(Some(time)).unwrap(),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Wire::Tcp(stream) => stream.read(buffer),
            Wire::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Wire::Tcp(stream) => stream.write(bytes),
            Wire::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What went over one connection.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// From the side that dialled.
    pub out: Vec<u8>,
    /// To the side that dialled.
    pub back: Vec<u8>,
}

impl Recording {
    /// How many bytes in all.
    pub fn bytes(&self) -> usize {
        self.out.len() + self.back.len()
    }

    /// The first message of a side, its length included: a hello or a welcome.
    pub fn first(side: &[u8]) -> &[u8] {
        let length = usize::from(u16::from_be_bytes([side[0], side[1]]));
        &side[..2 + length]
    }

    /// Sealed messages of a side, behind its hello.
    pub fn sealed(side: &[u8]) -> usize {
        let (mut at, mut count) = (Self::first(side).len(), 0);
        while at < side.len() {
            let (mut length, mut shift) = (0, 0);
            loop {
                let byte = side[at];
                at += 1;
                length |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            at += length;
            count += 1;
        }
        assert_eq!(at, side.len(), "the recording ends within a message");
        count
    }
}

#[derive(Default)]
struct State {
    recordings: Vec<Recording>,
    wires: Vec<Wire>,
    cut: bool,
    held: bool,
    over: bool,
    /// After so many more bytes everything is cut.
    budget: Option<u64>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    target: String,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wire.
pub struct Relay {
    shared: Arc<Shared>,
    address: String,
    path: Option<PathBuf>,
}

impl Relay {
    /// A wire in front of a TCP listener, with a port of its own.
    pub fn to_tcp(target: &str) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp:{}", listener.local_addr().unwrap());
        let accept = move || listener.accept().map(|(stream, _)| Wire::Tcp(stream));
        Relay::start(target.to_owned(), address, None, accept)
    }

    /// A wire in place of a unix listener: that one's socket is renamed, so that whoever knows its address reaches the wire.
    pub fn in_place_of(address: &str) -> Relay {
        let path = Path::new(address.strip_prefix("unix:").unwrap());
        let moved = path.with_extension("behind");
        std::fs::rename(path, &moved).unwrap();
        let listener = UnixListener::bind(path).unwrap();
        let accept = move || listener.accept().map(|(stream, _)| Wire::Unix(stream));
        Relay::start(format!("unix:{}", moved.display()), address.to_owned(), Some(path.to_owned()), accept)
    }

    fn start(target: String, address: String, path: Option<PathBuf>, accept: impl Fn() -> std::io::Result<Wire> + Send + 'static) -> Relay {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), target });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok(near) = accept() {
                if of_thread.lock().over {
                    return;
                }
                connect(&of_thread, near);
            }
        });
        Relay { shared, address, path }
    }

    /// Where to dial.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends all connections, and ends new ones at once.
    pub fn cut(&self) {
        let mut state = self.shared.lock();
        state.cut = true;
        state.wires.drain(..).for_each(|wire| wire.shutdown());
        self.shared.changed.notify_all();
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        let mut state = self.shared.lock();
        state.cut = false;
        state.budget = None;
    }

    /// Cuts after so many more bytes, counted over both directions.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.lock().budget = Some(bytes);
    }

    /// Whether it is cut.
    pub fn is_cut(&self) -> bool {
        self.shared.lock().cut
    }

    /// Holds everything back, without ending anything; or lets it go on.
    pub fn hold(&self, held: bool) {
        self.shared.lock().held = held;
        self.shared.changed.notify_all();
    }

    /// What went by so far, connection by connection.
    pub fn recordings(&self) -> Vec<Recording> {
        self.shared.lock().recordings.clone()
    }

    /// Forgets what went by over connections that have ended; those that go on are recorded from here on.
    pub fn forget(&self) {
        self.shared.lock().recordings.iter_mut().for_each(|recording| *recording = Recording::default());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.cut();
        // Wakes the thread that accepts.
        let _ = Wire::connect(&self.address);
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn connect(shared: &Arc<Shared>, near: Wire) {
    let mut state = shared.lock();
    if state.cut {
        return near.shutdown();
    }
    let Ok(far) = Wire::connect(&shared.target) else { return near.shutdown() };
    let index = state.recordings.len();
    state.recordings.push(Recording::default());
    state.wires.extend([near.again(), far.again()]);
    drop(state);
    for (from, to, is_out) in [(near.again(), far.again(), true), (far, near, false)] {
        let shared = Arc::clone(shared);
        thread::spawn(move || carry(&shared, from, to, index, is_out));
    }
}

fn carry(shared: &Shared, mut from: Wire, mut to: Wire, index: usize, is_out: bool) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(count) if count > 0 => count,
            _ => break,
        };
        let mut state = shared.lock();
        while state.held && !state.cut {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.cut {
            break;
        }
        let allowed = state.budget.map_or(count, |budget| count.min(budget as usize));
        state.budget = state.budget.map(|budget| budget - allowed as u64);
        let is_cut = allowed < count || state.budget == Some(0);
        let recording = &mut state.recordings[index];
        if is_out { &mut recording.out } else { &mut recording.back }.extend_from_slice(&buffer[..allowed]);
        state.cut |= is_cut;
        drop(state);
        if to.write_all(&buffer[..allowed]).is_err() || is_cut {
            break;
        }
    }
    if shared.lock().cut {
        shared.lock().wires.drain(..).for_each(|wire| wire.shutdown());
    }
    from.shutdown();
    to.shutdown();
}
