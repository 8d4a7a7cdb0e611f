//! The event-rate document.

#[cfg(feature = "http")]
use std::time::Duration;
use std::time::SystemTime;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::read::{Read, ReadChild, ReadSeries};
use super::reading::Reading;
use super::values::{ProcessingTime, seconds};
use super::{RateBasis, Service, Unavailable};
use crate::engine::{Snapshot, TimerSnapshot, WINDOW};

const WINDOW_MINUTES: u64 = WINDOW.as_secs() / 60;

/// What `GET /api/v1/event-rate` answers for a service. Serialises to that document.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sports = tickring::Service::from_catalogue("sports-data")?;
/// sports.meter("api_call")?.record_n(3);
/// let document = serde_json::to_value(sports.event_rate())?;
/// assert_eq!(document["service"], "sports-data");
/// assert_eq!(document["total_events"], 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum EventRate {
    /// The service's figures.
    Figures(Box<Figures>),
    /// A source of the service failed: zeros, and the reason. HTTP answers it with status 503.
    #[non_exhaustive]
    Unavailable {
        /// Always 0, like the other figures here.
        events_per_second: u64,
        /// Always 0.
        events_per_hour: u64,
        /// Always 0.
        total_events: u64,
        /// Always 0.
        uptime_seconds: u64,
        /// The service.
        service: String,
        /// What failed and why.
        error: String,
        /// When it failed, by the wall clock.
        timestamp: Timestamp,
        /// The length of the window in minutes: 1.
        window_minutes: u64,
    },
}

/// A service's figures; part of [`EventRate`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Figures {
    /// The rate on the service's basis: see [`Snapshot::events_per_second`] and
    /// [`Snapshot::lifetime_per_second`].
    pub events_per_second: f64,
    /// `events_per_second` times 3600.
    pub events_per_hour: f64,
    /// All events since the service started.
    pub total_events: u64,
    /// Seconds since the service started, rounded to the millisecond.
    pub uptime_seconds: f64,
    /// The service.
    pub service: String,
    /// When these figures were taken, by the wall clock.
    pub timestamp: Timestamp,
    /// The length of the window in minutes: 1.
    pub window_minutes: u64,
    /// What `events_per_second` means.
    pub rate_basis: RateBasis,
    /// See [`Snapshot::events_in_window`].
    pub events_in_window: u64,
    /// Seconds of the window that the service has lived through; see [`Snapshot::covered`]. It is 0 at the
    /// start: to divide `events_in_window` by it, take 1 if it is less than 1.
    pub covered_seconds: f64,
    /// See [`Snapshot::peak_per_second`].
    pub peak_events_per_second: u64,
    /// Seconds since the last event, `None` before the first one; see
    /// [`Snapshot::last_event_age`].
    pub last_event_age_seconds: Option<f64>,
    /// Event by event, in the order of the service's spec.
    #[serde(serialize_with = "as_map")]
    pub events: Vec<(String, EventFigures)>,
    /// See [`Snapshot::per_second`]; only with [`Service::event_rate_with_series`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<Vec<u64>>,
}

/// One event's figures; part of [`Figures`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct EventFigures {
    /// All events since the service started.
    pub total: u64,
    /// See [`Snapshot::events_in_window`].
    pub events_in_window: u64,
    /// The rate on the service's basis.
    pub events_per_second: f64,
    /// How long the events took, if the event is timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processing_time: Option<ProcessingTime>,
    /// See [`Snapshot::per_second`]; only with [`Service::event_rate_with_series`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<Vec<u64>>,
    /// The children of an event that has labels; only with [`Service::event_rate_with_labels`]. Their totals
    /// and `retired` add up to `total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<Vec<SeriesFigures>>,
    /// Events of children that have retired; only with `series`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<u64>,
}

