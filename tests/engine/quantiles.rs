//! What a timer tells of the last minute, against the sorted samples of the same window.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use proptest::prelude::*;
use tickring::{Distribution, ManualClock, Timer};

const STEP: u64 = 5;
const STEPS: u64 = 12;

/// Every sample with the step that it was recorded in.
#[derive(Default)]
struct Exact(VecDeque<(u64, u64)>);

impl Exact {
    /// The samples of the window as of `second`, in order.
    fn window(&mut self, second: u64) -> Vec<u64> {
        let oldest = (second / STEP).saturating_sub(STEPS - 1);
        self.0.retain(|&(step, _)| step >= oldest);
        let mut samples: Vec<u64> = self.0.iter().map(|&(_, nanos)| nanos).collect();
        samples.sort_unstable();
        samples
    }
}

/// A timer and the exact samples, side by side.
struct Both {
    clock: ManualClock,
    timer: Timer,
    exact: Exact,
}

impl Both {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self { timer: Timer::with_clock(clock.clone()), clock, exact: Exact::default() }
    }

    fn record(&mut self, nanos: u64) {
        let step = self.clock.elapsed().as_secs() / STEP;
        self.timer.record(Duration::from_nanos(nanos));
        self.exact.0.push_back((step, nanos));
    }

    #[track_caller]
    fn compare(&mut self) {
        let samples = self.exact.window(self.clock.elapsed().as_secs());
        compare(self.timer.snapshot().distribution(), &samples);
    }
}

#[track_caller]
fn compare(told: &Distribution, samples: &[u64]) {
    let count = samples.len() as u64;
    assert_eq!(told.count(), count);
    if samples.is_empty() {
        assert_eq!((told.min(), told.mean(), told.max()), (None, None, None));
        assert_eq!(told.quantile(0.5), None);
        return;
    }
    // Nearest rank, in whole numbers.
    for per_mille in [0_u32, 1, 500, 900, 990, 999, 1000] {
        let rank = (u64::from(per_mille) * count).div_ceil(1000).max(1);
        let exact = samples[usize::try_from(rank).unwrap() - 1];
        close(told.quantile(f64::from(per_mille) / 1000.0), exact, "quantile");
    }
    let sum: u128 = samples.iter().copied().map(u128::from).sum();
    close(told.mean(), u64::try_from(sum / u128::from(count)).unwrap(), "mean");
    close(told.min(), samples[0], "min");
    close(told.max(), samples[samples.len() - 1], "max");
}

#[track_caller]
fn close(told: Option<Duration>, exact: u64, what: &str) {
    let told = u64::try_from(told.unwrap().as_nanos()).unwrap();
    // A mean is rounded down to a nanosecond on both sides.
    let slack = u64::from(what == "mean");
    assert!(
        told.abs_diff(exact).saturating_sub(slack) * 1000 <= exact * 32,
        "{what}: {told} is told, {exact} is true"
    );
}

/// How durations are drawn.
#[derive(Clone, Copy, Debug)]
enum Shape {
    LogNormal {
        median: f64,
        sigma: f64,
    },
    Bimodal {
        fast: u64,
        slow: u64,
        slow_share: f64,
    },
    Constant(u64),
    /// Ten times as long from one second on.
    StepChange {
        nanos: u64,
        at: u64,
    },
}

impl Shape {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn draw(self, rng: &mut Rng, second: u64) -> u64 {
        let near = |rng: &mut Rng, nanos: u64| rng.u64(nanos - nanos / 10..=nanos + nanos / 10);
        match self {
            // Box and Muller's transform gives the normal deviate.
            Self::LogNormal { median, sigma } => {
                let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
                let deviate = radius * (std::f64::consts::TAU * rng.f64()).cos();
                ((median * (sigma * deviate).exp()) as u64).clamp(1, 3_600_000_000_000)
            }
            Self::Bimodal { fast, slow, slow_share } => {
                let mode = if rng.f64() < slow_share { slow } else { fast };
                near(rng, mode)
            }
            Self::Constant(nanos) => nanos,
            Self::StepChange { nanos, at } => {
                near(rng, if second < at { nanos } else { nanos * 10 })
            }
        }
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        (1.0..1e10, 0.1..3.0).prop_map(|(median, sigma)| Shape::LogNormal { median, sigma }),
        (10..1_000_000_u64, 1_000_000..100_000_000_000_u64, 0.0..1.0)
            .prop_map(|(fast, slow, slow_share)| Shape::Bimodal { fast, slow, slow_share }),
        (0..=3_600_000_000_000_u64).prop_map(Shape::Constant),
        (10..100_000_000_000_u64, 1..120_u64)
            .prop_map(|(nanos, at)| Shape::StepChange { nanos, at }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_figure_is_within_3_2_percent_of_the_exact_one(
        shape in shapes(),
        seed in any::<u64>(),
        start in 0..1_000_000_u64,
        pauses in prop::collection::vec(prop_oneof![4 => 1..4_u64, 1 => 4..90_u64], 20..60),
    ) {
        let mut rng = Rng::with_seed(seed);
        let mut both = Both::new();
        both.clock.set(Duration::from_secs(start));
        for pause in pauses {
            for _ in 0..rng.usize(0..40) {
                let second = both.clock.elapsed().as_secs() - start;
                both.record(shape.draw(&mut rng, second));
            }
            both.compare();
            both.clock.advance(Duration::from_secs(pause));
            both.compare();
        }
    }
}

#[test]
fn one_outlier_in_a_million() {
    let mut both = Both::new();
    let mut rng = Rng::with_seed(6);
    let outlier = rng.u32(0..1_000_000);
    for sample in 0..1_000_000 {
        both.record(if sample == outlier { 30_000_000_000 } else { rng.u64(900..1100) });
        if sample % 100_000 == 0 {
            both.clock.advance(Duration::from_secs(5));
        }
    }
    both.compare();
    let told = both.timer.snapshot();
    assert!(told.distribution().quantile(0.999).unwrap() < Duration::from_micros(2));
    assert!(told.distribution().quantile(0.999_999_9).unwrap() > Duration::from_secs(29));
    assert_eq!(told.since_start().max(), Some(Duration::from_secs(30)));
}

#[test]
fn a_step_is_in_the_window_for_twelve_steps() {
    for second in [0, 4, 5, 59, 60, 61, 64, 1_000_003, 60 * ((1 << 22) - 1)] {
        let mut both = Both::new();
        both.clock.set(Duration::from_secs(second));
        both.record(77);
        let end = (second / STEP + STEPS) * STEP;
        both.clock.set(Duration::new(end - 1, 999_999_999));
        assert_eq!(both.timer.snapshot().distribution().count(), 1, "{second}");
        both.clock.set(Duration::from_secs(end));
        assert!(both.timer.snapshot().distribution().is_empty(), "{second}");
        // Neither does it come back, with or without another sample in its bucket.
        for gap in [59, 60, 61, 64, 65, 120, 31_557_600] {
            both.clock.advance(Duration::from_secs(gap));
            both.compare();
            both.record(77);
            both.compare();
        }
    }
}
