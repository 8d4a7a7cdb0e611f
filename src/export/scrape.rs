//! The figures that a scrape shows, as plain values.

use std::ops::Range;
use std::time::Duration;

use crate::engine::{Diagnostics, SinceStart};
use crate::fleet::{LabelSet, RateBasis, RejectionReason};

/// The figures of services, and of the process.
#[derive(Debug, Default)]
pub(crate) struct Scrape<'a> {
    /// One for each service, whether its figures are available or not.
    pub(crate) services: Vec<ServiceSample<'a>>,
    /// One for each event of the services whose figures are available, or for each child of it.
    pub(crate) events: Vec<EventSample<'a>>,
    /// One for each of these events that has labels.
    pub(crate) families: Vec<FamilySample<'a>>,
    /// The families that events are exported as beside the crate's own.
    pub(crate) own: Vec<OwnFamily<'a>>,
    /// The process itself, if it is shown as well.
    pub(crate) process: Option<ProcessSample>,
    /// Whether rates are shown as well. Prometheus can compute them from totals.
    pub(crate) rates: bool,
}

/// A service of a scrape.
#[derive(Debug)]
pub(crate) struct ServiceSample<'a> {
    pub(crate) name: &'a str,
    pub(crate) category: &'a str,
    pub(crate) basis: RateBasis,
    /// `None` if the figures are unavailable.
    pub(crate) uptime: Option<Duration>,
}

/// The figures of an event, or of one of its children.
#[derive(Debug)]
pub(crate) struct EventSample<'a> {
    pub(crate) service: &'a str,
    pub(crate) event: &'a str,
    /// `None` if the event has no labels.
    pub(crate) labels: Option<LabelSet>,
    /// When it began to count, since the Unix epoch.
    pub(crate) created: Duration,
    pub(crate) total: u64,
    pub(crate) in_window: u64,
    /// On the basis of the service.
    pub(crate) per_second: f64,
    pub(crate) last_event_age: Option<Duration>,
    /// `None` if the event is not timed.
    pub(crate) durations: Option<SinceStart>,
}

/// What is known of the children of an event.
#[derive(Debug)]
pub(crate) struct FamilySample<'a> {
    pub(crate) service: &'a str,
    pub(crate) event: &'a str,
    /// Look-ups of sets of values past the cap.
    pub(crate) overflowed: u64,
    /// Events of children that are not shown any more.
    pub(crate) retired: u64,
}

/// A family that events of one kind are exported as.
#[derive(Debug)]
pub(crate) struct OwnFamily<'a> {
    /// Without the suffixes of samples.
    pub(crate) name: &'a str,
    /// Whether it is a histogram of durations, or else a counter.
    pub(crate) timed: bool,
    pub(crate) help: Option<&'a str>,
    pub(crate) parts: Vec<OwnPart<'a>>,
}

/// The samples of an event in such a family.
#[derive(Debug)]
pub(crate) struct OwnPart<'a> {
    /// Which of the scrape's events they are.
    pub(crate) events: Range<usize>,
    /// `None` for all that there are.
    pub(crate) buckets: Option<&'a [Duration]>,
}

/// The figures of the process.
#[derive(Debug)]
pub(crate) struct ProcessSample {
    pub(crate) version: &'static str,
    pub(crate) engine: Diagnostics,
    pub(crate) rejected: Vec<(RejectionReason, u64)>,
    /// How many instruments of a kind a facade asked for in vain; empty without a facade.
    pub(crate) refused: Vec<(&'static str, u64)>,
    /// What the program around the router adds.
    pub(crate) program: Vec<FigureSample>,
    /// `None` unless the crate's HTTP server runs.
    pub(crate) http: Option<HttpSample>,
    /// `None` where the system doesn't say.
    pub(crate) system: Option<SystemSample>,
}

/// A figure of the program around the router.
#[derive(Debug)]
pub(crate) struct FigureSample {
    /// Without a counter's suffix.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) value: FigureValue,
}

#[derive(Clone, Debug)]
pub(crate) enum FigureValue {
    Counter(u64),
    Gauge(f64),
    /// A value for each set of labels.
    Counters(Vec<Labelled<u64>>),
    Gauges(Vec<Labelled<f64>>),
}

/// The labels of a sample, by name, and its value.
pub(crate) type Labelled<T> = (Vec<(&'static str, String)>, T);

/// What the system says about the process.
#[derive(Debug)]
pub(crate) struct SystemSample {
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes: u64,
    pub(crate) open_fds: u64,
    pub(crate) max_fds: u64,
    /// Since the Unix epoch.
    pub(crate) started: Duration,
}

/// The connections and the requests of the HTTP server.
#[derive(Debug)]
pub(crate) struct HttpSample {
    pub(crate) open: u64,
    /// The limit of open connections.
    pub(crate) limit: u64,
    pub(crate) accepted: u64,
    pub(crate) accept_failures: u64,
    /// How many connections were closed to make room, each with what it was waiting for.
    pub(crate) evicted: Vec<(&'static str, u64)>,
    /// How many long answers were cut short to make room.
    pub(crate) withdrawn: u64,
    /// How many requests were answered: path, status, count.
    pub(crate) requests: Vec<(&'static str, u16, u64)>,
}

impl EventSample<'_> {
    /// Puts the labels that all samples of the event have into a buffer.
    pub(super) fn labels<'a>(&'a self, labels: &mut Vec<(&'a str, &'a str)>) {
        labels.clear();
        labels.extend([("service", self.service), ("event", self.event)]);
        labels.extend(self.labels.iter().flat_map(LabelSet::given));
    }

    /// The same of the labels that its samples have in a family that it is exported as.
    pub(super) fn own_labels<'a>(&'a self, labels: &mut Vec<(&'a str, &'a str)>) {
        labels.clear();
        labels.push(("service", self.service));
        labels.extend(self.labels.iter().flat_map(LabelSet::given));
    }
}
