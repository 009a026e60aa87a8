//! Looking up host names without making the poller's thread wait.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex},
    thread,
};

use crate::readiness::{Interest, Ready, lock, registered_already};

/// A look-up on a thread of its own, which ends with the system's answer.
#[derive(Debug)]
pub(crate) struct Lookup {
    answer: Arc<Mutex<Answer>>,
}

#[derive(Debug, Default)]
struct Answer {
    found: Option<io::Result<Vec<SocketAddr>>>,
    interest: Option<Interest>,
}

impl Lookup {
    /// Fails only when no thread can be started.
    pub(crate) fn start(host: &str, port: u16) -> io::Result<Self> {
        let answer = Arc::new(Mutex::new(Answer::default()));
        let (shared, host) = (Arc::clone(&answer), host.to_owned());
        thread::Builder::new().name("spook-lookup".to_owned()).spawn(move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            let mut answer = lock(&shared);
            answer.found = Some(found);
            if let Some(interest) = answer.interest.take() {
                interest.announce(Ready::writable(interest.key));
            }
        })?;
        Ok(Self { answer })
    }

    /// The answer, once it is there.
    pub(crate) fn take(&self) -> Option<io::Result<Vec<SocketAddr>>> {
        lock(&self.answer).found.take()
    }

    pub(crate) fn attach(&self, interest: Interest) -> io::Result<()> {
        let mut answer = lock(&self.answer);
        if answer.interest.is_some() {
            return Err(registered_already());
        }
        if answer.found.is_some() {
            interest.announce(Ready::writable(interest.key));
        } else {
            answer.interest = Some(interest);
        }
        Ok(())
    }

    pub(crate) fn detach(&self) {
        lock(&self.answer).interest = None;
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        // Nobody waits for the answer any more.
        self.detach();
    }
}
