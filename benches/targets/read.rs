//! What a snapshot costs, and what it costs those who record meanwhile.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tickring::{ManualClock, Meter, Snapshot};

use super::measure::{Rounds, interleave, nanos, ratio, spread};
use super::{Promise, Row};

const ROUNDS: usize = 101;
const N: u32 = 5_000;
const SHARDS: u32 = 17;

/// A meter that has lived through more than a window, with `shards` shards in use throughout.
/// On a manual clock: reading the system's is added where the figure is reported.
fn busy_meter(shards: u32) -> Meter {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    let mut locals: Vec<_> = (0..shards).map(|_| meter.local()).collect();
    for second in 0..130 {
        for local in &mut locals {
            local.record_n(1 + second % 97);
        }
        clock.advance(Duration::from_secs(1));
    }
    locals.iter_mut().for_each(tickring::LocalMeter::record);
    drop(locals);
    meter
}

fn use_all(snapshot: &Snapshot) {
    black_box(snapshot.total());
    black_box(snapshot.events_per_second());
    black_box(snapshot.peak_per_second());
    black_box(snapshot.per_second());
    black_box(snapshot.last_event_age());
}

pub(crate) fn rows(table: &mut Vec<Row>) {
    snapshots(table);
    under_readers(table);
}

fn snapshots(table: &mut Vec<Row>) {
    let (one, many) = (busy_meter(1), busy_meter(SHARDS));
    let read = |meter: &Meter| use_all(&black_box(meter).snapshot());
    let [clock, with_clock, many] = interleave(
        ROUNDS,
        [
            &mut || nanos(N, || _ = black_box(Instant::now())),
            &mut || {
                nanos(N, || {
                    black_box(Instant::now());
                    read(&one);
                })
            },
            &mut || {
                nanos(N, || {
                    black_box(Instant::now());
                    read(&many);
                })
            },
        ],
    );
    table.push(Row::plain("`Instant::now()`", spread(clock.iter().copied())));
    let what = "`snapshot` and all its figures, one shard, clock included";
    table.push(Row::plain(what, spread(with_clock.iter().copied())));
    let against = ratio(&with_clock, &clock);
    table.push(Row::ratio("`snapshot` / `Instant::now()`", against, Promise::AtMost(5.0)));
    let further: Rounds = many
        .iter()
        .zip(&with_clock)
        .map(|(many, one)| (many - one) / f64::from(SHARDS - 1))
        .collect();
    let against = ratio(&further, &clock);
    table.push(Row::ratio("each further shard / `Instant::now()`", against, Promise::AtMost(2.0)));
}

/// One thread records, another one takes snapshots without a pause, or does not.
fn under_readers(table: &mut Vec<Row>) {
    let meter = Meter::new();
    let reading = AtomicBool::new(false);
    let done = AtomicBool::new(false);
    let [alone, read] = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if reading.load(Ordering::Relaxed) {
                    use_all(&meter.snapshot());
                } else {
                    // As busy, elsewhere: the two cores may share what limits their speed.
                    std::hint::spin_loop();
                }
            }
        });
        let figures = interleave(
            ROUNDS,
            [&mut || nanos(400_000, || black_box(&meter).record()), &mut || {
                reading.store(true, Ordering::Relaxed);
                let cost = nanos(400_000, || black_box(&meter).record());
                reading.store(false, Ordering::Relaxed);
                cost
            }],
        );
        done.store(true, Ordering::Relaxed);
        figures
    });
    table.push(Row::plain("`record`, nobody reads", spread(alone.iter().copied())));
    table.push(Row::plain("`record`, a reader in a loop", spread(read.iter().copied())));
    let against = ratio(&read, &alone);
    table.push(Row::ratio("`record`, read / not read", against, Promise::AtMost(1.3)));
}
