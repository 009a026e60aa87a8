//! The threads on which rules run.

use super::inside;
use spook_protocol::estp::rule::RuleFailure;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

/// How many threads are kept that have nothing to do.
const IDLE: usize = 2;

/// Runs foreign code for a limited time. A thread whose job takes too long is left behind, and ends with its job.
#[derive(Default)]
pub(super) struct Runner {
    idle: Mutex<Vec<Sender<Job>>>,
}

/// Whether a call of a rule goes on that nobody waits for any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Runaway(Arc<AtomicBool>);

impl Runner {
    /// Runs `work`, and waits for it, for so long at the most. While a call of the same rule goes on that was given up, no other begins.
    pub(super) fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        runaway: &Runaway,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RuleFailure> {
        if runaway.0.load(Ordering::Acquire) {
            return Err(RuleFailure::OverLimit(format!("an earlier call still goes on after its {limit:?}")));
        }
        let thread = self.take_thread()?;
        let (done, outcome) = mpsc::sync_channel(1);
        // Whoever is first ends the call: the rule by its result, or the one who waits by giving it up.
        let is_over = Arc::new(AtomicBool::new(false));
        let (ended, late) = (Arc::clone(&is_over), runaway.clone());
        let job: Job = Box::new(move || {
            let _ = done.send(catch(work));
            if ended.swap(true, Ordering::AcqRel) {
                late.0.store(false, Ordering::Release);
            }
        });
        if thread.send(job).is_err() {
            return Err(RuleFailure::Failed("the thread of rules has ended".to_owned()));
        }
        let mut received = outcome.recv_timeout(limit);
        if matches!(received, Err(RecvTimeoutError::Timeout)) {
            runaway.0.store(true, Ordering::Release);
            if !is_over.swap(true, Ordering::AcqRel) {
                return Err(RuleFailure::OverLimit(format!("it took longer than {limit:?}")));
            }
            // It returned at the very last moment.
            runaway.0.store(false, Ordering::Release);
            received = outcome.try_recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        self.give_back(thread);
        match received {
            Ok(result) => result.map_err(RuleFailure::Failed),
            Err(_) => Err(RuleFailure::Failed("the thread of rules has ended".to_owned())),
        }
    }

    fn take_thread(&self) -> Result<Sender<Job>, RuleFailure> {
        if let Some(thread) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(thread);
        }
        let (jobs, inbox) = mpsc::channel::<Job>();
        let spawned = thread::Builder::new().name("spook-rules".into()).spawn(move || {
            inside::enter();
            inbox.iter().for_each(|job| job());
        });
        spawned.map_err(|error| RuleFailure::Failed(format!("no thread to run it: {error}")))?;
        Ok(jobs)
    }

    fn give_back(&self, thread: Sender<Job>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(thread);
        }
    }

    /// Ends the threads that have nothing to do.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Runs foreign code; a panic of it becomes a message.
fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let message = message_of(&*payload);
        // Dropping the payload runs foreign code too. What panics while it is dropped is left alone.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(payload);
        }
        message
    })
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_call_that_goes_on_too_long_is_left_behind_and_blocks_only_its_own_rule() {
        let runner = Runner::default();
        let (slow, other) = (Runaway::default(), Runaway::default());
        let (release, held) = mpsc::channel::<()>();
        let over = runner.run(Duration::from_millis(5), &slow, move || held.recv().is_ok());
        assert!(matches!(over, Err(RuleFailure::OverLimit(_))), "{over:?}");
        let again = runner.run(LONG, &slow, || 1);
        assert!(matches!(again, Err(RuleFailure::OverLimit(_))), "{again:?}");
        assert_eq!(runner.run(LONG, &other, || 2), Ok(2));
        release.send(()).unwrap();
        while slow.0.load(Ordering::Acquire) {
            thread::yield_now();
        }
        assert_eq!(runner.run(LONG, &slow, || 3), Ok(3));
    }

    #[test]
    fn a_panic_becomes_a_failure_and_the_thread_goes_on() {
        let runner = Runner::default();
        let rule = Runaway::default();
        let failed = runner.run(LONG, &rule, || -> i32 { panic!("no {}", "idea") });
        assert_eq!(failed, Err(RuleFailure::Failed("it panicked: no idea".to_owned())));
        assert_eq!(runner.run(LONG, &rule, inside::is_inside), Ok(true));
        assert!(!inside::is_inside());
    }
}
