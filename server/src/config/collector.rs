//! The table `[collector]`.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use crate::collector::Pace;
use crate::http_keys::Seconds;

/// The table `[collector]`: how services elsewhere are asked. Times are in seconds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorKeys {
    /// From one poll of a service to the next.
    pub interval: Option<Seconds>,
    /// For an answer to be complete.
    pub timeout: Option<Seconds>,
    /// How often a question that failed is asked again at once.
    pub retries: Option<u32>,
    /// Before the first retry; it doubles before each further one.
    pub retry_delay: Option<Seconds>,
    /// How many polls fail in a row before a service is left alone.
    pub failures: Option<NonZeroU32>,
    /// How long a service is left alone at first.
    pub pause: Option<Seconds>,
    /// How long it is left alone at most: the pause doubles with each failure.
    pub longest_pause: Option<Seconds>,
}

impl CollectorKeys {
    /// The default pace with what these say.
    pub(crate) fn pace(&self) -> Pace {
        let mut pace = Pace::default();
        for (time, said) in [
            (&mut pace.interval, self.interval),
            (&mut pace.timeout, self.timeout),
            (&mut pace.retry_delay, self.retry_delay),
            (&mut pace.pause, self.pause),
            (&mut pace.longest_pause, self.longest_pause),
        ] {
            // Less would be a question after the other.
            *time = said.map_or(*time, |Seconds(time)| time.max(Duration::from_millis(10)));
        }
        pace.retries = self.retries.unwrap_or(pace.retries);
        pace.failures = self.failures.map_or(pace.failures, NonZeroU32::get);
        pace
    }
}
