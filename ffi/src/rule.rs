//! Rules of the application: functions by which concurrent candidates become one value, and candidates take effect.

use crate::args::{self, UserData, timeout};
use crate::boundary::{entry, inside_rule};
use crate::codes::SPOOK_OK;
use crate::failure::Failure;
use crate::id::spook_id;
use crate::objects::{spook_engine, spook_error};
use crate::observe::{Dropper, spook_drop_fn};
use crate::sized::{self, Versioned};
use crate::value::{SPOOK_NONE, Written, spook_text, spook_value};
use spook::{RuleCandidate, RuleKind, RuleLimits, RuleStep, Value};
use std::ffi::{c_char, c_void};

/// For "custom:NAME" in a schema: folds the concurrent candidates of a path into one value.
pub const SPOOK_RULE_FUNCTION: u32 = 0;
/// For "transition:NAME" in a schema: applies one candidate after the other to the state at a path.
pub const SPOOK_RULE_TRANSITION: u32 = 1;

/// Arrays and objects reach the rule as SPOOK_JSON.
pub const SPOOK_TREES_JSON: u32 = 0;
/// Arrays and objects reach the rule as SPOOK_CBOR.
pub const SPOOK_TREES_CBOR: u32 = 1;

/// What a transition returns to reject the candidate, all of it.
pub const SPOOK_RULE_REJECT: i32 = 1;

/// The most memory that a rule gets for its result.
const ROOM: usize = 64 << 20;

/// How a rule is registered. All zero but `struct_size` is the default: spook_rule_options_init() gives that.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_rule_options {
    /// sizeof(spook_rule_options).
    pub struct_size: u32,
    /// SPOOK_RULE_FUNCTION or SPOOK_RULE_TRANSITION.
    pub kind: u32,
    /// SPOOK_TREES_JSON or SPOOK_TREES_CBOR.
    pub trees: u32,
    /// Zero.
    pub reserved: u32,
    /// How many milliseconds one call may take; 0 is 1000.
    pub time_ms: u64,
    /// How many bytes the result may take; 0 is 1 MiB.
    pub bytes: u64,
}

// SAFETY: repr(C), a u32 first, integers only.
unsafe impl Versioned for spook_rule_options {
    const NAME: &'static str = "spook_rule_options";
    const ENDS: &'static [usize] = &[size_of::<spook_rule_options>()];
}

/// A candidate as a rule sees it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_rule_candidate {
    /// What it writes; SPOOK_NONE if it deletes.
    pub value: spook_value,
    /// The endpoint that wrote it.
    pub author: spook_id,
    /// Its arrival number at its author.
    pub number: u64,
    /// Its stamp: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16.
    pub stamp: u64,
    /// The author epoch.
    pub epoch: u32,
    /// Zero.
    pub reserved: u32,
}

/// What a rule decides about. Everything in it is good until the rule returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_rule_call {
    /// How many bytes of this struct are there.
    pub struct_size: u32,
    /// SPOOK_RULE_FUNCTION or SPOOK_RULE_TRANSITION.
    pub kind: u32,
    /// Where, as JSON Pointer.
    pub path: spook_text,
    /// The candidates in their order, the same on every half; a transition gets one.
    pub candidates: *const spook_rule_candidate,
    /// How many candidates.
    pub candidate_count: usize,
    /// For a transition: what is at the path; SPOOK_NONE if nothing is.
    pub state: spook_value,
}

/// What a rule comes to. It writes here.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct spook_rule_result {
    /// How many bytes of this struct are there.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Memory that the rule may write to, for text, bytes, JSON or CBOR that `value` or `why` then point to.
    pub data: *mut u8,
    /// How many bytes there are behind `data`.
    pub capacity: usize,
    /// The result: a scalar, SPOOK_JSON or SPOOK_CBOR. What it points to lies behind `data`, in the call (a rule may hand on a candidate's
    /// value as it is), or in memory that stays. SPOOK_NONE at first, which for a transition removes what is at the path, and for a
    /// function is no result.
    pub value: spook_value,
    /// Why the candidate is rejected, or why the rule could not decide. Empty at first.
    pub why: spook_text,
}

