//! What happens to a Pair besides changes of its state and of its lifecycle.

use spook_protocol::estp::ordered;
use spook_protocol::estp::{Digest, Dot};
use spook_protocol::pointer;
use spook_protocol::value::Value;
use std::sync::Arc;

/// Something happened to a Pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The `seq` of the last change before it.
    pub after_seq: u64,
    /// What happened.
    pub what: Happening,
}

/// What can happen to a Pair.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// What the collapse says of a candidate of an ordered Pair changed, or became final.
    Verdict {
        /// The candidate.
        dot: Dot,
        /// What is said of it.
        verdict: Verdict,
        /// Whether that is final.
        committed: bool,
        /// The candidate that brought the change about, if one did.
        cause: Option<Dot>,
    },
    /// A rule of the application could not decide. It is told once for each cell, until it can again.
    RuleFailed {
        /// The path that waits for the rule.
        path: Arc<str>,
        /// The rule, as the schema names it.
        rule: Arc<str>,
        /// Why it could not.
        why: Arc<str>,
    },
    /// Stamps given here are too far ahead: of the time of day at the peer, which holds back what was written here; or of the time of day here, because
    /// the clock was set back.
    ClockSuspect {
        /// By how many milliseconds.
        ahead_ms: u64,
    },
    /// The peer set or removed one of its values of presence, or went away.
    Presence {
        /// Which.
        key: Arc<str>,
        /// What it is now; `None` if it is gone.
        value: Option<Value>,
    },
    /// The halves hold different states, which must not happen.
    Failed {
        /// The digest here.
        mine: Digest,
        /// The digest at the peer.
        theirs: Digest,
        /// The first path where they differ, if it was found.
        path: Option<Arc<str>>,
    },
    /// An author of the Pair goes on under a new epoch: its ledger is a copy, or was restored from one.
    EpochChanged {
        /// Whether it is this endpoint's.
        mine: bool,
        /// The new epoch.
        epoch: u32,
    },
    /// The observer was slow, and events are not delivered: more were about different things than the queue holds.
    Missed {
        /// How many.
        events: u64,
    },
}

/// What the collapse says of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Accepted,
    /// It counts for nothing, for this reason.
    Rejected(Arc<str>),
    /// It waits for a rule, or for a candidate before it that does, for this reason.
    Undecided(Arc<str>),
}

impl From<ordered::Verdict> for Verdict {
    fn from(verdict: ordered::Verdict) -> Verdict {
        match verdict {
            ordered::Verdict::Accepted => Verdict::Accepted,
            ordered::Verdict::Rejected(rejection) => Verdict::Rejected(rejection.to_string().into()),
            ordered::Verdict::Unresolved { path, rule, failure } => {
                Verdict::Undecided(format!("{failure}: transition:{rule} at {path:?}").into())
            }
            ordered::Verdict::Waiting => Verdict::Undecided("it waits behind one that a rule has not decided on".into()),
        }
    }
}

impl Happening {
    /// Whether an observer of `prefix` is told.
    pub(super) fn concerns(&self, prefix: &str) -> bool {
        match self {
            Happening::RuleFailed { path, .. } => pointer::is_within(path, prefix),
            _ => true,
        }
    }

    /// What a later one with the same subject takes the place of.
    pub(super) fn subject(&self) -> Subject {
        match self {
            Happening::Verdict { dot, .. } => Subject::Verdict(*dot),
            Happening::RuleFailed { path, .. } => Subject::Rule(Arc::clone(path)),
            Happening::ClockSuspect { .. } => Subject::Clock,
            Happening::Presence { key, .. } => Subject::Presence(Arc::clone(key)),
            Happening::Failed { .. } => Subject::Failure,
            Happening::EpochChanged { mine, .. } => Subject::Epoch(*mine),
            Happening::Missed { .. } => Subject::Missed,
        }
    }

    /// About how many bytes of memory it keeps alive besides itself.
    pub(super) fn weight(&self) -> usize {
        match self {
            Happening::Verdict { verdict: Verdict::Rejected(why) | Verdict::Undecided(why), .. } => why.len(),
            Happening::RuleFailed { path, rule, why } => path.len() + rule.len() + why.len(),
            Happening::Presence { key, value } => key.len() + value.as_ref().map_or(0, super::notice::value_weight),
            _ => 0,
        }
    }
}

/// What an event is about: of several about one subject the last one counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    /// A change of that path.
    Path(Arc<str>),
    Verdict(Dot),
    Rule(Arc<str>),
    Clock,
    Presence(Arc<str>),
    Failure,
    Epoch(bool),
    Missed,
}
