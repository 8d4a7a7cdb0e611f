//! What a record costs one thread.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use tickring::Meter;

use super::measure::{interleave, nanos, ratio, spread};
use super::{Promise, Row};

const ROUNDS: usize = 101;
const N: u32 = 200_000;

pub(crate) fn rows(table: &mut Vec<Row>) {
    let atomic = AtomicU64::new(0);
    let meter = Meter::new();
    let mut local = meter.local();
    let [empty, add, shared, owned] = interleave(
        ROUNDS,
        [
            &mut || nanos(N, || _ = black_box(&meter)),
            &mut || nanos(N, || _ = black_box(&atomic).fetch_add(1, Ordering::Relaxed)),
            &mut || nanos(N, || black_box(&meter).record()),
            &mut || nanos(N, || local.record()),
        ],
    );
    table.push(Row::plain("an empty loop", spread(empty)));
    table.push(Row::plain("`AtomicU64::fetch_add(1, Relaxed)`", spread(add.iter().copied())));
    table.push(Row::plain("`Meter::record`", spread(shared.iter().copied())));
    table.push(Row::plain("`LocalMeter::record`", spread(owned.iter().copied())));
    let against = ratio(&shared, &add);
    table.push(Row::ratio("`Meter::record` / `fetch_add`", against, Promise::AtMost(0.6)));
    let against = ratio(&owned, &add);
    table.push(Row::ratio("`LocalMeter::record` / `fetch_add`", against, Promise::AtMost(0.3)));
}