/// A rule. It returns SPOOK_OK when `result->value` is its result, SPOOK_RULE_REJECT to reject the candidate of a transition, and anything
/// else when it cannot decide. It is a pure function of `call`: every half must come to the same result. It calls no function of this
/// header but the inline ones and spook_error_free, and returns in the ordinary way: no exception, no longjmp.
pub type spook_rule_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, call: *const spook_rule_call, result: *mut spook_rule_result) -> i32>;

/// Registers a rule under the name by which schemas call it, before or after Pairs need it: what waits for it is decided then. Names have 1
/// to 64 letters, digits, '_', '-' and '.'. Both halves register the same rules. NULL options are the defaults; `drop` may be NULL.
///
/// A rule that fails, takes too long or gives too much decides nothing: the path stays superposed with its last candidate showing,
/// spook_conflicts_json lists it with the reason, and observers of events get SPOOK_EVENT_RULE_FAILED. A transition that fails holds up the
/// candidates from there on, which stay tentative. While a call goes on that was given up for its time, the rule is not called again.
///
/// Ownership: name and options are read during the call only. `user_data` goes to libspook, which gives it back by calling `drop` exactly
/// once: when the engine is closed and no call of the rule goes on any more, or before this function returns when it fails.
/// Thread: any. `call` runs on threads of the engine, at the same time on several, while whoever reads or writes the Pair waits for it: it
/// must not wait for a lock that is held around a call of libspook. A function of this header that it calls gives SPOOK_E_REENTRANT.
/// Blocking: no.
/// Errors: SPOOK_E_NULL, SPOOK_E_CLOSED, SPOOK_E_UTF8, SPOOK_E_INVALID, SPOOK_E_RULE for a name that is taken or is none,
/// SPOOK_E_REENTRANT, SPOOK_E_FORKED, SPOOK_E_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spook_register_rule(
    engine: *mut spook_engine,
    name: *const c_char,
    name_len: usize,
    options: *const spook_rule_options,
    call: spook_rule_fn,
    user_data: *mut c_void,
    drop: spook_drop_fn,
    error: *mut *mut spook_error,
) -> i32 {
    let user_data = UserData(user_data);
    // From here on every way out calls `drop`.
    let dropper = Dropper::new(drop, user_data);
    // SAFETY: the pointers are as the header asks.
    unsafe {
        entry(error, |scope| {
            let call = call.ok_or(Failure::null("call"))?;
            let name = args::text(name, name_len, "name")?;
            let (given, object) = (sized::read(options)?, scope.engine(engine)?);
            let limits = limits(&given);
            let rule = Rule { call, user_data, as_cbor: trees(given.trees)?, room: limits.bytes.min(ROOM), _dropped_last: dropper };
            let kind = match given.kind {
                SPOOK_RULE_FUNCTION => RuleKind::function(move |path, candidates| rule.fold(path, candidates)),
                SPOOK_RULE_TRANSITION => RuleKind::transition(move |path, state, candidate| rule.step(path, state, candidate)),
                other => return Err(Failure::invalid(format!("options.kind is {other}"))),
            };
            Ok(object.engine.register_rule(name, kind, limits)?)
        })
    }
}

fn limits(given: &spook_rule_options) -> RuleLimits {
    let mut limits = RuleLimits::default();
    if given.time_ms != 0 {
        limits.time = timeout(i64::try_from(given.time_ms).unwrap_or(i64::MAX)).unwrap_or(limits.time);
    }
    if given.bytes != 0 {
        limits.bytes = usize::try_from(given.bytes).unwrap_or(usize::MAX);
    }
    limits
}

fn trees(given: u32) -> Result<bool, Failure> {
    match given {
        SPOOK_TREES_JSON => Ok(false),
        SPOOK_TREES_CBOR => Ok(true),
        other => Err(Failure::invalid(format!("options.trees is {other}"))),
    }
}

