//! The families of `/metrics`, in the order in which they are shown.

use std::fmt::Write;
use std::time::Duration;

use super::exposition::{Family, Format, Kind, Page};
use super::process;
use super::scrape::Scrape;
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
const UPTIME: Family = Family {
    name: "tickring_uptime_seconds",
    kind: Kind::Gauge,
    unit: Some("seconds"),
    help: "Time since the service started.",
};
/// Writes the document of a scrape. Allocates nothing for a sample.
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
    let mut family = page.family(&EVENTS);
    for event in &scrape.events {
        family.sample(&event.labels(), event.total);
    }
    let mut family = page.family(&IN_WINDOW);
    for event in &scrape.events {
        family.sample(&event.labels(), event.in_window);
    }
    if scrape.rates {
        let mut family = page.family(&PER_SECOND);
        for event in &scrape.events {
            family.sample(&event.labels(), event.per_second);
        }
    }
    durations(scrape, page);
    let mut family = page.family(&LAST_EVENT_AGE);
    for event in &scrape.events {
        if let Some(age) = event.last_event_age {
            family.sample(&event.labels(), age.as_secs_f64());
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
    let mut le = String::new();
    for (event, durations) in timed {
        let [service, name] = event.labels();
        for (bound, count) in durations.cumulative() {
            le.clear();
            write_bound(&mut le, bound);
            family.part("_bucket", &[service, name, ("le", &le)], count);
        }
        family.part("_sum", &event.labels(), durations.sum().as_secs_f64());
        family.part("_count", &event.labels(), durations.count());
    }
}

/// Writes the upper bound of a bucket: with a decimal point, as `OpenMetrics` requires, and without
/// an exponent.
fn write_bound(le: &mut String, bound: Option<Duration>) {
    // Writing to a string can't fail.
    let _ = match bound.map(|bound| bound.as_secs_f64()) {
        None => write!(le, "+Inf"),
        Some(bound) if bound.fract() == 0.0 => write!(le, "{bound}.0"),
        Some(bound) => write!(le, "{bound}"),
    };
}
