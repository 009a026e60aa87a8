//! The one error type of the six calls: what happened, whose fault it is, what to do.

use crate::candidate::Candidate;
use spook_ledger::LedgerError;
use spook_protocol::error::{Code, Fault};
use spook_protocol::estp::WriteError;
use spook_protocol::estp::delta::DeltaError;
use spook_protocol::estp::schema::SchemaError;
use spook_protocol::etcp::{ChannelError, HandshakeError, IdError, TicketError};
use spook_protocol::pointer::PointerError;
use spook_transport::TransportError;
use std::fmt;

/// Why a call failed.
///
/// The [`Code`] is permanent and the same in every language; it carries what happened, whose fault it is and what to do. The detail
/// says what it was this time: which path, which address, which reason of the operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    more: Box<More>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct More {
    detail: Box<str>,
    candidate: Option<Candidate>,
}

impl Error {
    /// An error of that code. The detail is a clause without a full stop; empty if there is nothing to add.
    pub fn new(code: Code, detail: impl Into<Box<str>>) -> Error {
        Error { code, more: Box::new(More { detail: detail.into(), candidate: None }) }
    }

    /// The same error, of a write that was done: by its candidate the outcome can be asked for.
    #[must_use]
    pub(crate) fn of_candidate(mut self, candidate: Candidate) -> Error {
        self.more.candidate = Some(candidate);
        self
    }

    /// The error of a path that is no JSON Pointer.
    pub(crate) fn pointer(path: &str, error: PointerError) -> Error {
        Error::new(Code::Pointer, format!("{path:?} is no path: {error}"))
    }

    /// The operating system refused something.
    pub(crate) fn io(operation: &str, error: &std::io::Error) -> Error {
        Error::new(Code::Io, format!("{operation}: {error}"))
    }

    /// Something that cannot be happened.
    pub(crate) fn bug(detail: &str) -> Error {
        Error::new(Code::Panic, detail)
    }

    /// An error whose code is known by its permanent name. The names in this workspace are tested against the list where they are
    /// written; one that is not in it is a bug here.
    fn named(name: &str, detail: impl fmt::Display) -> Error {
        let code = (1..).map_while(|number| Code::from_number(-number)).find(|code| code.name() == name);
        Error::new(code.unwrap_or(Code::Panic), detail.to_string())
    }

    /// The permanent code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What it was this time; may be empty.
    pub fn detail(&self) -> &str {
        &self.more.detail
    }

    /// The candidate of a write that was done though it gave this error: [`Code::Decohered`] while its outcome is open, [`Code::Voided`] when it was
    /// decided against.
    pub fn candidate(&self) -> Option<Candidate> {
        self.more.candidate
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.code.fault()
    }

    /// What happened, in one sentence that is the same for every error of this code.
    pub fn what(&self) -> &'static str {
        self.code.what()
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        self.code.advice()
    }
}

/// `NAME: what happened. The detail. What to do.`
impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {} ", self.code.name(), self.what())?;
        if !self.more.detail.is_empty() {
            write!(out, "{}. ", self.more.detail.trim_end_matches('.'))?;
        }
        out.write_str(self.advice())
    }
}

impl std::error::Error for Error {}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Error {
        Error::new(error.code(), error.to_string())
    }
}

impl From<PointerError> for Error {
    fn from(error: PointerError) -> Error {
        Error::new(Code::Pointer, error.to_string())
    }
}

impl From<SchemaError> for Error {
    fn from(error: SchemaError) -> Error {
        Error::new(error.code(), error.to_string())
    }
}

impl From<DeltaError> for Error {
    fn from(error: DeltaError) -> Error {
        Error::new(Code::Protocol, error.to_string())
    }
}

impl From<TicketError> for Error {
    fn from(error: TicketError) -> Error {
        Error::named(error.code_name(), error)
    }
}

impl From<IdError> for Error {
    fn from(error: IdError) -> Error {
        Error::named(error.code_name(), error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Error {
        Error::named(error.code_name(), error)
    }
}

impl From<ChannelError> for Error {
    fn from(error: ChannelError) -> Error {
        Error::named(error.code_name(), error)
    }
}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Error {
        Error::named(error.code_name(), error)
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Error {
        Error::named(error.code_name(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn an_error_fits_three_words_so_that_results_stay_small() {
        assert!(size_of::<Error>() <= 24);
    }

    #[test]
    fn it_prints_its_name_and_three_parts() {
        let error = Error::new(Code::NotFound, "\"/a\" holds nothing");
        assert_eq!(
            error.to_string(),
            "NOT_FOUND: There is no value at the path, or no Pair of that name. \"/a\" holds nothing. \
             Check the spelling, or create it first."
        );
        assert_eq!(error.fault(), Fault::Caller);
        assert_eq!(Error::new(Code::NotFound, "").to_string().matches(". ").count(), 1);
        assert!(!Error::new(Code::Io, "disk full.").to_string().contains(".."));
    }

    #[test]
    fn every_error_below_keeps_its_code_and_its_text() {
        let pairs: [(Error, Code, &str); 9] = [
            (WriteError::NothingThere { path: "/a".into() }.into(), Code::NotFound, "/a"),
            (DeltaError::UnknownCell.into(), Code::Protocol, "cell"),
            (TicketError::CutOrMistyped.into(), Code::TicketInvalid, "checksum"),
            (TicketError::Addresses.into(), Code::Invalid, "addresses"),
            (IdError::NotAUuid.into(), Code::Invalid, "UUID"),
            (HandshakeError::Forged.into(), Code::Protocol, "dialled"),
            (ChannelError::Poisoned.into(), Code::Decohered, "channel"),
            (LedgerError::Locked { path: "home.spook".into() }.into(), Code::Locked, "home.spook"),
            (
                TransportError::Io { operation: "accept", address: "tcp:h:1".into(), source: io::Error::other("x") }.into(),
                Code::Io,
                "tcp:h:1",
            ),
        ];
        for (error, code, word) in pairs {
            assert_eq!(error.code(), code, "{error}");
            assert!(error.detail().contains(word), "{error}");
        }
    }

    #[test]
    fn a_name_outside_the_list_is_a_bug_of_this_library() {
        assert_eq!(Error::named("NO_SUCH_NAME", "x").code(), Code::Panic);
        assert_eq!(Error::named("ABI", "x").code(), Code::Abi);
    }
}
