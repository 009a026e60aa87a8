//! Observers: what changed, delivered in order, without ever holding up a writer.
//!
//! | module | holds |
//! |---|---|
//! | `notice`, `event` | what an observer is told |
//! | `queue` | the bounded queue of one subscription: merging, gaps |
//! | `mailbox` | that queue shared between the thread that publishes and the one that takes |
//! | `subscription` | [`Subscription`], the handle |
//! | `dispatcher` | the one thread of an engine that calls callbacks |
//! | `hub` | all subscriptions of a Pair |
//! | `bell` | a descriptor that can be polled (unix) |
//! | `foreign` | running code of the application: panics stay there, no lock is held |
//!
//! The way of a change: the thread that made it publishes to the hub, which puts it into every mailbox whose prefix covers its path, and
//! wakes whoever waits there. That is one hop to a thread that pulls, and one to the dispatcher for a callback.
//!
//! Locks, in the order in which they may be taken: the list of a hub, a mailbox, the dispatcher's list. Foreign code (an observer, its drop)
//! runs while none is held.

#[cfg(unix)]
mod bell;
mod dispatcher;
mod event;
mod foreign;
mod hub;
mod mailbox;
mod notice;
mod queue;
mod subscription;
#[cfg(test)]
mod tests;

pub(crate) use dispatcher::Dispatcher;
pub use event::{Event, Happening, Verdict};
pub(crate) use hub::{Observers, Wakes};
pub(crate) use notice::News;
pub use notice::{Change, Notice, ObserveOptions};
pub use subscription::{Notices, Subscription};
