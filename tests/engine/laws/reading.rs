//! Law 2: window ≤ total in every snapshot. Law 3: a reader never sees a total go down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tickring::{Meter, Snapshot};

use crate::support::engine::{Count, on_manual_clock, take_all};

/// What a recorder has begun and what it has done, so that a reader knows its bounds.
#[derive(Debug, Default)]
struct Progress {
    begun: Count,
    done: Count,
}

impl Progress {
    fn record(&self, n: u64, record: impl FnOnce(u64)) {
        self.begun.add(n);
        record(n);
        self.done.add(n);
    }

    /// A snapshot, shown to be of some moment between its start and its end.
    fn read(&self, meter: &Meter) -> Snapshot {
        let done = self.done.get();
        let snapshot = meter.snapshot();
        let begun = self.begun.get();
        let (window, total) = (snapshot.events_in_window(), snapshot.total());
        assert!(window <= total, "window {window} of a total of {total}");
        assert!((done..=begun).contains(&total), "total {total} when {done} to {begun} were in");
        snapshot
    }
}

/// Runs recorders beside a reader for as long as they take.
fn read_beside(meter: &Meter, progress: &Progress, whole: bool, recorders: impl FnOnce() + Send) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            recorders();
            over.store(true, Ordering::Release);
        });
        let mut total = 0;
        while !over.load(Ordering::Acquire) {
            let done = progress.done.get();
            let snapshot = progress.read(meter);
            assert!(snapshot.total() >= total, "{} after {total}", snapshot.total());
            total = snapshot.total();
            // While everything is younger than a minute the window has it all.
            let window = snapshot.events_in_window();
            assert!(!whole || window >= done, "window {window} when {done} were in");
        }
    });
}

#[test]
fn window_and_totals_agree_while_one_thread_records() {
    for _ in 0..40 {
        let (clock, meter) = on_manual_clock();
        let progress = Progress::default();
        read_beside(&meter, &progress, true, || {
            for _ in 0..55 {
                (0..20).for_each(|n| progress.record(n + 1, |n| meter.record_n(n)));
                clock.advance(Duration::from_secs(1));
            }
        });
        assert_eq!(progress.read(&meter).total(), 55 * 210);
    }
}

#[test]
fn window_and_totals_agree_past_the_cap() {
    for _ in 0..10 {
        let (clock, meter) = on_manual_clock();
        let progress = Progress::default();
        let locals = take_all(&meter);
        read_beside(&meter, &progress, true, || {
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        for _ in 0..25 {
                            (0..20).for_each(|_| progress.record(1, |n| meter.record_n(n)));
                            clock.advance(Duration::from_secs(1));
                        }
                    });
                }
            });
        });
        assert_eq!(progress.read(&meter).total(), 2 * 25 * 20);
        drop(locals);
    }
}

/// Threads that come and go, and laps that go round.
#[test]
fn window_and_totals_agree_while_threads_change() {
    let (clock, meter) = on_manual_clock();
    let progress = Progress::default();
    read_beside(&meter, &progress, false, || {
        for round in 0..400 {
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| (0..50).for_each(|_| progress.record(1, |n| meter.record_n(n))));
                }
                let mut local = meter.local();
                (0..50).for_each(|_| progress.record(3, |n| local.record_n(n)));
            });
            clock.advance(Duration::from_millis(300 + 20 * (round % 100)));
        }
    });
    assert_eq!(progress.read(&meter).total(), 400 * (100 + 150));
}
