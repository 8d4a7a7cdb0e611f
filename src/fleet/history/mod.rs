//! The counts of events by minute, hour and day.
//!
//! Nobody counts twice: recorders know nothing of this. A meter has its total and its last 60 seconds. To
//! *roll* an event is to look at them and to count what is new in the minute, the hour and the day that it
//! belongs to. Somebody has to roll at least once a minute: a task of the server does so, and so does each
//! reader. An event that nobody rolls for longer keeps its counts; only the minutes of those that came
//! meanwhile are coarser (`event`).
//!
//! # What holds
//!
//! 1. Each event of a meter counts in exactly one second, one minute, one hour and one day. A second belongs
//!    to one minute, a minute to one hour, an hour to one day. So as long as the units are kept, the sum of
//!    the smaller ones is the count of the larger one, and the sum of all days is the total.
//! 2. A minute is a minute of UTC by the wall clock. A second, which belongs to the clock of a meter, counts
//!    in the minute in which it begins (`calendar`, which also says what happens when the wall clock
//!    steps).
//! 3. A minute, an hour or a day is known if at least one second of it was watched while the event was
//!    there. All others are `None`: those before the start, those between two runs of a server, those
//!    in which the machine slept.
//!
//! # Names that come and go
//!
//! A history belongs to the names of a service and an event.
//!
//! | case | what happens to the history |
//! |---|---|
//! | a described event is dropped, and comes back with its count | it goes on, with what was recorded meanwhile |
//! | an event that was registered on first sight is forgotten | it is forgotten as well; if the event comes back, both begin anew |
//! | an event is described, or registered, that was there before a restart | it goes on from what was saved |
//! | an event does not come back after a restart | it is kept as long as it has any event in 30 days, and saved with the others |
//!
//! No more than [`ABSENT`] events are kept that are not there; those with the latest counts stay.
//!
//! # What it takes
//!
//! At most 2 KiB for each event: 114 counts by minute, hour and day, the 60 seconds that were counted last,
//! and the names.

mod calendar;
mod event;
mod rings;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::calendar::Calendar;
use self::event::{EventHistory, Seen};
use self::rings::Rings;
use self::values::SavedEvent;
pub use self::values::{EventCounts, HistoryState, ServiceHistory};
use super::event_rate::Timestamp;
use super::{EventKind, Registry, Service};
use crate::engine::{Clock, Moment, WeakMeter};

/// The most events that are kept while they are not there.
const ABSENT: usize = 4096;

/// The exact counts of all events of a registry: of the last 60 minutes, 24 hours and 30 days. Clones are the
/// same history.
///
/// It costs recorders nothing. It counts as often as somebody calls [`roll`](Self::roll) or
/// [`of`](Self::of). Call `roll` at least once a minute, from a thread or a task.
///
/// The [module of HTTP](crate::http) serves it: `Router::history`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tickring::{History, Registry, Service};
///
/// let registry = Registry::new();
/// let billing = registry.register(Service::builder("billing").event("invoice").build()?)?;
/// let history = History::new(registry);
/// billing.meter("invoice")?.record_n(2);
/// history.roll(); // each ten seconds, say
///
/// let counts = history.of("billing").ok_or("it is registered")?;
/// let (_, invoices) = &counts.events[0];
/// assert_eq!((invoices.hours.len(), invoices.hours[23]), (24, Some(2)));
/// assert_eq!(invoices.days[0], None); // nothing is known of a month ago
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct History {
    registry: Registry,
    book: Arc<Mutex<Book>>,
}

/// What is known of all events.
#[derive(Debug, Default)]
struct Book {
    /// One for each clock.
    calendars: Vec<Calendar>,
    /// By the name of the service, and that of the event.
    events: BTreeMap<Box<str>, BTreeMap<Box<str>, Box<EventHistory>>>,
    /// The latest minute of what was restored.
    earliest: u64,
}

