//! A stream of bytes between the two endpoints, with a handshake or a connection at either end.

use crate::truth::Snapshot;
use spook_protocol::etcp::{ExpectWelcome, PublicKeys};
use spook_protocol::link::records::Inbox;
use spook_protocol::link::{Connection, Resume};
use spook_protocol::registry::PeerIndex;
use std::collections::{BTreeSet, VecDeque};

/// A link that was answered and has not proved itself: the hello may have been a recording.
pub struct Proving {
    /// The link.
    pub connection: Connection,
    /// Who is said to be at the other end.
    pub keys: PublicKeys,
    /// What it says of its progress.
    pub theirs: Resume,
    /// The timestamp of its hello.
    pub heard_hello: u64,
}

/// What one end of a stream is.
#[derive(Default)]
pub enum State {
    /// Closed: what comes is answered with a reset.
    #[default]
    Gone,
    /// Closed, and nothing is answered: the machine is away, or something between the two has forgotten the stream.
    Silent,
    /// A hello was sent.
    Dialling(Box<ExpectWelcome>, Inbox, Resume),
    /// Somebody connected.
    Listening(Inbox),
    /// A hello was answered.
    Proving(Box<Proving>),
    /// The link is up.
    Up(Box<Connection>, PeerIndex),
}

/// What was sent with one call.
pub struct Chunk {
    /// The bytes; none is the end of the stream.
    pub bytes: Vec<u8>,
    /// When they arrive.
    pub due: u64,
    /// What their sender had applied of each Pair.
    pub carried: Snapshot,
    /// The bits that were flipped on the way.
    pub flipped: BTreeSet<u64>,
}

/// One end of a stream.
#[derive(Default)]
pub struct End {
    /// What it is.
    pub state: State,
    /// On the way to the other end.
    pub out: VecDeque<Chunk>,
    /// How many bytes that is.
    pub waiting: u64,
    /// When the last of it arrives.
    pub last_due: u64,
    /// The last bytes wait for the window to open.
    pub held_up: bool,
    /// What the sender of the last that came here had applied.
    pub carried: Snapshot,
    /// Not looked at before this while it is held up.
    pub look_at: u64,
    /// Something that came here was damaged on the way.
    pub damaged: bool,
}

/// A stream.
pub struct Link {
    /// Who dialled.
    pub dialler: usize,
    /// The end of each endpoint.
    pub ends: [End; 2],
}

impl Link {
    /// A new stream.
    pub fn new(dialler: usize) -> Link {
        Link { dialler, ends: Default::default() }
    }

    /// The connection of an end that is up.
    pub fn connection(&mut self, who: usize) -> Option<&mut Connection> {
        match &mut self.ends[who].state {
            State::Up(connection, _) => Some(connection),
            _ => None,
        }
    }

    /// Nothing can come of it any more.
    pub fn is_over(&self) -> bool {
        self.ends.iter().all(|end| matches!(end.state, State::Gone | State::Silent))
    }
}
