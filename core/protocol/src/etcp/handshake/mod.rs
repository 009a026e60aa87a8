//! The handshake: Noise_IK_25519_AESGCM_SHA256 between endpoints that know each other, Noise_IKpsk2_25519_AESGCM_SHA256 with a
//! ticket's secret for first contact (The Noise Protocol Framework, revision 34).
//!
//! One type per expected message, consumed by the next; an error consumes it as well, so no half-built state is left over.
//!
//! ```text
//! initiator                                      responder
//! Dialling::start  -> bytes, ExpectWelcome
//!                         --- message 1 --->     receive_hello                 -> ReceivedHello
//!                                                authorise_known / _ticket     -> Authorised
//!                         <-- message 2 ---      Authorised::welcome           -> bytes, Channel, PeerAuthenticated
//! ExpectWelcome::handle                          Authorised::refuse            -> bytes
//!     -> Channel, Welcome, PeerAuthenticated
//! ```
//!
//! Message 1 is `gate (16) || kind (1) || Noise message 1`, at most [`MAX_MESSAGE_1`] bytes; message 2 is the bare Noise message 2, at
//! most [`MAX_MESSAGE_2`]. The prologue is `"libspook" || WIRE_VERSION || kind`. Lengths on a byte stream are the link's business.
//!
//! **What message 1 proves.** That the sender holds the secret of its exchange key and, because of the timestamp, that it is not
//! a replay of one seen before. Its payload has no forward secrecy against a later theft of the responder's key. Whether
//! somebody merely *delayed* it shows only with the first message on the channel: so an older link to the same peer is given up
//! then, not before.
//!
//! **Time.** The initiator's timestamp must grow from contact to contact, even when its clock goes back: take the greater of the
//! clock and the last one sent plus 1, and keep it in the ledger.

mod error;
#[cfg(test)]
mod hostile;
mod initiator;
mod message;
mod noise;
mod primitives;
mod responder;
#[cfg(test)]
mod vectors;

pub use error::{HandshakeError, StrangerReason};
pub use initiator::{Contact, Dialling, ExpectWelcome};
pub use message::{Hello, HelloKind, Refusal, Welcome};
pub use responder::{Authorised, ReceivedHello, receive_hello};

use super::identity::PublicKeys;
use crate::id::EndpointId;

/// Version of the layout of the handshake itself; part of the prologue, so that endpoints of different versions are strangers. The
/// versions of everything behind it are negotiated inside ([`Hello::min_version`], [`Hello::max_version`]).
pub const WIRE_VERSION: u8 = 1;

/// Most bytes of message 1: its big-endian length never begins with a letter, so a listener can tell it from HTTP.
pub const MAX_MESSAGE_1: usize = 4095;

/// Most bytes of message 2.
pub const MAX_MESSAGE_2: usize = 65_535;

/// Evidence that the peer proved to hold the secret of its exchange key, and that it is one the caller knows or invited. Only a
/// finished handshake makes it; what needs an authenticated peer takes it by value or reference.
#[derive(Debug, PartialEq, Eq)]
pub struct PeerAuthenticated {
    keys: PublicKeys,
    endpoint_id: EndpointId,
}

impl PeerAuthenticated {
    /// Called where the last check has passed, nowhere else.
    fn assertion(keys: PublicKeys) -> Self {
        PeerAuthenticated { endpoint_id: keys.endpoint_id(), keys }
    }

    /// The peer's name.
    pub fn endpoint_id(&self) -> EndpointId {
        self.endpoint_id
    }

    /// The peer's public keys.
    pub fn keys(&self) -> &PublicKeys {
        &self.keys
    }
}
