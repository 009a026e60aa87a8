//! ETCP: identity, tickets, handshake, links.
