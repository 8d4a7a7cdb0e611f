//! What happens while the clock's thread is late. Alone, because only the feature `internals` can
//! hold a published second back.

mod support;

use std::time::Duration;

use support::engine::{on_manual_clock, through_every_ring};

/// Elsewhere: a sampler that is late, or lost in a fork, puts events into the wrong seconds for
/// good. (The fork is in `tests/fork.rs`.)
#[test]
fn stalled_ticker_misdates_and_loses_nothing() {
    let (clock, meter) = on_manual_clock();
    meter.record_n(5);
    clock.advance_unpublished(Duration::from_secs(20));
    meter.record_n(6);
    let snapshot = meter.snapshot();
    assert_eq!((snapshot.per_second()[39], snapshot.events_in_window()), (11, 11));
    meter.record_n(7);
    let snapshot = meter.snapshot();
    assert_eq!((snapshot.per_second()[59], snapshot.events_in_window()), (7, 18));
    assert_eq!(snapshot.total(), 18);
}

/// Three slots of a ring lie outside the window: so far may writers be ahead of a reader.
#[test]
fn reader_reads_again_past_three_seconds() {
    let (clock, meter) = on_manual_clock();
    clock.set(Duration::from_secs(100));
    meter.record();
    let now = clock.elapsed();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(1));
        meter.record_n(5);
        let reading = tickring::internals::read_at(&meter, now).unwrap();
        assert_eq!((reading.by_second[60], reading.seen()), (1, 1));
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(tickring::internals::read_at(&meter, now), None);
}

/// The clock's time has moved on, but nobody has told: a recorder that looked for itself would
/// count in the new second.
#[test]
fn a_recorder_reads_no_clock() {
    through_every_ring(|clock, meter, mut record| {
        record(1);
        clock.advance_unpublished(Duration::from_secs(3));
        record(1);
        let snapshot = meter.snapshot();
        assert_eq!(snapshot.per_second()[56..], [2, 0, 0, 0]);
        // The reader has told.
        record(1);
        assert_eq!(meter.snapshot().per_second()[56..], [2, 0, 0, 1]);
    });
}
