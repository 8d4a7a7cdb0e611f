//! A timer's figures, as plain values.

use std::time::Duration;

use self::figures::Figures;
use crate::engine::durations::layout::middle;
use crate::engine::durations::reader::Filled;
use crate::engine::durations::since_start::SinceStartSums;
use crate::engine::snapshot::Snapshot;

mod figures;
#[cfg(feature = "service")]
mod sum;

/// The figures of a timer at one moment, from one pass.
///
/// Samples in the window ≤ samples since the start ≤ events of the meter; while nobody records,
/// and if all events had a duration, the last two are equal.
///
/// It prints as one line: the figures of the meter, then the durations of the last minute.
#[derive(Clone, Debug, PartialEq)]
pub struct TimerSnapshot {
    events: Snapshot,
    distribution: Distribution,
    since_start: SinceStart,
}

/// How long the events of the last minute took.
///
/// # Which events
///
/// The window slides in steps of five seconds on the timer's clock. It contains the current step and the
/// eleven steps before it: always the last 55 s, and never more than the last 60 s. For example, a clock
/// that shows 63 s is in the step from 60 s to 65 s, and the window begins at 5 s.
///
/// # How exact
///
/// Counts are exact. Each sample counts as the middle of its bucket, which is within 3.2 % of the sample,
/// and exact below 32 ns. So a quantile, a minimum or a maximum is within 3.2 % of that sample, and the
/// mean is within 3.2 % of the mean of the samples. None of them is longer than the longest sample since
/// the start, and minimum ≤ quantile ≤ maximum and minimum ≤ mean ≤ maximum hold.
///
/// As long as the window has all samples since the start, the mean and the maximum are exact; so is the
/// minimum, if the samples are equal. For example, a single sample of 5 s reads as 5 s in each figure.
///
/// Without samples there is no mean, no minimum, no maximum and no quantile: these are `None`, not zero.
///
/// ```
/// use std::time::Duration;
///
/// let timer = tickring::Timer::new();
/// timer.record(Duration::from_secs(5));
/// let now = timer.snapshot();
/// println!("{}", now.distribution()); // 1 sample, mean 5.000s; min 5.000s, median 5.000s, …
/// assert_eq!(now.quantile(0.99), Some(Duration::from_secs(5)));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[doc(alias = "histogram")]
#[doc(alias = "percentiles")]
pub struct Distribution {
    /// In the order of the buckets.
    filled: Vec<Filled>,
    count: u64,
    figures: Figures,
}

/// How long the events since the start took.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SinceStart(SinceStartSums);

impl TimerSnapshot {
    pub(super) fn new(events: Snapshot, filled: Vec<Filled>, life: SinceStartSums) -> Self {
        let count = filled.iter().map(|found| found.count).sum();
        let figures = Figures::of(&filled, count, &life, events.total());
        let distribution = Distribution { filled, count, figures };
        Self { events, distribution, since_start: SinceStart(life) }
    }

    /// Sets the uptime of the meter's figures.
    #[cfg(feature = "service")]
    pub(crate) fn set_uptime(&mut self, uptime: Duration) {
        self.events.set_uptime(uptime);
    }

    /// The figures of the timer's meter.
    #[must_use]
    pub fn events(&self) -> &Snapshot {
        &self.events
    }

    /// The durations of the last minute.
    #[must_use]
    pub fn distribution(&self) -> &Distribution {
        &self.distribution
    }

    /// The `q`-quantile of the durations of the last minute; see [`Distribution::quantile`].
    #[must_use]
    #[doc(alias = "percentile")]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        self.distribution.quantile(q)
    }

    /// The durations since the start.
    #[must_use]
    pub fn since_start(&self) -> &SinceStart {
        &self.since_start
    }
}

impl Distribution {
    /// How many samples there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The sum of all samples divided by their number.
    #[must_use]
    #[doc(alias = "average")]
    pub fn mean(&self) -> Option<Duration> {
        self.figure(self.figures.mean)
    }

    /// The shortest sample.
    #[must_use]
    pub fn min(&self) -> Option<Duration> {
        self.figure(self.figures.min)
    }

