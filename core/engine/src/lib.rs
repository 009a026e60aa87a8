//! libspook: programs share live state instead of exchanging messages.
//!
//! An [`Engine`] is one endpoint; a [`Pair`] is a piece of state that it shares with another one. `docs/model.md` in the repository says what a write means
//! and when it is final, `docs/schema.md` what both sides can agree on.
//!
//! | module | holds |
//! |---|---|
//! | [`json`], [`cbor`] | values as text and as bytes |
//! | `error` | [`Error`]: what happened, whose fault it is, what to do |
//! | `observe` | [`Subscription`]: changes as they come, pulled or called back |
//! | `writing` | [`Write`], [`Guard`], [`Status`]: writes on conditions, and what became of them |
//! | `rules` | [`RuleKind`], [`RuleLimits`]: functions of the application that decide between candidates |

mod candidate;
pub mod cbor;
mod contacts;
mod courier;
mod engine;
mod error;
mod forming;
mod io;
pub mod json;
mod lifetime;
mod observe;
mod options;
mod pair;
mod pair_core;
mod rules;
mod shared;
mod storage;
#[cfg(test)]
mod testing;
mod time;
mod writing;

pub use candidate::Candidate;
pub use engine::{Engine, Traffic};
pub use error::Error;
pub use observe::{Change, Event, Happening, Notice, Notices, ObserveOptions, Subscription, Verdict};
pub use options::{CollapseOptions, Durability, EngineOptions, PairOptions, TicketOptions};
pub use pair::{Clock, Collapse, Pair};
pub use rules::{RuleCandidate, RuleFunction, RuleKind, RuleLimits, RuleStep, RuleTransition};
pub use shared::note_fork;
pub use spook_protocol::error::{Code, Fault};
pub use spook_protocol::estp::candidate::{Action, Operation};
pub use spook_protocol::estp::half::{Conflict, Failure, Resolved, StateId, Superposed, Transition};
pub use spook_protocol::estp::lifecycle::{Lifecycle, LinkFact, Name as LifecycleName, PendingFact, PhaseFact, Reason};
pub use spook_protocol::estp::rule::RuleFailure;
pub use spook_protocol::estp::{Author, Digest, Dot, Stamp};
pub use spook_protocol::id::{EndpointId, PairId};
pub use spook_protocol::value::{Object, Value};
pub use time::WallClock;
pub use writing::{Expect, Fingerprint, Guard, Status, Wait, Write, WriteOptions};

/// The README's snippet in Rust is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
