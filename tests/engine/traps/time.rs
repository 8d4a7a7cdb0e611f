//! Gaps, clocks that step or stand still, and what a rate is.
#![allow(clippy::float_cmp)] // Where figures are compared by ==, they are exact.

use std::time::{Duration, Instant};

use crate::support::engine::{on_manual_clock, take_all};

/// Elsewhere: a window of one slot, or a clock that is still younger than the window, makes an
/// index or a time negative.
#[test]
fn clock_younger_than_the_window_reads_all() {
    for shared in [false, true] {
        let (clock, meter) = on_manual_clock();
        let locals = if shared { take_all(&meter) } else { Vec::new() };
        let mut window = 0;
        for second in 0..130_u64 {
            meter.record_n(second + 1);
            window += second + 1;
            window -= second.saturating_sub(59);
            let snapshot = meter.snapshot();
            assert_eq!(snapshot.events_in_window(), window, "second {second}");
            assert_eq!(snapshot.covered(), Duration::from_secs(second.min(60)));
            clock.advance(Duration::from_secs(1));
        }
        drop(locals);
    }
}

/// Elsewhere: after a gap only one stale bucket is cleared, and the others come back as new.
#[test]
fn after_a_gap_no_stale_second_comes_back() {
    for gap in 1..200 {
        let (clock, meter) = on_manual_clock();
        for _ in 0..64 {
            meter.record_n(1000);
            clock.advance(Duration::from_secs(1));
        }
        // The last record was a second ago.
        clock.advance(Duration::from_secs(gap - 1));
        let left = 60_u64.saturating_sub(gap);
        assert_eq!(meter.snapshot().events_in_window(), 1000 * left, "read after {gap} s");
        meter.record();
        assert_eq!(meter.snapshot().events_in_window(), 1000 * left + 1, "after {gap} s");
    }
}

/// Elsewhere: the first record after a night pays for every second of it, 700 ms in one go.
/// Here a second a second would take five hundred years' worth of them.
#[test]
fn a_gap_of_years_costs_nothing_to_catch_up_with() {
    let (clock, meter) = on_manual_clock();
    let start = Instant::now();
    for _ in 0..500 {
        clock.advance(Duration::from_secs(365 * 24 * 3600));
        meter.record();
        assert_eq!(meter.snapshot().events_in_window(), 1);
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    }
}

/// Elsewhere: while the clock is behind, each record evicts a bucket.
#[test]
fn a_clock_that_steps_back_evicts_nothing() {
    let (clock, meter) = on_manual_clock();
    for second in 0..60 {
        clock.set(Duration::from_secs(1000 + second));
        meter.record_n(10);
    }
    clock.set(Duration::from_secs(1030));
    for _ in 0..100 {
        meter.record();
        assert_eq!(clock.elapsed(), Duration::from_secs(1059));
    }
    let snapshot = meter.snapshot();
    assert_eq!((snapshot.events_in_window(), snapshot.total()), (700, 700));
    assert_eq!(snapshot.per_second()[59], 110);
    assert!(snapshot.per_second()[..59].iter().all(|&count| count == 10));
}

/// Elsewhere: a count shown as a rate; a rate cut to a whole number; a count that has left the
/// window divided by a time that hasn't.
#[test]
fn a_rate_is_a_count_by_time_and_keeps_its_fraction() {
    let (clock, meter) = on_manual_clock();
    meter.record();
    assert_eq!(meter.snapshot().events_per_second(), 1.0 / 60.0);
    assert_eq!(meter.snapshot().events_per_hour(), 60.0);
    meter.record_n(89);
    assert_eq!(meter.snapshot().events_per_second(), 1.5);
    // Whatever has been covered, the rate is by the window; by the time covered it is another.
    clock.advance(Duration::from_secs(30));
    let snapshot = meter.snapshot();
    assert_eq!(snapshot.events_per_second(), 1.5);
    assert_eq!(snapshot.lifetime_per_second(), 3.0);
    clock.advance(Duration::from_secs(31));
    let snapshot = meter.snapshot();
    assert_eq!(snapshot.events_per_second(), 0.0);
    assert_eq!(snapshot.lifetime_per_second(), 90.0 / 61.0);
}