/// The caller's function and what it is called with. Its end calls `drop`.
struct Rule {
    call: unsafe extern "C" fn(*mut c_void, *const spook_rule_call, *mut spook_rule_result) -> i32,
    user_data: UserData,
    as_cbor: bool,
    room: usize,
    _dropped_last: Dropper,
}

impl Rule {
    fn fold(&self, path: &str, candidates: &[RuleCandidate]) -> Result<Value, String> {
        match self.run(SPOOK_RULE_FUNCTION, path, None, candidates)? {
            RuleStep::To(Some(value)) => Ok(value),
            RuleStep::To(None) => Err("it returned SPOOK_OK without a value".to_owned()),
            RuleStep::Reject(_) => Err("it returned SPOOK_RULE_REJECT, which is for transitions".to_owned()),
        }
    }

    fn step(&self, path: &str, state: Option<&Value>, candidate: &RuleCandidate) -> Result<RuleStep, String> {
        self.run(SPOOK_RULE_TRANSITION, path, state, std::slice::from_ref(candidate))
    }

    fn run(&self, kind: u32, path: &str, state: Option<&Value>, candidates: &[RuleCandidate]) -> Result<RuleStep, String> {
        let written = |value: Option<&Value>| value.map(|value| Written::of(value, self.as_cbor));
        let state = written(state);
        let values: Vec<Option<Written>> = candidates.iter().map(|candidate| written(candidate.value.as_ref())).collect();
        let seen: Vec<spook_rule_candidate> = candidates.iter().zip(&values).map(|(candidate, value)| seen(candidate, value)).collect();
        let call = spook_rule_call {
            struct_size: size_of::<spook_rule_call>() as u32,
            kind,
            path: spook_text::of(path),
            candidates: seen.as_ptr(),
            candidate_count: seen.len(),
            state: Written::shown(&state),
        };
        let mut room: Vec<u8> = Vec::with_capacity(self.room);
        let mut result = spook_rule_result {
            struct_size: size_of::<spook_rule_result>() as u32,
            reserved: 0,
            data: room.as_mut_ptr(),
            capacity: self.room,
            value: spook_value::NONE,
            why: spook_text::EMPTY,
        };
        // SAFETY: the header asks for a function that may be called like this, on a thread of the engine; all it is given outlives the call.
        let code = inside_rule(|| unsafe { (self.call)(self.user_data.0, &raw const call, &raw mut result) });
        // SAFETY: the header asks that what the result points to lies in `room`, in the call, or in memory that stays; all that is there.
        unsafe { outcome(code, &result) }
    }
}

fn seen(candidate: &RuleCandidate, value: &Option<Written>) -> spook_rule_candidate {
    spook_rule_candidate {
        value: Written::shown(value),
        author: candidate.origin.into(),
        number: candidate.dot.number,
        stamp: candidate.stamp.bits(),
        epoch: candidate.dot.author.epoch,
        reserved: 0,
    }
}

/// # Safety
/// What the result points to is as [`args::bytes`] asks.
unsafe fn outcome(code: i32, result: &spook_rule_result) -> Result<RuleStep, String> {
    // SAFETY: as promised.
    let why = || unsafe { args::text(result.why.data, result.why.len, "result.why").map(str::to_owned) };
    match code {
        SPOOK_OK if result.value.kind == SPOOK_NONE => Ok(RuleStep::To(None)),
        // SAFETY: as promised.
        SPOOK_OK => unsafe { result.value.read() }.map(|value| RuleStep::To(Some(value))).map_err(described),
        SPOOK_RULE_REJECT => why().map(RuleStep::Reject).map_err(described),
        code => Err(match why().map_err(described)? {
            why if why.is_empty() => format!("it returned {code}"),
            why => why,
        }),
    }
}

fn described(failure: Failure) -> String {
    format!("its result is not one: {}", failure.detail)
}
