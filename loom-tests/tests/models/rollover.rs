//! A ring's owner against a reader at the turn of a second.
//!
//! Races: the owner's stores (bucket of the second that it leaves, base, second, total) with a
//! reader's pass (second, base, total, the second's bucket, those before it).
//!
//! Cases: the owner goes on by one second, by two, or by a lap, and records twice there. The
//! reader finds each of its stores done or not yet done, and must put together what belongs
//! together: each second holds what was recorded in it up to some record, and the total and the last
//! second are as of that record, too. Only a reader that finds its second over looks at both again,
//! and may be told of later records; the last second is then at least that of the total.
//!
//! Explored in full: a second 2,220 executions, two 27,342, a lap 2,072; 2.3 s at most.

use std::collections::BTreeSet;

use loom_tests::{Arc, Model, SLOTS, stagger, thread, tick};
use tickring::internals::Ring;

/// One event in second 0; then the owner records `later` while a reader reads as of `now`.
///
/// Outcome: the reader's last three seconds, the total, the last second.
fn turn(model: Model, later: [(u64, u64); 2], now: u64) {
    let records = [(0, 1), later[0], later[1]];
    let upto = |record: usize, second: u64| -> u64 {
        let counted = records[..=record].iter().filter(|(when, _)| *when == second);
        counted.map(|(_, n)| n).sum()
    };
    let mut outcomes = BTreeSet::new();
    for seen in 0..3 {
        // The next record, if it is in another second, may have ended this one.
        let over = records.get(seen + 1).is_some_and(|(next, _)| *next != records[seen].0);
        let latest = if over { 2 } else { seen };
        let pairs = |total| (seen..=latest).map(move |last| (total, last));
        for (total, last) in (seen..=latest).flat_map(pairs) {
            // The second is looked at after the total.
            if records[last].0 < records[total].0 {
                continue;
            }
            let seconds = [2, 1, 0].map(|age| now.checked_sub(age).map_or(0, |s| upto(seen, s)));
            let total = records[..=total].iter().map(|(_, n)| n).sum();
            outcomes.insert((seconds, total, records[last].0));
        }
    }
    model.check(outcomes, move || {
        let ring = Arc::new(Ring::new());
        ring.add(tick(0), 1);
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.read(tick(now)))
        };
        stagger();
        for (second, n) in later {
            ring.add(tick(second), n);
        }
        let read = reader.join().unwrap();
        let seconds = *read.by_second.last_chunk().expect("a window of three seconds or more");
        (seconds, read.total, read.last.unwrap().as_seconds())
    });
}

#[test]
fn owner_goes_on_by_a_second() {
    turn(Model::new("owner_goes_on_by_a_second", 2000), [(1, 5), (1, 7)], 1);
}

#[test]
fn owner_goes_on_by_two_seconds() {
    turn(Model::new("owner_goes_on_by_two_seconds", 25_000), [(1, 5), (2, 7)], 2);
}

#[test]
fn owner_goes_on_by_a_lap() {
    turn(Model::new("owner_goes_on_by_a_lap", 2000), [(SLOTS, 5), (SLOTS, 7)], SLOTS);
}
