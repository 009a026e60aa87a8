//! Observing a Pair: by callback, or by asking for the next event.

use crate::args::{self, Out, UserData, timeout};
use crate::boundary::entry;
use crate::event::spook_event;
use crate::failure::Failure;
use crate::objects::{self, PairObject, SubscriptionObject, spook_error, spook_pair, spook_subscription};
use crate::sized::{self, SizedOut, Versioned};
use spook::{Notice, ObserveOptions, Subscription};
use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::sync::Arc;

/// Gets each event. `event` is good until it returns. It returns in the ordinary way: no exception, no longjmp.
pub type spook_observer_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, event: *const spook_event)>;

/// Gets the user data back when no call to the observer will come any more.
pub type spook_drop_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// How a Pair is observed. All zero but `struct_size` is the default: spook_observe_options_init() gives that.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_observe_options {
    /// sizeof(spook_observe_options).
    pub struct_size: u32,
    /// Not 0: transitions of the lifecycle are told, too.
    pub lifecycle: u32,
    /// How many events may wait; 0 is 1024.
    pub capacity: u64,
    /// Not 0: what else happens is told, too: SPOOK_EVENT_VERDICT and the kinds after it.
    pub events: u32,
    /// Zero.
    pub reserved: u32,
}

// SAFETY: repr(C), a u32 first, integers only.
unsafe impl Versioned for spook_observe_options {
    const NAME: &'static str = "spook_observe_options";
    const ENDS: &'static [usize] =
        &[offset_of!(spook_observe_options, capacity), offset_of!(spook_observe_options, events), size_of::<spook_observe_options>()];
}

/// # Safety
/// `given` is as the header asks.
unsafe fn observe_options(given: *const spook_observe_options) -> Result<ObserveOptions, Failure> {
    // SAFETY: as promised.
    let given = unsafe { sized::read(given)? };
    let mut options = ObserveOptions { lifecycle: given.lifecycle != 0, events: given.events != 0, ..ObserveOptions::default() };
    if given.capacity != 0 {
        options.capacity = usize::try_from(given.capacity).unwrap_or(usize::MAX);
    }
    Ok(options)
}

/// The caller's function and what it is called with. Its end calls `drop`, wherever that happens: in the engine after the last call, or
/// here when it never got there.
struct Observer {
    call: unsafe extern "C" fn(*mut c_void, *const spook_event),
    user_data: UserData,
    _dropped_last: Dropper,
}

/// Calls the caller's `drop` when it ends.
pub(crate) struct Dropper {
    drop: spook_drop_fn,
    user_data: UserData,
}

impl Dropper {
    pub(crate) fn new(drop: spook_drop_fn, user_data: UserData) -> Dropper {
        Dropper { drop, user_data }
    }
}

impl Drop for Dropper {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the header asks for a function that may be called once with the user data, on any thread.
            unsafe { drop(self.user_data.0) }
        }
    }
}

impl Observer {
    fn tell(&self, notice: Notice) {
        // Without a free handle there is no event; the table then holds more handles than memory holds Pairs.
        let Ok(event) = spook_event::insert(notice) else { return };
        // SAFETY: the header asks for a function that may be called like this, on a thread of the engine.
        unsafe { (self.call)(self.user_data.0, &raw const event) };
        event.end();
    }
}

/// Calls `call` for each change of a leaf at or below `prefix`, until the subscription, its Pair or its engine is closed. The contract of
/// observers at the top of this header says when, in which order and where. The first call may come before this function returns. NULL
/// options are the defaults; `drop` may be NULL.
///
/// Ownership: prefix and options are read during the call only. `user_data` goes to libspook, which gives it back by calling `drop` exactly
/// once, also when this function fails. The caller owns the subscription and closes it with spook_unobserve, or lets spook_pair_close or
/// spook_close do it.
/// Thread: any, also inside an observer. `call` and `drop` run on a thread of the engine, or `drop` on the thread that fails or closes.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_POINTER, SPOOK_E_INVALID, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_observe(
    pair: *mut spook_pair,
    prefix: *const c_char,
    prefix_len: usize,
    options: *const spook_observe_options,
    call: spook_observer_fn,
    user_data: *mut c_void,
    drop: spook_drop_fn,
    out: *mut *mut spook_subscription,
    error: *mut *mut spook_error,
) -> i32 {
    let user_data = UserData(user_data);
    // From here on every way out calls `drop`.
    let dropper = Dropper::new(drop, user_data);
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let observer = Observer { call: call.ok_or(Failure::null("call"))?, user_data, _dropped_last: dropper };
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            let (prefix, options) = (args::text(prefix, prefix_len, "prefix")?, observe_options(options)?);
            let subscription = object.pair.observe_with(prefix, options, move |notice| observer.tell(notice))?;
            out.set(subscribed(object, subscription)?);
            Ok(())
        })
    }
}

