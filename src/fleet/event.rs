//! One kind of event of a service, and where its figures come from.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::Unavailable;
use super::family::Children;
use super::family::children::Declared;
use super::read::Read;
use crate::engine::{Clock, Meter, MeterHandle, Moment, Snapshot, TimerHandle};

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
        meter: MeterHandle,
        /// It counts on `meter`. An event that is no longer timed keeps its timer for the time
        /// when it is timed again: with a second timer, each would have a part of the durations.
        timer: Option<TimerHandle>,
        /// Whether the timer is in use.
        timed: bool,
        /// The children with labels. If the event is labelled, the first are those of its keys. The others
        /// are of keys that it had before; somebody may still hold them.
        families: Vec<Arc<Children>>,
        /// Whether the event has labels.
        labelled: bool,
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
        let meter = MeterHandle::from(meter);
        let own = if timed { meter.timed() } else { None };
        Self::Recorded { meter, timer: own, timed, families: Vec::new(), labelled: false }
    }

    /// A meter that the program has, and its timer if it is one's.
    pub(super) fn given(meter: MeterHandle, kept: Option<TimerHandle>) -> Self {
        let timed = kept.is_some();
        Self::Recorded { meter, timer: kept, timed, families: Vec::new(), labelled: false }
    }

    /// Goes on with the children of `known`, if both have the same meter.
    pub(super) fn keep_families(&mut self, known: &Self) {
        if let (
            Self::Recorded { meter, families, .. },
            Self::Recorded { meter: its, families: children, .. },
        ) = (self, known)
            && std::ptr::eq::<Meter>(&raw const **meter, &raw const **its)
        {
            families.clone_from(children);
        }
    }

    /// For how long its meter had been in use at `now`, a moment of `clock`; zero by another clock.
    pub(super) fn age(&self, clock: &Clock, now: Moment) -> Duration {
        match self {
            Self::Recorded { meter, .. } if meter.clock().is(clock) => {
                meter.snapshot_as_of(clock, now).uptime()
            }
            _ => Duration::ZERO,
        }
    }

    /// The same figures, with or without durations from now on. `None` for durations of a static meter:
    /// it has no timer, and can't get one.
    pub(super) fn continued(&self, timed: bool) -> Option<Self> {
        match self {
            Self::Recorded { meter, timer: kept, families, .. } => {
                let kept = match kept {
                    None if timed => {
                        let known = families.iter().find_map(|family| family.own_timer());
                        Some(known.or_else(|| meter.timed())?)
                    }
                    kept => kept.clone(),
                };
                let (meter, families) = (meter.clone(), families.clone());
                Some(Self::Recorded { meter, timer: kept, timed, families, labelled: false })
            }
            Self::Source(source) => Some(Self::Source(source.clone())),
        }
    }

    /// The same with labels. If the event had these keys before, or the first of them, its children go on.
    /// They learn of what is new when the service is put: see [`settle`](Self::settle).
    pub(super) fn with_labels(mut self, declared: Declared<'_>) -> Self {
        if let Self::Recorded { labelled, .. } = &mut self {
            *labelled = true;
            self.choose_family(declared);
        }
        self
    }

    /// Puts the children of these keys first.
    fn choose_family(&mut self, declared: Declared<'_>) {
        if let Self::Recorded { meter, timer, timed, families, .. } = self {
            let is = |known: &Arc<Children>| known.has_keys(declared.keys);
            let begins = |known: &Arc<Children>| known.is_begun_by(declared.keys);
            let known = families.iter().position(is).or_else(|| families.iter().position(begins));
            let family = if let Some(known) = known {
                families.remove(known)
            } else {
                let in_use = timer.as_ref().filter(|_| *timed);
                Arc::new(Children::new(declared, meter, in_use))
            };
            families.insert(0, family);
        }
    }

    /// Makes the children what is declared, since the service is put. Until then they may be those of a
    /// service that stays. Another service that goes on from the same one may have been put meanwhile, with
    /// more keys, which stay, or with others, or with a timer.
    pub(super) fn settle(&mut self, declared: Declared<'_>) {
        if self.shown_family().is_some_and(|family| !family.fits(declared.keys)) {
            self.choose_family(declared);
        }
        if let Self::Recorded { timer, timed, families, labelled: true, .. } = self
            && let Some(family) = families.first()
            && let Some(first) = family.change(declared, timer.as_ref().filter(|_| *timed))
        {
            *timer = Some(first);
        }
    }

    fn shown_family(&self) -> Option<&Arc<Children>> {
        match self {
            Self::Recorded { families, labelled: true, .. } => families.first(),
            _ => None,
        }
    }
}

