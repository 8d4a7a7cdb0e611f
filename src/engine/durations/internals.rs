//! A timer's window without clock, meter and roster, for the models.

use super::layout::{class, index};
use super::own::Times;
use super::reader::read;
use super::shared::Steps;
use super::since_start::LifeSums;
use super::word::{self, Step};

/// Steps of a timer's window.
pub const STEPS: u64 = word::STEPS as u64;

/// What all samples here are. They fall in one bucket.
const NANOS: u64 = 1;

/// The window of a timer that a fixed number of owners record on.
#[derive(Debug)]
pub struct Durations {
    steps: Steps,
    owners: Vec<Times>,
}

impl Durations {
    /// For this many owners.
    #[must_use]
    pub fn new(owners: usize) -> Self {
        let owner = |place| {
            let times = Times::new();
            times.set_place(place);
            times
        };
        Self { steps: Steps::new(), owners: (0..owners).map(owner).collect() }
    }

    /// Counts `n` samples in a step, as an owner. For one thread only.
    pub fn add(&self, owner: usize, step: u64, n: u64) {
        self.owners[owner].add(Step(step), NANOS, n, || &self.steps);
    }

    /// Counts `n` samples in a step, as one who owns nothing.
    pub fn add_shared(&self, step: u64, n: u64) {
        self.steps.life.add_shared(class(index(NANOS), NANOS), NANOS, n);
        self.steps.add(Step(step), index(NANOS), n);
    }

    /// The samples in the window as of step `now`, and then those since the start.
    #[must_use]
    pub fn read(&self, now: u64) -> (u64, u64) {
        let window = read(&self.steps, self.owners.iter(), Step(now));
        let window = window.into_iter().map(|found| found.count).sum();
        let mut life = LifeSums::default();
        self.owners.iter().for_each(|times| times.read_life(&mut life));
        self.steps.life.read(&mut life);
        (window, life.count())
    }
}