/// The same without a callback: events wait until spook_subscription_next takes them.
///
/// Ownership: prefix and options are read during the call only; the caller owns the subscription and closes it with spook_unobserve, or lets
/// spook_pair_close or spook_close do it.
/// Thread: any, also inside an observer.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_POINTER, SPOOK_E_INVALID, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_observe_poll(
    pair: *mut spook_pair,
    prefix: *const c_char,
    prefix_len: usize,
    options: *const spook_observe_options,
    out: *mut *mut spook_subscription,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.pair(pair)?, Out::new(out, "out")?);
            let (prefix, options) = (args::text(prefix, prefix_len, "prefix")?, observe_options(options)?);
            out.set(subscribed(object, object.pair.observe(prefix, options)?)?);
            Ok(())
        })
    }
}

fn subscribed(pair: &Arc<PairObject>, subscription: Subscription) -> Result<*mut spook_subscription, Failure> {
    let object = SubscriptionObject { subscription, pair: Arc::clone(pair) };
    let handle = objects::insert::<spook_subscription>(Arc::new(object))?;
    pair.subscriptions.add(handle);
    Ok(handle)
}

/// Ends a subscription. When it has returned, no further call to the observer starts.
///
/// Ownership: takes the subscription.
/// Thread: any, also inside an observer.
/// Blocking: until a call of this observer that runs on another thread has returned; inside an observer it does not wait.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_unobserve(subscription: *mut spook_subscription, error: *mut *mut spook_error) -> i32 {
    // SAFETY: `error` is as the header asks.
    unsafe {
        entry(error, |scope| {
            let object = scope.keep_subscription(objects::take(subscription.cast_const())?);
            object.pair.subscriptions.remove(subscription);
            object.subscription.close();
            Ok(())
        })
    }
}

/// Takes the next event of a subscription of spook_observe_poll. A timeout of 0 does not wait, a negative one waits without limit. Set
/// `out->struct_size` before the call: spook_event_init() does.
///
/// Ownership: the caller owns the event and frees it with spook_event_free.
/// Thread: any; each event goes to one caller.
/// Blocking: up to the timeout, or until the subscription is closed.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED also when the subscription ends during the wait, SPOOK_E_TIMEOUT, SPOOK_E_INVALID, SPOOK_E_FORKED,
/// SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_subscription_next(
    subscription: *mut spook_subscription,
    timeout_ms: i64,
    out: *mut spook_event,
    error: *mut *mut spook_error,
) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.subscription(subscription)?, SizedOut::new(out, "out")?);
            let notice = object.subscription.next(timeout(timeout_ms))?.ok_or(Failure::closed("subscription"))?;
            out.set(&spook_event::insert(notice)?);
            Ok(())
        })
    }
}

/// A file descriptor that poll(2) and its kin find readable while events wait. Take all events (with a timeout of 0) before the next poll,
/// and do not read from it or close it.
///
/// Ownership: the descriptor belongs to the subscription and ends with it.
/// Thread: any.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_IO, SPOOK_E_INVALID on systems without such descriptors, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_subscription_fd(subscription: *mut spook_subscription, out: *mut i32, error: *mut *mut spook_error) -> i32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let (object, out) = (scope.subscription(subscription)?, Out::new(out, "out")?);
            out.set(descriptor(object)?);
            Ok(())
        })
    }
}

#[cfg(unix)]
fn descriptor(object: &SubscriptionObject) -> Result<i32, Failure> {
    use std::os::fd::AsRawFd;
    Ok(object.subscription.descriptor()?.as_raw_fd())
}

#[cfg(not(unix))]
fn descriptor(_: &SubscriptionObject) -> Result<i32, Failure> {
    Err(Failure::invalid("this system has no file descriptors; use spook_subscription_next with a timeout"))
}
