//! The kinds of handles and what stands behind each.

use crate::failure::Failure;
use crate::handles::{self, Token};
use spook::{Engine, Notice, Pair, Subscription};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An engine: the identity, the ledger and the links of one program.
pub struct spook_engine(());

/// A Pair, opened by an engine.
pub struct spook_pair(());

/// A subscription to the changes of a Pair.
pub struct spook_subscription(());

/// What an event holds; reached through the functions that take a spook_event.
pub struct spook_event_content(());

/// What went wrong in a call.
pub struct spook_error(());

/// A type of handle, and the object behind it.
pub(crate) trait Handle {
    type Object: Send + Sync + 'static;
    const KIND: &'static str;
}

impl Handle for spook_engine {
    type Object = EngineObject;
    const KIND: &'static str = "engine";
}

impl Handle for spook_pair {
    type Object = PairObject;
    const KIND: &'static str = "pair";
}

impl Handle for spook_subscription {
    type Object = SubscriptionObject;
    const KIND: &'static str = "subscription";
}

impl Handle for spook_event_content {
    type Object = Notice;
    const KIND: &'static str = "event";
}

impl Handle for spook_error {
    type Object = ErrorObject;
    const KIND: &'static str = "error";
}

/// Enters an object and gives its handle.
pub(crate) fn insert<H: Handle>(object: Arc<H::Object>) -> Result<*mut H, Failure> {
    handles::insert(object).map(Token::as_handle)
}

/// The object behind a handle.
pub(crate) fn get<H: Handle>(handle: *const H) -> Result<Arc<H::Object>, Failure> {
    handles::get(Token::of(handle), H::KIND)
}

/// Takes the object from behind its handle, which is closed from then on.
pub(crate) fn take<H: Handle>(handle: *const H) -> Result<Arc<H::Object>, Failure> {
    handles::take(Token::of(handle), H::KIND)
}

/// The handles that end with the one that made them.
#[derive(Default)]
pub(crate) struct Children(Mutex<BTreeSet<Token>>);

impl Children {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<Token>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add<H: Handle>(&self, handle: *const H) {
        self.lock().insert(Token::of(handle));
    }

    pub(crate) fn remove<H: Handle>(&self, handle: *const H) {
        self.lock().remove(&Token::of(handle));
    }

    /// Closes the handles, all of which are of the kind `H`, and gives what stood behind those that were still open.
    pub(crate) fn close<H: Handle>(&self) -> Vec<Arc<H::Object>> {
        let tokens = std::mem::take(&mut *self.lock());
        tokens.into_iter().filter_map(|token| handles::take(token, H::KIND).ok()).collect()
    }
}

/// Behind a `spook_engine`.
pub(crate) struct EngineObject {
    pub(crate) engine: Engine,
    pub(crate) pairs: Children,
}

/// Behind a `spook_pair`.
pub(crate) struct PairObject {
    pub(crate) pair: Pair,
    pub(crate) engine: Arc<EngineObject>,
    pub(crate) subscriptions: Children,
}

impl PairObject {
    /// Ends the subscriptions made through this handle and closes their handles. Waits for running observers, unless inside one.
    pub(crate) fn end_subscriptions(&self) {
        for object in self.subscriptions.close::<spook_subscription>() {
            // Not left to the last Arc: a thread that waits for the next event holds one.
            object.subscription.close();
        }
    }
}

/// Behind a `spook_subscription`.
pub(crate) struct SubscriptionObject {
    pub(crate) subscription: Subscription,
    pub(crate) pair: Arc<PairObject>,
}

/// Behind a `spook_error`.
pub(crate) struct ErrorObject {
    pub(crate) code: spook::Code,
    pub(crate) candidate: Option<spook::Candidate>,
    pub(crate) detail: std::ffi::CString,
    pub(crate) text: std::ffi::CString,
}
