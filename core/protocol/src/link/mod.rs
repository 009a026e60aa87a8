//! The link between two endpoints: one for all the Pairs that they share.
//!
//! | module | holds |
//! |---|---|
//! | [`meeting`] | how two ledgers know each other again, and a copy is noticed |
//! | [`resume`] | what the two ends tell each other in the handshake, so that only what differs travels |
//! | [`frame`] | the frames within a message |
//! | [`presence`] | values that are shown while there is a link, and are nowhere stored |
//! | [`records`] | messages within a stream of bytes |
//! | [`outgoing`], [`incoming`] | the two directions: state to frames, frames to state |
//! | [`hold`] | what came before its time |
//! | [`heartbeat`] | silence, round trips, the suspicion that the peer is gone |
//! | [`host`] | what a link asks of the engine that it runs in |

mod comparing;
mod fault;
pub mod frame;
pub mod heartbeat;
pub mod hold;
pub mod host;
pub mod incoming;
pub mod meeting;
pub mod outgoing;
mod parts;
pub mod presence;
pub mod records;
pub mod resume;

mod connection;

pub use connection::{Connection, Directions, Ended, Options, Why};
pub use host::{Host, Offer, Progress};
pub use meeting::{Lineage, Meeting, Meetings, Verdict};
pub use resume::{Held, Lost, Resume, Start};
