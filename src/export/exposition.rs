//! The two text formats that Prometheus reads.
//!
//! They differ in where a counter's `_total` belongs (`OpenMetrics`: to the sample, not to the
//! family), in that `OpenMetrics` knows units, an info type and an end, and in how help is escaped.

use std::fmt::{Display, Write};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
}

impl Format {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What is known of a family before any sample.
pub(super) struct Family {
    /// Without the suffix that samples of its kind have.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Option<&'static str>,
    /// Free of what would have to be escaped: backslashes, quotes and line ends.
    pub(super) help: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    /// Always 1; its labels tell.
    Info,
    /// Counts up to each of some bounds, a sum and a count, each with a suffix of its own.
    Histogram,
}

impl Kind {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge | Self::Histogram => "",
            Self::Info => "_info",
        }
    }

    const fn in_text(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge | Self::Info => "gauge",
            Self::Histogram => "histogram",
        }
    }

    const fn in_openmetrics(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Info => "info",
            Self::Histogram => "histogram",
        }
    }
}

/// A document that is being written. Writing to a string can't fail, so results are dropped.
pub(super) struct Page<'a> {
    format: Format,
    out: &'a mut String,
}

/// A family whose samples are being written.
pub(super) struct Samples<'a> {
    name: &'static str,
    suffix: &'static str,
    out: &'a mut String,
}

impl<'a> Page<'a> {
    pub(super) fn new(format: Format, out: &'a mut String) -> Self {
        Self { format, out }
    }

    /// Ends the document.
    pub(super) fn end(self) {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
    }

    /// Begins a family.
    pub(super) fn family(&mut self, family: &Family) -> Samples<'_> {
        let Family { name, kind, unit, help } = family;
        let suffix = kind.suffix();
        let out = &mut *self.out;
        let _ = match self.format {
            Format::Text => {
                let kind = kind.in_text();
                writeln!(out, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}")
            }
            Format::OpenMetrics => {
                let kind = kind.in_openmetrics();
                let _ = writeln!(out, "# TYPE {name} {kind}");
                if let Some(unit) = unit {
                    let _ = writeln!(out, "# UNIT {name} {unit}");
                }
                writeln!(out, "# HELP {name} {help}")
            }
        };
        Samples { name, suffix, out }
    }
}

