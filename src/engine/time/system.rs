//! The machine's monotonic clock, and the *ticker*, the thread that publishes its seconds.
//!
//! The ticker wakes at each second boundary and advances the published tick. No count depends on it: a
//! reader that finds the tick behind moves it forward. A reader that finds it more than a second behind
//! also looks whether the ticker belongs to this process. After a fork it doesn't, since the child has
//! only the thread that forked, and the reader starts another. So a late or lost ticker shifts the second
//! in which events count, until the next read. It loses none.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::cell::TickCell;
use super::tick::{Moment, Tick};

static PUBLISHED: TickCell = TickCell::new();
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// The id of the process whose ticker runs; 0 while there is none. Relaxed throughout: it publishes
/// nothing but itself.
static TICKER_OF: AtomicU32 = AtomicU32::new(0);

pub(crate) const fn published() -> &'static TickCell {
    &PUBLISHED
}

fn read() -> Moment {
    Moment::since_origin(ORIGIN.get_or_init(Instant::now).elapsed())
}

pub(super) fn now() -> Moment {
    let now = read();
    if published().load() < now.tick() {
        catch_up(now.tick());
    }
    now
}

#[cold]
fn catch_up(tick: Tick) {
    let behind = tick.0.saturating_sub(published().load().0);
    published().advance_to(tick);
    if behind > 1 {
        start();
    }
}

/// Starts the ticker unless this process has one.
pub(super) fn start() {
    start_as(&TICKER_OF, || thread::Builder::new().name("tickring-ticker".into()));
}

fn start_as(ticker_of: &AtomicU32, thread: impl FnOnce() -> thread::Builder) {
    let process = std::process::id();
    let seen = ticker_of.load(Ordering::Relaxed);
    if seen == process {
        return;
    }
    // Of several threads that come here at the same time, the one that stores the id starts the ticker.
    let relaxed = Ordering::Relaxed;
    if ticker_of.compare_exchange(seen, process, relaxed, relaxed).is_ok() {
        let spawned = thread().spawn(tick_for_ever);
        if spawned.is_err() {
            // The system has no thread for us. Readers move the tick; the next caller tries again.
            ticker_of.store(0, relaxed);
        }
    }
}

fn tick_for_ever() {
    loop {
        let now = read();
        PUBLISHED.advance_to(now.tick());
        let next = Duration::from_secs(now.tick().0 + 1);
        thread::sleep(next.saturating_sub(now.elapsed()));
    }
}

/// How late the published tick is; zero when it is current.
pub(crate) fn lag() -> Duration {
    let now = read();
    let due = Duration::from_secs(PUBLISHED.load().0 + 1);
    now.elapsed().saturating_sub(due)
}

// A 64-bit machine has no addresses for such a stack. A 32-bit machine may refuse it in other ways.
#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn a_ticker_that_gets_no_thread_is_tried_again() {
        for gone in [0, u32::MAX] {
            let ticker_of = AtomicU32::new(gone);
            let mut tries = 0;
            for _ in 0..2 {
                start_as(&ticker_of, || {
                    tries += 1;
                    thread::Builder::new().stack_size(1 << 60)
                });
                assert_eq!(ticker_of.load(Ordering::Relaxed), 0);
            }
            assert_eq!(tries, 2);
        }
    }

    #[test]
    fn a_process_has_one_ticker() {
        let ticker_of = AtomicU32::new(std::process::id());
        start_as(&ticker_of, || unreachable!("there is one"));
        assert_eq!(ticker_of.load(Ordering::Relaxed), std::process::id());
    }
}
