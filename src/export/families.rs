//! The families of `/metrics`, in the order in which they are shown.

use std::fmt::Write;

use super::exposition::{Family, Format, Kind, Page};
use super::scrape::{FamilySample, Scrape};
use super::{durations, own, process};
use crate::fleet::RateBasis;

const SERVICE: Family<'_> = Family {
    name: "tickring_service",
    kind: Kind::Info,
    unit: None,
    help: "A hosted service with its category and the basis of its rate: rolling (over the last \
           60 s) or lifetime (over the uptime).",
};
const SERVICE_UP: Family<'_> = Family {
    name: "tickring_service_up",
    kind: Kind::Gauge,
    unit: None,
    help: "Whether the figures of a service are available: 1, or 0 while a source of its figures fails.",
};
const EVENTS: Family<'_> = Family {
    name: "tickring_events",
    kind: Kind::Counter,
    unit: None,
    help: "Events since the service started.",
};
const IN_WINDOW: Family<'_> = Family {
    name: "tickring_events_in_window",
    kind: Kind::Gauge,
    unit: None,
    help: "Events in the last 60 s.",
};
const PER_SECOND: Family<'_> = Family {
    name: "tickring_events_per_second",
    kind: Kind::Gauge,
    unit: None,
    help: "Events per second, on the basis of the service.",
};
const LAST_EVENT_AGE: Family<'_> = Family {
    name: "tickring_last_event_age_seconds",
    kind: Kind::Gauge,
    unit: Some("seconds"),
    help: "Time since the last event, in whole seconds; absent before the first event.",
};
const RETIRED: Family<'_> = Family {
    name: "tickring_events_retired",
    kind: Kind::Counter,
    unit: None,
    help: "Events of label sets that were idle and are not shown any more; with tickring_events they are all \
           events since the service started.",
};
const LABEL_OVERFLOW: Family<'_> = Family {
    name: "tickring_label_overflow",
    kind: Kind::Counter,
    unit: None,
    help: "Look-ups of label sets past the cap of their event, which count under the value other.",
};
const UPTIME: Family<'_> = Family {
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
    own::families(scrape, page);
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
    durations::all(scrape, page);
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
