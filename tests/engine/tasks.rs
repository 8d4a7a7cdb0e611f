//! Timers in async code: waiting, cancellation, and guards across `.await`.

use std::future::pending;
use std::time::Duration;

use tickring::{ManualClock, Timer};
use tokio::task::yield_now;

fn timer() -> (Timer, ManualClock) {
    let clock = ManualClock::new();
    (Timer::with_clock(clock.clone()), clock)
}

fn counted(timer: &Timer) -> (u64, Duration) {
    let since_start = timer.snapshot().since_start().clone();
    (since_start.count(), since_start.sum())
}

/// Three milliseconds of work, in turns.
async fn work(clock: &ManualClock) -> u32 {
    for _ in 0..3 {
        yield_now().await;
        clock.advance(Duration::from_millis(1));
    }
    42
}

#[tokio::test]
async fn time_async_times_a_future_to_its_end() {
    let (timer, clock) = timer();
    let future = timer.time_async(work(&clock));
    // Nothing has been polled yet, so nothing has begun.
    clock.advance(Duration::from_secs(9));
    assert_eq!(future.await, 42);
    assert_eq!(counted(&timer), (1, Duration::from_millis(3)));
}

/// The documentation of `time` warns of this: it compiles, and times the making of the future.
#[tokio::test]
async fn time_of_a_closure_that_returns_a_future_is_none() {
    let (timer, clock) = timer();
    assert_eq!(timer.time(|| work(&clock)).await, 42);
    assert_eq!(clock.elapsed(), Duration::from_millis(3));
    assert_eq!(counted(&timer), (1, Duration::ZERO));
}

#[tokio::test]
async fn a_future_that_is_cancelled_records_nothing() {
    let (timer, clock) = timer();
    let never = timer.time_async(async {
        clock.advance(Duration::from_millis(1));
        pending::<()>().await;
    });
    tokio::select! {
        () = never => unreachable!(),
        () = yield_now() => {}
    }
    assert_eq!(counted(&timer), (0, Duration::ZERO));
    assert_eq!(timer.snapshot().events().total(), 0);
}

#[tokio::test]
async fn a_future_that_panics_records_nothing() {
    static TIMER: Timer = Timer::new();
    let task = tokio::spawn(TIMER.time_async(async {
        yield_now().await;
        panic!("on purpose");
    }));
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(counted(&TIMER).0, 0);
}

/// The guard of `start` is for those who want to count these as well.
#[tokio::test]
async fn a_guard_across_await_records_a_cancelled_future() {
    let (timer, clock) = timer();
    let cancelled = async {
        let _timing = timer.start();
        clock.advance(Duration::from_millis(2));
        pending::<()>().await;
    };
    tokio::select! {
        () = cancelled => unreachable!(),
        () = yield_now() => {}
    }
    assert_eq!(counted(&timer), (1, Duration::from_millis(2)));
}

#[tokio::test]
async fn a_static_timers_future_can_be_spawned() {
    static TIMER: Timer = Timer::new();
    let tasks: Vec<_> = (0..50).map(|n| tokio::spawn(TIMER.time_async(async move { n }))).collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    assert_eq!((sum, counted(&TIMER).0), (49 * 50 / 2, 50));
}

#[test]
fn a_stopwatch_records_only_when_it_is_stopped() {
    let (timer, clock) = timer();
    let attempt = |text: &str| -> Result<u32, std::num::ParseIntError> {
        let stopwatch = timer.stopwatch();
        clock.advance(Duration::from_millis(5));
        let number = text.parse()?;
        assert_eq!(stopwatch.elapsed(), Duration::from_millis(5));
        assert_eq!(stopwatch.stop(), Duration::from_millis(5));
        Ok(number)
    };
    assert!(attempt("x").is_err());
    assert_eq!(counted(&timer).0, 0);
    assert_eq!(attempt("7"), Ok(7));
    assert_eq!(counted(&timer), (1, Duration::from_millis(5)));
}
