//! The thread that owns sockets and timers.
//!
//! Callers reach it through [`Io`]: a list of commands and a waker. A caller that writes while the thread sleeps may also send for itself
//! ([`LinkHandle`](live::LinkHandle)), which saves a switch of threads on the way to the peer.

mod accept;
mod dialling;
mod host;
mod links;
mod live;
mod reactor;
mod timers;

use crate::courier::Courier;
use crate::error::Error;
use crate::shared::Shared;
use live::LinkHandle;
use spook_protocol::etcp::TicketId;
use spook_transport::Waker;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What the engine asks of its I/O thread.
enum Command {
    /// A ticket is to be redeemed: reach its issuer.
    Redeem(TicketId),
    /// A link has something to send.
    Flush(Arc<LinkHandle>),
    /// Something became durable: acknowledgements may go.
    MadeDurable,
    /// Part from all peers and end.
    Close,
}

/// Commands for the I/O thread, from whoever has some.
#[derive(Clone)]
struct Mail {
    commands: Arc<Mutex<Vec<Command>>>,
    waker: Waker,
}

impl Mail {
    fn send(&self, command: Command) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(command);
        self.waker.wake();
    }

    fn take(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The engine's hold on its I/O thread.
pub(crate) struct Io {
    mail: Mail,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    addresses: Vec<String>,
}

impl Io {
    /// Binds the listeners, makes them known to the engine, and starts the thread: its first hello says already where the engine listens.
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<(), Error> {
        let reactor = reactor::Reactor::new(Arc::clone(shared))?;
        let (mail, addresses) = (reactor.mail(), reactor.addresses());
        let handle = Arc::default();
        let _ = shared.io.set(Box::new(Io { mail, thread: Arc::clone(&handle), addresses }));
        let thread = std::thread::Builder::new()
            .name("spook-io".to_owned())
            .spawn(move || reactor.run())
            .map_err(|error| Error::io("starting the I/O thread", &error))?;
        *handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }
}

impl Courier for Io {
    fn addresses(&self) -> &[String] {
        &self.addresses
    }

    fn redeem(&self, ticket: TicketId) {
        self.mail.send(Command::Redeem(ticket));
    }

    fn made_durable(&self) {
        self.mail.send(Command::MadeDurable);
    }

    fn close(&self) {
        self.mail.send(Command::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of the thread has poisoned the engine; there is nothing to add.
            let _ = thread.join();
        }
    }
}
