//! A simulator: the real protocol and the real ledger in a world that is drawn from one seed.
//!
//! Two machines with disks and wall clocks, two ways through a network, processes that crash between any two outputs. Everything that happens is a
//! list of events ([`event`]) in a world with certain properties ([`knobs`]); a seed gives both ([`draw`]), a scenario file writes them down
//! ([`scenario`]). After each thing that happens, what is seen is compared with what must be ([`check`], [`reference`], [`truth`]); at the end the
//! faults stop and everything has to come to rest ([`heal`]). What fails is made short ([`shrink`]).
//!
//! Nothing here reads a clock or starts a thread, and all that is random comes from the seed: every run repeats exactly. (The ledger draws the
//! generations of its journal from the system; nothing that is compared depends on them.)

#[cfg(feature = "canary")]
pub mod canaries;
pub mod check;
pub mod disk;
pub mod draw;
pub mod engine;
pub mod event;
pub mod handshake;
pub mod heal;
pub mod host;
pub mod knobs;
pub mod link;
pub mod machine;
pub mod play;
pub mod reference;
pub mod rng;
pub mod rules;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod store;
pub mod text;
pub mod truth;
pub mod world;
