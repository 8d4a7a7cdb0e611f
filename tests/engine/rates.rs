//! What a rate means, on a clock that moves when it is told to.
#![allow(clippy::float_cmp)] // Where figures are compared by ==, they are exact.

use std::time::Duration;

use tickring::Snapshot;

use crate::support::engine::on_manual_clock;

fn recorded_at_once(n: u64) -> Snapshot {
    let (clock, meter) = on_manual_clock();
    clock.advance(Duration::from_millis(12_345));
    (0..n).for_each(|_| meter.record());
    meter.snapshot()
}

#[test]
fn hundred_and_twenty_at_once_are_two_a_second() {
    let snapshot = recorded_at_once(120);
    assert_eq!(snapshot.events_per_second(), 2.0);
    assert_eq!(snapshot.events_per_hour(), 7200.0);
    assert_eq!(snapshot.events_in_window(), 120);
}

/// A deque of 3,600 timestamps would say 60.
#[test]
fn ten_thousand_in_one_second_do_not_saturate() {
    let snapshot = recorded_at_once(10_000);
    assert_eq!(snapshot.events_per_second(), 10_000.0 / 60.0);
    assert_eq!(format!("{:.2}", snapshot.events_per_second()), "166.67");
    assert_eq!(snapshot.peak_per_second(), 10_000);
}

/// Whole buckets alone would swing by a sixtieth each second.
#[test]
fn steady_thousand_reads_so_at_every_phase() {
    let (clock, meter) = on_manual_clock();
    for millis in 0..180_000 {
        meter.record();
        clock.advance(Duration::from_millis(1));
        if millis >= 61_000 && millis % 7 == 0 {
            let rate = meter.snapshot().events_per_second();
            assert!((rate - 1000.0).abs() <= 1.0, "{rate} at {millis} ms");
        }
    }
}

#[test]
fn rate_is_zero_61_seconds_after_the_last_event() {
    for millis in [0_u32, 1, 499, 999] {
        let (clock, meter) = on_manual_clock();
        clock.set(Duration::from_millis(u64::from(100_000 + millis)));
        meter.record_n(60_000);
        clock.advance(Duration::from_secs(59));
        assert_eq!(meter.snapshot().events_per_second(), 1000.0);
        // The second of the event leaves the window bit by bit.
        clock.advance(Duration::from_secs(1));
        let share = f64::from(1000 - millis) / 1000.0;
        let rate = meter.snapshot().events_per_second();
        assert!((rate - 1000.0 * share).abs() < 1e-9, "{rate} at {millis} ms");
        clock.advance(Duration::from_secs(1));
        let snapshot = meter.snapshot();
        assert_eq!(snapshot.events_per_second().to_bits(), 0.0_f64.to_bits());
        assert_eq!(snapshot.events_in_window(), 0);
        assert_eq!(snapshot.total(), 60_000);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(meter.snapshot().events_per_hour().to_bits(), 0.0_f64.to_bits());
    }
}

#[test]
fn uptime_begins_with_use_and_covers_a_minute() {
    let (clock, meter) = on_manual_clock();
    clock.advance(Duration::from_secs(1000));
    meter.record();
    let snapshot = meter.snapshot();
    assert_eq!((snapshot.uptime(), snapshot.covered()), (Duration::ZERO, Duration::ZERO));
    assert_eq!(snapshot.lifetime_per_second(), 1.0);
    clock.advance(Duration::from_millis(59_500));
    let covered = Duration::from_millis(59_500);
    assert_eq!((meter.snapshot().uptime(), meter.snapshot().covered()), (covered, covered));
    clock.advance(Duration::from_secs(1));
    let snapshot = meter.snapshot();
    assert_eq!(snapshot.uptime(), Duration::from_millis(60_500));
    assert_eq!(snapshot.covered(), Duration::from_secs(60));
    assert_eq!(snapshot.lifetime_per_second(), 1.0 / 60.5);
}

#[test]
fn uptime_begins_with_a_record() {
    let (clock, meter) = on_manual_clock();
    clock.advance(Duration::from_secs(1000));
    meter.record();
    clock.advance(Duration::from_secs(7));
    assert_eq!(meter.snapshot().uptime(), Duration::from_secs(7));
}

#[test]
fn age_of_the_last_event_shows_silence_from_start() {
    let (clock, meter) = on_manual_clock();
    assert_eq!(meter.snapshot().last_event_age(), None);
    clock.advance(Duration::from_millis(5_250));
    meter.record();
    assert_eq!(meter.snapshot().last_event_age(), Some(Duration::ZERO));
    clock.advance(Duration::from_millis(749));
    assert_eq!(meter.snapshot().last_event_age(), Some(Duration::ZERO));
    clock.advance(Duration::from_millis(501));
    assert_eq!(meter.snapshot().last_event_age(), Some(Duration::from_millis(500)));
    clock.advance(Duration::from_secs(1 << 30));
    let age = Duration::from_secs(1 << 30) + Duration::from_millis(500);
    assert_eq!(meter.snapshot().last_event_age(), Some(age));
}

#[test]
fn series_is_oldest_first_peak_is_of_the_window() {
    let (clock, meter) = on_manual_clock();
    meter.record_n(500);
    for second in 1..=60 {
        clock.advance(Duration::from_secs(1));
        meter.record_n(second);
    }
    let snapshot = meter.snapshot();
    let expected: Vec<u64> = (1..=60).collect();
    assert_eq!(snapshot.per_second()[..], expected);
    assert_eq!(snapshot.peak_per_second(), 60);
    assert_eq!(snapshot.events_in_window(), 1830);
    assert_eq!(snapshot.events_per_second(), (1830.0 + 500.0) / 60.0);
}

/// Whatever is recorded when.
#[test]
fn no_figure_is_ever_negative_infinite_or_nan() {
    for weight in [0, 1, (1 << 40) - 1, 1 << 40, 1 << 63, u64::MAX] {
        let (clock, meter) = on_manual_clock();
        for gap in [0, 1, 59, 60, 61, 64, u64::MAX] {
            meter.record_n(weight);
            let earlier = meter.snapshot();
            clock.advance(Duration::from_secs(gap));
            let snapshot = meter.snapshot();
            for figure in [
                snapshot.events_per_second(),
                snapshot.events_per_hour(),
                snapshot.lifetime_per_second(),
                snapshot.events_per_second_over(1),
                snapshot.events_per_second_over(60),
                snapshot.rate_since(&earlier),
                (snapshot.clone() + earlier).events_per_second(),
            ] {
                assert!(figure.is_finite() && figure >= 0.0, "{figure} for {weight} and {gap} s");
            }
        }
    }
}

#[test]
fn a_record_of_nothing_leaves_no_trace() {
    let (clock, meter) = on_manual_clock();
    meter.record_n(0);
    assert_eq!((meter.shards(), meter.snapshot().last_event_age()), (0, None));
    meter.record();
    clock.advance(Duration::from_secs(5));
    meter.record_n(0);
    assert_eq!(meter.snapshot().last_event_age(), Some(Duration::from_secs(4)));
    assert_eq!(meter.snapshot().total(), 1);
}
