//! Reading a service: the figures of all its events as of one moment.
//!
//! Every document about a service is made from this.

use std::time::Duration;
#[cfg(feature = "http")]
use std::time::SystemTime;

#[cfg(feature = "http")]
use super::RateBasis;
#[cfg(feature = "http")]
use super::family::{Children, LabelSet};
use super::read::Read;
use super::{EventKind, Service, Unavailable};
#[cfg(feature = "http")]
use crate::engine::{Clock, Glance, SinceStart};
use crate::engine::{Moment, Snapshot, TimerSnapshot};

/// A service as of one moment of its clock.
pub(crate) struct Reading<'a> {
    pub(crate) service: &'a Service,
    /// How long the service has been up; every snapshot of the reading has this uptime.
    pub(crate) uptime: Duration,
    now: Moment,
}

impl<'a> Reading<'a> {
    /// What the figures of the events are added to.
    pub(super) fn without_events(&self) -> Snapshot {
        Snapshot::without_events(self.now, self.uptime)
    }

    /// Reads the events, in the order of the service's spec, and hands each to `take`: with its
    /// snapshot, and that of its timer if it is timed. One after another and by reference,
    /// because a snapshot is half a kibibyte.
    ///
    /// # Errors
    ///
    /// The first source that fails; `take` has then had the events before it.
    pub(crate) fn each(
        &self,
        mut take: impl FnMut(&'a EventKind, &Snapshot, Option<&TimerSnapshot>),
    ) -> Result<(), Unavailable> {
        self.each_read(false, |event, read| take(event, &read.events, read.timed.as_ref()))
    }

    /// As [`each`](Self::each); with the children of events that have labels, if they are wanted.
    pub(super) fn each_read(
        &self,
        series: bool,
        mut take: impl FnMut(&'a EventKind, &Read),
    ) -> Result<(), Unavailable> {
        for event in &self.service.events {
            let mut read = event.read(&self.service.clock, self.now, series)?;
            read.set_uptime(self.uptime);
            take(event, &read);
        }
        Ok(())
    }
}

/// What is seen of an event at a glance.
#[cfg(feature = "http")]
#[allow(clippy::large_enum_variant)] // There is one at a time.
pub(crate) enum Glanced {
    /// The figures of the event, or of one of its children.
    Figures(GlancedFigures),
    /// What is known of its children, after all of them.
    Children {
        /// Look-ups past the cap.
        overflowed: u64,
        /// Events that are in none of the children's figures.
        retired: u64,
        /// The rate of those of them that are in the window: of children of other keys, after a change.
        per_second: f64,
    },
}

#[cfg(feature = "http")]
pub(crate) struct GlancedFigures {
    pub(crate) glance: Glance,
    pub(crate) durations: Option<SinceStart>,
    /// `None` if the event has no labels.
    pub(crate) labels: Option<LabelSet>,
    pub(crate) started_at: SystemTime,
}

#[cfg(feature = "http")]
impl<'a> Reading<'a> {
    /// As [`each`](Self::each), with the figures that need no series: for a meter that is read often they
    /// cost a load for each of its shards. The durations of a timed event are those since its start. An event
    /// that has labels comes child by child.
    ///
    /// # Errors
    ///
    /// The first source that fails; `take` has then had the events before it.
    pub(crate) fn each_at_a_glance(
        &self,
        mut take: impl FnMut(&'a EventKind, Glanced),
    ) -> Result<(), Unavailable> {
        for event in &self.service.events {
            if let Some(family) = event.children() {
                self.glance_at_children(family, event, &mut take);
            } else {
                take(event, self.glance_at(event)?);
            }
        }
        Ok(())
    }

    fn glance_at(&self, event: &EventKind) -> Result<Glanced, Unavailable> {
        let started_at = self.service.started_at;
        let of = |glance, durations| {
            Ok(Glanced::Figures(GlancedFigures { glance, durations, labels: None, started_at }))
        };
        if let Some(meter) = event.meter().filter(|_| event.earlier().is_empty()) {
            // Before the meter: there are then no more durations than events.
            let durations = event.timer().map(|timer| timer.since_start());
            return of(meter.glance_as_of(&self.service.clock, self.now), durations);
        }
        // It has a source, or it had labels before.
        let read = event.read(&self.service.clock, self.now, false)?;
        let durations = read.timed.map(|timed| timed.since_start().clone());
        of(read.events.into(), durations)
    }

    fn glance_at_children(
        &self,
        family: &Children,
        event: &'a EventKind,
        take: &mut impl FnMut(&'a EventKind, Glanced),
    ) {
        let (shown, keys) = (family.shown(), family.keys());
        for child in std::iter::once(family.unlabelled()).chain(shown.children()) {
            let durations = event.timer().map(|_| child.timer().since_start());
            let glance = child.meter().glance_as_of(&self.service.clock, self.now);
            if child.is_shown(glance.total) {
                let (labels, started_at) = (Some(child.label_set(&keys)), child.started_at());
                take(
                    event,
                    Glanced::Figures(GlancedFigures { glance, durations, labels, started_at }),
                );
            }
        }
        let (mut retired, mut per_second) = (shown.retired(), 0.0);
        for shown in event.earlier().iter().map(|family| family.shown()) {
            retired = retired.saturating_add(shown.retired());
            for child in shown.children() {
                let glance = child.meter().glance_as_of(&self.service.clock, self.now);
                retired = retired.saturating_add(glance.total);
                per_second += glance.per_second;
            }
        }
        take(event, Glanced::Children { overflowed: family.overflowed(), retired, per_second });
    }

    /// As [`each`](Self::each), without durations.
    ///
    /// # Errors
    ///
    /// The first source that fails; `take` has then had the events before it.
    pub(crate) fn each_count(
        &self,
        mut take: impl FnMut(&'a EventKind, &Snapshot),
    ) -> Result<(), Unavailable> {
        for event in &self.service.events {
            let mut snapshot = event.read_count(&self.service.clock, self.now)?;
            snapshot.set_uptime(self.uptime);
            take(event, &snapshot);
        }
        Ok(())
    }

    /// The rate of a number of events on the basis of the service, given the rate over the last 60 s.
    pub(crate) fn rate(&self, total: u64, rolling: f64) -> f64 {
        match self.service.spec.basis {
            RateBasis::Rolling => rolling,
            #[allow(clippy::cast_precision_loss)] // Above 2^53 the last digits don't matter.
            RateBasis::Lifetime => total as f64 / self.uptime.as_secs_f64().max(1.0),
        }
    }
}

/// One reading of each clock: services that share a clock are read as of the same moment.
#[cfg(feature = "http")]
#[derive(Default)]
pub(crate) struct Moments<'a>(Vec<(&'a Clock, Moment)>);

#[cfg(feature = "http")]
impl<'a> Moments<'a> {
    /// The moment of the service's clock. The clock is read when it is first asked for.
    pub(crate) fn of(&mut self, service: &'a Service) -> Moment {
        let clock = &service.clock;
        if let Some((_, now)) = self.0.iter().find(|(known, _)| known.is(clock)) {
            return *now;
        }
        let now = clock.now();
        self.0.push((clock, now));
        now
    }
}

impl Service {
    /// The service as of `now`, a moment of its clock that was read just before.
    pub(crate) fn read(&self, now: Moment) -> Reading<'_> {
        Reading { service: self, uptime: now.since(self.started), now }
    }

    /// The figures of all events together, as of one moment: counts add up, and the last event is
    /// the latest of all. Its uptime is the service's. Costs one reading of the clock, and what
    /// reading each event costs.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sports = tickring::Service::from_catalogue("sports-data")?;
    /// sports.meter("api_call")?.record_n(3);
    /// sports.meter("data_fetch")?.record();
    /// assert_eq!(sports.snapshot()?.total(), 4);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If an event has a source, and the source fails or panics.
    pub fn snapshot(&self) -> Result<Snapshot, Unavailable> {
        let reading = self.read(self.clock.now());
        let mut all = reading.without_events();
        reading.each(|_, snapshot, _| all += snapshot)?;
        Ok(all)
    }

    /// The figures of each event, as of one moment, in the order of [`events`](Self::events).
    /// Their uptime is the service's. Costs what [`snapshot`](Self::snapshot) costs, and about
    /// 560 bytes for each event.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sports = tickring::Service::from_catalogue("sports-data")?;
    /// sports.meter("api_call")?.record_n(3);
    /// for (event, snapshot) in sports.events().iter().zip(sports.snapshots()?) {
    ///     println!("{}: {:.1} per second", event.name(), snapshot.events_per_second());
    /// }
    /// # assert_eq!(sports.snapshots()?[0].total(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If an event has a source, and the source fails or panics.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, Unavailable> {
        let mut snapshots = Vec::with_capacity(self.events.len());
        let reading = self.read(self.clock.now());
        reading.each(|_, snapshot, _| snapshots.push(snapshot.clone()))?;
        Ok(snapshots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManualClock, Meter};

    #[test]
    fn every_event_has_the_uptime_of_its_service() {
        static REQUESTS: Meter = Meter::new();
        let clock = ManualClock::new();
        let service = Service::builder("s").event("plain").timed_event("timed");
        let service = service.source("source", || Ok(REQUESTS.snapshot()));
        let service = service.clock(clock.clone()).build().unwrap();
        clock.advance(Duration::from_secs(5));
        service.meter("timed").unwrap().record_n(2);
        service.meter("plain").unwrap().record();
        clock.advance(Duration::from_secs(2));
        let mut seen = Vec::new();
        let reading = service.read(service.clock.now());
        reading
            .each(|event, snapshot, timed| {
                let timed = timed.map(|timed| timed.events().clone());
                assert!(timed.is_none_or(|timed| timed == *snapshot));
                seen.push((event.name(), snapshot.total(), snapshot.uptime().as_secs()));
            })
            .unwrap();
        assert_eq!(seen, [("plain", 1, 7), ("timed", 2, 7), ("source", 0, 7)]);
        assert_eq!(service.snapshot().unwrap().total(), 3);
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_clock_is_read_once_for_all_services_on_it() {
        let clocks = [ManualClock::new(), ManualClock::new()];
        let on = |clock: &ManualClock| {
            Service::builder("s").event("e").clock(clock.clone()).build().unwrap()
        };
        let services = [on(&clocks[0]), on(&clocks[1]), on(&clocks[0])];
        clocks[0].advance(Duration::from_secs(3));
        let mut moments = Moments::default();
        let first = services[0].read(moments.of(&services[0])).uptime;
        clocks[0].advance(Duration::from_secs(1));
        clocks[1].advance(Duration::from_secs(9));
        let second = services[1].read(moments.of(&services[1])).uptime;
        let third = services[2].read(moments.of(&services[2])).uptime;
        assert_eq!([first, second, third].map(|uptime| uptime.as_secs()), [3, 9, 3]);
    }
}
