//! What a record costs when one thread records on many meters in turn.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use tickring::Meter;

use super::measure::{interleave, nanos, ratio, spread};
use super::{Promise, Row};

const ROUNDS: usize = 101;

fn meters(n: usize) -> Vec<Meter> {
    std::iter::repeat_with(Meter::new).take(n).collect()
}

/// Nanoseconds per record, over whole turns of all meters.
fn in_turn(meters: &[Meter], turns: u32) -> f64 {
    let turn = || black_box(meters).iter().for_each(Meter::record);
    nanos(turns, turn) / meters.len() as f64
}

pub(crate) fn rows(table: &mut Vec<Row>) {
    let (one, some, thousand) = (meters(1), meters(64), meters(1000));
    let atomics: Vec<CachePadded<AtomicU64>> =
        std::iter::repeat_with(CachePadded::default).take(1000).collect();
    let add = || {
        for atomic in black_box(&atomics) {
            atomic.fetch_add(1, Ordering::Relaxed);
        }
    };
    let [one, some, thousand, atomics] = interleave(
        ROUNDS,
        [
            &mut || in_turn(&one, 64_000),
            &mut || in_turn(&some, 1000),
            &mut || in_turn(&thousand, 64),
            &mut || nanos(64, add) / 1000.0,
        ],
    );
    table.push(Row::plain("`record` on one meter", spread(one.iter().copied())));
    table.push(Row::plain("`record` on 64 meters in turn", spread(some.iter().copied())));
    table.push(Row::plain("`record` on 1,000 meters in turn", spread(thousand.iter().copied())));
    table.push(Row::plain("`fetch_add` on 1,000 atomics in turn", spread(atomics.iter().copied())));
    let against = ratio(&some, &one);
    table.push(Row::ratio("64 meters in turn / one", against, Promise::AtMost(2.0)));
    let against = ratio(&thousand, &atomics);
    table.push(Row::ratio("1,000 meters / 1,000 atomics", against, Promise::AtMost(3.0)));
}
