//! Why a call is refused.

use spook::{Candidate, Code};
use std::borrow::Cow;

/// A code and the details of this occurrence.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) detail: Cow<'static, str>,
    /// The write that was done though the call failed.
    pub(crate) candidate: Option<Candidate>,
}

impl Failure {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Failure {
        Failure { code, detail: detail.into(), candidate: None }
    }

    /// The argument of that name is NULL.
    pub(crate) fn null(argument: &'static str) -> Failure {
        Failure::new(Code::Null, argument)
    }

    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Failure {
        Failure::new(Code::Invalid, detail)
    }

    pub(crate) fn closed(what: &'static str) -> Failure {
        Failure::new(Code::Closed, what)
    }
}

impl From<spook::Error> for Failure {
    fn from(error: spook::Error) -> Failure {
        Failure { candidate: error.candidate(), ..Failure::new(error.code(), error.detail().to_owned()) }
    }
}
