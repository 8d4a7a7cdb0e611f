//! What a scrape shows, as plain values.

use std::time::Duration;

use crate::engine::{Diagnostics, SinceStart};
use crate::fleet::{RateBasis, RejectionReason};

/// The figures of services, and of the process if it is asked for as well.
#[derive(Debug, Default)]
pub(crate) struct Scrape<'a> {
    /// One for each service, whether its figures can be had or not.
    pub(crate) services: Vec<ServiceSample<'a>>,
    /// One for each event of those services whose figures can be had.
    pub(crate) events: Vec<EventSample<'a>>,
    pub(crate) host: Option<HostSample>,
    /// Whether rates are shown as well: Prometheus can compute its own.
    pub(crate) rates: bool,
}

#[derive(Debug)]
pub(crate) struct ServiceSample<'a> {
    pub(crate) name: &'a str,
    pub(crate) category: &'a str,
    pub(crate) basis: RateBasis,
    /// Nothing if the figures can't be had.
    pub(crate) uptime: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct EventSample<'a> {
    pub(crate) service: &'a str,
    pub(crate) event: &'a str,
    pub(crate) total: u64,
    pub(crate) in_window: u64,
    /// On the basis of the service.
    pub(crate) per_second: f64,
    pub(crate) last_event_age: Option<Duration>,
    /// If the event is timed.
    pub(crate) durations: Option<SinceStart>,
}

#[derive(Debug)]
pub(crate) struct HostSample {
    pub(crate) version: &'static str,
    pub(crate) engine: Diagnostics,
    pub(crate) rejected: Vec<(RejectionReason, u64)>,
    pub(crate) http: Option<HttpSample>,
}

#[derive(Debug)]
pub(crate) struct HttpSample {
    pub(crate) open: u64,
    pub(crate) most: u64,
    pub(crate) accepted: u64,
    pub(crate) accept_failures: u64,
}

impl EventSample<'_> {
    pub(super) fn labels(&self) -> [(&'static str, &str); 2] {
        [("service", self.service), ("event", self.event)]
    }
}
