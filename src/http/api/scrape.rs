//! `/metrics`: from the registry to a document, in the format and the encoding that the client
//! prefers.

use std::fmt;
use std::io::{BufWriter, IntoInnerError, Write};
use std::time::UNIX_EPOCH;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, HeaderValue, VARY};
use mediatype::{MediaType, MediaTypeList, Name, ReadParams};

use super::own_families::Own;
use super::pieces::{PIECE, Pieces};
use crate::export::exposition::Format;
use crate::export::families::encode;
use crate::export::{EventSample, FamilySample, ProcessSample, Scrape, ServiceSample};
use crate::fleet::{Glanced, GlancedFigures, Moments, Service};

/// The figures of these services now, as of one moment for all services on the same clock. A
/// service whose source fails is shown without figures, and the log names it.
pub(crate) fn scrape<'a>(
    services: &[&'a Service],
    process: Option<ProcessSample>,
    rates: bool,
) -> Scrape<'a> {
    let events = services.iter().map(|service| service.events().len()).sum();
    let mut scrape = Scrape {
        services: Vec::with_capacity(services.len()),
        events: Vec::with_capacity(events),
        families: Vec::new(),
        own: Vec::new(),
        process,
        rates,
    };
    let (mut moments, mut own) = (Moments::default(), Own::default());
    for service in services {
        let (spec, before) = (service.spec(), (scrape.events.len(), scrape.families.len()));
        let reading = service.read(moments.of(service));
        let read = reading.each_at_a_glance(|event, glanced| {
            let (service, event) = (service.name(), event.name());
            match glanced {
                Glanced::Figures(GlancedFigures { glance, durations, labels, started_at }) => {
                    scrape.events.push(EventSample {
                        service,
                        event,
                        labels,
                        created: started_at.duration_since(UNIX_EPOCH).unwrap_or_default(),
                        total: glance.total,
                        in_window: glance.in_window,
                        per_second: reading.rate(glance.total, glance.per_second),
                        last_event_age: glance.last_event_age,
                        durations,
                    });
                }
                Glanced::Children { overflowed, retired, .. } => {
                    scrape.families.push(FamilySample { service, event, overflowed, retired });
                }
            }
        });
        if let Err(error) = &read {
            tracing::warn!(service = service.name(), %error, "left out of /metrics");
            scrape.events.truncate(before.0);
            scrape.families.truncate(before.1);
        }
        own.add(service, before.0, &mut scrape);
        scrape.services.push(ServiceSample {
            name: service.name(),
            category: &spec.category,
            basis: spec.basis,
            uptime: read.is_ok().then_some(reading.uptime),
        });
    }
    scrape
}

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    format: Format,
    gzip: bool,
}

impl Form {
    /// The form that a client with these headers prefers.
    pub(super) fn preferred(headers: &HeaderMap) -> Self {
        Self {
            format: format(joined(headers, "accept").as_deref()),
            gzip: accepts_gzip(joined(headers, "accept-encoding").as_deref()),
        }
    }

    /// Writes the document of a scrape.
    pub(super) fn write(self, scrape: &Scrape<'_>) -> Pieces {
        let mut pieces = Pieces::default();
        if self.gzip {
            let encoder = GzEncoder::new(pieces, Compression::fast());
            let mut text = Text(BufWriter::with_capacity(PIECE, encoder));
            encode(scrape, self.format, &mut text);
            let written = text.0.into_inner().map_err(IntoInnerError::into_error);
            return written.and_then(GzEncoder::finish).expect("writing to memory does not fail");
        }
        encode(scrape, self.format, &mut pieces);
        pieces
    }

    pub(super) fn content_type(self) -> &'static str {
        self.format.content_type()
    }

    /// Adds the headers that say how the document was chosen.
    pub(super) fn describe(self, headers: &mut HeaderMap) {
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if self.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
}

/// Text that is written as bytes.
struct Text<W>(W);

impl<W: Write> fmt::Write for Text<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_all(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// All values of a header as one list, without those that aren't ASCII.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.map(str::to_owned).reduce(|all, line| all + "," + &line)
}

/// The format that a client with this `Accept` header prefers. The text format is the fallback: for
/// a client that sends no header, prefers neither, or accepts neither.
fn format(accept: Option<&str>) -> Format {
    let accept = accept.unwrap_or("");
    let text = quality(accept, "text", "plain", "0.0.4");
    let openmetrics = quality(accept, "application", "openmetrics-text", "1.0.0");
    if openmetrics > text { Format::OpenMetrics } else { Format::Text }
}

/// The weight that the most specific matching range gives to a media type of this version, or 0 if
/// none matches. Ranges that can't be read are skipped.
fn quality(accept: &str, ty: &str, subty: &str, version: &str) -> f32 {
    let ranges = MediaTypeList::new(accept).filter_map(Result::ok);
    let fits = ranges.filter_map(|range| {
        let specific = specificity(&range, ty, subty, version)?;
        Some((specific, q(range.get_param(Name::new_unchecked("q")).map(|q| q.as_str()))?))
    });
    // Of equally specific ranges, the one with the largest weight counts.
    fits.max_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
        .map_or(0.0, |fit| fit.1)
}

