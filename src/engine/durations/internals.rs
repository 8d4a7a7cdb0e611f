//! A timer's window without clock, meter and roster, for the models.

use super::layout::{index, le_index};
use super::own::OwnDurations;
use super::reader::read;
use super::shared::SharedDurations;
use super::since_start::{SinceStartCells, SinceStartSums};
use super::word::{self, Mover, Step};

/// Steps of a timer's window.
pub const STEPS: u64 = word::STEPS as u64;

/// Seconds in a step.
pub const STEP_SECONDS: u64 = word::STEP_SECONDS;

/// What all samples here are. They fall in one bucket.
const NANOS: u64 = 1;

/// The window of a timer that a fixed number of owners record on.
#[derive(Debug)]
pub struct Durations {
    shared: SharedDurations,
    since_start: SinceStartCells,
    owners: Vec<OwnDurations>,
}

impl Durations {
    /// For this many owners.
    #[must_use]
    pub fn new(owners: usize) -> Self {
        let owner = |place| {
            let words = OwnDurations::new();
            words.set_mover(Mover::at(place));
            words
        };
        Self {
            shared: SharedDurations::new(),
            since_start: SinceStartCells::new(),
            owners: (0..owners).map(owner).collect(),
        }
    }

    /// Counts `n` samples in a step, as an owner. For one thread only.
    pub fn add(&self, owner: usize, step: u64, n: u64) {
        self.owners[owner].add(Step(step), NANOS, n, || Some(&self.shared));
    }

    /// Counts `n` samples in a step, as a thread without a shard.
    pub fn add_shared(&self, step: u64, n: u64) {
        self.since_start.add_shared(le_index(index(NANOS), NANOS), NANOS, n);
        self.shared.add(Step(step), index(NANOS), n);
    }

    /// The samples in the window as of step `now`, and then those since the start.
    #[must_use]
    pub fn read(&self, now: u64) -> (u64, u64) {
        let window = read(&self.shared, self.owners.iter(), Step(now));
        let window = window.into_iter().map(|found| found.count).sum();
        let mut since_start = SinceStartSums::default();
        self.owners.iter().for_each(|words| words.read_since_start(&mut since_start));
        self.since_start.read(&mut since_start);
        (window, since_start.count())
    }
}
