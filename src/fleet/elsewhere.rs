//! Services elsewhere, as the consolidated document shows them: plain values that a program has asked for.

use std::time::{Duration, SystemTime};

use super::consolidated::{Entry, EntryDetails, EntryFigures, ErrorType, Outcome};
use super::{RateBasis, Timestamp};

/// A service elsewhere, and what a program knows of it; see
/// [`Router::elsewhere`](crate::http::Router::elsewhere).
///
/// ```
/// use tickring::{Elsewhere, ElsewhereFigures, ErrorType};
///
/// let mut figures = ElsewhereFigures::default();
/// figures.events_per_second = 2.5;
/// figures.total_events = 70;
/// let mut weather = Elsewhere::new("weather-api", Ok(figures));
/// weather.category = "data".into();
///
/// let shipping = Elsewhere::new("shipping", Err((ErrorType::Timeout, "no answer within 2s".into())));
/// assert!(shipping.figures.is_err());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Elsewhere {
    /// Its name, which no service of this process has.
    pub service: String,
    /// Its port, if that is known.
    pub port: Option<u16>,
    /// The group that it belongs to.
    pub category: String,
    /// What its rate means; this decides for how long an event makes it active.
    pub basis: RateBasis,
    /// Its figures, or why there are none, in words.
    pub figures: Result<ElsewhereFigures, (ErrorType, String)>,
    /// How long it took to answer.
    pub response_time: Option<Duration>,
    /// When it last answered with figures.
    pub last_success: Option<SystemTime>,
}

/// The figures of a service elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ElsewhereFigures {
    /// Its rate. It must be finite.
    pub events_per_second: f64,
    /// All events since it started.
    pub total_events: u64,
    /// The time since it started.
    pub uptime: Duration,
    /// When its last event was, as far as that is known.
    pub last_activity: Option<SystemTime>,
    /// The largest count of any one of the last 60 seconds; 0 if it isn't known.
    pub peak_per_second: u64,
    /// The last 60 seconds, oldest first; empty if they aren't known.
    pub per_second: Vec<u64>,
}

impl Elsewhere {
    /// A service of the category `other`, on the rolling basis.
    #[must_use]
    pub fn new(
        service: impl Into<String>,
        figures: Result<ElsewhereFigures, (ErrorType, String)>,
    ) -> Self {
        Self {
            service: service.into(),
            port: None,
            category: "other".into(),
            basis: RateBasis::Rolling,
            figures,
            response_time: None,
            last_success: None,
        }
    }

    /// Its entry. It is active if its last event is no older than `within`.
    pub(super) fn entry(self, now: SystemTime, within: Duration, details: bool) -> Entry {
        let outcome = match self.figures {
            Ok(figures) => figures.outcome(now, within, details),
            Err((error_type, error)) => Outcome::Failed { error_type, error },
        };
        Entry {
            service: self.service,
            port: self.port,
            category: self.category,
            outcome,
            response_time: self.response_time,
            last_success: self.last_success.map(Timestamp::from),
        }
    }
}

impl ElsewhereFigures {
    fn outcome(self, now: SystemTime, within: Duration, details: bool) -> Outcome {
        let age = self.last_activity.map(|then| now.duration_since(then).unwrap_or_default());
        let figures = EntryFigures {
            events_per_second: self.events_per_second,
            total_events: self.total_events,
            uptime: self.uptime,
            last_activity: self.last_activity.map(Timestamp::from),
            last_event_age: age,
            peak_per_second: self.peak_per_second,
            details: details
                .then(|| EntryDetails { per_second: self.per_second, processing_time: Vec::new() }),
        };
        Outcome::Figures { is_active: age.is_some_and(|age| age <= within), figures }
    }
}
