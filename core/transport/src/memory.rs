//! Listening on a name inside the process.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, ErrorKind},
    sync::{Arc, Mutex},
};

use crate::{
    pipe::{PIPE_CAPACITY, PipeEnd, pipe},
    readiness::{Interest, Ready, lock, registered_already},
};

/// How many dialled pipes may wait for their listener, as with sockets.
const BACKLOG: usize = 128;

/// Who listens on which name in this process. The lock of the table is never taken inside the lock of a queue.
static NAMES: Mutex<BTreeMap<String, Arc<Mutex<Queue>>>> = Mutex::new(BTreeMap::new());

/// Accepts pipes dialled by name; gives the name back when dropped.
#[derive(Debug)]
pub(crate) struct MemoryListener {
    name: String,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<PipeEnd>,
    interest: Option<Interest>,
}

impl MemoryListener {
    /// Fails with `AddrInUse` while another listener has the name.
    pub(crate) fn bind(name: &str) -> io::Result<Self> {
        let mut names = lock(&NAMES);
        if names.contains_key(name) {
            return Err(ErrorKind::AddrInUse.into());
        }
        let queue = Arc::new(Mutex::new(Queue::default()));
        names.insert(name.to_owned(), Arc::clone(&queue));
        Ok(Self { name: name.to_owned(), queue })
    }

    pub(crate) fn accept(&self) -> Option<PipeEnd> {
        lock(&self.queue).waiting.pop_front()
    }

    pub(crate) fn attach(&self, interest: Interest) -> io::Result<()> {
        let mut queue = lock(&self.queue);
        if queue.interest.is_some() {
            return Err(registered_already());
        }
        if !queue.waiting.is_empty() {
            interest.announce(Ready::readable(interest.key));
        }
        queue.interest = Some(interest);
        Ok(())
    }

    pub(crate) fn detach(&self) -> io::Result<()> {
        let interest = lock(&self.queue).interest.take().ok_or(ErrorKind::NotFound)?;
        interest.forget();
        Ok(())
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        lock(&NAMES).remove(&self.name);
        // Not registered is no error here.
        let _ = self.detach();
        // Whoever dialled and was not accepted sees the end.
        let waiting = std::mem::take(&mut lock(&self.queue).waiting);
        drop(waiting);
    }
}

/// A pipe to the listener of this name; its other end waits to be accepted. Fails with `ConnectionRefused` when nobody
/// listens, or too many wait.
pub(crate) fn connect(name: &str) -> io::Result<PipeEnd> {
    // The table stays locked, so that a listener that goes away meanwhile finds every pipe queued to it.
    let names = lock(&NAMES);
    let listener = names.get(name).ok_or_else(|| refused("nothing listens on this name in this process"))?;
    let mut queue = lock(listener);
    if queue.waiting.len() >= BACKLOG {
        return Err(refused("too many wait to be accepted"));
    }
    let (ours, theirs) = pipe(PIPE_CAPACITY);
    queue.waiting.push_back(theirs);
    if let Some(interest) = &queue.interest {
        interest.announce(Ready::readable(interest.key));
    }
    Ok(ours)
}

fn refused(reason: &str) -> io::Error {
    io::Error::new(ErrorKind::ConnectionRefused, reason)
}
