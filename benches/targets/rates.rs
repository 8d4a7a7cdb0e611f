//! What a single figure costs a reader that asks often.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use tickring::Meter;

use super::measure::{Rounds, interleave, nanos, ratio, spread};
use super::{Promise, Row};

const ROUNDS: usize = 101;
const N: u32 = 20_000;
const SOME: u32 = 9;
const MANY: u32 = 256;

/// A meter with shards that threads have left behind, all but this thread's.
fn meter(shards: u32) -> Meter {
    let meter = Meter::new();
    let locals: Vec<_> = (0..shards)
        .map(|n| {
            let mut local = meter.local();
            local.record_n(u64::from(n));
            local
        })
        .collect();
    drop(locals);
    meter.record();
    meter
}

fn further(many: &[f64], one: &[f64], shards: u32) -> Rounds {
    many.iter().zip(one).map(|(many, one)| (many - one) / f64::from(shards - 1)).collect()
}

pub(crate) fn rows(table: &mut Vec<Row>) {
    let [one, some, many] = [1, SOME, MANY].map(meter);
    let window = |meter: &Meter| nanos(N, || _ = black_box(black_box(meter).events_in_window()));
    let rate = |meter: &Meter| nanos(N, || _ = black_box(black_box(meter).events_per_second()));
    let [clock, total, window_one, window_some, rate_one, rate_many] = interleave(
        ROUNDS,
        [
            &mut || nanos(N, || _ = black_box(Instant::now())),
            &mut || nanos(N, || _ = black_box(black_box(&one).total())),
            &mut || window(&one),
            &mut || window(&some),
            &mut || rate(&one),
            &mut || rate(&many),
        ],
    );
    table.push(Row::plain("`Instant::now()`", spread(clock.iter().copied())));
    table.push(Row::plain("`total`, one shard", spread(total.iter().copied())));
    table.push(Row::plain("`events_in_window`, one shard", spread(window_one.iter().copied())));
    table.push(Row::plain("`events_per_second`, one shard", spread(rate_one.iter().copied())));
    let what = "`events_per_second`, 256 shards left behind";
    table.push(Row::plain(what, spread(rate_many.iter().copied())));
    let against = ratio(&window_one, &clock);
    table.push(Row::ratio("`events_in_window` / `Instant::now()`", against, Promise::AtMost(0.15)));
    let against = ratio(&further(&window_some, &window_one, SOME), &clock);
    let what = "`events_in_window`, each further shard / `Instant::now()`";
    table.push(Row::ratio(what, against, Promise::AtMost(0.09)));
    let against = ratio(&rate_one, &clock);
    table.push(Row::ratio("`events_per_second` / `Instant::now()`", against, Promise::AtMost(1.8)));
    let against = ratio(&rate_many, &clock);
    let what = "`events_per_second`, 256 shards left behind / `Instant::now()`";
    table.push(Row::ratio(what, against, Promise::AtMost(26.0)));

    // Under a thread that records on the same meter all the time.
    let (done, meter) = (std::sync::atomic::AtomicBool::new(false), Meter::new());
    let [alone, read] = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                meter.record();
            }
        });
        let rounds = interleave(ROUNDS, [&mut || window(&one), &mut || window(&meter)]);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        rounds
    });
    table.push(Row::plain(
        "`events_in_window` beside a recorder of another meter",
        spread(alone.iter().copied()),
    ));
    table.push(Row::plain("`events_in_window` under a recorder", spread(read.iter().copied())));
}
