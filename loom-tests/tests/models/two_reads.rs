//! One reader that reads twice, across a rollover.
//!
//! Races: two snapshots on one thread with the clock's advance by a whole lap and the owner's
//! record after it.
//!
//! Cases: each snapshot comes before, in the middle of or after the turn. In each of them the
//! window is no more than the total, and the second total is no less than the first.
//!
//! Schedules of at most 3 preemptions: 7,988 executions, 1 s.

use loom_tests::{Arc, Model, SECOND, SLOTS, meter, stagger, thread};
use tickring::Snapshot;

fn figures(snapshot: &Snapshot) -> (u64, u64) {
    assert!(snapshot.events_in_window() <= snapshot.total());
    (snapshot.events_in_window(), snapshot.total())
}

/// Outcome: window and total, twice.
#[test]
fn window_within_total_and_totals_never_go_down() {
    // Before the turn, after it, after the record. The second (0, 3): the owner has left its second
    // but isn't in the next one yet as far as the reader sees, and the total is a later one.
    let single = [(1, 1), (0, 1), (0, 3), (2, 3)];
    let stage = |&(window, total): &(u64, u64)| (window != 1, window == 2, total);
    let mut outcomes = Vec::new();
    for first in single {
        let later = |second: &&(u64, u64)| {
            let (a, b) = (stage(&first), stage(second));
            a.0 <= b.0 && a.1 <= b.1 && a.2 <= b.2
        };
        outcomes.extend(single.iter().filter(later).map(|&second| (first, second)));
    }
    // Who has seen the total after the turn finds the second after it.
    outcomes.retain(|&both| both != ((0, 3), (0, 3)));
    Model::new("window_within_total_and_totals_never_go_down", 7_000).preemptions(3).check(
        outcomes,
        || {
            let (meter, clock) = meter();
            meter.record();
            let reader = {
                let meter = Arc::clone(&meter);
                thread::spawn(move || (figures(&meter.snapshot()), figures(&meter.snapshot())))
            };
            stagger();
            clock.advance(SECOND * u32::try_from(SLOTS).unwrap());
            meter.record_n(2);
            let (first, second) = reader.join().unwrap();
            assert!(first.1 <= second.1);
            (first, second)
        },
    );
}