/// The weight that a client gives to a media type by its name; 0 if it doesn't name it.
pub(super) fn weight_of(headers: &HeaderMap, ty: &str, subty: &str) -> f32 {
    let accept = joined(headers, "accept").unwrap_or_default();
    let ranges = MediaTypeList::new(&accept).filter_map(Result::ok).filter(|range| {
        range.ty.as_str().eq_ignore_ascii_case(ty)
            && range.subty.as_str().eq_ignore_ascii_case(subty)
    });
    let weights =
        ranges.filter_map(|range| q(range.get_param(Name::new_unchecked("q")).map(|q| q.as_str())));
    weights.fold(0.0, f32::max)
}

/// How specific a range is; `None` if the media type is not in it.
fn specificity(range: &MediaType<'_>, ty: &str, subty: &str, version: &str) -> Option<u8> {
    let wanted = range.get_param(Name::new_unchecked("version"));
    let wanted = wanted.map(|wanted| wanted.unquoted_str().into_owned());
    match (range.ty.as_str(), range.subty.as_str()) {
        ("*", "*") => Some(0),
        (there, "*") if there.eq_ignore_ascii_case(ty) => Some(1),
        (there, sub) if there.eq_ignore_ascii_case(ty) && sub.eq_ignore_ascii_case(subty) => {
            match wanted {
                None => Some(2),
                Some(wanted) => (wanted == version).then_some(3),
            }
        }
        _ => None,
    }
}

/// Whether a client with this `Accept-Encoding` header accepts gzip.
fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let mut any = false;
    for coding in accept_encoding.unwrap_or("").split(',') {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim();
        let weight = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="));
        let accepted = q(weight).is_some_and(|q| q > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") => return accepted,
            "*" => any = accepted,
            _ => {}
        }
    }
    any
}

/// A weight from 0 to 1; 1 if none is given, `None` if it can't be read.
fn q(value: Option<&str>) -> Option<f32> {
    match value {
        None => Some(1.0),
        Some(value) => value.trim().parse().ok().filter(|q| (0.0..=1.0).contains(q)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ManualClock, Meter};

    /// The clock goes on while the first service is read.
    #[test]
    fn services_on_one_clock_are_read_as_of_one_moment() {
        let clock = ManualClock::new();
        let turning = clock.clone();
        let meter = Meter::with_clock(clock.clone());
        let first = Service::builder("first").clock(clock.clone()).source("event", move || {
            turning.advance(Duration::from_secs(1));
            Ok(meter.snapshot())
        });
        let first = first.build().unwrap();
        let second = Service::builder("second").timed_event("event").clock(clock.clone());
        let second = second.build().unwrap();
        second.meter("event").unwrap().record();
        clock.advance(Duration::from_secs(7));

        let scrape = scrape(&[&first, &second], None, true);
        let uptimes: Vec<_> = scrape.services.iter().map(|service| service.uptime).collect();
        assert_eq!(uptimes, [Some(Duration::from_secs(7)); 2]);
        assert_eq!(scrape.events[1].last_event_age, Some(Duration::from_secs(6)));
    }

    #[test]
    fn service_with_a_failing_source_has_no_figures() {
        let broken = Service::builder("broken")
            .event("event")
            .source("failing", || Err("on purpose".into()));
        let broken = broken.build().unwrap();
        let whole = Service::builder("whole").event("event").build().unwrap();
        let scrape = scrape(&[&broken, &whole], None, true);
        assert_eq!(scrape.services[0].uptime, None);
        assert!(scrape.services[1].uptime.is_some());
        assert_eq!(scrape.events.len(), 1);
        assert_eq!(scrape.events[0].service, "whole");
    }

    #[test]
    fn accept_headers_choose_the_format() {
        // Prometheus 2.5 to 2.42, 2.55 and 3, in this order.
        let before =
            "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let two = "application/openmetrics-text;version=1.0.0;q=0.8,\
                   application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let three = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                     application/openmetrics-text;version=0.0.1;q=0.5,\
                     text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, expected) in [
            (None, Format::Text),
            (Some(""), Format::Text),
            (Some("*/*"), Format::Text),
            (Some(before), Format::Text),
            (Some(two), Format::OpenMetrics),
            (Some(three), Format::OpenMetrics),
            (Some("application/openmetrics-text"), Format::OpenMetrics),
            (Some("Application/OpenMetrics-Text; VERSION=\"1.0.0\""), Format::OpenMetrics),
            (Some("application/*"), Format::OpenMetrics),
            (Some("application/openmetrics-text;version=2.0.0"), Format::Text),
            (Some("application/openmetrics-text;q=0.4,text/plain;q=0.5"), Format::Text),
            (Some("text/plain;q=0.4,application/openmetrics-text;q=0.5"), Format::OpenMetrics),
            // The more specific range counts, not the larger weight.
            (Some("*/*,application/openmetrics-text;q=0"), Format::Text),
            (Some("text/plain;q=0,*/*;q=0.1"), Format::OpenMetrics),
            (Some("text/*;q=0.9,*/*"), Format::OpenMetrics),
            (Some("text/html"), Format::Text),
            (Some("application/openmetrics-text;q=2"), Format::Text),
            (Some(";;,,=;q,\u{e9}"), Format::Text),
        ] {
            assert_eq!(format(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn gzip_is_used_when_accepted() {
        for yes in ["gzip", "deflate, GZIP", "gzip;q=0.1", "*", "br;q=1.0, *;q=0.5", "gzip; q=1"] {
            assert!(accepts_gzip(Some(yes)), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "*, gzip;q=0", "identity", "gzip;q=x", "*;q=0.000"] {
            assert!(!accepts_gzip(Some(no)), "{no}");
        }
        assert!(!accepts_gzip(None));
    }
}