impl History {
    /// The history of the services of `registry`, those that come later included. It knows nothing of the
    /// time before, but for the last minute.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self { registry, book: Arc::default() }
    }

    /// Counts what is new in all events. Costs about as much as a snapshot of each of them.
    ///
    /// It asks the sources of events ([`ServiceBuilder::source`](super::ServiceBuilder::source)) under a lock,
    /// so a source must not use this history.
    pub fn roll(&self) {
        self.roll_at(wall_clock);
    }

    /// The wall clock is read beside each clock of a meter: a slow source may come in between.
    fn roll_at(&self, wall: impl Fn() -> Duration) {
        let mut book = self.book();
        let services = self.registry.services();
        for service in services.iter() {
            book.roll(service, &wall);
        }
        book.roll_absent(&wall, |service, event| {
            services.get(service).is_some_and(|service| service.event(event).is_some())
        });
    }

    /// The counts of a service as of now; `None` if no service has this name. Rolls its events before.
    #[must_use]
    pub fn of(&self, service: &str) -> Option<ServiceHistory> {
        self.of_at(service, wall_clock)
    }

    fn of_at(&self, service: &str, wall: impl Fn() -> Duration) -> Option<ServiceHistory> {
        let mut book = self.book();
        let service = self.registry.get(service)?;
        let now = book.roll(&service, &wall);
        let calendar = book.calendar(&service.clock);
        let (calendar, known) = (&book.calendars[calendar], book.events.get(service.name()));
        let counts = |event: &EventKind| {
            let known = known.and_then(|events| events.get(event.name()))?;
            Some(counts(known, now, calendar))
        };
        let nothing = EventHistory::new(Rings::UNKNOWN, false);
        let events = service.events().iter().map(|event| {
            let counts = counts(event).unwrap_or_else(|| self::counts(&nothing, now, calendar));
            (event.name().to_owned(), counts)
        });
        let as_of = Timestamp::from_unix(calendar.began());
        Some(ServiceHistory { service: service.name().into(), as_of, events: events.collect() })
    }

    /// What it knows of minutes, hours and days, to be saved. Rolls all events before.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{History, HistoryState, Registry};
    ///
    /// let registry = Registry::from_catalogue();
    /// registry.get("sports-data").ok_or("it is there")?.meter("api_call")?.record_n(3);
    /// let saved = serde_json::to_string(&History::new(registry).state())?;
    ///
    /// // In the next run:
    /// let history = History::new(Registry::from_catalogue());
    /// history.restore(serde_json::from_str(&saved)?);
    /// let sports = history.of("sports-data").ok_or("it is there")?;
    /// assert_eq!(sports.events[0].1.days[29], Some(3));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn state(&self) -> HistoryState {
        self.state_at(wall_clock)
    }

    fn state_at(&self, wall: impl Fn() -> Duration) -> HistoryState {
        self.roll_at(wall);
        let book = self.book();
        let mut saved = Vec::new();
        for (service, events) in &book.events {
            for (event, known) in events {
                saved.push(SavedEvent::new(service, event, known.described, &known.rings));
            }
        }
        HistoryState { events: saved }
    }

    /// Goes on from what an earlier run saved. Call it once, before the first [`roll`](Self::roll): it
    /// replaces what is known of the events that were saved.
    ///
    /// The latest saved minute is the earliest one in which anything is counted from now on, even if the wall
    /// clock is behind it.
    pub fn restore(&self, state: HistoryState) {
        let mut book = self.book();
        for saved in state.events {
            let rings = saved.rings();
            book.earliest = book.earliest.max(rings.head());
            let known = Box::new(EventHistory::new(rings, saved.described));
            let of_service = book.events.entry(saved.service.into()).or_default();
            of_service.insert(saved.event.into(), known);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A source that panicked left nothing half done.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

impl Book {
    /// Rolls the events of a service. Returns the moment of the service's clock as of which it did.
    fn roll(&mut self, service: &Service, wall: impl Fn() -> Duration) -> Moment {
        let now = service.clock.now();
        self.settle(&service.clock, now, wall());
        for event in service.events() {
            // An event whose source fails is left as it is.
            let Ok((snapshot, clock, at)) = event.snapshot_near(&service.clock, now) else {
                continue;
            };
            let calendar = self.settle(clock, at, wall());
            let events = match self.events.get_mut(service.name()) {
                Some(events) => events,
                None => self.events.entry(service.name().into()).or_default(),
            };
            let known = match events.get_mut(event.name()) {
                Some(known) => known,
                None => events.entry(event.name().into()).or_insert_with(|| {
                    Box::new(EventHistory::new(Rings::UNKNOWN, !event.is_admitted()))
                }),
            };
            known.described = !event.is_admitted();
            let seen = Seen {
                meter: event.meter().map_or_else(WeakMeter::default, WeakMeter::of),
                has_children: !event.families().is_empty(),
            };
            known.roll(&snapshot, at, seen, &self.calendars[calendar]);
        }
        now
    }

    /// Rolls the events that are not there, and forgets those that need not be kept.
    fn roll_absent(&mut self, wall: impl Fn() -> Duration, is_there: impl Fn(&str, &str) -> bool) {
        let mut absent = Vec::new();
        for (service, events) in &mut self.events {
            events.retain(|event, known| {
                if is_there(service, event) {
                    return true;
                }
                if known.was_read() && !known.described {
                    return false;
                }
                absent.push((known.rings.head(), service.clone(), event.clone()));
                true
            });
        }
        // The latest ones last.
        absent.sort_unstable();
        let surplus = absent.len().saturating_sub(ABSENT);
        for (index, (_, service, event)) in absent.into_iter().enumerate() {
            let is_kept = index >= surplus && self.roll_one_absent(&service, &event, &wall);
            if let Some(events) = self.events.get_mut(&service).filter(|_| !is_kept) {
                events.remove(&event);
            }
        }
        self.events.retain(|_, events| !events.is_empty());
    }

    /// Whether the event is to be kept.
    fn roll_one_absent(&mut self, service: &str, event: &str, wall: impl Fn() -> Duration) -> bool {
        let find = |book: &Self| Some(book.events.get(service)?.get(event)?.seen().clone());
        let seen = find(self).unwrap_or_default();
        let meter = seen.meter.upgrade();
        if meter.is_some() && seen.has_children {
            // Its children are out of sight. If it comes back, they are counted then.
            return true;
        }
        let calendar = meter.as_ref().map(|meter| {
            let (snapshot, at) = meter.snapshot_and_moment();
            (self.settle(meter.clock(), at, wall()), snapshot, at)
        });
        let latest = self.calendars.iter().map(Calendar::latest).max().unwrap_or(self.earliest);
        let events = self.events.get_mut(service);
        let Some(known) = events.and_then(|events| events.get_mut(event)) else { return false };
        if let Some((calendar, snapshot, at)) = calendar {
            known.roll(&snapshot, at, seen, &self.calendars[calendar]);
            return true;
        }
        known.rings.has_events(latest)
    }

    /// The calendar of a clock, which knows the moment then.
    fn settle(&mut self, clock: &Clock, now: Moment, wall: Duration) -> usize {
        let index = self.calendar(clock);
        let days = self.calendars[index].advance(now, wall);
        if days > 0 {
            self.shift(index, days);
        }
        index
    }

    fn calendar(&mut self, clock: &Clock) -> usize {
        let known = self.calendars.iter().position(|calendar| calendar.is_of(clock));
        known.unwrap_or_else(|| {
            self.calendars.push(Calendar::new(clock.clone(), self.earliest));
            self.calendars.len() - 1
        })
    }

    /// Moves everything to an earlier time, but for the calendar that said so.
    fn shift(&mut self, by: usize, days: u64) {
        for (index, calendar) in self.calendars.iter_mut().enumerate() {
            if index != by {
                calendar.shift(days);
            }
        }
        for known in self.events.values_mut().flat_map(BTreeMap::values_mut) {
            known.shift(days);
        }
        self.earliest = self.earliest.saturating_sub(days * rings::MINUTES_PER_DAY);
    }
}

fn counts(known: &EventHistory, now: Moment, calendar: &Calendar) -> EventCounts {
    let minute = calendar.latest();
    EventCounts {
        seconds: known.seconds(now.tick().as_seconds()).to_vec(),
        minutes: known.rings.minutes(minute).to_vec(),
        hours: known.rings.hours(minute).to_vec(),
        days: known.rings.days(minute).to_vec(),
    }
}

/// The wall clock, since 1970. One before that reads as 1970.
fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