    /// The longest sample.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.figure(self.figures.max)
    }

    fn figure(&self, nanos: u64) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_nanos(nanos))
    }

    /// The `q`-quantile by nearest rank: of n samples in ascending order, number ⌈q · n⌉, counted from
    /// 1, and the first for q = 0. A `q` outside [0, 1] counts as the nearer end, and NaN as 0.
    ///
    /// ```
    /// use std::time::Duration;
    /// let timer = tickring::Timer::new();
    /// (1..=20).for_each(|nanos| timer.record(Duration::from_nanos(nanos)));
    /// let window = timer.snapshot().distribution().clone();
    /// assert_eq!(window.quantile(0.5), Some(Duration::from_nanos(10)));
    /// assert_eq!(window.quantile(0.99), Some(Duration::from_nanos(20)));
    /// ```
    #[must_use]
    #[doc(alias = "percentile")]
    #[doc(alias = "p99")]
    #[doc(alias = "median")]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let [found] = self.quantiles([q]);
        found
    }

    /// Several quantiles in one pass; `qs` must be ascending.
    pub(crate) fn quantiles<const N: usize>(&self, qs: [f64; N]) -> [Option<Duration>; N] {
        debug_assert!(qs.is_sorted());
        let mut rest = self.filled.iter();
        let (mut last, mut seen) = (None, 0);
        qs.map(|q| {
            let rank = self.rank(q);
            while seen < rank {
                last = rest.next();
                seen += last?.count;
            }
            match rank {
                1 => self.min(),
                rank if rank == self.count => self.max(),
                _ => last.map(|found| Duration::from_nanos(self.nanos(found))),
            }
        })
    }

    /// What stands for the samples of a bucket.
    fn nanos(&self, found: &Filled) -> u64 {
        middle(usize::from(found.bucket)).clamp(self.figures.min, self.figures.max)
    }

    /// The number of the sample that is the `q`-quantile, counted from 1.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn rank(&self, q: f64) -> u64 {
        let n = self.count as f64;
        // A product that should be whole may come out a little larger, by at most this.
        let rank = (q.clamp(0.0, 1.0) * n - n * f64::EPSILON).ceil() as u64;
        rank.clamp(1, self.count.max(1))
    }
}

impl SinceStart {
    #[cfg(feature = "http")]
    pub(super) fn new(sums: SinceStartSums) -> Self {
        Self(sums)
    }

    /// How many samples there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count()
    }

    /// The sum of all samples, exact up to 584 years, where it stops.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.0.sum)
    }

    /// The longest sample, exactly; `None` without samples.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.0.max))
    }

    /// For each of 21 bounds from a microsecond to five minutes, how many samples are at most as long,
    /// exactly. The last item has no bound (`None`) and the number of all samples.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let timer = tickring::Timer::new();
    /// timer.record(Duration::from_millis(3));
    /// let now = timer.snapshot();
    /// let up_to_5_ms = now.since_start().cumulative().find(|(bound, _)| *bound == Some(Duration::from_millis(5)));
    /// assert_eq!(up_to_5_ms.unwrap().1, 1);
    /// ```
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        self.0.cumulative().map(|(bound, count)| (bound.map(Duration::from_nanos), count))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Samples of 1 to `n` nanoseconds, `each` times.
    fn up_to(n: u16, each: u64) -> Distribution {
        let filled: Vec<_> = (1..=n).map(|bucket| Filled { bucket, count: each }).collect();
        let count = u64::from(n) * each;
        let life = SinceStartSums { max: n.into(), ..SinceStartSums::default() };
        let figures = Figures::of(&filled, count, &life, count);
        Distribution { filled, count, figures }
    }

    /// 0.07 · 100 is a little more than 7 in floating point.
    #[test]
    fn whole_ranks_stay_whole() {
        let window = up_to(20, 5);
        for hundredths in 1..=100_u32 {
            let nanos = u64::from(hundredths.div_ceil(5));
            let found = window.quantile(f64::from(hundredths) / 100.0);
            assert_eq!(found, Some(Duration::from_nanos(nanos)), "{hundredths} %");
        }
    }

    #[test]
    fn the_ends_are_the_first_and_the_last() {
        let window = up_to(9, 3);
        let ns = |nanos| Some(Duration::from_nanos(nanos));
        assert_eq!((window.quantile(0.0), window.quantile(1.0)), (ns(1), ns(9)));
        assert_eq!((window.quantile(f64::NAN), window.quantile(7.0)), (ns(1), ns(9)));
        assert_eq!((window.min(), window.mean(), window.max()), (ns(1), ns(5), ns(9)));
    }
}