/// The figures of one child of an event; part of [`EventFigures`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SeriesFigures {
    /// The values of the labels, by key, in the order in which the keys were declared.
    #[serde(serialize_with = "as_map")]
    pub labels: Vec<(String, String)>,
    /// All events since the child was made.
    pub total: u64,
    /// See [`Snapshot::events_in_window`].
    pub events_in_window: u64,
    /// The rate on the service's basis.
    pub events_per_second: f64,
    /// When the child was made, by the wall clock. A child that retires and comes back is made anew.
    pub started_at: Timestamp,
    /// How long the events took, if the event is timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processing_time: Option<ProcessingTime>,
}

/// A point in time by the wall clock, written as RFC 3339 in UTC to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// Now.
    pub(crate) fn now() -> Self {
        SystemTime::now().into()
    }

    /// The point in time that is this much earlier.
    #[cfg(feature = "http")]
    pub(super) fn before(self, age: Duration) -> Self {
        Self(self.0.checked_sub(age).unwrap_or(jiff::Timestamp::MIN))
    }

    /// The same without the fraction of its second.
    #[cfg(feature = "http")]
    pub(super) fn to_the_second(self) -> impl std::fmt::Display {
        jiff::Timestamp::from_second(self.0.as_second()).unwrap_or(self.0)
    }

    /// So many seconds after 1970. After the year 9999 it reads as 1970.
    pub(super) fn from_unix(seconds: u64) -> Self {
        let seconds = i64::try_from(seconds).unwrap_or(0);
        let time = jiff::Timestamp::from_second(seconds);
        Self(time.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }
}

/// A time before the year -9999 or past 9999 reads as 1970.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Service {
    /// The event-rate document: what `GET /api/v1/event-rate` answers. All figures are as of one
    /// moment. Costs what [`snapshot`](Self::snapshot) costs, and an allocation for each name.
    ///
    /// ```
    /// use tickring::{EventRate, Service};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sports = Service::from_catalogue("sports-data")?;
    /// sports.meter("api_call")?.record_n(3);
    /// match sports.event_rate() {
    ///     EventRate::Figures(figures) => assert_eq!(figures.total_events, 3),
    ///     EventRate::Unavailable { error, .. } => println!("no figures: {error}"),
    ///     _ => {}
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn event_rate(&self) -> EventRate {
        self.event_rate_showing(Showing::default())
    }

    /// The event-rate document with the counts of the last 60 seconds, second by second: of the service,
    /// and of each event.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sports = tickring::Service::from_catalogue("sports-data")?;
    /// let document = serde_json::to_value(sports.event_rate_with_series())?;
    /// assert_eq!(document["per_second"].as_array().map(Vec::len), Some(60));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn event_rate_with_series(&self) -> EventRate {
        self.event_rate_showing(Showing { seconds: true, ..Showing::default() })
    }

    /// The event-rate document with the children of events that have labels, as of the same moment. Costs
    /// about two kibibytes for each child while it is made.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let shop = tickring::Service::builder("shop").event("order").labels(["country"]).build()?;
    /// shop.family("order")?.record(["fi"]);
    /// let document = serde_json::to_value(shop.event_rate_with_labels())?;
    /// let order = &document["events"]["order"];
    /// assert_eq!((&order["total"], &order["series"][0]["total"]), (&1.into(), &1.into()));
    /// assert_eq!(order["series"][0]["labels"]["country"], "fi");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn event_rate_with_labels(&self) -> EventRate {
        self.event_rate_showing(Showing { labels: true, ..Showing::default() })
    }

    pub(crate) fn event_rate_showing(&self, showing: Showing) -> EventRate {
        EventRate::of(&self.read(self.clock.now()), showing)
    }
}

/// What the document shows beyond the figures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Showing {
    /// The seconds of the window one by one.
    pub(crate) seconds: bool,
    /// The children of events that have labels.
    pub(crate) labels: bool,
}

impl EventRate {
    fn of(reading: &Reading<'_>, showing: Showing) -> Self {
        match Figures::of(reading, showing) {
            Ok(figures) => Self::Figures(Box::new(figures)),
            Err(error) => Self::Unavailable {
                events_per_second: 0,
                events_per_hour: 0,
                total_events: 0,
                uptime_seconds: 0,
                service: reading.service.name().into(),
                error: error.to_string(),
                timestamp: Timestamp::now(),
                window_minutes: WINDOW_MINUTES,
            },
        }
    }
}

