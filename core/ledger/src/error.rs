//! What can go wrong in a ledger, sorted by whose fault it is.

use std::fmt;
use std::io;
use std::sync::Arc;

/// An error of the ledger. It is cheap to clone, because a failed ledger repeats its first error to every later caller.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LedgerError {
    /// Caller: the ledger was closed before.
    Closed,
    /// Caller: a key or value is larger than a ledger stores.
    TooLarge {
        /// What was too large: "key", "value" or "batch".
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The largest size in bytes that is accepted.
        limit: usize,
    },
    /// Caller: the key given does not fit the ledger.
    Key(KeyFault),
    /// Environment: the file is open in another process, or a second time in this one.
    Locked {
        /// The file.
        path: String,
    },
    /// Environment: the operating system refused an operation. The ledger refuses writes until it is reopened.
    Io {
        /// What was tried, with the path where there is one.
        operation: String,
        /// The system's reason.
        source: Arc<io::Error>,
    },
    /// Environment: what was waited for did not become durable within the timeout. It may still become so.
    Timeout,
    /// Stored data: the file is damaged or is not a ledger.
    Corrupt {
        /// What was found, and where.
        detail: String,
    },
    /// Stored data: the file has a format newer than this version of libspook reads.
    Version {
        /// The format of the file.
        found: u32,
        /// The newest format that this version reads.
        supported: u32,
    },
    /// Bug: code of libspook, or of a [`crate::Source`], panicked.
    Panic {
        /// What panicked.
        detail: String,
    },
}

/// How the application key and the ledger disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// The ledger is sealed and no key was given.
    Missing,
    /// The ledger is sealed with another key.
    Wrong,
    /// The ledger was created without a key, so its secrets are readable; a key given later cannot take that back.
    NotSealed,
}

impl LedgerError {
    /// The permanent name of the error in `ffi/errors.toml`, which has the number, the fault and the advice.
    pub fn code_name(&self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::Key(_) => "LEDGER_KEY",
            Self::Locked { .. } => "LOCKED",
            Self::Io { .. } => "IO",
            Self::Timeout => "TIMEOUT",
            Self::Corrupt { .. } => "LEDGER_CORRUPT",
            Self::Version { .. } => "LEDGER_VERSION",
            Self::Panic { .. } => "PANIC",
        }
    }

    /// Whose fault it is, in the words of `ffi/errors.toml`: "caller", "environment", "data" or "bug".
    pub fn fault(&self) -> &'static str {
        match self {
            Self::Closed | Self::TooLarge { .. } | Self::Key(_) => "caller",
            Self::Locked { .. } | Self::Io { .. } | Self::Timeout => "environment",
            Self::Corrupt { .. } | Self::Version { .. } => "data",
            Self::Panic { .. } => "bug",
        }
    }

    /// Whether a write that met this error leaves the state of the disk unknown, so that no later write may be trusted
    /// before the ledger is reopened. A refusal before the first byte was written is not sticky.
    pub fn is_sticky(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Corrupt { .. } | Self::Panic { .. } => true,
            Self::Closed | Self::TooLarge { .. } | Self::Key(_) | Self::Locked { .. } | Self::Timeout | Self::Version { .. } => false,
        }
    }

    pub(crate) fn io(operation: impl Into<String>, source: io::Error) -> Self {
        Self::Io { operation: operation.into(), source: Arc::new(source) }
    }

    pub(crate) fn corrupt(detail: impl Into<String>) -> Self {
        Self::Corrupt { detail: detail.into() }
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the ledger is closed"),
            Self::TooLarge { what, size, limit } => {
                write!(f, "a {what} of {size} bytes is larger than a ledger stores ({limit} bytes)")
            }
            Self::Key(fault) => write!(f, "{fault}"),
            Self::Locked { path } => write!(
                f,
                "the ledger {path} is open in another process, or a second time in this one; \
                 if spookd has it open, attach to the daemon instead"
            ),
            Self::Io { operation, source } => write!(f, "{operation}: {source}"),
            Self::Timeout => f.write_str("not durable within the timeout"),
            Self::Corrupt { detail } => write!(f, "{detail}"),
            Self::Version { found, supported } => {
                write!(f, "the ledger has format {found}, and this version of libspook reads formats up to {supported}")
            }
            Self::Panic { detail } => write!(f, "{detail}"),
        }
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the ledger is sealed and no key was given",
            Self::Wrong => "the ledger is sealed with another key",
            Self::NotSealed => {
                "the ledger was created without a key, so its secrets are readable in the file; \
                 open it without a key, or create a new ledger with one and pair again"
            }
        })
    }
}

impl std::error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code that this crate names is in the permanent list, with the same fault.
    #[test]
    fn codes_and_faults_are_those_of_the_permanent_list() {
        let list = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ffi/errors.toml")).unwrap();
        let io = LedgerError::io("write", io::Error::other("disk"));
        let errors = [
            LedgerError::Closed,
            LedgerError::TooLarge { what: "key", size: 2, limit: 1 },
            LedgerError::Key(KeyFault::Wrong),
            LedgerError::Locked { path: "a".into() },
            io,
            LedgerError::Timeout,
            LedgerError::corrupt("x"),
            LedgerError::Version { found: 2, supported: 1 },
            LedgerError::Panic { detail: "x".into() },
        ];
        for error in errors {
            let head = format!("name = \"{}\"", error.code_name());
            let entry = list.split("[[error]]").find(|entry| entry.contains(&head));
            let entry = entry.unwrap_or_else(|| panic!("{} is not in ffi/errors.toml", error.code_name()));
            assert!(entry.contains(&format!("fault = \"{}\"", error.fault())), "{}", error.code_name());
        }
    }
}
