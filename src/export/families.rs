//! The families of `/metrics`, in the order in which they are shown.

use std::fmt::Write;
use std::time::Duration;

use super::exposition::{Family, Format, Kind, Page};
use super::process;
use super::scrape::{FamilySample, Scrape};
use crate::engine::SinceStart;
use crate::fleet::RateBasis;

const SERVICE: Family = Family {
    name: "tickring_service",
    kind: Kind::Info,
    unit: None,
    help: "A hosted service with its category and the basis of its rate: rolling (over the last \
           60 s) or lifetime (over the uptime).",
};
const SERVICE_UP: Family = Family {
    name: "tickring_service_up",
    kind: Kind::Gauge,
    unit: None,
    help: "Whether the figures of a service are available: 1, or 0 while a source of its figures fails.",
};
const EVENTS: Family = Family {
    name: "tickring_events",
    kind: Kind::Counter,
    unit: None,
    help: "Events since the service started.",
};
const IN_WINDOW: Family = Family {
    name: "tickring_events_in_window",
    kind: Kind::Gauge,
    unit: None,
    help: "Events in the last 60 s.",
};
const PER_SECOND: Family = Family {
    name: "tickring_events_per_second",
    kind: Kind::Gauge,
    unit: None,
    help: "Events per second, on the basis of the service.",
};
const LAST_EVENT_AGE: Family = Family {
    name: "tickring_last_event_age_seconds",
    kind: Kind::Gauge,
    unit: Some("seconds"),
    help: "Time since the last event, in whole seconds; absent before the first event.",
};
const DURATION: Family = Family {
    name: "tickring_duration_seconds",
    kind: Kind::Histogram,
    unit: Some("seconds"),
    help: "Durations of timed events since the service started.",
};
const RETIRED: Family = Family {
    name: "tickring_events_retired",
    kind: Kind::Counter,
    unit: None,
    help: "Events of label sets that were idle and are not shown any more; with tickring_events they are all \
           events since the service started.",
};
const LABEL_OVERFLOW: Family = Family {
    name: "tickring_label_overflow",
    kind: Kind::Counter,
    unit: None,
    help: "Look-ups of label sets past the cap of their event, which count under the value other.",
};
const UPTIME: Family = Family {
    name: "tickring_uptime_seconds",
    kind: Kind::Gauge,
    unit: Some("seconds"),
    help: "Time since the service started.",
};
/// Writes the document of a scrape.
pub(crate) fn encode(scrape: &Scrape<'_>, format: Format, out: &mut dyn Write) {
    let mut page = Page::new(format, out);
    write(scrape, &mut page);
    page.end();
}

/// Writes all samples of a family together, as both formats require.
fn write(scrape: &Scrape<'_>, page: &mut Page<'_>) {
    services(scrape, page);
    events(scrape, page);
    if let Some(process) = &scrape.process {
        process::families(process, page);
    }
}

fn services(scrape: &Scrape<'_>, page: &mut Page<'_>) {
    let mut family = page.family(&SERVICE);
    for service in &scrape.services {
        let basis = match service.basis {
            RateBasis::Rolling => "rolling",
            RateBasis::Lifetime => "lifetime",
        };
        let labels = [("service", service.name), ("category", service.category), ("basis", basis)];
        family.sample(&labels, 1);
    }
    let mut family = page.family(&SERVICE_UP);
    for service in &scrape.services {
        family.sample(&[("service", service.name)], u8::from(service.uptime.is_some()));
    }
    let mut family = page.family(&UPTIME);
    for service in &scrape.services {
        if let Some(uptime) = service.uptime {
            family.sample(&[("service", service.name)], uptime.as_secs_f64());
        }
    }
}

fn events(scrape: &Scrape<'_>, page: &mut Page<'_>) {
    let labels = &mut Vec::with_capacity(20);
    let mut family = page.family(&EVENTS);
    for event in &scrape.events {
        event.labels(labels);
        family.sample(labels, event.total);
        family.created(labels, event.created);
    }
    let mut family = page.family(&IN_WINDOW);
    for event in &scrape.events {
        event.labels(labels);
        family.sample(labels, event.in_window);
    }
    if scrape.rates {
        let mut family = page.family(&PER_SECOND);
        for event in &scrape.events {
            event.labels(labels);
            family.sample(labels, event.per_second);
        }
    }
    label_sets(scrape, page);
    durations(scrape, page);
    let mut family = page.family(&LAST_EVENT_AGE);
    for event in &scrape.events {
        if let Some(age) = event.last_event_age {
            event.labels(labels);
            family.sample(labels, age.as_secs_f64());
        }
    }
}

/// Writes what is known of label sets; no family at all if no event has labels.
fn label_sets(scrape: &Scrape<'_>, page: &mut Page<'_>) {
    if scrape.families.is_empty() {
        return;
    }
    for (head, of) in [
        (&RETIRED, (|family| family.retired) as fn(&FamilySample<'_>) -> u64),
        (&LABEL_OVERFLOW, |family| family.overflowed),
    ] {
        let mut samples = page.family(head);
        for family in &scrape.families {
            samples.sample(&[("service", family.service), ("event", family.event)], of(family));
        }
    }
}

/// Writes the durations of timed events; no family at all if there are none.
fn durations(scrape: &Scrape<'_>, page: &mut Page<'_>) {
    let timed = scrape.events.iter().filter_map(|event| Some((event, event.durations.as_ref()?)));
    let mut timed = timed.peekable();
    if timed.peek().is_none() {
        return;
    }
    let mut family = page.family(&DURATION);
    let bounds: Vec<String> =
        SinceStart::default().cumulative().map(|(bound, _)| le(bound)).collect();
    let mut labels = Vec::with_capacity(20);
    for (event, durations) in timed {
        event.labels(&mut labels);
        for ((_, count), bound) in durations.cumulative().zip(&bounds) {
            labels.push(("le", bound));
            family.part("_bucket", &labels, count);
            labels.pop();
        }
        family.part("_sum", &labels, durations.sum().as_secs_f64());
        family.part("_count", &labels, durations.count());
        family.created(&labels, event.created);
    }
}

/// The upper bound of a bucket as a canonical number of `OpenMetrics`: with a decimal point, and below
/// 0.0001 with an exponent of two digits. In the text format as well, so that a bucket is one series in both.
fn le(bound: Option<Duration>) -> String {
    let Some(bound) = bound.map(|bound| bound.as_secs_f64()) else { return "+Inf".into() };
    if bound.fract() == 0.0 {
        return format!("{bound}.0");
    }
    let scientific = format!("{bound:e}");
    match scientific.split_once("e-") {
        Some((mantissa, exponent)) if bound < 1e-4 => format!("{mantissa}e-{exponent:0>2}"),
        _ => bound.to_string(),
    }
}
