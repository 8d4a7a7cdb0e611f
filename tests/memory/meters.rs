//! What meters allocate.

use std::time::Duration;

use allocation_counter::measure;
use tickring::{ManualClock, Meter, diagnostics};

use crate::alone;

/// Law 5, the part about memory.
#[test]
fn after_a_threads_first_record_nothing_is_allocated() {
    let _alone = alone();
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    let mut local = meter.local();
    meter.record();
    let allocated = measure(|| {
        for round in 0..1000 {
            meter.record();
            meter.record_n(1 << 30);
            local.record_n(round);
            clock.advance(Duration::from_millis(900));
        }
    });
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
    assert_eq!(measure(|| drop(meter.snapshot())).count_total, 0);
}

/// The same for a meter that is pushed out of the thread's cache at every turn.
#[test]
fn recording_on_many_meters_in_turn_allocates_nothing() {
    let _alone = alone();
    let meters: Vec<Meter> = (0..600).map(|_| Meter::with_clock(ManualClock::new())).collect();
    meters.iter().for_each(Meter::record);
    let allocated = measure(|| (0..10).for_each(|_| meters.iter().for_each(Meter::record)));
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

#[test]
fn a_meter_that_is_not_used_allocates_nothing() {
    static METER: Meter = Meter::new();
    let _alone = alone();
    let allocated = measure(|| {
        drop(Meter::new());
        assert_eq!(METER.shards(), 0);
    });
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

/// Law 8: dropped meters' shards are used again, so churn takes no more memory.
#[test]
fn meters_that_come_and_go_take_no_more_memory() {
    let _alone = alone();
    let turn = || {
        let meter = Meter::with_clock(ManualClock::new());
        meter.record();
        drop(meter.local());
    };
    (0..2000).for_each(|_| turn());
    let shards = diagnostics().shards;
    let allocated = measure(|| (0..2000).for_each(|_| turn()));
    // Growth of a map now and then; no shard, of which each is 704 bytes.
    assert!(allocated.bytes_current < 64 * 1024, "{allocated:?}");
    assert_eq!(diagnostics().shards, shards);
}
