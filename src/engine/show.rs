//! Snapshots as text: `Display` is a line for a person, `Debug` has the figures by name.

use std::fmt::{Debug, Display, Formatter, Result};
use std::time::Duration;

use crate::engine::distribution::{Distribution, SinceStart, TimerSnapshot};
use crate::engine::snapshot::Snapshot;

/// One line: `2.00 events/s, peak 120/s; 120 in the last minute, 120 in 0.0 s; last event 0.0 s ago`. The
/// rate is [`events_per_second`](Snapshot::events_per_second).
impl Display for Snapshot {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(
            f,
            "{:.2} events/s, peak {}/s; {} in the last minute, {} in {:.1} s; ",
            self.events_per_second(),
            self.peak_per_second(),
            self.events_in_window(),
            self.total(),
            self.uptime().as_secs_f64(),
        )?;
        match self.last_event_age() {
            Some(age) => write!(f, "last event {:.1} s ago", age.as_secs_f64()),
            None => f.write_str("no event yet"),
        }
    }
}

impl Debug for Snapshot {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Snapshot")
            .field("total", &self.total())
            .field("events_in_window", &self.events_in_window())
            .field("events_per_second", &self.events_per_second())
            .field("peak_per_second", &self.peak_per_second())
            .field("last_event_age", &self.last_event_age())
            .field("uptime", &self.uptime())
            .finish_non_exhaustive()
    }
}

/// One line: the figures of the meter, then the durations of the last minute.
impl Display for TimerSnapshot {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}; {}", self.events(), self.distribution())
    }
}

/// One line: `20 samples, mean 10ns; min 1ns, median 10ns, p90 18ns, p99 20ns, max 20ns`, or `no samples`.
impl Display for Distribution {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (Some(mean), Some(min), Some(max)) = (self.mean(), self.min(), self.max()) else {
            return f.write_str("no samples");
        };
        let samples = if self.count() == 1 { "sample" } else { "samples" };
        write!(f, "{} {samples}, mean {}; min {}", self.count(), Short(mean), Short(min))?;
        let quantiles = self.quantiles([0.5, 0.9, 0.99]).into_iter().flatten();
        for (name, quantile) in ["median", "p90", "p99"].into_iter().zip(quantiles) {
            write!(f, ", {name} {}", Short(quantile))?;
        }
        write!(f, ", max {}", Short(max))
    }
}

impl Debug for Distribution {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let [median, p99] = self.quantiles([0.5, 0.99]);
        f.debug_struct("Distribution")
            .field("count", &self.count())
            .field("mean", &self.mean())
            .field("min", &self.min())
            .field("median", &median)
            .field("p99", &p99)
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

impl Debug for SinceStart {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("SinceStart")
            .field("count", &self.count())
            .field("sum", &self.sum())
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

/// A duration with four digits at most: further ones mean nothing within 3.2 %.
struct Short(Duration);

impl Display for Short {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        // Whole nanoseconds have no digit after the point.
        let nanos = self.0.as_nanos();
        let digits = match nanos.checked_ilog10() {
            Some(log) if log >= 3 => {
                // How many digits there are before the point in the unit that `Debug` chooses.
                let before = if log >= 9 { log - 8 } else { log % 3 + 1 };
                4_u32.saturating_sub(before) as usize
            }
            _ => 0,
        };
        write!(f, "{:.digits$?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_four_digits_at_most() {
        for (nanos, shown) in [
            (0, "0ns"),
            (999, "999ns"),
            (1_234, "1.234µs"),
            (12_346, "12.35µs"),
            (123_460, "123.5µs"),
            (1_234_567, "1.235ms"),
            (999_400_000, "999.4ms"),
            (1_234_567_890, "1.235s"),
            (12_345_678_901, "12.35s"),
            (123_456_789_012, "123.5s"),
            (12_345_678_901_234, "12346s"),
        ] {
            assert_eq!(Short(Duration::from_nanos(nanos)).to_string(), shown);
        }
    }
}
