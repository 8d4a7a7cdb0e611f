//! Law 4: an event counts in exactly one second, one that the clock showed between the record's
//! start and its end.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use tickring::{ManualClock, Meter};

use crate::support::engine::{on_manual_clock, take_all};

const SECONDS: usize = 50;

/// Records beside a clock that moves on, and checks each second's count against what must and
/// what may be in it.
fn check(clock: &ManualClock, meter: &Meter, mut recorders: Vec<Box<dyn FnMut() + Send + '_>>) {
    let spans = Mutex::new(Vec::new());
    let seconds = u64::try_from(SECONDS).unwrap();
    thread::scope(|scope| {
        for record in &mut recorders {
            let (clock, spans) = (&clock, &spans);
            scope.spawn(move || {
                let mut own = Vec::new();
                while clock.elapsed().as_secs() < seconds {
                    let before = clock.elapsed().as_secs();
                    record();
                    own.push((before, clock.elapsed().as_secs()));
                }
                spans.lock().unwrap().extend(own);
            });
        }
        for _ in 0..SECONDS * 10 {
            clock.advance(Duration::from_millis(100));
            thread::yield_now();
        }
    });
    let snapshot = meter.snapshot();
    let spans = spans.into_inner().unwrap();
    assert_eq!(snapshot.total(), spans.len() as u64);
    assert_eq!(snapshot.events_in_window(), snapshot.total(), "each event in exactly one second");
    let now = clock.elapsed().as_secs();
    for (age, count) in (0..).zip(snapshot.per_second().iter().rev()) {
        let Some(second) = u64::checked_sub(now, age) else { break };
        let of = |wanted: &dyn Fn(u64, u64) -> bool| {
            spans.iter().filter(|&&(before, after)| wanted(before, after)).count() as u64
        };
        let must = of(&|before, after| before == second && after == second);
        let may = of(&|before, after| (before..=after).contains(&second));
        assert!((must..=may).contains(count), "{count} in second {second}, not {must} to {may}");
    }
}

#[test]
fn event_counts_in_one_second_that_was_shown() {
    let (clock, meter) = on_manual_clock();
    let mut local = meter.local();
    check(&clock, &meter, vec![Box::new(|| meter.record()), Box::new(|| local.record())]);
}

#[test]
fn event_counts_in_one_second_past_the_cap() {
    let (clock, meter) = on_manual_clock();
    let locals = take_all(&meter);
    check(&clock, &meter, vec![Box::new(|| meter.record()), Box::new(|| meter.record())]);
    drop(locals);
}
