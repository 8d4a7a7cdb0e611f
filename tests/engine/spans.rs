//! Rates over 1 to 60 seconds, and rates of meters that have just begun.
#![allow(clippy::float_cmp)] // Where figures are compared by ==, they are exact.

use std::time::Duration;

use crate::support::engine::on_manual_clock;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One event a millisecond, from the start on.
#[test]
fn a_steady_rate_reads_the_same_over_any_span() {
    for start in [0, 300] {
        let (clock, meter) = on_manual_clock();
        clock.set(ms(start));
        for millis in 0..70_000_u32 {
            meter.record();
            clock.advance(ms(1));
            if millis < 1000 || millis % 37 != 0 {
                continue;
            }
            let now = meter.snapshot();
            for seconds in [1, 2, 5, 30, 59, 60] {
                // While the second of the start leaves, it counts as a whole one, which it was not.
                if start != 0 && clock.elapsed().as_secs() == u64::from(seconds) {
                    continue;
                }
                let rate = now.events_per_second_over(seconds);
                assert!((rate - 1000.0).abs() <= 1.0, "{rate} over {seconds} s at {millis} ms");
            }
        }
    }
}

#[test]
fn sixty_seconds_are_the_rate_after_a_minute() {
    let (clock, meter) = on_manual_clock();
    for step in 0_u32..700 {
        meter.record_n(u64::from(step * step % 97));
        clock.advance(ms(113 + u64::from(step) % 61));
        let now = meter.snapshot();
        let (over, rate) = (now.events_per_second_over(60), now.events_per_second());
        if now.uptime() >= Duration::from_secs(60) {
            assert_eq!(over.to_bits(), rate.to_bits(), "{over} and {rate} at {:?}", now.uptime());
        } else {
            let lived = now.uptime().as_secs_f64().max(1.0);
            assert!((over * lived - rate * 60.0).abs() < 1e-6, "at {:?}", now.uptime());
        }
    }
}

#[test]
fn a_second_leaves_a_span_bit_by_bit() {
    let (clock, meter) = on_manual_clock();
    assert_eq!(meter.snapshot().uptime(), Duration::ZERO);
    clock.set(ms(100_250));
    meter.record_n(600);
    for seconds in 1..=60_u32 {
        assert_eq!(meter.snapshot().events_per_second_over(seconds), 600.0 / f64::from(seconds));
    }
    for (at, share) in
        [(102_999, 1.0), (103_000, 1.0), (103_250, 0.75), (103_500, 0.5), (104_000, 0.0)]
    {
        clock.set(ms(at));
        assert_eq!(meter.snapshot().events_per_second_over(3), share * 200.0, "at {at} ms");
    }
}

#[test]
fn spans_out_of_range_are_the_nearest_one() {
    let (clock, meter) = on_manual_clock();
    for second in 0..200 {
        meter.record_n(second);
        clock.advance(ms(1010));
    }
    let now = meter.snapshot();
    assert_eq!(now.events_per_second_over(0), now.events_per_second_over(1));
    for seconds in [61, 3600, u32::MAX] {
        assert_eq!(now.events_per_second_over(seconds), now.events_per_second());
    }
    assert_ne!(now.events_per_second_over(1), now.events_per_second_over(60));
}

/// One event, 12 µs after the start, is not 83,000 events a second.
#[test]
fn no_rate_divides_by_less_than_a_second() {
    for uptime in [0, 12, 999_999, 1_000_000] {
        let (clock, meter) = on_manual_clock();
        clock.set(ms(100_700));
        meter.record();
        let earlier = meter.snapshot();
        clock.advance(Duration::from_micros(uptime));
        meter.record();
        let now = meter.snapshot();
        assert_eq!(now.lifetime_per_second(), 2.0, "after {uptime} µs");
        assert_eq!(now.rate_since(&earlier), 1.0, "after {uptime} µs");
        assert_eq!(now.events_per_second_over(60), 2.0, "after {uptime} µs");
        assert!(now.events_per_second_over(1) <= 2.0, "after {uptime} µs");
    }
}

#[test]
fn a_young_meter_divides_by_what_it_has_lived_through() {
    let (clock, meter) = on_manual_clock();
    clock.set(ms(50_500));
    meter.record_n(90);
    clock.advance(ms(4_500));
    let now = meter.snapshot();
    assert_eq!(now.events_per_second_over(10), 20.0);
    assert_eq!(now.events_per_second_over(60), 20.0);
    assert_eq!(now.events_per_second(), 1.5);
    // The events are older than two seconds.
    assert_eq!(now.events_per_second_over(2), 0.0);
    let new = on_manual_clock().1.snapshot();
    assert_eq!(new.events_per_second_over(60).to_bits(), 0.0_f64.to_bits());
}

#[test]
fn the_rate_since_a_snapshot_counts_what_came_since() {
    let (clock, meter) = on_manual_clock();
    meter.record_n(1000);
    let earlier = meter.snapshot();
    clock.advance(Duration::from_secs(7200));
    meter.record_n(3600);
    let now = meter.snapshot();
    assert_eq!(now.rate_since(&earlier), 0.5);
    assert_eq!(now.rate_since(&now), 0.0);
    // There is no negative rate.
    assert_eq!(earlier.rate_since(&now), 0.0);
}
