//! What a record costs when others record on the same meter.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use tickring::Meter;

use super::measure::{Team, difference, interleave, ratio, spread, team};
use super::{Promise, Row};

const ROUNDS: usize = 41;
const LONG_ROUNDS: usize = 15;

pub(crate) fn rows(table: &mut Vec<Row>) {
    let atomic = CachePadded::new(AtomicU64::new(0));
    let meter = Meter::new();
    let record = || black_box(&meter).record();
    let add = || _ = black_box(&*atomic).fetch_add(1, Ordering::Relaxed);
    let [alone, two, add_alone, add_two] = interleave(
        ROUNDS,
        [
            &mut || team(1, 400_000, record).each,
            &mut || team(2, 400_000, record).each,
            &mut || team(1, 100_000, add).each,
            &mut || team(2, 100_000, add).each,
        ],
    );
    table.push(Row::plain("`record`, one thread", spread(alone.iter().copied())));
    table.push(Row::plain("`record`, two threads on one meter", spread(two.iter().copied())));
    table.push(Row::plain("`fetch_add`, one thread", spread(add_alone)));
    table.push(Row::plain("`fetch_add`, two threads on one", spread(add_two.iter().copied())));
    let against = ratio(&two, &alone);
    table.push(Row::ratio("`record`, two threads / one", against, Promise::AtMost(1.1)));
    let against = ratio(&two, &add_two);
    table.push(Row::ratio("two threads, `record` / `fetch_add`", against, Promise::AtMost(0.15)));

    // Long enough for the scheduler to be fair to eight. What threads do that share nothing at all
    // shows what it makes of them.
    let [two, eight, two_apart, eight_apart] = interleave(
        LONG_ROUNDS,
        [
            &mut || team(2, 64_000_000, record).together,
            &mut || team(8, 16_000_000, record).together,
            &mut || team(2, 64_000_000, step_apart).together,
            &mut || team(8, 16_000_000, step_apart).together,
        ],
    );
    let what = "events/s of eight threads / of two, on one meter";
    table.push(Row::ratio(what, ratio(&two, &eight), Promise::AtLeast(0.95)));
    let what = "the same of threads that share nothing";
    table.push(Row::ratio(what, ratio(&two_apart, &eight_apart), Promise::None));
}

/// A step on the thread's own state, as long as a record or so.
fn step_apart() {
    STATE.with(|state| state.set(black_box(state.get().wrapping_add(1))));
}

/// About ten nanoseconds that cannot overlap with themselves: nine dependent multiplications.
fn work(mut x: u64) -> u64 {
    for _ in 0..9 {
        x = (x ^ (x >> 7)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    x
}

thread_local! {
    static STATE: std::cell::Cell<u64> = const { std::cell::Cell::new(1) };
}

fn step() {
    STATE.with(|state| state.set(work(state.get())));
}

pub(crate) fn rows_between_work(table: &mut Vec<Row>) {
    let atomic = CachePadded::new(AtomicU64::new(0));
    let meter = Meter::new();
    // A barrier for the compiler here, too: otherwise it would keep the state of the other work in
    // a register here, and in memory where there is something between two of its pieces.
    let bare = || {
        black_box(&meter);
        step();
    };
    let record = || {
        black_box(&meter).record();
        step();
    };
    let add = || {
        black_box(&*atomic).fetch_add(1, Ordering::Relaxed);
        step();
    };
    for (threads, work_alone, recorded, added) in [
        (1, "the other work, one thread", "`record`, one thread", "`fetch_add`, one thread"),
        (2, "the other work, two threads", "`record`, two threads", "`fetch_add`, two threads"),
    ] {
        let each = |team: Team| team.each;
        let [alone, with_record, with_add] = interleave(
            ROUNDS,
            [
                &mut || each(team(threads, 50_000, bare)),
                &mut || each(team(threads, 50_000, record)),
                &mut || each(team(threads, 50_000, add)),
            ],
        );
        let cost = difference(&with_record, &alone);
        table.push(Row::plain(work_alone, spread(alone.iter().copied())));
        let promise = Promise::AtMost(1.0);
        table.push(Row { what: recorded, figure: cost, unit: " ns", promise });
        table.push(Row::plain(added, difference(&with_add, &alone)));
    }
}
