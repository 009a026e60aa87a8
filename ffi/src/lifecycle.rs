//! The lifecycle of a half in C.

use spook::{Lifecycle, LifecycleName, LinkFact, PendingFact, PhaseFact, Reason};
use std::ffi::c_char;

/// No peer has opened the Pair yet.
pub const SPOOK_LIFECYCLE_CREATED: u32 = 1;
/// Linked, and everything is committed.
pub const SPOOK_LIFECYCLE_ENTANGLED: u32 = 2;
/// Candidates of this side are not committed.
pub const SPOOK_LIFECYCLE_SUPERPOSED_LOCAL: u32 = 3;
/// Candidates of the peer are not committed.
pub const SPOOK_LIFECYCLE_SUPERPOSED_REMOTE: u32 = 4;
/// Candidates of both sides are not committed.
pub const SPOOK_LIFECYCLE_SUPERPOSED_DUAL: u32 = 5;
/// A collapse goes on.
pub const SPOOK_LIFECYCLE_COLLAPSING: u32 = 6;
/// The link is down.
pub const SPOOK_LIFECYCLE_DECOHERED: u32 = 7;
/// A promise was found broken; only a repair leads on.
pub const SPOOK_LIFECYCLE_FAILED: u32 = 8;
/// Closed for good.
pub const SPOOK_LIFECYCLE_CLOSED: u32 = 9;

/// Not decohered.
pub const SPOOK_REASON_NONE: u32 = 0;
/// Nothing was heard from the peer for longer than the timeout.
pub const SPOOK_REASON_PEER_SILENT: u32 = 1;
/// The connection broke.
pub const SPOOK_REASON_LINK_LOST: u32 = 2;
/// The peer closed the link.
pub const SPOOK_REASON_PEER_CLOSED: u32 = 3;
/// The peer does not share this Pair with this endpoint, or refused it.
pub const SPOOK_REASON_REFUSED: u32 = 4;
/// The engine was started again and the peer has not been met since.
pub const SPOOK_REASON_RESTARTED: u32 = 5;

/// Where a half stands: one name for people, and the three facts behind it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_lifecycle {
    /// SPOOK_LIFECYCLE_CREATED to SPOOK_LIFECYCLE_CLOSED: the facts in one word.
    pub name: u32,
    /// The link: SPOOK_LIFECYCLE_CREATED, SPOOK_LIFECYCLE_ENTANGLED, SPOOK_LIFECYCLE_DECOHERED or SPOOK_LIFECYCLE_CLOSED.
    pub link: u32,
    /// Why the link is down, SPOOK_REASON_*.
    pub reason: u32,
    /// Whose candidates are not committed: SPOOK_LIFECYCLE_SUPERPOSED_LOCAL, _REMOTE, _DUAL, or 0 for nobody.
    pub pending: u32,
    /// What goes on: SPOOK_LIFECYCLE_COLLAPSING, SPOOK_LIFECYCLE_FAILED, or 0 for nothing.
    pub phase: u32,
}

impl spook_lifecycle {
    pub(crate) const NONE: spook_lifecycle = spook_lifecycle { name: 0, link: 0, reason: 0, pending: 0, phase: 0 };
}

