//! ETCP: identity, tickets, handshake, channel.
//!
//! | module | holds |
//! |---|---|
//! | [`identity`] | the keys of an endpoint, secret and public |
//! | [`ticket`] | the text that introduces two endpoints to each other |
//! | [`gate`] | the keyed check that a stranger's bytes do not pass |
//! | [`handshake`] | Noise IK and IKpsk2, one type per expected message |
//! | [`channel`] | what a handshake leaves: authenticated encryption both ways |
//!
//! The order of a contact: a [`Ticket`] or a ledger names the peer's [`PublicKeys`]; [`Dialling::start`] makes the hello;
//! [`receive_hello`] reads it behind the gate; [`Authorised::welcome`] answers it; both sides hold a [`Channel`] and the evidence
//! [`PeerAuthenticated`].

pub mod channel;
mod fields;
pub mod gate;
pub mod handshake;
pub mod identity;
pub mod ticket;

pub use crate::id::{EndpointId, IdError, PairId};
pub use channel::{Channel, ChannelError};
pub use fields::{MAX_ADDRESS_LEN, MAX_ADDRESSES};
pub use handshake::{
    Authorised, Contact, Dialling, ExpectWelcome, HandshakeError, Hello, HelloKind, PeerAuthenticated, ReceivedHello, Refusal,
    StrangerReason, Welcome, receive_hello,
};
pub use identity::{Identity, PublicKeys};
pub use ticket::{Ticket, TicketError, TicketId, TicketSecret};
