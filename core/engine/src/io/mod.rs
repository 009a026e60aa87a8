//! The thread that owns sockets and timers.
//!
//! Callers reach it through [`Io`]: a list of commands and a waker. A caller that writes while the thread sleeps may also send for itself
//! ([`LinkHandle::flush_directly`]), which saves a switch of threads on the way to the peer.

mod accept;
mod dialling;
mod host;
mod links;
mod live;
mod reactor;
mod timers;

pub(crate) use live::LinkHandle;

use crate::error::Error;
use crate::shared::Shared;
use spook_protocol::etcp::TicketId;
use spook_transport::Waker;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What the engine asks of its I/O thread.
pub(crate) enum Command {
    /// A ticket is to be redeemed: reach its issuer.
    Redeem(TicketId),
    /// A link has something to send.
    Flush(Arc<LinkHandle>),
    /// Something became durable: acknowledgements may go.
    MadeDurable,
    /// Part from all peers and end.
    Close,
}

/// The engine's hold on its I/O thread.
pub(crate) struct Io {
    commands: Arc<Mutex<Vec<Command>>>,
    waker: Waker,
    thread: Mutex<Option<JoinHandle<()>>>,
    addresses: Vec<String>,
}

impl Io {
    /// Binds the listeners and starts the thread.
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<Io, Error> {
        let commands = Arc::new(Mutex::new(Vec::new()));
        let reactor = reactor::Reactor::new(Arc::clone(shared), Arc::clone(&commands))?;
        let (waker, addresses) = (reactor.waker(), reactor.addresses());
        let thread = std::thread::Builder::new()
            .name("spook-io".to_owned())
            .spawn(move || reactor.run())
            .map_err(|error| Error::io("starting the I/O thread", &error))?;
        Ok(Io { commands, waker, thread: Mutex::new(Some(thread)), addresses })
    }

    /// Where the engine listens.
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    pub(crate) fn command(&self, command: Command) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(command);
        self.waker.wake();
    }

    pub(crate) fn made_durable(&self) {
        self.command(Command::MadeDurable);
    }

    /// A Pair of this link changed: sends at once if that can be done without waiting, else leaves it to the thread.
    pub(crate) fn flush(&self, shared: &Shared, link: &Arc<LinkHandle>) {
        if !link.flush_directly(shared) && link.mark_dirty() {
            self.command(Command::Flush(Arc::clone(link)));
        }
    }

    /// Ends the thread, after a farewell to the peers.
    pub(crate) fn close(&self) {
        self.command(Command::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of the thread has poisoned the engine; there is nothing to add.
            let _ = thread.join();
        }
    }
}
