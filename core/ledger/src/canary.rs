//! Canaries: deliberate breaks of single rules, to see whether the simulator notices. Without the feature `canary` every hook is the constant false.

/// The rules that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// A batch counts as durable before it was synced.
    CommitWithoutSync,
    /// A failed write is followed by others.
    FailureForgotten,
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
        pub const ALL: [Canary; 2] = [Canary::CommitWithoutSync, Canary::FailureForgotten];
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
