//! What doesn't fit its second is shown in the diagnostics. Alone, because that figure is the whole
//! process's.

use std::sync::Mutex;
use std::time::Duration;

use tickring::{ManualClock, Meter, Timer, diagnostics};

/// The most events of one second and ring.
const SECOND_MAX: u64 = (1 << 40) - 1;
/// A weight so light that recording it looks at nothing but the second.
const LIGHT: u64 = 1 << 16;

fn saturated_by(record: impl FnOnce()) -> u64 {
    let before = diagnostics().saturated_records;
    record();
    diagnostics().saturated_records - before
}

/// One test at a time: they count the same figure.
static ALONE: Mutex<()> = Mutex::new(());

/// What exceeds a second is missing there, and nothing else.
#[test]
fn a_full_second_keeps_what_fits() {
    let _alone = ALONE.lock();
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    meter.record_n(SECOND_MAX);
    meter.record_n(2);
    for _ in 0..2 {
        assert_eq!(meter.snapshot().peak_per_second(), SECOND_MAX);
        clock.advance(Duration::from_secs(1));
        meter.record();
    }
    assert_eq!(meter.snapshot().events_in_window(), SECOND_MAX + 2);
    assert_eq!(meter.snapshot().total(), SECOND_MAX + 4);
}

#[test]
fn each_misfit_of_a_second_counts() {
    let _alone = ALONE.lock();
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    let next = || clock.advance(Duration::from_secs(1));

    // A second that is filled to the brim has lost nothing.
    for weights in [&[SECOND_MAX][..], &[1, SECOND_MAX - 1], &[SECOND_MAX - 1, 1], &[1 << 39]] {
        let records = || weights.iter().for_each(|&n| meter.record_n(n));
        assert_eq!(saturated_by(records), 0, "{weights:?}");
        next();
        assert_eq!(saturated_by(|| meter.record()), 0, "the turn after {weights:?}");
        next();
    }
    // A heavy record that doesn't fit counts at once,
    for weights in [&[SECOND_MAX + 1][..], &[2, SECOND_MAX - 1], &[u64::MAX >> 2]] {
        let records = || weights.iter().for_each(|&n| meter.record_n(n));
        assert_eq!(saturated_by(records), 1, "{weights:?}");
        // and its second when the owner leaves it.
        next();
        assert_eq!(saturated_by(|| meter.record()), 1, "the turn after {weights:?}");
        next();
    }
    // Light ones that don't fit are seen at the turn.
    meter.record_n(SECOND_MAX);
    assert_eq!(saturated_by(|| (0..3).for_each(|_| meter.record_n(LIGHT))), 0);
    next();
    assert_eq!(saturated_by(|| meter.record()), 1);

    // On the ring that all share each record that doesn't fit counts, and no turn does.
    let shared = Meter::with_clock(clock.clone());
    let taken: Vec<_> = (0..256).map(|_| shared.local()).collect();
    for weights in [&[SECOND_MAX][..], &[1, SECOND_MAX - 1], &[SECOND_MAX - 1, 1]] {
        let records = || weights.iter().for_each(|&n| shared.record_n(n));
        assert_eq!(saturated_by(records), 0, "{weights:?}");
        assert_eq!(saturated_by(|| shared.record_n(2)), 1, "2 after {weights:?}");
        next();
        assert_eq!(saturated_by(|| shared.record()), 0, "the turn after {weights:?}");
        next();
    }
    assert_eq!(saturated_by(|| shared.record_n(SECOND_MAX + 1)), 1);
    drop(taken);
}

/// The same of durations, where a count has less room, and least where all threads share it.
#[test]
fn each_misfit_of_a_timers_step_counts() {
    const OWN_MAX: u64 = (1 << 36) - 1;
    const SHARED_MAX: u64 = (1 << 33) - 1;
    const LONG: Duration = Duration::from_nanos(7);
    let _alone = ALONE.lock();
    let clock = ManualClock::new();
    let timer = Timer::with_clock(clock.clone());
    let records = |weights: &[u64]| {
        let records = || weights.iter().for_each(|&n| timer.record_n(LONG, n));
        let saturated = saturated_by(records);
        clock.advance(Duration::from_secs(5));
        saturated
    };
    assert_eq!(records(&[3, OWN_MAX - 3]), 0);
    assert_eq!(records(&[2]), 1, "what was moved didn't fit");
    assert_eq!(records(&[5]), 0, "what was moved did");
    assert_eq!(records(&[OWN_MAX, 1]), 1);

    let shared = Timer::with_clock(clock.clone());
    let taken: Vec<_> = (0..256).map(|_| shared.meter().local()).collect();
    let records = |n| saturated_by(|| shared.record_n(LONG, n));
    assert_eq!((records(SHARED_MAX - 1), records(1), records(1)), (0, 0, 1));
    drop(taken);
}
