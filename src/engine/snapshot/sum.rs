//! Snapshots of one moment, added up.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use super::Snapshot;
use crate::engine::seconds::REACH;

/// The largest count of a second in a sum: 61 of them fit into 64 bits.
const SECOND_MAX: u64 = u64::MAX / (REACH as u64 + 1);
const _: () = assert!(SECOND_MAX.checked_mul(REACH as u64 + 1).is_some());
const _: () = assert!((SECOND_MAX + 1).checked_mul(REACH as u64 + 1).is_none());

/// Of snapshots that were taken at the same moment; see [`Snapshot`](Snapshot#sums).
impl AddAssign<&Snapshot> for Snapshot {
    fn add_assign(&mut self, other: &Snapshot) {
        self.passed = self.passed_in_sum(other);
        self.sums.total = self.sums.total.saturating_add(other.sums.total);
        self.sums.last = self.sums.last.max(other.sums.last);
        for (sum, count) in self.sums.by_second.iter_mut().zip(&other.sums.by_second) {
            *sum = sum.saturating_add(*count).min(SECOND_MAX);
        }
        let ages = self.last_event_age.into_iter().chain(other.last_event_age);
        self.last_event_age = ages.min();
        self.uptime = self.uptime.max(other.uptime);
    }
}

impl AddAssign for Snapshot {
    fn add_assign(&mut self, other: Self) {
        *self += &other;
    }
}

/// Of snapshots that were taken at the same moment; see [`Snapshot`](Snapshot#sums).
impl Add for Snapshot {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += &other;
        self
    }
}

impl Snapshot {
    /// What `passed` is in a sum. For snapshots of one moment it is the same in both. Otherwise it is the
    /// mean by which the rate of the sum is the sum of the rates, to the nanosecond.
    fn passed_in_sum(&self, other: &Self) -> u32 {
        let [a, b] = [self, other].map(|part| u128::from(part.sums.by_second[0]));
        let both = a * u128::from(self.passed) + b * u128::from(other.passed);
        let mean = both.checked_div(a + b).and_then(|mean| u32::try_from(mean).ok());
        mean.unwrap_or_else(|| self.passed.max(other.passed))
    }
}

/// Of snapshots that were taken at the same moment. The sum of none is the snapshot of a meter without
/// events, at its start.
impl Sum for Snapshot {
    fn sum<I: Iterator<Item = Self>>(snapshots: I) -> Self {
        snapshots.reduce(Add::add).unwrap_or_else(Self::empty)
    }
}

/// Of snapshots that were taken at the same moment. The sum of none is the snapshot of a meter without
/// events, at its start.
impl<'a> Sum<&'a Snapshot> for Snapshot {
    fn sum<I: Iterator<Item = &'a Self>>(mut snapshots: I) -> Self {
        let mut sum = snapshots.next().map_or_else(Self::empty, Clone::clone);
        snapshots.for_each(|snapshot| sum += snapshot);
        sum
    }
}
