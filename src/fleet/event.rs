//! One kind of event of a service, and where its figures come from.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Unavailable;
use crate::engine::{Clock, Meter, Moment, Snapshot, Timer};

/// One kind of event that a service counts.
#[derive(Debug)]
pub struct EventKind {
    pub(super) name: Box<str>,
    pub(super) figures: FiguresFrom,
    /// Whether it was registered on first sight, and nobody has described it.
    pub(super) admitted: bool,
}

#[derive(Clone, Debug)]
pub(super) enum FiguresFrom {
    Recorded {
        meter: Arc<Meter>,
        /// It counts on `meter`. An event that is no longer timed keeps its timer for the time
        /// when it is timed again: with a second timer, each would have a part of the durations.
        timer: Option<Arc<Timer>>,
        /// Whether the timer is in use.
        timed: bool,
    },
    Source(Source),
}

type BoxedError = Box<dyn Error + Send + Sync>;

/// A function that returns an event's figures, where no meter of this service counts it.
#[derive(Clone)]
pub(super) struct Source(Arc<dyn Fn() -> Result<Snapshot, BoxedError> + Send + Sync>);

impl Source {
    pub(super) fn new<F>(ask: F) -> Self
    where
        F: Fn() -> Result<Snapshot, BoxedError> + Send + Sync + 'static,
    {
        Self(Arc::new(ask))
    }

    /// The figures of `event`. A source that panics half-way is asked again next time, from the
    /// start: what it left behind is its own affair.
    pub(super) fn ask(&self, event: &str) -> Result<Snapshot, Unavailable> {
        match catch_unwind(AssertUnwindSafe(|| (self.0)())) {
            Ok(answer) => answer.map_err(|error| Unavailable::failed(event, error)),
            Err(panic) => Err(Unavailable::panicked(event, panic.as_ref())),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl FiguresFrom {
    /// A new meter, with a timer if the event is timed.
    pub(super) fn recorded(clock: &Clock, timed: bool) -> Self {
        let clock = clock.clone();
        let meter = if timed { Meter::timed_with_clock(clock) } else { Meter::with_clock(clock) };
        let meter = Arc::new(meter);
        Self::Recorded { timer: timed.then(|| timer_of(&meter)), meter, timed }
    }

    /// The same figures, with or without durations from now on.
    pub(super) fn continued(&self, timed: bool) -> Self {
        match self {
            Self::Recorded { meter, timer: kept, .. } => {
                let mut kept = kept.clone();
                if timed {
                    kept.get_or_insert_with(|| timer_of(meter));
                }
                Self::Recorded { meter: Arc::clone(meter), timer: kept, timed }
            }
            Self::Source(source) => Self::Source(source.clone()),
        }
    }
}

fn timer_of(meter: &Arc<Meter>) -> Arc<Timer> {
    Arc::new(Timer::of_meter(Arc::clone(meter)))
}

impl EventKind {
    /// The event's name, unique within its service.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The meter that counts this event; `None` if a [source](super::ServiceBuilder::source)
    /// reports its figures.
    #[must_use]
    pub fn meter(&self) -> Option<&Arc<Meter>> {
        match &self.figures {
            FiguresFrom::Recorded { meter, .. } => Some(meter),
            FiguresFrom::Source(_) => None,
        }
    }

    /// The timer that counts this event and its durations; `None` if the event is not timed, or
    /// if a [source](super::ServiceBuilder::source) reports its figures.
    #[must_use]
    pub fn timer(&self) -> Option<&Arc<Timer>> {
        match &self.figures {
            FiguresFrom::Recorded { timer, timed: true, .. } => timer.as_ref(),
            _ => None,
        }
    }

    /// The event's figures as of a moment, which is `now` of `clock` if the event is on that clock. What a
    /// source returns counts as of `now`, whatever its clock is.
    pub(super) fn snapshot_near<'a>(
        &'a self,
        clock: &'a Clock,
        now: Moment,
    ) -> Result<(Snapshot, &'a Clock, Moment), Unavailable> {
        let meter = match &self.figures {
            FiguresFrom::Recorded { meter, .. } => meter,
            FiguresFrom::Source(source) => return Ok((source.ask(&self.name)?, clock, now)),
        };
        let mut snapshot = Snapshot::empty();
        if meter.clock().is(clock) && meter.read_into(&mut snapshot, now) {
            return Ok((snapshot, clock, now));
        }
        let (snapshot, at) = meter.snapshot_and_moment();
        Ok((snapshot, meter.clock(), at))
    }

    /// Whether the event was registered on first sight, by [`Registry::admit`](super::Registry::admit),
    /// and nobody has described it. A service that only has such events was registered so as well.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.admitted
    }

    /// The event's figures now. Costs as much as [`Meter::snapshot`], or what the source costs.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let billing = tickring::Service::builder("billing").event("invoice").build()?;
    /// billing.meter("invoice")?.record_n(2);
    /// for event in billing.events() {
    ///     println!("{}: {}", event.name(), event.snapshot()?.total());
    /// }
    /// # assert_eq!(billing.events()[0].snapshot()?.total(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the event has a source, and the source fails or panics.
    pub fn snapshot(&self) -> Result<Snapshot, Unavailable> {
        match &self.figures {
            FiguresFrom::Recorded { meter, .. } => Ok(meter.snapshot()),
            FiguresFrom::Source(source) => source.ask(&self.name),
        }
    }
}
