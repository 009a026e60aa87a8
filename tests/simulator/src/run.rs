//! One run of one scenario, from the beginning to the end or to what goes wrong.

use crate::event::Event;
use crate::rules::KINDS;
use crate::scenario::Scenario;
use crate::world::World;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// What went wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// In words.
    pub message: String,
    /// At which event; one more than there are if it was at the end.
    pub at: usize,
    /// What happened until then, if it was asked for.
    pub trace: Vec<String>,
}

impl Failure {
    /// What kind of failure it is: the words without what differs from run to run.
    pub fn kind(&self) -> String {
        self.message.split(|char: char| !char.is_ascii_alphabetic()).filter(|word| word.len() > 1).take(4).collect::<Vec<_>>().join(" ")
    }
}

/// Letters of a message that are kept.
const LONGEST: usize = 1200;

thread_local! {
    /// The message of a panic within a run.
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
    static RUNNING: RefCell<bool> = const { RefCell::new(false) };
}

/// What a panic says.
fn words_of<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

/// Within a run a panic is an outcome and not a message on the terminal.
fn catch_messages() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !RUNNING.with(|running| *running.borrow()) {
                return before(info);
            }
            let mut text: String = words_of(info).chars().take(LONGEST).collect();
            if text.len() >= LONGEST {
                text.push_str(" ...");
            }
            let place = info.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
            MESSAGE.with(|message| *message.borrow_mut() = Some(text + &place));
        }));
    });
}

/// Plays a scenario.
///
/// # Errors
/// What went wrong.
pub fn run(scenario: &Scenario, traced: bool) -> Result<Vec<String>, Failure> {
    catch_messages();
    let mut world = World::new(scenario.knobs.clone());
    world.trace = traced.then(Vec::new);
    let mut at = 0;
    RUNNING.with(|running| *running.borrow_mut() = true);
    let played = panic::catch_unwind(AssertUnwindSafe(|| {
        begin(&mut world);
        for event in &scenario.events {
            world.play(event);
            at += 1;
        }
        world.play(&Event::Heal);
    }));
    RUNNING.with(|running| *running.borrow_mut() = false);
    let trace = world.trace.take().unwrap_or_default();
    match played {
        Ok(()) => Ok(trace),
        Err(_) => {
            let message = MESSAGE.with(|message| message.borrow_mut().take()).unwrap_or_default();
            // A world that stopped in the middle may not even be dropped in good order.
            std::mem::forget(world);
            Err(Failure { message, at, trace })
        }
    }
}

/// Both processes start, and the Pairs are formed.
fn begin(world: &mut World) {
    for who in [0, 1] {
        world.play(&Event::Start(who));
    }
    for pair in 0..world.knobs.pairs {
        let kind = world.knobs.schemas >> (2 * pair) & 3;
        world.play(&Event::Create(0, kind.min(KINDS - 1)));
    }
    world.play(&Event::Heal);
}
