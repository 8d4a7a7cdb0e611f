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

    /// No figure is one that the samples since the start make impossible.
    #[track_caller]
    fn check_bounds(&self) {
        let now = self.timer.snapshot();
        let window = now.distribution();
        let (Some(min), Some(mean), Some(max)) = (window.min(), window.mean(), window.max()) else {
            return;
        };
        assert!(min <= mean && mean <= max, "{window:?}");
        assert!(Some(max) <= now.since_start().max(), "{now:?}");
        assert_eq!((now.quantile(0.0), now.quantile(1.0)), (Some(min), Some(max)));
        let quantiles = [0.0, 0.1, 0.5, 0.9, 0.999, 1.0].map(|q| now.quantile(q));
        assert!(quantiles.is_sorted(), "{quantiles:?}");
        if window.count() == now.since_start().count() {
            let mean = now.since_start().sum().as_nanos() / u128::from(window.count());
            assert_eq!(window.mean().map(|mean| mean.as_nanos()), Some(mean));
            assert_eq!(Some(max), now.since_start().max());
        }
    }
}

#[test]
fn a_single_sample_is_read_exactly() {
    for millis in [5_000, 12, 1, 3_600_000] {
        let timer = Timer::with_clock(ManualClock::new());
        let sample = Duration::from_millis(millis);
        timer.record(sample);
        let now = timer.snapshot();
        let window = now.distribution();
        assert_eq!(
            (window.min(), window.mean(), window.max()),
            (Some(sample), Some(sample), Some(sample))
        );
        assert_eq!((window.quantile(0.5), now.quantile(0.99)), (Some(sample), Some(sample)));
    }
}

#[test]
fn equal_samples_are_read_exactly() {
    let timer = Timer::with_clock(ManualClock::new());
    let sample = Duration::from_secs(5);
    (0..1000).for_each(|_| timer.record(sample));
    let window = timer.snapshot().distribution().clone();
    assert_eq!(
        (window.min(), window.mean(), window.max()),
        (Some(sample), Some(sample), Some(sample))
    );
    assert_eq!(window.quantile(0.5), Some(sample));
}

/// The window no longer has all samples, but none of it can be longer than the longest.
#[test]
fn no_figure_is_longer_than_the_longest_sample() {
    let clock = ManualClock::new();
    let timer = Timer::with_clock(clock.clone());
    // Both are below the middle of their bucket.
    let [short, long] = [4_831_838_300, 4_831_838_400].map(Duration::from_nanos);
    timer.record(short);
    clock.advance(Duration::from_secs(60));
    timer.record(long);
    let now = timer.snapshot();
    let window = now.distribution();
    assert_eq!((window.count(), now.since_start().count()), (1, 2));
    assert_eq!((window.min(), window.mean(), window.max()), (Some(long), Some(long), Some(long)));
}

/// The meter counts an event before its duration is recorded, so the sum may contain more.
#[test]
fn figures_of_an_event_that_lacks_its_duration() {
    let timer = Timer::with_clock(ManualClock::new());
    timer.record(Duration::from_secs(5));
    timer.record(Duration::from_secs(5));
    timer.meter().record();
    let window = timer.snapshot().distribution().clone();
    assert!(window.mean() < Some(Duration::from_secs(5)), "{window:?}");
    close(window.mean(), 5_000_000_000, "mean");
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
    fn every_figure_is_within_3_2_percent(
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
            both.check_bounds();
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
