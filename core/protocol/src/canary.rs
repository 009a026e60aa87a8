//! Canaries: deliberate breaks of single rules, to see whether the simulator notices.
//!
//! A hook stands at the place of the rule that it breaks: `if canary::sings(Canary::X)`. Without the feature `canary` every hook is the constant
//! false and nothing of this is left in the program.

/// The rules that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// Own candidates are committed when the peer has them, whether or not something may still come before them.
    CommitWithoutPlaced,
    /// What comes from too far in the future is dropped instead of held.
    DropInsteadOfHold,
    /// Ties go to the first author instead of being settled by content.
    TiesByAuthor,
    /// Tombstones count as committed as soon as anything is.
    PruneEarly,
    /// After a crash, numbers go on from the last durable one instead of above the ceiling.
    DotReuse,
    /// What was received is acknowledged before it is durable.
    AcknowledgeBeforeSync,
    /// After a crash, the clock forgets its ceiling.
    ForgetfulClock,
    /// Numbers leave the process above the durable ceilings.
    LeakAboveCeilings,
    /// What is to be folded when somebody looks is not.
    LazyDiffers,
    /// The last cell of a delta is left out.
    HalfApplied,
    /// What came from the peer goes back to it.
    EchoNotSuppressed,
    /// The cursor of an earlier author epoch of the peer counts for the present one.
    StaleCursor,
    /// A candidate overwrites whatever is there, seen or not.
    ContextIgnored,
    /// An author's contributions to a counter add up with its own earlier ones.
    CounterTwice,
    /// A mark says that everything was sent while something still waits.
    MarkTooFar,
    /// What the peer lost in a crash is not given back.
    LostNotReturned,
    /// The receiver does not change keys with the sender.
    RekeyForgotten,
    /// The clock takes no note of stamps that were applied.
    StampNotObserved,
}

#[cfg(feature = "canary")]
mod switch {
    use super::Canary;
    use std::cell::Cell;

    thread_local! {
        static SINGING: Cell<Option<Canary>> = const { Cell::new(None) };
    }

    impl Canary {
        /// Every canary.
        pub const ALL: [Canary; 18] = [
            Canary::CommitWithoutPlaced,
            Canary::DropInsteadOfHold,
            Canary::TiesByAuthor,
            Canary::PruneEarly,
            Canary::DotReuse,
            Canary::AcknowledgeBeforeSync,
            Canary::ForgetfulClock,
            Canary::LeakAboveCeilings,
            Canary::LazyDiffers,
            Canary::HalfApplied,
            Canary::EchoNotSuppressed,
            Canary::StaleCursor,
            Canary::ContextIgnored,
            Canary::CounterTwice,
            Canary::MarkTooFar,
            Canary::LostNotReturned,
            Canary::RekeyForgotten,
            Canary::StampNotObserved,
        ];
    }

    /// Breaks a rule on this thread from now on, or none.
    pub fn release(canary: Option<Canary>) {
        SINGING.set(canary);
    }

    /// Whether a rule is broken.
    pub(crate) fn sings(canary: Canary) -> bool {
        SINGING.get() == Some(canary)
    }
}

#[cfg(feature = "canary")]
pub use switch::release;
#[cfg(feature = "canary")]
pub(crate) use switch::sings;

/// Whether a rule is broken: never.
#[cfg(not(feature = "canary"))]
#[inline(always)]
pub(crate) const fn sings(_: Canary) -> bool {
    false
}
