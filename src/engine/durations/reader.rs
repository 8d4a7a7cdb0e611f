//! How a reader puts a timer's window together; the cases are in the [module above](super).

use super::layout::RUN;
use super::own::Times;
use super::shared::Steps;
use super::word::{Mover, OwnWord, STEPS, SharedWord, Step};

/// A bucket that has samples, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) bucket: u16,
    pub(crate) count: u64,
}

/// The steps that a reader looks at.
struct Window {
    now: Step,
    /// The lap that a shared word has to be of, by slot.
    laps: [u64; STEPS],
}

/// A shard's part of a timer, and the reader's first look at its words of a run of buckets.
pub(crate) struct Owner<'a> {
    times: &'a Times,
    mover: Mover,
    first: [OwnWord; RUN],
}

/// The counts of a window, by bucket; only of buckets with something in them.
pub(crate) fn read<'a>(
    steps: &Steps,
    owners: impl Iterator<Item = &'a Times>,
    now: Step,
) -> Vec<Filled> {
    let window = Window::of(now);
    let mut owners: Vec<Owner<'_>> = owners.map(Owner::new).collect();
    let mut filled = Vec::with_capacity(64);
    for (run, used) in steps.used() {
        let counts = read_run(steps, &mut owners, run, used, &window);
        let found = (run * RUN..).zip(counts).filter(|&(_, count)| count > 0);
        #[allow(clippy::cast_possible_truncation)] // Below 619.
        filled.extend(found.map(|(bucket, count)| Filled { bucket: bucket as u16, count }));
    }
    filled
}

/// The counts of a run of buckets, and zeroes for those of them that aren't used.
fn read_run(
    steps: &Steps,
    owners: &mut [Owner<'_>],
    run: usize,
    used: u8,
    window: &Window,
) -> [u64; RUN] {
    loop {
        for owner in owners.iter_mut() {
            for index in ones(used) {
                owner.first[index] = owner.times.load(run * RUN + index);
            }
        }
        if let Some(counts) = read_on(steps, owners, run, used, window) {
            return counts;
        }
    }
}

/// The rest of the pass, after the first looks; nothing if a move came in between.
fn read_on(
    steps: &Steps,
    owners: &[Owner<'_>],
    run: usize,
    used: u8,
    window: &Window,
) -> Option<[u64; RUN]> {
    let mut counts = [0; RUN];
    for index in ones(used) {
        let bucket = run * RUN + index;
        let shared = steps.read(bucket);
        counts[index] = window.count(&shared);
        for owner in owners {
            counts[index] += owner.count(owner.first[index], bucket, window.now, &shared)?;
        }
    }
    Some(counts)
}

/// The places of the bits that are set.
fn ones(bits: u8) -> impl Iterator<Item = usize> {
    (0..RUN).filter(move |index| bits & 1 << index != 0)
}

impl Window {
    fn of(now: Step) -> Self {
        // No lap: none has so many bits.
        let mut laps = [u64::MAX; STEPS];
        for step in now.0.saturating_sub(STEPS as u64 - 1)..=now.0 {
            laps[Step(step).slot()] = SharedWord::empty(Step(step)).lap();
        }
        Self { now, laps }
    }

    /// What a bucket's shared words hold of the window.
    fn count(&self, shared: &[SharedWord; STEPS]) -> u64 {
        let words = shared.iter().zip(&self.laps);
        words.map(|(word, &lap)| if word.lap() == lap { word.count() } else { 0 }).sum()
    }
}

impl<'a> Owner<'a> {
    pub(crate) fn new(times: &'a Times) -> Self {
        Self { times, mover: times.mover(), first: [OwnWord(0); RUN] }
    }

    /// What this owner's word adds to the window of `now`, given what the first look at it showed
    /// and the shared words that were loaded after that; nothing if a move came in between.
    fn count(
        &self,
        first: OwnWord,
        bucket: usize,
        now: Step,
        shared: &[SharedWord; STEPS],
    ) -> Option<u64> {
        let Some(age) = first.age(now).filter(|&age| age < STEPS as u64) else { return Some(0) };
        // Nor does a word count anything that was never written.
        if age == 0 || first.count() == 0 {
            return Some(first.count());
        }
        let second = self.times.load(bucket);
        if !second.is_of_same_step_as(first) {
            return None;
        }
        let Some(step) = now.0.checked_sub(age).map(Step) else { return Some(0) };
        let there = shared[step.slot()];
        let moved = there.is_of(step) && there.mover() == self.mover;
        Some(if moved { 0 } else { second.count() })
    }
}