impl Samples<'_> {
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.part(self.suffix, labels, value);
    }

    /// A sample of a kind that has several suffixes.
    pub(super) fn part(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.out.push_str(self.name);
        self.out.push_str(suffix);
        for (index, (name, text)) in labels.iter().enumerate() {
            self.out.push(if index == 0 { '{' } else { ',' });
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(self.out, text);
            self.out.push('"');
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

/// A label's value, in which either format escapes the same three characters.
fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::export::families::encode;
    use crate::export::{EventSample, HostSample, HttpSample, Scrape, ServiceSample};
    use crate::{Diagnostics, RateBasis, RejectionReason};

    fn scrape() -> Scrape<'static> {
        Scrape {
            services: vec![
                ServiceSample {
                    name: "front",
                    category: "a \"b\" \\ c\nd é",
                    basis: RateBasis::Rolling,
                    uptime: Some(Duration::from_millis(61_500)),
                },
                ServiceSample {
                    name: "broken",
                    category: "core",
                    basis: RateBasis::Lifetime,
                    uptime: None,
                },
            ],
            events: vec![
                EventSample {
                    service: "front",
                    event: "hit",
                    total: u64::MAX,
                    in_window: 750,
                    per_second: 12.5,
                    last_event_age: Some(Duration::ZERO),
                    durations: None,
                },
                EventSample {
                    service: "front",
                    event: "miss",
                    total: 0,
                    in_window: 0,
                    per_second: 0.0,
                    last_event_age: None,
                    durations: None,
                },
            ],
            host: None,
            rates: true,
        }
    }

    #[test]
    fn text_to_the_letter() {
        let expected = r#"# HELP tickring_service_info A hosted service: its category, and what its rate is: rolling (of the last 60 s) or lifetime (over the uptime).
# TYPE tickring_service_info gauge
tickring_service_info{service="front",category="a \"b\" \\ c\nd é",basis="rolling"} 1
tickring_service_info{service="broken",category="core",basis="lifetime"} 1
# HELP tickring_service_up Whether the figures of a service can be had: 0 while a source of its own fails.
# TYPE tickring_service_up gauge
tickring_service_up{service="front"} 1
tickring_service_up{service="broken"} 0
# HELP tickring_uptime_seconds Time since the service started.
# TYPE tickring_uptime_seconds gauge
tickring_uptime_seconds{service="front"} 61.5
# HELP tickring_events_total Events since the service started.
# TYPE tickring_events_total counter
tickring_events_total{service="front",event="hit"} 18446744073709551615
tickring_events_total{service="front",event="miss"} 0
# HELP tickring_events_in_window Events of the last 60 s.
# TYPE tickring_events_in_window gauge
tickring_events_in_window{service="front",event="hit"} 750
tickring_events_in_window{service="front",event="miss"} 0
# HELP tickring_events_per_second Events a second, on the basis of the service.
# TYPE tickring_events_per_second gauge
tickring_events_per_second{service="front",event="hit"} 12.5
tickring_events_per_second{service="front",event="miss"} 0
# HELP tickring_last_event_age_seconds Time since the last event, to the second; not shown before the first.
# TYPE tickring_last_event_age_seconds gauge
tickring_last_event_age_seconds{service="front",event="hit"} 0
"#;
        assert_eq!(encode(&scrape(), Format::Text), expected);
    }

    #[test]
    fn openmetrics_has_families_without_suffix_units_and_an_end() {
        let text = encode(&scrape(), Format::OpenMetrics);
        for part in [
            "# TYPE tickring_service info\n# HELP tickring_service A hosted",
            "\ntickring_service_info{service=\"front\",",
            "# TYPE tickring_events counter\n# HELP tickring_events Events since",
            "\ntickring_events_total{service=\"front\",event=\"miss\"} 0\n",
            "# TYPE tickring_uptime_seconds gauge\n# UNIT tickring_uptime_seconds seconds\n# HELP",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
    }

    #[test]
    fn a_timed_event_has_a_histogram_in_seconds() {
        let timer = crate::Timer::with_clock(crate::ManualClock::new());
        timer.record(Duration::from_micros(1));
        timer.record_n(Duration::from_millis(5), 2);
        timer.record(Duration::from_secs(400));
        let mut scrape = scrape();
        scrape.events[1].durations = Some(timer.snapshot().since_start().clone());
        let labels = "service=\"front\",event=\"miss\"";
        let text = encode(&scrape, Format::Text);
        for line in [
            "# TYPE tickring_duration_seconds histogram",
            &format!("tickring_duration_seconds_bucket{{{labels},le=\"0.000001\"}} 1"),
            &format!("tickring_duration_seconds_bucket{{{labels},le=\"0.0025\"}} 1"),
            &format!("tickring_duration_seconds_bucket{{{labels},le=\"0.005\"}} 3"),
            &format!("tickring_duration_seconds_bucket{{{labels},le=\"1.0\"}} 3"),
            &format!("tickring_duration_seconds_bucket{{{labels},le=\"300.0\"}} 3"),
            &format!("tickring_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 4"),
            &format!("tickring_duration_seconds_sum{{{labels}}} 400.010001"),
            &format!("tickring_duration_seconds_count{{{labels}}} 4"),
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is missing in {text}");
        }
        assert_eq!(text.matches("tickring_duration_seconds_bucket").count(), 22);
        let text = encode(&scrape, Format::OpenMetrics);
        let head = "# TYPE tickring_duration_seconds histogram\n# UNIT tickring_duration_seconds";
        assert!(text.contains(head), "{text}");
    }

    #[test]
    fn the_process_tells_of_itself_and_rates_can_be_left_out() {
        let mut scrape = scrape();
        scrape.rates = false;
        scrape.host = Some(HostSample {
            version: "1.2.3",
            engine: Diagnostics {
                timed_shards: 0,
                ticker_starts: 1,
                clock_lag: Duration::from_millis(250),
                saturated_records: 3,
                shards: 4,
            },
            rejected: vec![(RejectionReason::Malformed, 5), (RejectionReason::Negative, 0)],
            http: Some(HttpSample { open: 6, most: 7, accepted: 8, accept_failures: 9 }),
        });
        let text = encode(&scrape, Format::Text);
        for line in [
            "tickring_build_info{version=\"1.2.3\"} 1",
            "tickring_clock_lag_seconds 0.25",
            "tickring_saturated_records_total 3",
            "tickring_shards 4",
            "tickring_rejected_total{reason=\"malformed\"} 5",
            "tickring_rejected_total{reason=\"negative\"} 0",
            "tickring_http_connections 6",
            "tickring_http_connections_limit 7",
            "tickring_http_accepted_total 8",
            "tickring_http_accept_failures_total 9",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is missing in {text}");
        }
        assert!(!text.contains("per_second"));
        // Help is written as it is: neither format's escapes may be needed.
        let mut help = text.lines().filter(|line| line.starts_with("# HELP"));
        assert!(help.all(|line| !line.contains(['\\', '"'])));
    }
}
