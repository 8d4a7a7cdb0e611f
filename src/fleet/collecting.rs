//! From the services of a process to the consolidated document, in one pass and as of one moment.

use std::time::{Duration, Instant, SystemTime};

use super::consolidated::{Consolidated, Entry, EntryDetails, EntryFigures, ErrorType, Outcome};
use super::elsewhere::Elsewhere;
use super::reading::{Moments, Reading};
use super::values::ProcessingTime;
use super::{RateBasis, Services, Timestamp, Unavailable};

/// How a service is judged, and what its entry shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Collecting {
    /// A service is active if its last event is no older than this. `None` stands for what fits its
    /// basis.
    pub(crate) active_within: Option<Duration>,
    /// Whether an entry shows the last 60 seconds one by one, and durations.
    pub(crate) details: bool,
}

/// For how long an event makes a service active, unless that is set.
fn usual(basis: RateBasis) -> Duration {
    match basis {
        RateBasis::Rolling => Duration::from_secs(5 * 60),
        RateBasis::Lifetime => Duration::from_secs(60 * 60),
    }
}

impl Consolidated {
    /// The document of these services, in their order. Each clock is read once, and each meter too.
    pub(crate) fn of(services: &Services, collecting: Collecting) -> Self {
        let begun = Instant::now();
        let now = Timestamp::now();
        let mut moments = Moments::default();
        let mut document = Self::new(now);
        for service in services {
            let reading = service.read(moments.of(service));
            let figures = EntryFigures::of(&reading, now, collecting);
            let outcome = match figures {
                Ok(figures) => {
                    let within = collecting.active_within.unwrap_or(usual(service.spec().basis));
                    let is_active = figures.last_event_age.is_some_and(|age| age <= within);
                    Outcome::Figures { is_active, figures }
                }
                Err(error) => Outcome::Failed {
                    error_type: ErrorType::UnexpectedError,
                    error: error.to_string(),
                },
            };
            document.add(Entry {
                service: service.name().to_owned(),
                port: service.spec().port,
                category: service.spec().category.clone(),
                last_success: matches!(outcome, Outcome::Figures { .. }).then_some(now),
                outcome,
                response_time: None,
            });
        }
        document.took(begun.elapsed());
        document
    }

    /// Adds services elsewhere.
    pub(crate) fn add_elsewhere(&mut self, services: Vec<Elsewhere>, collecting: Collecting) {
        let now = SystemTime::now();
        for service in services {
            let within = collecting.active_within.unwrap_or(usual(service.basis));
            self.add(service.entry(now, within, collecting.details));
        }
    }
}

impl EntryFigures {
    fn of(
        reading: &Reading<'_>,
        now: Timestamp,
        collecting: Collecting,
    ) -> Result<Self, Unavailable> {
        let mut all = reading.without_events();
        let mut processing_time = Vec::new();
        if collecting.details {
            reading.each(|event, snapshot, timed| {
                all += snapshot;
                if let Some(timed) = timed {
                    let time = ProcessingTime::of(timed.distribution());
                    processing_time.push((event.name().to_owned(), time));
                }
            })?;
        } else {
            reading.each_count(|_, snapshot| all += snapshot)?;
        }
        Ok(Self {
            events_per_second: reading.service.spec().basis.rate(&all),
            total_events: all.total(),
            uptime: all.uptime(),
            last_activity: all.last_event_age().map(|age| now.before(age)),
            last_event_age: all.last_event_age(),
            peak_per_second: all.peak_per_second(),
            details: collecting
                .details
                .then(|| EntryDetails { per_second: all.per_second().to_vec(), processing_time }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Registry, Service};
    use crate::{ManualClock, Meter};

    const PLAIN: Collecting = Collecting { active_within: None, details: false };

    fn statuses(registry: &Registry, collecting: Collecting) -> Vec<&'static str> {
        let document = Consolidated::of(&registry.services(), collecting);
        document.entries().iter().map(|entry| entry.status().as_str()).collect()
    }

    #[test]
    fn service_is_active_for_a_time_that_fits_its_basis() {
        let (clock, registry) = (ManualClock::new(), Registry::new());
        for (name, basis) in [("rolling", RateBasis::Rolling), ("lifetime", RateBasis::Lifetime)] {
            let service = Service::builder(name).event("e").basis(basis).clock(clock.clone());
            registry.register(service.build().unwrap()).unwrap();
        }
        assert_eq!(statuses(&registry, PLAIN), ["inactive", "inactive"], "no event yet");
        for service in registry.services().iter() {
            service.meter("e").unwrap().record();
        }
        let mut passed = 0;
        for (seconds, expected) in [
            (0, ["active", "active"]),
            // The age begins at the end of the event's second.
            (301, ["active", "active"]),
            (302, ["inactive", "active"]),
            (3601, ["inactive", "active"]),
            (3602, ["inactive", "inactive"]),
        ] {
            clock.advance(Duration::from_secs(seconds - passed));
            passed = seconds;
            assert_eq!(statuses(&registry, PLAIN), expected, "after {seconds} s");
        }
        let longer = Collecting { active_within: Some(Duration::from_secs(7200)), ..PLAIN };
        assert_eq!(statuses(&registry, longer), ["active", "active"]);
    }

    /// The clock goes on while the first service is read, and there are events meanwhile.
    #[test]
    fn all_services_are_as_of_one_reading_of_the_clock() {
        let clock = ManualClock::new();
        let turning = clock.clone();
        let meter = Meter::with_clock(clock.clone());
        let first = Service::builder("first").clock(clock.clone()).source("event", move || {
            turning.advance(Duration::from_secs(1));
            Ok(meter.snapshot())
        });
        let registry = Registry::new();
        registry.register(first.build().unwrap()).unwrap();
        let second = Service::builder("second").timed_event("event").clock(clock.clone());
        registry.register(second.build().unwrap()).unwrap();
        clock.advance(Duration::from_secs(7));
        for details in [false, true] {
            let before = clock.elapsed();
            let document = Consolidated::of(&registry.services(), Collecting { details, ..PLAIN });
            let uptimes: Vec<_> =
                document.entries().iter().map(|entry| entry.figures().unwrap().uptime).collect();
            assert_eq!(uptimes, [before; 2]);
        }
    }

    #[test]
    fn source_that_panics_is_an_entry_and_no_more() {
        let registry = Registry::new();
        let moody = Service::builder("moody").event("e").source("mood", || panic!("not today"));
        registry.register(moody.build().unwrap()).unwrap();
        registry.register(Service::builder("calm").event("e").build().unwrap()).unwrap();
        registry.get("moody").unwrap().meter("e").unwrap().record();
        let calm = registry.get("calm").unwrap();
        calm.meter("e").unwrap().record();
        let document = Consolidated::of(&registry.services(), PLAIN);
        let [moody, calm] = document.entries() else { panic!("{document:?}") };
        assert_eq!(moody.error(), Some("the source of event \"mood\" panicked: not today"));
        assert!(moody.figures().is_none() && moody.last_success.is_none());
        assert_eq!(calm.figures().unwrap().total_events, 1);
        let totals = document.totals();
        assert_eq!((totals.active, totals.inactive, totals.failed), (1, 0, 1));
    }
}
