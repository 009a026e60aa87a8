//! Byte streams for the links of libspook, and one poller that watches them all.
//!
//! This crate carries bytes and nothing else: it knows no frame, no key and no Pair. A link runs the same over
//! TCP, over a unix socket, and over a pipe inside the process.
//!
//! * [`Address`] names where to listen or dial: `tcp:HOST:PORT`, `unix:PATH`, `mem:NAME`.
//! * [`Listener`] accepts streams, [`dial`] opens one, [`Stream::pair`] makes two ends in this process.
//! * [`Poller`] tells which of them can go on, and [`Waker`] ends its wait from any thread.
//! * [`Backoff`] says how long to wait before dialling again.
//!
//! # How to drive it
//!
//! Nothing here blocks except [`Poller::wait`] (and looking up a host name in [`Listener::bind`]). Readiness is
//! edge-triggered: it is reported once, and again only after an operation returned
//! [`WouldBlock`](std::io::ErrorKind::WouldBlock). So after a [`Ready`] for a key:
//!
//! * `readable`: read (or accept) until it would block;
//! * `writable`: write what is waiting until all is written or it would block. A stream is writable from the start, and
//!   reports `writable` only after a write would have blocked;
//! * `closed`: the peer will send no more. What it sent before is still to be read; the end is a read of 0 bytes.
//!
//! Keys of sources that are gone may turn up once more in events that were on their way: ignore unknown keys, and do not
//! use a key for another source at once.
//!
//! The crate compiles for WebAssembly, with [`Address`], [`Backoff`] and [`TransportError`] only.

mod address;
mod backoff;
#[cfg(not(target_family = "wasm"))]
mod dial;
mod error;
#[cfg(not(target_family = "wasm"))]
mod listener;
#[cfg(not(target_family = "wasm"))]
mod memory;
#[cfg(not(target_family = "wasm"))]
mod pipe;
#[cfg(not(target_family = "wasm"))]
mod poller;
#[cfg(not(target_family = "wasm"))]
mod private;
#[cfg(not(target_family = "wasm"))]
mod readiness;
#[cfg(not(target_family = "wasm"))]
mod resolve;
#[cfg(not(target_family = "wasm"))]
mod socket;
#[cfg(not(target_family = "wasm"))]
mod stream;
#[cfg(unix)]
mod unix_socket;

pub use address::Address;
pub use backoff::Backoff;
pub use error::TransportError;

#[cfg(not(target_family = "wasm"))]
pub use self::{
    dial::{Dial, Progress, dial},
    listener::Listener,
    pipe::PIPE_CAPACITY,
    poller::{Poller, Source, Waker},
    private::private_address,
    readiness::{Key, Ready},
    stream::Stream,
};
