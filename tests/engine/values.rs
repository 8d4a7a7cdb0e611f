//! Snapshots as values: their text, their sums.
#![allow(clippy::float_cmp)] // Where figures are compared by ==, they are exact.

use std::time::Duration;

use tickring::{ManualClock, Meter, Snapshot, Timer};

use crate::support::engine::on_manual_clock;

#[test]
fn a_snapshot_is_a_line_that_a_person_can_read() {
    let (clock, meter) = on_manual_clock();
    assert_eq!(
        meter.snapshot().to_string(),
        "0.00 events/s, peak 0/s; 0 in the last minute, 0 in 0.0 s; no event yet"
    );
    meter.record_n(1000);
    clock.advance(Duration::from_secs(90));
    meter.record_n(120);
    clock.advance(Duration::from_millis(2_500));
    assert_eq!(
        meter.snapshot().to_string(),
        "2.00 events/s, peak 120/s; 120 in the last minute, 1120 in 92.5 s; last event 1.5 s ago"
    );
}

#[test]
fn debug_shows_what_a_snapshot_means() {
    let (clock, meter) = on_manual_clock();
    meter.record_n(120);
    clock.advance(Duration::from_millis(2_500));
    let shown = format!("{:?}", meter.snapshot());
    let expected = "Snapshot { total: 120, events_in_window: 120, events_per_second: 2.0, \
                    peak_per_second: 120, last_event_age: Some(1.5s), uptime: 2.5s, .. }";
    assert_eq!(shown, expected);
}

#[test]
fn a_distribution_is_a_line_that_a_person_can_read() {
    let timer = Timer::with_clock(ManualClock::new());
    assert_eq!(timer.snapshot().distribution().to_string(), "no samples");
    timer.record(Duration::from_secs(5));
    assert_eq!(
        timer.snapshot().distribution().to_string(),
        "1 sample, mean 5.000s; min 5.000s, median 5.000s, p90 5.000s, p99 5.000s, max 5.000s"
    );
    let timer = Timer::with_clock(ManualClock::new());
    timer.record_n(Duration::from_nanos(7), 2);
    timer.record(Duration::from_micros(150));
    timer.record(Duration::from_secs(3600));
    let line = timer.snapshot().distribution().to_string();
    assert_eq!(
        line,
        "4 samples, mean 900.0s; min 7ns, median 7ns, p90 3600s, p99 3600s, max 3600s"
    );
    let both = timer.snapshot().to_string();
    assert!(both.starts_with("0.07 events/s") && both.ends_with(&line), "{both}");
}

#[test]
fn debug_shows_what_a_timer_snapshot_means() {
    let timer = Timer::with_clock(ManualClock::new());
    timer.record(Duration::from_millis(20));
    timer.record(Duration::from_millis(20));
    let now = timer.snapshot();
    assert_eq!(
        format!("{:?}", now.distribution()),
        "Distribution { count: 2, mean: Some(20ms), min: Some(20ms), median: Some(20ms), \
         p99: Some(20ms), max: Some(20ms), .. }"
    );
    let since_start = "SinceStart { count: 2, sum: 40ms, max: Some(20ms), .. }";
    assert_eq!(format!("{:?}", now.since_start()), since_start);
    assert!(format!("{now:?}").contains(since_start));
}

/// Three meters with different histories, on one clock.
fn three() -> (ManualClock, [Meter; 3]) {
    let clock = ManualClock::new();
    let meters = [(); 3].map(|()| Meter::with_clock(clock.clone()));
    for (n, meter) in (1..).zip(&meters) {
        meter.record_n(80 * n);
        clock.advance(Duration::from_millis(20));
    }
    clock.set(Duration::from_millis(60_250));
    meters[0].record_n(60);
    (clock, meters)
}

#[test]
fn the_rate_of_a_sum_is_the_sum_of_rates() {
    let (_clock, meters) = three();
    let parts = meters.each_ref().map(Meter::snapshot);
    let sum: Snapshot = parts.iter().sum();
    // Three quarters of the oldest second are still in the window.
    assert_eq!(sum.events_per_second(), (60.0 + 0.75 * 480.0) / 60.0);
    for seconds in 1..=60 {
        let rates: f64 = parts.iter().map(|part| part.events_per_second_over(seconds)).sum();
        assert!((sum.events_per_second_over(seconds) - rates).abs() < 1e-9, "over {seconds} s");
    }
    assert_eq!((sum.total(), sum.events_in_window()), (540, 60));
    assert_eq!(sum.last_event_age(), Some(Duration::ZERO));
    assert_eq!(sum.uptime(), Duration::from_millis(60_250));
}

#[test]
fn a_sum_is_the_same_in_any_order() {
    let (_clock, meters) = three();
    let [a, b, c] = meters.each_ref().map(Meter::snapshot);
    let sum: Snapshot = [&a, &b, &c].into_iter().sum();
    assert_eq!([c.clone(), a.clone(), b.clone()].into_iter().sum::<Snapshot>(), sum);
    assert_eq!(b.clone() + (a.clone() + c.clone()), sum);
    let mut more = c.clone();
    more += &a;
    more += b;
    assert_eq!(more, sum);
}

#[test]
fn the_sum_of_one_is_that_one_and_of_none_is_empty() {
    let (_clock, meters) = three();
    let one = meters[0].snapshot();
    assert_eq!([&one].into_iter().sum::<Snapshot>(), one);
    let none: Snapshot = std::iter::empty::<Snapshot>().sum();
    assert_eq!((none.total(), none.uptime(), none.last_event_age()), (0, Duration::ZERO, None));
    assert_eq!(none.events_per_second(), 0.0);
    assert_eq!([none.clone(), none.clone()].iter().sum::<Snapshot>(), none);
    assert_eq!((none + one.clone()).events_in_window(), one.events_in_window());
}

#[test]
fn snapshots_of_two_moments_add_up_by_rate() {
    let rates = [(60_250, 90), (60_750, 30)].map(|(end, n)| {
        let (clock, meter) = on_manual_clock();
        meter.record_n(n);
        clock.set(Duration::from_millis(end));
        meter.snapshot()
    });
    let [one, other] = rates;
    let expected = one.events_per_second() + other.events_per_second();
    let sums = [one.clone() + other.clone(), other + one];
    assert!(sums.iter().all(|sum| (sum.events_per_second() - expected).abs() < 1e-8), "{sums:?}");
}

/// Doubled until no number can grow.
#[test]
fn sums_stop_where_numbers_end() {
    let (clock, meter) = on_manual_clock();
    (0..70).for_each(|_| {
        meter.record_n(u64::MAX);
        clock.advance(Duration::from_secs(1));
    });
    let mut sum = meter.snapshot();
    for _ in 0..70 {
        sum = sum.clone() + sum;
        assert!(sum.events_in_window() <= sum.total());
        assert!(sum.events_per_second().is_finite() && sum.lifetime_per_second().is_finite());
    }
    assert_eq!(sum.total(), u64::MAX);
}
