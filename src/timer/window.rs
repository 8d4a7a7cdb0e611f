//! How a reader puts a timer's window together; the cases are in the [module above](super).

use super::Timer;
use super::layout::BUCKETS;
use super::life::LifeSums;
use super::steps::Steps;
use super::times::Times;
use super::word::{Mover, OwnWord, STEPS, SharedWord, Step};

/// A shard's part of a timer, and the reader's first look at its word of one bucket.
pub(super) struct Owner<'a> {
    times: &'a Times,
    mover: Mover,
    first: OwnWord,
}

impl Timer {
    /// The window's counts by bucket, as of step `now`.
    pub(super) fn read_window(&self, now: Step) -> Box<[u64]> {
        if self.steps.get().is_none() && self.meter().shards() == 0 {
            return Box::new([0; BUCKETS]);
        }
        let steps = self.steps();
        let mut owners: Vec<Owner<'_>> = self
            .meter()
            .roster()
            .shards()
            .filter_map(|shard| shard.times())
            .map(Owner::new)
            .collect();
        (0..BUCKETS).map(|bucket| read_bucket(steps, &mut owners, bucket, now)).collect()
    }

    /// What was seen since the start. To be read after the window.
    pub(super) fn read_life(&self) -> LifeSums {
        let mut sums = LifeSums::default();
        for times in self.meter().roster().shards().filter_map(|shard| shard.times()) {
            times.read_life(&mut sums);
        }
        if let Some(steps) = self.steps.get() {
            steps.life.read(&mut sums);
        }
        sums
    }
}

pub(super) fn read_bucket(
    steps: &Steps,
    owners: &mut [Owner<'_>],
    bucket: usize,
    now: Step,
) -> u64 {
    loop {
        for owner in owners.iter_mut() {
            owner.first = owner.times.load(bucket);
        }
        let shared = steps.read(bucket);
        let own = owners.iter().map(|owner| owner.count(bucket, now, &shared));
        if let Some(own) = own.sum::<Option<u64>>() {
            return own + shared_count(&shared, now);
        }
    }
}

/// What the shared words hold of the window.
fn shared_count(shared: &[SharedWord; STEPS], now: Step) -> u64 {
    (0..STEPS as u64)
        .map_while(|age| now.0.checked_sub(age))
        .map(|step| (Step(step), shared[Step(step).slot()]))
        .filter(|(step, word)| word.is_of(*step))
        .map(|(_, word)| word.count())
        .sum()
}

impl<'a> Owner<'a> {
    pub(super) fn new(times: &'a Times) -> Self {
        Self { times, mover: times.mover(), first: OwnWord(0) }
    }

    /// What this owner's word adds to the window of `now`, given the shared words that were
    /// loaded after the first look; nothing if a move came in between.
    fn count(&self, bucket: usize, now: Step, shared: &[SharedWord; STEPS]) -> Option<u64> {
        let word = self.times.load(bucket);
        if !word.is_of_same_step_as(self.first) {
            return None;
        }
        let Some(age) = word.age(now).filter(|&age| age < STEPS as u64) else { return Some(0) };
        // A word that was never written is of step 0 and counts nothing.
        let Some(step) = now.0.checked_sub(age).map(Step) else { return Some(0) };
        let there = shared[step.slot()];
        let moved = there.is_of(step) && there.mover() == self.mover;
        Some(if moved { 0 } else { word.count() })
    }
}
