//! libspook: programs share live state instead of exchanging messages.
//!
//! | module | holds |
//! |---|---|
//! | [`json`], [`cbor`] | values as text and as bytes |
//! | `error` | [`Error`]: what happened, whose fault it is, what to do |
//! | `observe` | [`Subscription`]: changes as they come, pulled or called back |

pub mod cbor;
mod error;
pub mod json;
#[cfg_attr(not(test), expect(dead_code, reason = "the part that publishes is not in this crate yet"))]
mod observe;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use observe::{Change, Notice, ObserveOptions, Subscription};
pub use spook_protocol::error::{Code, Fault};
pub use spook_protocol::estp::half::{StateId, Transition};
pub use spook_protocol::id::{EndpointId, PairId};
pub use spook_protocol::value::{Object, Value};
