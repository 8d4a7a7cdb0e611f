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

/// As many meters as one of `threads` threads has that begin theirs in step. All get their keys one after
/// the other, and these are the first thread's.
fn meters_of_one_in_step(n: usize, threads: usize) -> Vec<Meter> {
    let all = meters(n * threads);
    // Starts a meter without taking a place in this thread's cache.
    for meter in &all {
        drop(meter.local());
    }
    all.into_iter().step_by(threads).collect()
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
    in_step(table);
}

/// A thread's meters must not meet in its cache, however they came by their keys.
fn in_step(table: &mut Vec<Row>) {
    let [alone, of_seven, of_eight] = [1, 7, 8].map(|threads| meters_of_one_in_step(64, threads));
    let [alone, of_seven, of_eight] = interleave(
        ROUNDS,
        [&mut || in_turn(&alone, 1000), &mut || in_turn(&of_seven, 1000), &mut || {
            in_turn(&of_eight, 1000)
        }],
    );
    for (what, rounds) in [
        ("64 meters that seven threads began in step / that one began", &of_seven),
        ("64 meters that eight threads began in step / that one began", &of_eight),
    ] {
        table.push(Row::ratio(what, ratio(rounds, &alone), Promise::AtMost(1.25)));
    }
}
