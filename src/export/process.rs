//! The families of `/metrics` that show the process itself, in their order.

use std::fmt::{Display, Write};

use super::exposition::{Family, Kind, Page};
use super::scrape::{FigureSample, FigureValue, HttpSample, Labelled, ProcessSample, SystemSample};

const BUILD: Family<'_> = Family {
    name: "tickring_build",
    kind: Kind::Info,
    unit: None,
    help: "The version of tickring.",
};
const CLOCK_LAG: Family<'_> = Family {
    name: "tickring_clock_lag_seconds",
    kind: Kind::Gauge,
    unit: Some("seconds"),
    help: "How far the second in which events are counted lags behind the clock; 0 in a healthy process.",
};
const TICKER_STARTS: Family<'_> = Family {
    name: "tickring_ticker_starts",
    kind: Kind::Counter,
    unit: None,
    help: "Starts of the thread that publishes the seconds; 1 in a healthy process. It grows when \
           the thread was found dead.",
};
const SATURATED: Family<'_> = Family {
    name: "tickring_saturated_records",
    kind: Kind::Counter,
    unit: None,
    help: "Records that exceeded what one second can hold. They are in the total, but not in the \
           rate.",
};
const SHARDS: Family<'_> = Family {
    name: "tickring_shards",
    kind: Kind::Gauge,
    unit: None,
    help: "Shards made so far: each holds the counts of one thread on one meter. They are reused, \
           never freed.",
};
const REJECTED: Family<'_> = Family {
    name: "tickring_rejected",
    kind: Kind::Counter,
    unit: None,
    help: "Rejected pieces of input, by reason.",
};
const REFUSED: Family<'_> = Family {
    name: "tickring_refused_metrics",
    kind: Kind::Counter,
    unit: None,
    help: "How often the metrics facade was asked for an instrument that is not recorded, by kind.",
};
const CONNECTIONS: Family<'_> = Family {
    name: "tickring_http_connections",
    kind: Kind::Gauge,
    unit: None,
    help: "Open HTTP connections.",
};
const CONNECTIONS_LIMIT: Family<'_> = Family {
    name: "tickring_http_connections_limit",
    kind: Kind::Gauge,
    unit: None,
    help: "The most HTTP connections that are open at a time; further ones wait.",
};
const ACCEPTED: Family<'_> = Family {
    name: "tickring_http_accepted",
    kind: Kind::Counter,
    unit: None,
    help: "Accepted HTTP connections.",
};
const ACCEPT_FAILURES: Family<'_> = Family {
    name: "tickring_http_accept_failures",
    kind: Kind::Counter,
    unit: None,
    help: "Failures to accept an HTTP connection, for example for lack of file descriptors.",
};

const EVICTED: Family<'_> = Family {
    name: "tickring_http_evicted",
    kind: Kind::Counter,
    unit: None,
    help: "Connections that were closed to make room for others, by what they waited for: a request (idle), the rest of its head or body, or a client that reads.",
};
const WITHDRAWN: Family<'_> = Family {
    name: "tickring_http_withdrawn",
    kind: Kind::Counter,
    unit: None,
    help: "Long documents that were withdrawn from slow readers to make room for others.",
};
const REQUESTS: Family<'_> = Family {
    name: "tickring_http_requests",
    kind: Kind::Counter,
    unit: None,
    help: "Answered HTTP requests, by path and status; other stands for unknown and unread ones.",
};
const CPU: Family<'_> = Family {
    name: "process_cpu_seconds",
    kind: Kind::Counter,
    unit: Some("seconds"),
    help: "Processor time of the process, user and system.",
};
const RESIDENT: Family<'_> = Family {
    name: "process_resident_memory_bytes",
    kind: Kind::Gauge,
    unit: Some("bytes"),
    help: "Resident memory of the process.",
};
const OPEN_FDS: Family<'_> = Family {
    name: "process_open_fds",
    kind: Kind::Gauge,
    unit: None,
    help: "Open file descriptors.",
};
const MAX_FDS: Family<'_> = Family {
    name: "process_max_fds",
    kind: Kind::Gauge,
    unit: None,
    help: "The most file descriptors that may be open.",
};
const STARTED: Family<'_> = Family {
    name: "process_start_time_seconds",
    kind: Kind::Gauge,
    unit: Some("seconds"),
    help: "When the process started, since the Unix epoch.",
};

pub(super) fn families(process: &ProcessSample, page: &mut Page<'_>) {
    page.family(&BUILD).sample(&[("version", process.version)], 1);
    page.family(&CLOCK_LAG).sample(&[], process.engine.clock_lag.as_secs_f64());
    page.family(&TICKER_STARTS).sample(&[], process.engine.ticker_starts);
    page.family(&SATURATED).sample(&[], process.engine.saturated_records);
    page.family(&SHARDS).sample(&[], process.engine.shards);
    let mut family = page.family(&REJECTED);
    for (reason, count) in &process.rejected {
        family.sample(&[("reason", reason.as_str())], count);
    }
    if !process.refused.is_empty() {
        let mut family = page.family(&REFUSED);
        for (kind, count) in &process.refused {
            family.sample(&[("kind", kind)], count);
        }
    }
    if let Some(http) = &process.http {
        http_families(http, page);
    }
    for FigureSample { name, help, value } in &process.program {
        let family = |kind| Family { name, kind, unit: None, help };
        match value {
            FigureValue::Counter(count) => page.family(&family(Kind::Counter)).sample(&[], count),
            FigureValue::Gauge(value) => page.family(&family(Kind::Gauge)).sample(&[], value),
            FigureValue::Counters(values) => labelled(&family(Kind::Counter), values, page),
            FigureValue::Gauges(values) => labelled(&family(Kind::Gauge), values, page),
        }
    }
    if let Some(system) = &process.system {
        system_families(system, page);
    }
}

/// Writes a sample for each set of labels.
fn labelled<T: Display>(family: &Family<'_>, values: &[Labelled<T>], page: &mut Page<'_>) {
    let mut family = page.family(family);
    for (labels, value) in values {
        let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        family.sample(&labels, value);
    }
}

fn http_families(http: &HttpSample, page: &mut Page<'_>) {
    page.family(&CONNECTIONS).sample(&[], http.open);
    page.family(&CONNECTIONS_LIMIT).sample(&[], http.limit);
    page.family(&ACCEPTED).sample(&[], http.accepted);
    page.family(&ACCEPT_FAILURES).sample(&[], http.accept_failures);
    let mut family = page.family(&EVICTED);
    for (waiting_for, count) in &http.evicted {
        family.sample(&[("waiting_for", waiting_for)], count);
    }
    page.family(&WITHDRAWN).sample(&[], http.withdrawn);
    let mut family = page.family(&REQUESTS);
    let mut digits = String::new();
    for (path, status, count) in &http.requests {
        digits.clear();
        let _ = write!(digits, "{status}");
        family.sample(&[("path", path), ("status", &digits)], count);
    }
}

/// These have the names and the meanings that Prometheus' client libraries gave them.
fn system_families(system: &SystemSample, page: &mut Page<'_>) {
    page.family(&CPU).sample(&[], system.cpu.as_secs_f64());
    page.family(&RESIDENT).sample(&[], system.resident_bytes);
    page.family(&OPEN_FDS).sample(&[], system.open_fds);
    page.family(&MAX_FDS).sample(&[], system.max_fds);
    page.family(&STARTED).sample(&[], system.started.as_secs_f64());
}