impl From<Lifecycle> for spook_lifecycle {
    fn from(lifecycle: Lifecycle) -> spook_lifecycle {
        let (link, reason) = match lifecycle.link {
            LinkFact::Created => (SPOOK_LIFECYCLE_CREATED, SPOOK_REASON_NONE),
            LinkFact::Entangled => (SPOOK_LIFECYCLE_ENTANGLED, SPOOK_REASON_NONE),
            LinkFact::Decohered(reason) => (SPOOK_LIFECYCLE_DECOHERED, reason_number(reason)),
            LinkFact::Closed => (SPOOK_LIFECYCLE_CLOSED, SPOOK_REASON_NONE),
        };
        let pending = match lifecycle.pending {
            PendingFact::Clean => 0,
            PendingFact::Local => SPOOK_LIFECYCLE_SUPERPOSED_LOCAL,
            PendingFact::Remote => SPOOK_LIFECYCLE_SUPERPOSED_REMOTE,
            PendingFact::Dual => SPOOK_LIFECYCLE_SUPERPOSED_DUAL,
        };
        let phase = match lifecycle.phase {
            PhaseFact::Idle => 0,
            PhaseFact::Collapsing => SPOOK_LIFECYCLE_COLLAPSING,
            PhaseFact::Failed => SPOOK_LIFECYCLE_FAILED,
        };
        spook_lifecycle { name: name_number(lifecycle.name()), link, reason, pending, phase }
    }
}

fn reason_number(reason: Reason) -> u32 {
    match reason {
        Reason::PeerSilent => SPOOK_REASON_PEER_SILENT,
        Reason::LinkLost => SPOOK_REASON_LINK_LOST,
        Reason::PeerClosed => SPOOK_REASON_PEER_CLOSED,
        Reason::Refused => SPOOK_REASON_REFUSED,
        Reason::Restarted => SPOOK_REASON_RESTARTED,
    }
}

fn name_number(name: LifecycleName) -> u32 {
    match name {
        LifecycleName::Created => SPOOK_LIFECYCLE_CREATED,
        LifecycleName::Entangled => SPOOK_LIFECYCLE_ENTANGLED,
        LifecycleName::SuperposedLocal => SPOOK_LIFECYCLE_SUPERPOSED_LOCAL,
        LifecycleName::SuperposedRemote => SPOOK_LIFECYCLE_SUPERPOSED_REMOTE,
        LifecycleName::SuperposedDual => SPOOK_LIFECYCLE_SUPERPOSED_DUAL,
        LifecycleName::Collapsing => SPOOK_LIFECYCLE_COLLAPSING,
        LifecycleName::Decohered => SPOOK_LIFECYCLE_DECOHERED,
        LifecycleName::Failed => SPOOK_LIFECYCLE_FAILED,
        LifecycleName::Closed => SPOOK_LIFECYCLE_CLOSED,
    }
}

/// The name of a lifecycle as text, such as "Superposed(local)"; "unknown" for a number that is none.
///
/// Ownership: the text is static.
/// Thread: any.
/// Blocking: no.
/// Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn spook_lifecycle_name(name: u32) -> *const c_char {
    let text = match name {
        SPOOK_LIFECYCLE_CREATED => c"Created",
        SPOOK_LIFECYCLE_ENTANGLED => c"Entangled",
        SPOOK_LIFECYCLE_SUPERPOSED_LOCAL => c"Superposed(local)",
        SPOOK_LIFECYCLE_SUPERPOSED_REMOTE => c"Superposed(remote)",
        SPOOK_LIFECYCLE_SUPERPOSED_DUAL => c"Superposed(dual)",
        SPOOK_LIFECYCLE_COLLAPSING => c"Collapsing",
        SPOOK_LIFECYCLE_DECOHERED => c"Decohered",
        SPOOK_LIFECYCLE_FAILED => c"Failed",
        SPOOK_LIFECYCLE_CLOSED => c"Closed",
        _ => c"unknown",
    };
    text.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn names_are_those_of_rust() {
        let names = [
            LifecycleName::Created,
            LifecycleName::Entangled,
            LifecycleName::SuperposedLocal,
            LifecycleName::SuperposedRemote,
            LifecycleName::SuperposedDual,
            LifecycleName::Collapsing,
            LifecycleName::Decohered,
            LifecycleName::Failed,
            LifecycleName::Closed,
        ];
        for name in names {
            // SAFETY: the text is static.
            let text = unsafe { CStr::from_ptr(spook_lifecycle_name(name_number(name))) };
            assert_eq!(text.to_str().unwrap(), name.to_string());
        }
    }
}
