//! The lifecycle of a half: three independent facts, and the one table that says what each event makes of them.

use std::fmt;

/// Why a half is not entangled with its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Nothing was heard from the peer for longer than the timeout.
    PeerSilent,
    /// The connection broke.
    LinkLost,
    /// The peer closed the link.
    PeerClosed,
    /// The peer does not share this Pair with this endpoint, or refused it.
    Refused,
    /// The engine was started again and the peer has not been met since.
    Restarted,
}

/// The link to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkFact {
    /// No peer has opened the Pair yet.
    Created,
    /// The link is up.
    Entangled,
    /// The link is down.
    Decohered(Reason),
    /// The half is closed for good.
    Closed,
}

/// Which side has candidates that are not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PendingFact {
    /// Neither.
    Clean,
    /// This side.
    Local,
    /// The peer.
    Remote,
    /// Both.
    Dual,
}

/// What the half is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhaseFact {
    /// Nothing.
    Idle,
    /// A collapse was asked for and goes on.
    Collapsing,
    /// A promise was found broken; only a repair leads on.
    Failed,
}

/// What happens to a half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// The link came up and the peer shares the Pair.
    LinkUp,
    /// The link went down.
    LinkDown(Reason),
    /// A candidate was written here.
    LocalCandidate,
    /// A candidate of the peer was applied here.
    RemoteCandidate,
    /// Everything written here is committed.
    LocalSettled,
    /// Everything of the peer's is committed.
    RemoteSettled,
    /// A collapse was asked for.
    CollapseBegun,
    /// The collapse ended: done, or out of time.
    CollapseDone,
    /// A promise was found broken.
    Violation,
    /// The violation was repaired.
    Repaired,
    /// The half is closed for good.
    Close,
}

/// The three facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifecycle {
    /// The link to the peer.
    pub link: LinkFact,
    /// Which side has candidates that are not committed.
    pub pending: PendingFact,
    /// What the half is busy with.
    pub phase: PhaseFact,
}

/// The name by which people know the three facts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// Waiting for the first peer.
    Created,
    /// Linked, and everything is committed.
    Entangled,
    /// Candidates of this side are not committed.
    SuperposedLocal,
    /// Candidates of the peer are not committed.
    SuperposedRemote,
    /// Candidates of both sides are not committed.
    SuperposedDual,
    /// A collapse goes on.
    Collapsing,
    /// The link is down.
    Decohered,
    /// A promise was found broken.
    Failed,
    /// Closed for good.
    Closed,
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Name::Created => "Created",
            Name::Entangled => "Entangled",
            Name::SuperposedLocal => "Superposed(local)",
            Name::SuperposedRemote => "Superposed(remote)",
            Name::SuperposedDual => "Superposed(dual)",
            Name::Collapsing => "Collapsing",
            Name::Decohered => "Decohered",
            Name::Failed => "Failed",
            Name::Closed => "Closed",
        })
    }
}

impl LinkFact {
    fn on(self, event: Event) -> LinkFact {
        match (self, event) {
            (LinkFact::Closed, _) | (_, Event::Close) => LinkFact::Closed,
            (_, Event::LinkUp) => LinkFact::Entangled,
            // A half that never had a peer has nothing to lose; a half already decohered keeps its first reason, unless it was refused.
            (LinkFact::Entangled | LinkFact::Decohered(_), Event::LinkDown(Reason::Refused)) => LinkFact::Decohered(Reason::Refused),
            (LinkFact::Entangled, Event::LinkDown(reason)) => LinkFact::Decohered(reason),
            (same, _) => same,
        }
    }
}

impl PendingFact {
    fn of(local: bool, remote: bool) -> PendingFact {
        match (local, remote) {
            (false, false) => PendingFact::Clean,
            (true, false) => PendingFact::Local,
            (false, true) => PendingFact::Remote,
            (true, true) => PendingFact::Dual,
        }
    }

    /// Whether candidates of this side are not committed.
    pub fn local(self) -> bool {
        matches!(self, PendingFact::Local | PendingFact::Dual)
    }

    /// Whether candidates of the peer are not committed.
    pub fn remote(self) -> bool {
        matches!(self, PendingFact::Remote | PendingFact::Dual)
    }

    fn on(self, event: Event) -> PendingFact {
        match event {
            Event::LocalCandidate => PendingFact::of(true, self.remote()),
            Event::RemoteCandidate => PendingFact::of(self.local(), true),
            Event::LocalSettled => PendingFact::of(false, self.remote()),
            Event::RemoteSettled => PendingFact::of(self.local(), false),
            _ => self,
        }
    }
}

impl PhaseFact {
    fn on(self, event: Event) -> PhaseFact {
        match (self, event) {
            (PhaseFact::Failed, Event::Repaired) => PhaseFact::Idle,
            (PhaseFact::Failed, _) | (_, Event::Violation) => PhaseFact::Failed,
            (_, Event::CollapseBegun) => PhaseFact::Collapsing,
            (_, Event::CollapseDone) => PhaseFact::Idle,
            (same, _) => same,
        }
    }
}

impl Lifecycle {
    /// A half that waits for its first peer.
    pub const CREATED: Lifecycle = Lifecycle { link: LinkFact::Created, pending: PendingFact::Clean, phase: PhaseFact::Idle };

    /// The one transition table: every state and event has one outcome. Each fact follows its own table, whatever the others say.
    #[must_use]
    pub fn on(self, event: Event) -> Lifecycle {
        if self.link == LinkFact::Closed {
            return self;
        }
        Lifecycle { link: self.link.on(event), pending: self.pending.on(event), phase: self.phase.on(event) }
    }

    /// The projection to one name.
    pub fn name(self) -> Name {
        match (self.link, self.phase, self.pending) {
            (LinkFact::Closed, ..) => Name::Closed,
            (LinkFact::Decohered(_), ..) => Name::Decohered,
            (_, PhaseFact::Failed, _) => Name::Failed,
            (_, PhaseFact::Collapsing, _) => Name::Collapsing,
            (_, _, PendingFact::Local) => Name::SuperposedLocal,
            (_, _, PendingFact::Remote) => Name::SuperposedRemote,
            (_, _, PendingFact::Dual) => Name::SuperposedDual,
            (LinkFact::Created, ..) => Name::Created,
            (LinkFact::Entangled, ..) => Name::Entangled,
        }
    }
}
