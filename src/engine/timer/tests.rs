//! What only the inside of a timer shows.

use super::*;
use crate::engine::time::ManualClock;

const LONG: Duration = Duration::from_nanos(7);

fn timer() -> Timer {
    Timer::with_clock(ManualClock::new())
}

fn figures(timer: &Timer) -> (u64, u64, u64) {
    let now = timer.snapshot();
    (now.distribution().count(), now.since_start().count(), now.events().total())
}

/// The duration of an event that was counted before counts no second event.
#[test]
fn a_duration_alone_is_no_event() {
    let timer = timer();
    timer.meter().record_n(3);
    timer.record_duration_only(LONG);
    let others: Vec<_> = (0..255).map(|_| timer.meter().local()).collect();
    std::thread::scope(|scope| {
        // This thread finds all shards taken.
        scope.spawn(|| timer.record_duration_only(LONG));
    });
    drop(others);
    assert_eq!(timer.meter().shards(), 256);
    assert_eq!(figures(&timer), (2, 2, 3));
}

/// As when the allocator records while the thread allocates what all threads share.
#[test]
fn a_sample_of_the_allocator_is_in_no_window() {
    let timer = timer();
    ALLOCATING_SHARED.set(true);
    timer.record(LONG);
    assert_eq!(figures(&timer), (0, 1, 1));
    ALLOCATING_SHARED.set(false);
    timer.record(LONG);
    assert_eq!(figures(&timer), (1, 2, 2));
}

/// Writers may have replaced seconds of the meter, or a step of the durations.
#[test]
fn an_overtaken_timer_has_no_snapshot() {
    let clock = ManualClock::new();
    let timer = Timer::with_clock(clock.clone());
    timer.record(LONG);
    for (now, later) in [(0, 4), (4, 5), (4, 9)] {
        clock.set(Duration::from_secs(later));
        let now = Moment::since_origin(Duration::from_secs(now));
        assert!(timer.snapshot_at(now).is_none(), "{later}");
    }
    let now = Moment::since_origin(Duration::from_secs(7));
    assert!(timer.snapshot_at(now).is_some(), "two seconds are not too many within a step");
}

#[cfg(feature = "http")]
#[test]
fn figures_since_the_start_can_be_had_alone() {
    let timer = timer();
    timer.record(LONG);
    timer.record(LONG);
    let since_start = timer.since_start();
    assert_eq!((since_start.count(), since_start.max()), (2, Some(LONG)));
}
