//! What every entry point goes through. No panic passes it, and an engine in which something panicked is stopped.

use crate::codes::SPOOK_OK;
use crate::failure::Failure;
use crate::objects::{
    self, EngineObject, ErrorObject, PairObject, SubscriptionObject, spook_engine, spook_error, spook_pair, spook_subscription,
};
use spook::Code;
use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The objects that a call works on, kept until it ends, so that a panic can be brought home to its engine.
#[derive(Default)]
pub(crate) struct Scope {
    engine: OnceCell<Arc<EngineObject>>,
    pair: OnceCell<Arc<PairObject>>,
    subscription: OnceCell<Arc<SubscriptionObject>>,
}

impl Scope {
    /// The engine behind a handle. A call works on at most one.
    pub(crate) fn engine(&self, handle: *const spook_engine) -> Result<&Arc<EngineObject>, Failure> {
        let object = objects::get(handle)?;
        Ok(self.engine.get_or_init(|| object))
    }

    /// The Pair behind a handle. A call works on at most one.
    pub(crate) fn pair(&self, handle: *const spook_pair) -> Result<&Arc<PairObject>, Failure> {
        let object = objects::get(handle)?;
        Ok(self.pair.get_or_init(|| object))
    }

    /// The subscription behind a handle. A call works on at most one.
    pub(crate) fn subscription(&self, handle: *const spook_subscription) -> Result<&Arc<SubscriptionObject>, Failure> {
        let object = objects::get(handle)?;
        Ok(self.subscription.get_or_init(|| object))
    }

    /// Keeps an object that was taken from behind its handle.
    pub(crate) fn keep_engine(&self, object: Arc<EngineObject>) -> &Arc<EngineObject> {
        self.engine.get_or_init(|| object)
    }

    /// Keeps an object that was taken from behind its handle.
    pub(crate) fn keep_pair(&self, object: Arc<PairObject>) -> &Arc<PairObject> {
        self.pair.get_or_init(|| object)
    }

    /// Keeps an object that was taken from behind its handle.
    pub(crate) fn keep_subscription(&self, object: Arc<SubscriptionObject>) -> &Arc<SubscriptionObject> {
        self.subscription.get_or_init(|| object)
    }

    fn poison(&self, detail: &str) {
        let of_subscription = self.subscription.get().map(|object| &object.pair.engine);
        let of_pair = self.pair.get().map(|object| &object.engine);
        for object in [self.engine.get(), of_pair, of_subscription].into_iter().flatten() {
            object.engine.poison(detail);
        }
    }
}

/// Runs the body of a function that gives a code. On failure `error`, where it is not NULL, gets an object that tells more.
///
/// # Safety
/// `error` is NULL or valid for a write until the call ends.
pub(crate) unsafe fn entry(error: *mut *mut spook_error, body: impl FnOnce(&Scope) -> Result<(), Failure>) -> i32 {
    let scope = Scope::default();
    let allowed_body = || if INSIDE_RULE.get() { Err(Failure::new(Code::Reentrant, "")) } else { body(&scope) };
    let failure = match catch_unwind(AssertUnwindSafe(allowed_body)) {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure),
        Err(panic) => Some(panicked(&scope, panic)),
    };
    // What is let go here may be the last of an engine, whose end is foreign to this function.
    let dropped = catch_unwind(AssertUnwindSafe(move || drop(scope)));
    let failure = failure.or_else(|| dropped.err().map(|panic| Failure::new(Code::Panic, message(panic))));
    let Some(failure) = failure else { return SPOOK_OK };
    let code = failure.code.number();
    if !error.is_null() {
        let object = catch_unwind(|| describe(failure)).unwrap_or(std::ptr::null_mut());
        // SAFETY: not NULL, and the caller promises that it may be written to.
        unsafe { error.write(object) };
    }
    code
}

thread_local! {
    /// Whether this thread is inside a rule of the caller, which may call nothing that goes through [`entry`].
    static INSIDE_RULE: Cell<bool> = const { Cell::new(false) };
}

/// Runs a rule of the caller. The thread is one of the engine's, and inside no other.
pub(crate) fn inside_rule<T>(rule: impl FnOnce() -> T) -> T {
    INSIDE_RULE.set(true);
    let result = rule();
    INSIDE_RULE.set(false);
    result
}

/// Runs the body of a function that cannot fail in words; a panic gives `fallback`.
pub(crate) fn plain<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        std::mem::forget(panic);
        fallback
    })
}

#[cold]
fn panicked(scope: &Scope, panic: Box<dyn Any + Send>) -> Failure {
    let detail = message(panic);
    // A second panic while the engine is stopped changes nothing about the answer.
    let _ = catch_unwind(AssertUnwindSafe(|| scope.poison(&detail)));
    Failure::new(Code::Panic, detail)
}

/// The message of a panic. The payload itself is leaked: its own end might panic.
fn message(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    std::mem::forget(panic);
    text.unwrap_or_else(|| "no message".to_owned())
}

#[cold]
fn describe(failure: Failure) -> *mut spook_error {
    let code = failure.code;
    let text = |text: String| CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default();
    let colon = if failure.detail.is_empty() { "" } else { ": " };
    let what = code.what().trim_end_matches('.');
    let object = ErrorObject {
        code,
        candidate: failure.candidate,
        text: text(format!("{}: {what}{colon}{}. {}", code.name(), failure.detail, code.advice())),
        detail: text(failure.detail.into_owned()),
    };
    objects::insert(Arc::new(object)).unwrap_or(std::ptr::null_mut())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(body: impl FnOnce(&Scope) -> Result<(), Failure>) -> (i32, Option<Arc<ErrorObject>>) {
        let mut error = std::ptr::null_mut();
        // SAFETY: `error` is a local that outlives the call.
        let code = unsafe { entry(&raw mut error, body) };
        (code, objects::take(error).ok())
    }

    #[test]
    fn success_leaves_the_error_alone() {
        let (code, error) = run(|_| Ok(()));
        assert!(code == SPOOK_OK && error.is_none());
    }

    #[test]
    fn a_failure_tells_code_detail_and_advice() {
        let (code, error) = run(|_| Err(Failure::new(Code::NotFound, "/a\0b")));
        let error = error.unwrap();
        assert_eq!((code, error.code), (Code::NotFound.number(), Code::NotFound));
        assert_eq!(error.detail.to_str().unwrap(), "/a\u{fffd}b");
        assert!(error.text.to_str().unwrap().starts_with("NOT_FOUND: There is no value"), "{:?}", error.text);
    }

    #[test]
    fn a_panic_becomes_a_code_and_stops_the_engine() {
        let engine = spook::Engine::open(":memory:").unwrap();
        let object = Arc::new(EngineObject { engine: engine.clone(), pairs: objects::Children::default() });
        let (code, error) = run(|scope| {
            scope.keep_engine(object);
            panic!("forced {}", 1)
        });
        assert_eq!(code, Code::Panic.number());
        assert_eq!(error.unwrap().detail.to_str().unwrap(), "forced 1");
        assert_eq!(engine.pairs().unwrap_err().code(), Code::Panic);
    }

    #[test]
    fn a_payload_that_panics_when_dropped_does_not_pass() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        let (code, error) = run(|_| std::panic::panic_any(Bomb));
        assert_eq!(code, Code::Panic.number());
        assert_eq!(error.unwrap().detail.to_str().unwrap(), "no message");
        assert_eq!(plain(3, || std::panic::panic_any(Bomb)), 3);
    }
}
