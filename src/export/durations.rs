//! Durations as classic histograms.

use std::time::Duration;

use super::exposition::{Family, Kind, Page, Samples};
use super::scrape::Scrape;
use crate::engine::SinceStart;

const DURATION: Family<'_> = Family {
    name: "tickring_duration_seconds",
    kind: Kind::Histogram,
    unit: Some("seconds"),
    help: "Durations of timed events since the service started.",
};

/// The bounds by which timers count, as they are written.
pub(super) struct Bounds(Vec<String>);

impl Bounds {
    pub(super) fn new() -> Self {
        Self(SinceStart::default().cumulative().map(|(bound, _)| le(bound)).collect())
    }

    /// Writes a histogram. `buckets` are some of the bounds, or `None` for all; `+Inf` is one of any. Each count
    /// is exact, and none is below the one before: they are sums over the same counts.
    pub(super) fn write<'a>(
        &'a self,
        samples: &mut Samples<'_>,
        labels: &mut Vec<(&'a str, &'a str)>,
        durations: &SinceStart,
        buckets: Option<&[Duration]>,
    ) {
        for ((bound, count), written) in durations.cumulative().zip(&self.0) {
            let is_left_out = |bound| buckets.is_some_and(|chosen| !chosen.contains(&bound));
            if !bound.is_some_and(is_left_out) {
                labels.push(("le", written));
                samples.part("_bucket", labels, count);
                labels.pop();
            }
        }
        samples.part("_sum", labels, durations.sum().as_secs_f64());
        samples.part("_count", labels, durations.count());
    }
}

/// Writes the durations of all timed events; no family at all if there are none.
pub(super) fn all(scrape: &Scrape<'_>, page: &mut Page<'_>) {
    let timed = scrape.events.iter().filter_map(|event| Some((event, event.durations.as_ref()?)));
    let mut timed = timed.peekable();
    if timed.peek().is_none() {
        return;
    }
    let bounds = Bounds::new();
    let mut family = page.family(&DURATION);
    let mut labels = Vec::with_capacity(20);
    for (event, durations) in timed {
        event.labels(&mut labels);
        bounds.write(&mut family, &mut labels, durations, None);
        family.created(&labels, event.created);
    }
}

/// The upper bound of a bucket as a canonical number of `OpenMetrics`: with a decimal point, and below
/// 0.0001 with an exponent of two digits. In the text format as well, so that a bucket is one series in both.
fn le(bound: Option<Duration>) -> String {
    let Some(bound) = bound.map(|bound| bound.as_secs_f64()) else { return "+Inf".into() };
    if bound.fract() == 0.0 {
        return format!("{bound}.0");
    }
    let scientific = format!("{bound:e}");
    match scientific.split_once("e-") {
        Some((mantissa, exponent)) if bound < 1e-4 => format!("{mantissa}e-{exponent:0>2}"),
        _ => bound.to_string(),
    }
}
