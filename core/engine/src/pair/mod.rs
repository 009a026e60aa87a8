//! A Pair, as a program holds it.
//!
//! | module | holds |
//! |---|---|
//! | `read`, `write`, `status`, `observe`, `collapse`, `clock`, `presence` | the calls of these names |

mod clock;
mod collapse;
mod observe;
mod presence;
mod read;
mod repair;
mod status;
mod write;

pub use clock::Clock;
pub use collapse::Collapse;

use crate::error::Error;
use crate::lifetime::Open;
use crate::options::TicketOptions;
use crate::pair_core::PairCore;
use crate::storage::Issued;
use crate::time;
use spook_protocol::error::Code;
use spook_protocol::estp::{HalfPair, Lifecycle};
use spook_protocol::etcp::{Ticket, TicketSecret};
use spook_protocol::id::{EndpointId, PairId};
use spook_protocol::record::TicketRecord;
use spook_protocol::value::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a ticket can be used if nothing else is said.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A Pair: a piece of shared state. Clones share it, and keep its engine open.
#[derive(Clone)]
pub struct Pair {
    open: Arc<Open>,
    core: Arc<PairCore>,
}

impl Pair {
    pub(crate) fn new(open: Arc<Open>, core: Arc<PairCore>) -> Pair {
        Pair { open, core }
    }

    /// Its name for ever and everywhere.
    pub fn id(&self) -> PairId {
        self.core.id
    }

    /// What it is called in this ledger.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// The endpoint that holds this half.
    pub fn endpoint_id(&self) -> EndpointId {
        self.core.endpoint
    }

    /// What both sides agreed on, as its creator wrote it.
    pub fn schema(&self) -> &Value {
        self.core.schema.to_value()
    }

    /// A ticket for the other side, as text. It works once.
    ///
    /// # Errors
    /// [`Code::Exists`] if the Pair has its second member already; [`Code::Address`] if the engine listens nowhere.
    pub fn ticket(&self, options: TicketOptions) -> Result<String, Error> {
        let shared = &self.open.shared;
        shared.check_writable()?;
        if self.with_half(|half| half.peer())?.is_some() {
            return Err(Error::new(Code::Exists, format!("{:?} has two members already; a Pair has no more", self.core.name)));
        }
        let addresses = shared.io.get().map(|io| io.addresses().to_vec()).unwrap_or_default();
        if addresses.is_empty() {
            return Err(Error::new(Code::Address, "the engine listens nowhere, so that nobody could use the ticket"));
        }
        let secret = TicketSecret::generate(time::seed());
        let expires_in = u64::try_from(options.expires_in.unwrap_or(DAY).as_millis()).unwrap_or(u64::MAX);
        let expires = shared.time.now_ms().saturating_add(expires_in) / 1000;
        let issuer = *shared.identity.public();
        let ticket = Ticket { pair: self.core.id, issuer, addresses, secret: secret.clone(), expires_unix_s: expires };
        let text = ticket.to_text()?.to_string();
        let record = TicketRecord { pair: self.core.id, expires, used_by: None };
        shared.forming().issue(Issued { record, secret });
        shared.flush_ledger()?;
        Ok(text)
    }

    /// The three facts of its lifecycle.
    pub fn lifecycle(&self) -> Result<Lifecycle, Error> {
        self.with_half(|half| half.lifecycle())
    }

    /// The round trip to the peer, once it was measured on the present link.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like.
    pub fn round_trip(&self) -> Result<Option<Duration>, Error> {
        self.open.shared.check()?;
        let link = self.core.lock().link.clone();
        Ok(link.and_then(|link| link.round_trip()).map(Duration::from_micros))
    }

    /// Ends the subscriptions of this Pair in this process. The Pair stays in the ledger and goes on being shared while its engine is open.
    ///
    /// # Errors
    /// [`Code::Closed`] and the like.
    pub fn close(&self) -> Result<(), Error> {
        self.open.shared.check()?;
        self.core.observers.end_all();
        Ok(())
    }

    fn with_half<R>(&self, work: impl FnOnce(&mut HalfPair) -> R) -> Result<R, Error> {
        self.open.shared.check()?;
        let mut state = self.core.lock();
        let half = state.half(&self.core, &*self.open.shared)?;
        let result = work(half);
        drop(self.core.publish(half));
        Ok(result)
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pair({:?}, {})", self.core.name, self.core.id)
    }
}
