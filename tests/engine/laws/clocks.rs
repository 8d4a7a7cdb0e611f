//! Law 9: backward or jumping clocks: no stale count comes back, nothing underflows. Law 5, the
//! part about clocks: a recorder reads none.

use std::time::Duration;

use crate::support::engine::through_every_ring;

const YEAR: u64 = 365 * 24 * 3600;
const GAPS: [u64; 14] = [0, 1, 2, 3, 4, 58, 59, 60, 61, 63, 64, 65, 120, YEAR];

/// From every slot of the ring, over every gap, with a full window before it.
#[test]
fn gaps_bring_no_stale_count_back() {
    through_every_ring(|clock, meter, mut record| {
        for gap in GAPS {
            for start in 0..7 {
                clock.advance(Duration::from_secs(1000 + start));
                for second in 1..=64 {
                    record(second);
                    clock.advance(Duration::from_secs(1));
                }
                clock.advance(Duration::from_secs(gap));
                let mut expected = [0; 60];
                for (age, count) in expected.iter_mut().rev().enumerate() {
                    let age = u64::try_from(age).unwrap();
                    if let Some(since) = age.checked_sub(gap + 1)
                        && since < 64
                    {
                        *count = 64 - since;
                    }
                }
                assert_eq!(meter.snapshot().per_second(), &expected, "gap {gap}");
                record(7);
                expected[59] += 7;
                assert_eq!(meter.snapshot().per_second(), &expected, "gap {gap}, then 7");
            }
        }
    });
}

#[test]
fn a_clock_never_goes_back_and_takes_no_count_with_it() {
    through_every_ring(|clock, meter, mut record| {
        clock.set(Duration::from_secs(500));
        for back in [1, 59, 60, 61, 64, 500] {
            record(2);
            clock.set(Duration::from_secs(500 - back));
            assert_eq!(clock.elapsed(), Duration::from_secs(500));
            record(1);
        }
        let snapshot = meter.snapshot();
        assert_eq!((snapshot.events_in_window(), snapshot.total()), (18, 18));
        assert_eq!(snapshot.peak_per_second(), 18);
    });
}

#[test]
fn at_the_end_of_a_clock_nothing_overflows() {
    through_every_ring(|clock, meter, mut record| {
        record(5);
        assert_eq!(meter.snapshot().total(), 5);
        for _ in 0..3 {
            clock.advance(Duration::MAX);
            clock.set(Duration::MAX);
            let end = clock.elapsed();
            clock.advance(Duration::from_secs(1));
            assert_eq!(clock.elapsed(), end);
            record(1);
        }
        let snapshot = meter.snapshot();
        assert_eq!((snapshot.total(), snapshot.events_in_window()), (8, 3));
        assert_eq!(snapshot.last_event_age(), Some(Duration::ZERO));
        assert!(snapshot.uptime() > Duration::from_secs(500 * YEAR));
        assert_eq!(snapshot.covered(), Duration::from_secs(60));
    });
}
