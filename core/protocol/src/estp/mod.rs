//! ESTP: the state of a Pair, its candidates and deltas, their collapse, and the lifecycle of a half.

pub mod candidate;
pub mod collapse;
pub mod commit;
pub mod context;
pub mod delta;
pub mod dot;
pub mod feed;
pub mod half;
pub mod lifecycle;
pub mod ordered;
pub mod place;
pub mod rule;
pub mod schema;
pub mod stamp;
pub mod state;

pub use candidate::{Operation, WriteError};
pub use context::Context;
pub use dot::{Author, AuthorIndex, Dot, Seen, VersionVector};
pub use half::{Change, HalfPair};
pub use lifecycle::{Lifecycle, Name as LifecycleName};
pub use schema::Schema;
pub use stamp::{Clock, Stamp};
pub use state::{Digest, StateBlock};
