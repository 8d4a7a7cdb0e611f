//! What a record costs beside a word that another thread writes, for a meter at each place behind it.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crossbeam_utils::CachePadded;
use tickring::Meter;

use super::measure::{interleave, nanos, ratio, spread};
use super::{Promise, Row};

const ROUNDS: usize = 41;
const OPERATIONS: u32 = 100_000;

/// A word that is written, `N - 1` words, and a meter: as the counts of an `Arc`, or fields beside it.
#[repr(C)]
struct Beside<const N: usize> {
    words: [AtomicU64; N],
    meter: Meter,
}

impl<const N: usize> Beside<N> {
    fn new() -> Self {
        Self { words: [const { AtomicU64::new(0) }; N], meter: Meter::new() }
    }

    fn measure(&self) -> f64 {
        while_written(&self.words[0], &self.meter)
    }
}

/// Nanoseconds for each record while another thread writes `word`.
fn while_written(word: &AtomicU64, meter: &Meter) -> f64 {
    let (begun, over) = (CachePadded::new(AtomicBool::new(false)), AtomicBool::new(false));
    let over = CachePadded::new(over);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                word.fetch_add(1, Ordering::Relaxed);
                begun.store(true, Ordering::Relaxed);
            }
        });
        while !begun.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let record = nanos(OPERATIONS, || black_box(meter).record());
        over.store(true, Ordering::Relaxed);
        record
    })
}

pub(crate) fn rows(table: &mut Vec<Row>) {
    let apart = (CachePadded::new(AtomicU64::new(0)), CachePadded::new(Meter::new()));
    let places = (
        Beside::<1>::new(),
        Beside::<2>::new(),
        Beside::<3>::new(),
        Beside::<4>::new(),
        Beside::<5>::new(),
        Beside::<6>::new(),
        Beside::<7>::new(),
        Beside::<8>::new(),
    );
    let [far, near @ ..] = interleave(
        ROUNDS,
        [
            &mut || while_written(&apart.0, &apart.1),
            &mut || places.0.measure(),
            &mut || places.1.measure(),
            &mut || places.2.measure(),
            &mut || places.3.measure(),
            &mut || places.4.measure(),
            &mut || places.5.measure(),
            &mut || places.6.measure(),
            &mut || places.7.measure(),
        ],
    );
    let near: [_; 8] = near;
    table.push(Row::plain("`record`, another thread writes far away", spread(far.clone())));
    let medians = near.iter().map(|rounds| spread(rounds.clone()));
    let (best, worst) =
        medians.fold((spread(near[0].clone()), spread(near[0].clone())), |(best, worst), place| {
            (
                if place.median < best.median { place } else { best },
                if place.median > worst.median { place } else { worst },
            )
        });
    table.push(Row::plain("the same beside the meter, the best of eight places", best));
    table.push(Row::plain("the worst of eight places", worst));
    let against = near
        .iter()
        .map(|rounds| ratio(rounds, &far))
        .max_by(|a, b| a.median.total_cmp(&b.median))
        .expect("there are eight");
    table.push(Row::ratio("the worst place / far away", against, Promise::AtMost(1.5)));
}
