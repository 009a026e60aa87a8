//! Why a call is refused.

use spook::Code;
use std::borrow::Cow;

/// A code and the details of this occurrence.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) detail: Cow<'static, str>,
}

impl Failure {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Failure {
        Failure { code, detail: detail.into() }
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
        Failure::new(error.code(), error.detail().to_owned())
    }
}
