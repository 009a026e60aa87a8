//! What can go wrong, with the address it went wrong at.

use std::{error, fmt, io};

/// A failure of an address, a socket or the poller.
///
/// Each variant answers to one permanent code of libspook's list of errors ([`code_name`](Self::code_name)); its text
/// is the detail that stands behind that code's sentence, and always names the address.
#[derive(Debug)]
#[non_exhaustive]
pub enum TransportError {
    /// The text is no address, or nothing can listen there. The caller's fault.
    Address {
        /// The address as it was given.
        address: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// The operating system refused an operation. The environment's fault.
    Io {
        /// What was tried: "accept", "wait", "register" and so on.
        operation: &'static str,
        /// The address it was tried at; empty for the poller itself.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Nothing answered at the address. The environment's fault, and worth another try later.
    Unreachable {
        /// The address that was dialled.
        address: String,
        /// The reason of each attempt.
        reason: String,
    },
}

impl TransportError {
    /// The name of this error in libspook's permanent list: `ADDRESS`, `IO` or `UNREACHABLE`.
    pub fn code_name(&self) -> &'static str {
        match self {
            Self::Address { .. } => "ADDRESS",
            Self::Io { .. } => "IO",
            Self::Unreachable { .. } => "UNREACHABLE",
        }
    }

    pub(crate) fn address(address: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::Address { address: address.to_string(), reason: reason.into() }
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn io(operation: &'static str, address: impl fmt::Display, source: io::Error) -> Self {
        Self::Io { operation, address: address.to_string(), source }
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn unreachable(address: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::Unreachable { address: address.to_string(), reason: reason.into() }
    }

    /// The error of a bind that the system refused: the caller's choice of address, or the system's own trouble.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn bind(address: impl fmt::Display, source: io::Error) -> Self {
        let reason = match source.kind() {
            io::ErrorKind::AddrInUse => "something else listens there already",
            io::ErrorKind::AddrNotAvailable => "this machine has no such address",
            io::ErrorKind::PermissionDenied => "this user may not listen there",
            io::ErrorKind::NotFound => "its directory does not exist",
            _ => return Self::io("listen", address, source),
        };
        Self::address(address, format!("{reason} ({source})"))
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address, reason } | Self::Unreachable { address, reason } => {
                write!(f, "{address}: {reason}")
            }
            Self::Io { operation, address, source } if address.is_empty() => write!(f, "{operation}: {source}"),
            Self::Io { operation, address, source } => write!(f, "{address}: {operation}: {source}"),
        }
    }
}

impl error::Error for TransportError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Address { .. } | Self::Unreachable { .. } => None,
        }
    }
}
