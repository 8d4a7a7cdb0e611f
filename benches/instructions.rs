//! What `.ci/figures` counts under callgrind: one operation, a given number of times.
//!
//! `instructions OPERATION TIMES`; the operations are named below. Two runs with different TIMES
//! differ by the operation and its loop alone, and so the empty loop can be taken away.

use std::hint::black_box;
use std::time::Duration;

use tickring::{ManualClock, Meter, Timer};

const LONG: Duration = Duration::from_micros(1234);

fn main() {
    // Cargo adds a flag of its own to what it starts as a bench.
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-'));
    let (Some(operation), Some(times)) = (words.next(), words.next()) else {
        println!("nothing to do: this is for .ci/figures");
        return;
    };
    let times: u32 = times.parse().expect("TIMES must be a number");
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    // A full window, then a second that has begun: what a busy meter looks like.
    for second in 0..130 {
        meter.record_n(1 + second % 97);
        clock.advance(Duration::from_secs(1));
    }
    meter.record();
    match operation.as_str() {
        "empty" => (0..times).for_each(|_| _ = black_box(&meter)),
        "record" => (0..times).for_each(|_| black_box(&meter).record()),
        "record_n" => (0..times).for_each(|_| black_box(&meter).record_n(black_box(7))),
        "local" => {
            let mut local = meter.local();
            local.record();
            (0..times).for_each(|_| black_box(&mut local).record());
        }
        "timer" => {
            let durations = Timer::with_clock(clock.clone());
            durations.record(LONG);
            (0..times).for_each(|_| black_box(&durations).record(black_box(LONG)));
        }
        "past_cap" => {
            let full = Meter::with_clock(clock.clone());
            let all: Vec<_> = (0..256).map(|_| full.local()).collect();
            full.record();
            (0..times).for_each(|_| black_box(&full).record());
            drop(all);
        }
        "compact" => {
            let compact = Meter::compact_with_clock(clock.clone());
            (0..times).for_each(|_| black_box(&compact).record());
        }
        "in_turn" => {
            let meters: Vec<_> = (0..1000).map(|_| Meter::with_clock(clock.clone())).collect();
            meters.iter().for_each(Meter::record);
            meters.iter().cycle().take(times as usize).for_each(|meter| black_box(meter).record());
        }
        "snapshot" => (0..times).for_each(|_| _ = black_box(black_box(&meter).snapshot())),
        "total" => (0..times).for_each(|_| _ = black_box(black_box(&meter).total())),
        "events_in_window" => {
            (0..times).for_each(|_| _ = black_box(black_box(&meter).events_in_window()));
        }
        "events_per_second" => {
            (0..times).for_each(|_| _ = black_box(black_box(&meter).events_per_second()));
        }
        other => panic!("no operation is called {other}"),
    }
}
