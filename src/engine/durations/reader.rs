//! How a reader puts the window of a timer together. The cases are in the [module above](super).

use super::layout::PER_LINE;
use super::own::OwnDurations;
use super::shared::SharedDurations;
use super::word::{Mover, OwnWord, STEPS, SharedWord, Step};

/// A bucket that has samples, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) bucket: u16,
    pub(crate) count: u64,
}

/// The steps that belong to a window.
struct Window {
    now: Step,
    /// The lap that a shared word must have to belong to the window, by slot.
    laps: [u64; STEPS],
}

/// The words of one owner, and the reader's first look at those of one cache line.
pub(crate) struct Owner<'a> {
    words: &'a OwnDurations,
    mover: Mover,
    first: [OwnWord; PER_LINE],
}

/// The counts of a window, by bucket; only of buckets with something in them.
pub(crate) fn read<'a>(
    shared: &SharedDurations,
    owners: impl Iterator<Item = &'a OwnDurations>,
    now: Step,
) -> Vec<Filled> {
    let window = Window::of(now);
    let mut owners: Vec<Owner<'_>> = owners.map(Owner::new).collect();
    let mut filled = Vec::with_capacity(64);
    for (line, used) in shared.used() {
        let counts = read_line(shared, &mut owners, line, used, &window);
        let found = (line * PER_LINE..).zip(counts).filter(|&(_, count)| count > 0);
        #[allow(clippy::cast_possible_truncation)] // Below 619.
        filled.extend(found.map(|(bucket, count)| Filled { bucket: bucket as u16, count }));
    }
    filled
}

/// The counts of the buckets of a line, with zeroes for buckets that were never used.
fn read_line(
    shared: &SharedDurations,
    owners: &mut [Owner<'_>],
    line: usize,
    used: u8,
    window: &Window,
) -> [u64; PER_LINE] {
    loop {
        for owner in owners.iter_mut() {
            for index in ones(used) {
                owner.first[index] = owner.words.load(line * PER_LINE + index);
            }
        }
        if let Some(counts) = read_on(shared, owners, line, used, window) {
            return counts;
        }
    }
}

/// The rest of the pass over a line, after the first looks; `None` if a move came in between (case 4).
fn read_on(
    shared: &SharedDurations,
    owners: &[Owner<'_>],
    line: usize,
    used: u8,
    window: &Window,
) -> Option<[u64; PER_LINE]> {
    let mut counts = [0; PER_LINE];
    for index in ones(used) {
        let bucket = line * PER_LINE + index;
        let words = shared.read(bucket);
        counts[index] = window.count(&words);
        for owner in owners {
            counts[index] += owner.count(owner.first[index], bucket, window.now, &words)?;
        }
    }
    Some(counts)
}

/// The places of the bits that are 1.
fn ones(bits: u8) -> impl Iterator<Item = usize> {
    (0..PER_LINE).filter(move |index| bits & 1 << index != 0)
}

impl Window {
    fn of(now: Step) -> Self {
        // No lap has so many bits.
        let mut laps = [u64::MAX; STEPS];
        for step in now.0.saturating_sub(STEPS as u64 - 1)..=now.0 {
            laps[Step(step).slot()] = SharedWord::empty(Step(step)).lap();
        }
        Self { now, laps }
    }

    /// What the shared words of a bucket have of the window.
    fn count(&self, shared: &[SharedWord; STEPS]) -> u64 {
        let words = shared.iter().zip(&self.laps);
        words.map(|(word, &lap)| if word.lap() == lap { word.count() } else { 0 }).sum()
    }
}

impl<'a> Owner<'a> {
    pub(crate) fn new(words: &'a OwnDurations) -> Self {
        Self { words, mover: words.mover(), first: [OwnWord(0); PER_LINE] }
    }

    /// What the word of this owner adds to the window of `now`, given the first look at it and the shared
    /// words, which were loaded after it; `None` if a move came in between (case 4).
    fn count(
        &self,
        first: OwnWord,
        bucket: usize,
        now: Step,
        shared: &[SharedWord; STEPS],
    ) -> Option<u64> {
        let Some(age) = first.age(now).filter(|&age| age < STEPS as u64) else { return Some(0) };
        // Case 1. A word that was never written counts nothing.
        if age == 0 || first.count() == 0 {
            return Some(first.count());
        }
        let second = self.words.load(bucket);
        if !second.has_step_of(first) {
            return None;
        }
        let Some(step) = now.0.checked_sub(age).map(Step) else { return Some(0) };
        // Case 2, or else case 3.
        let there = shared[step.slot()];
        let moved = there.belongs_to(step) && there.mover() == self.mover;
        Some(if moved { 0 } else { second.count() })
    }
}