impl EventKind {
    /// The event's name, unique within its service.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The meter that counts this event; `None` if a [source](super::ServiceBuilder::source)
    /// reports its figures. If the event has labels, what is recorded here has no value for any of them.
    #[must_use]
    pub fn meter(&self) -> Option<&MeterHandle> {
        match &self.figures {
            FiguresFrom::Recorded { meter, .. } => Some(meter),
            FiguresFrom::Source(_) => None,
        }
    }

    /// The timer that counts this event and its durations; `None` if the event is not timed, or
    /// if a [source](super::ServiceBuilder::source) reports its figures.
    #[must_use]
    pub fn timer(&self) -> Option<&TimerHandle> {
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
        let (meter, families) = match &self.figures {
            FiguresFrom::Recorded { meter, families, .. } => (meter, families),
            FiguresFrom::Source(source) => return Ok((source.ask(&self.name)?, clock, now)),
        };
        if !families.is_empty() {
            let mut now = if meter.clock().is(clock) { now } else { meter.clock().now() };
            loop {
                if let Some(sum) = Read::sum(families, meter, now) {
                    return Ok((sum.events, meter.clock(), now));
                }
                now = meter.clock().now();
            }
        }
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
            FiguresFrom::Recorded { meter, families, .. } if families.is_empty() => {
                Ok(meter.snapshot())
            }
            FiguresFrom::Recorded { meter, .. } => {
                let now = meter.clock().now();
                self.read(meter.clock(), now, false).map(|sum| sum.events)
            }
            FiguresFrom::Source(source) => source.ask(&self.name),
        }
    }

    /// How much it has counted, as of `now`, a moment of `clock` that was read just before.
    #[cfg(feature = "http")]
    pub(super) fn read_count(&self, clock: &Clock, now: Moment) -> Result<Snapshot, Unavailable> {
        match &self.figures {
            FiguresFrom::Recorded { meter, families, .. } if families.is_empty() => {
                Ok(meter.snapshot_as_of(clock, now))
            }
            _ => self.read(clock, now, false).map(|sum| sum.events),
        }
    }

    /// The keys of the event's labels; none if it has no labels.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let shop = tickring::Service::builder("shop").event("order").labels(["country"]).build()?;
    /// assert_eq!(shop.events()[0].labels(), ["country"]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let keys = self.children().map(|family| family.keys());
        keys.iter().flat_map(|keys| keys.iter()).map(ToString::to_string).collect()
    }

    /// The children of an event that has labels.
    pub(crate) fn children(&self) -> Option<&Arc<Children>> {
        self.figures.shown_family()
    }

    /// How many samples a family of `/metrics` has of it.
    #[cfg(feature = "http")]
    pub(crate) fn samples(&self) -> usize {
        self.children().map_or(1, |family| 1 + family.shown().children().len())
    }

    /// All families whose counts are in the event's.
    pub(super) fn families(&self) -> &[Arc<Children>] {
        match &self.figures {
            FiguresFrom::Recorded { families, .. } => families,
            FiguresFrom::Source(_) => &[],
        }
    }

    /// The families whose counts are in the event's, though it doesn't show them: those of keys that it had
    /// before.
    pub(crate) fn earlier(&self) -> &[Arc<Children>] {
        match &self.figures {
            FiguresFrom::Recorded { families, labelled, .. } => &families[usize::from(*labelled)..],
            FiguresFrom::Source(_) => &[],
        }
    }

    /// The figures as of `now`, a moment of `clock` that was read just before; with those of each child of an
    /// event that has labels, if they are wanted.
    pub(super) fn read(
        &self,
        clock: &Clock,
        now: Moment,
        series: bool,
    ) -> Result<Read, Unavailable> {
        let (meter, families) = match &self.figures {
            FiguresFrom::Recorded { meter, families, .. } => (meter, families),
            FiguresFrom::Source(source) => return source.ask(&self.name).map(Read::of),
        };
        if families.is_empty() {
            return Ok(match self.timer() {
                Some(timer) => Read::of_timer(timer.snapshot_as_of(clock, now)),
                None => Read::of(meter.snapshot_as_of(clock, now)),
            });
        }
        let family = self.children().filter(|_| series);
        let mut now = if meter.clock().is(clock) { now } else { meter.clock().now() };
        loop {
            let read = match (family, self.timer()) {
                (Some(family), timer) => Read::series(family, self.earlier(), timer, now),
                (None, Some(timer)) => Read::timed_sum(families, timer, now),
                (None, None) => Read::sum(families, meter, now),
            };
            if let Some(read) = read {
                return Ok(read);
            }
            now = meter.clock().now();
        }
    }
}
