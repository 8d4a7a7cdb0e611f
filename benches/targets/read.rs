//! What a snapshot costs, and what it costs those who record meanwhile.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use tickring::{ManualClock, Meter, Snapshot};

use super::measure::{Rounds, interleave, nanos, ratio, spread};
use super::{Promise, READ_IN_A_LOOP, Row};

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
    table.push(Row::ratio("`snapshot` / `Instant::now()`", against, Promise::AtMost(6.0)));
    let further: Rounds = many
        .iter()
        .zip(&with_clock)
        .map(|(many, one)| (many - one) / f64::from(SHARDS - 1))
        .collect();
    let against = ratio(&further, &clock);
    table.push(Row::ratio("each further shard / `Instant::now()`", against, Promise::AtMost(2.5)));
}

/// What the reader of [`under_readers`] reads, again and again.
mod reads {
    pub(super) const ANOTHER_METER: usize = 0;
    pub(super) const METER: usize = 1;
    /// With a pause.
    pub(super) const METER_AT_TIMES: usize = 2;
    /// Another meter, and a bare counter.
    pub(super) const COUNTER: usize = 3;
    /// A line that both write, by turns: what a line's way to the other core takes now.
    pub(super) const LINE: usize = 4;
    pub(super) const NOTHING_MORE: usize = 5;
}

const PAUSE: Duration = Duration::from_micros(1);

/// One thread records, another one takes snapshots in a loop: of that meter, or of another one, so
/// that it is as busy in either case. A bare counter shows what a look costs who writes there,
/// however little is read.
fn under_readers(table: &mut Vec<Row>) {
    let [meter, other] = [(); 2].map(|()| CachePadded::new(Meter::new()));
    let counter = CachePadded::new(AtomicU64::new(0));
    other.record();
    let line = CachePadded::new(AtomicU64::new(0));
    let wanted = CachePadded::new(AtomicUsize::new(reads::ANOTHER_METER));
    let reader = || {
        loop {
            match wanted.load(Ordering::Relaxed) {
                reads::METER => use_all(&meter.snapshot()),
                reads::METER_AT_TIMES => {
                    use_all(&meter.snapshot());
                    let begun = Instant::now();
                    while begun.elapsed() < PAUSE {}
                }
                reads::COUNTER => {
                    use_all(&other.snapshot());
                    black_box(counter.load(Ordering::Relaxed));
                }
                reads::LINE => {
                    let turn = line.load(Ordering::Acquire);
                    if turn % 2 == 1 {
                        line.store(turn + 1, Ordering::Release);
                    }
                }
                reads::NOTHING_MORE => break,
                _ => use_all(&other.snapshot()),
            }
        }
    };
    let record = |read| {
        wanted.store(read, Ordering::Relaxed);
        nanos(400_000, || black_box(&*meter).record())
    };
    let add = |read| {
        wanted.store(read, Ordering::Relaxed);
        nanos(100_000, || _ = black_box(&*counter).fetch_add(1, Ordering::Relaxed))
    };
    let travel = || {
        wanted.store(reads::LINE, Ordering::Relaxed);
        let there_and_back = nanos(2_000, || {
            let turn = line.load(Ordering::Relaxed) + 1;
            line.store(turn, Ordering::Release);
            while line.load(Ordering::Acquire) == turn {
                std::hint::spin_loop();
            }
        });
        there_and_back / 2.0
    };
    let [alone, read, at_times, add_alone, add_read, way] = thread::scope(|scope| {
        scope.spawn(reader);
        let figures = interleave(
            ROUNDS,
            [
                &mut || record(reads::ANOTHER_METER),
                &mut || record(reads::METER),
                &mut || record(reads::METER_AT_TIMES),
                &mut || add(reads::ANOTHER_METER),
                &mut || add(reads::COUNTER),
                &mut || travel(),
            ],
        );
        wanted.store(reads::NOTHING_MORE, Ordering::Relaxed);
        figures
    });
    table.push(Row::plain("`record`, not read", spread(alone.iter().copied())));
    table.push(Row::plain("`record`, a reader in a loop", spread(read.iter().copied())));
    let against = ratio(&read, &alone);
    table.push(Row::ratio("`record`, read in a loop / not read", against, READ_IN_A_LOOP));
    let against = ratio(&at_times, &alone);
    table.push(Row::ratio("the same with 1 µs between snapshots", against, Promise::None));
    let against = ratio(&add_read, &add_alone);
    table.push(Row::ratio("`fetch_add`, read in such a loop / not", against, Promise::None));
    table.push(Row::plain("a cache line's way to the other core", spread(way)));
}