impl Figures {
    fn of(reading: &Reading<'_>, showing: Showing) -> Result<Self, Unavailable> {
        let service = reading.service;
        let basis = service.spec().basis;
        let mut all = reading.without_events();
        let mut events = Vec::with_capacity(service.events().len());
        reading.each_read(showing.labels, |event, read| {
            all += &read.events;
            let mut figures = EventFigures::of(read, basis);
            figures.per_second = showing.seconds.then(|| read.events.per_second().to_vec());
            events.push((event.name().to_owned(), figures));
        })?;
        let events_per_second = basis.rate(&all);
        Ok(Self {
            events_per_second,
            events_per_hour: events_per_second * 3600.0,
            total_events: all.total(),
            uptime_seconds: seconds(all.uptime()),
            service: service.name().into(),
            timestamp: Timestamp::now(),
            window_minutes: WINDOW_MINUTES,
            rate_basis: basis,
            events_in_window: all.events_in_window(),
            covered_seconds: seconds(all.covered()),
            peak_events_per_second: all.peak_per_second(),
            last_event_age_seconds: all.last_event_age().map(seconds),
            events,
            per_second: showing.seconds.then(|| all.per_second().to_vec()),
        })
    }
}

impl EventFigures {
    fn of(read: &Read, basis: RateBasis) -> Self {
        let Read { events, timed, series } = read;
        let children = |series: &ReadSeries| {
            series.children.iter().map(|child| SeriesFigures::of(child, basis)).collect()
        };
        Self {
            total: events.total(),
            events_in_window: events.events_in_window(),
            events_per_second: basis.rate(events),
            processing_time: processing_time(timed.as_ref()),
            per_second: None,
            series: series.as_ref().map(children),
            retired: series.as_ref().map(|series| series.retired),
        }
    }
}

impl SeriesFigures {
    fn of(child: &ReadChild, basis: RateBasis) -> Self {
        let labels = child.labels.all().map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self {
            labels: labels.collect(),
            total: child.events.total(),
            events_in_window: child.events.events_in_window(),
            events_per_second: basis.rate(&child.events),
            started_at: child.started_at.into(),
            processing_time: processing_time(child.timed.as_ref()),
        }
    }
}

fn processing_time(timed: Option<&TimerSnapshot>) -> Option<ProcessingTime> {
    timed.map(|timed| ProcessingTime::of(timed.distribution()))
}

impl RateBasis {
    /// What `events_per_second` is on this basis.
    pub(crate) fn rate(self, snapshot: &Snapshot) -> f64 {
        match self {
            Self::Rolling => snapshot.events_per_second(),
            Self::Lifetime => snapshot.lifetime_per_second(),
        }
    }
}

/// Writes pairs as an object.
pub(super) fn as_map<S: Serializer, T: Serialize>(
    entries: &[(String, T)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(entries.len()))?;
    for (name, value) in entries {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::ManualClock;

    fn figures(service: &Service) -> Box<Figures> {
        match service.event_rate() {
            EventRate::Figures(figures) => figures,
            unavailable @ EventRate::Unavailable { .. } => panic!("{unavailable:?}"),
        }
    }

    #[test]
    fn event_on_another_clock_is_read_by_that_clock() {
        let (slow, fast) = (ManualClock::new(), ManualClock::new());
        let builder = || Service::builder("a").event("counted").timed_event("timed");
        let old = Arc::new(builder().clock(slow).build().unwrap());
        old.meter("counted").unwrap().record();
        old.timer("timed").unwrap().record(Duration::from_millis(5));
        fast.advance(Duration::from_secs(1000));
        let new = builder().continuing(&old).clock(fast).build().unwrap();
        let figures = figures(&new);
        let in_window: Vec<_> = figures.events.iter().map(|(_, e)| e.events_in_window).collect();
        assert_eq!((in_window, figures.total_events), (vec![1, 1], 2));
    }
}
