//! Random schedules on meters, compared step by step with a deque of exact timestamps. Alone,
//! because it takes longer than all other tests of the engine; with the feature `internals`, because a step
//! of the schedules holds a published second back.
//!
//! `TICKRING_SEED=N` runs the one schedule that a failure names, `TICKRING_STEPS=N` that many
//! steps instead of a million.

#[path = "support/fuzz/mod.rs"]
#[allow(dead_code)] // The bodies of the other fuzz targets.
mod fuzz;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{SystemTime, UNIX_EPOCH};

use fuzz::{schedule, weights};

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

fn schedule_of(seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..random.usize(100..4000)).map(|_| random.u8(..)).collect()
}

/// A million steps: half of them the same each time, half of them new ones.
#[test]
fn million_random_steps_agree_with_a_deque() {
    if let Some(seed) = number("TICKRING_SEED") {
        schedule::run(&schedule_of(seed));
        return;
    }
    let steps = usize::try_from(number("TICKRING_STEPS").unwrap_or(1_000_000)).unwrap();
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() << 20;
    for first in [0, start] {
        let mut taken = 0;
        let mut seed = first;
        while taken < steps / 2 {
            match catch_unwind(AssertUnwindSafe(|| schedule::run(&schedule_of(seed)))) {
                Ok(steps) => taken += steps,
                Err(panic) => {
                    eprintln!("that was the schedule of TICKRING_SEED={seed}");
                    resume_unwind(panic);
                }
            }
            seed += 1;
        }
    }
}

#[test]
fn extreme_weights_agree_with_saturating_sums() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let bytes: Vec<u8> = (0..random.usize(2..200)).map(|_| random.u8(..)).collect();
        weights::run(&bytes);
    }
}
