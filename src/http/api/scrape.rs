//! `/metrics`: from the registry to a document.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{CONTENT_ENCODING, HeaderValue, VARY};
use hyper::{HeaderMap, StatusCode};

use super::negotiate;
use super::response::{Answer, document};
use crate::export::families::encode;
use crate::export::{EventSample, HostSample, Scrape, ServiceSample};
use crate::fleet::{Moments, Service};

/// The figures of these services now, as of one moment for all services on the same clock. A
/// service whose source fails is shown without figures, and the log names it.
pub(crate) fn scrape<'a>(
    services: &[&'a Service],
    host: Option<HostSample>,
    rates: bool,
) -> Scrape<'a> {
    let events = services.iter().map(|service| service.events().len()).sum();
    let mut scrape = Scrape {
        services: Vec::with_capacity(services.len()),
        events: Vec::with_capacity(events),
        host,
        rates,
    };
    let mut moments = Moments::default();
    for service in services {
        let (spec, before) = (service.spec(), scrape.events.len());
        let reading = service.read(moments.of(service));
        let read = reading.each(|event, snapshot, timed| {
            scrape.events.push(EventSample {
                service: service.name(),
                event: event.name(),
                total: snapshot.total(),
                in_window: snapshot.events_in_window(),
                per_second: spec.basis.rate(snapshot),
                last_event_age: snapshot.last_event_age(),
                durations: timed.map(|timed| timed.since_start().clone()),
            });
        });
        if let Err(error) = &read {
            tracing::warn!(service = service.name(), %error, "left out of /metrics");
            scrape.events.truncate(before);
        }
        scrape.services.push(ServiceSample {
            name: service.name(),
            category: &spec.category,
            basis: spec.basis,
            uptime: read.is_ok().then_some(reading.uptime),
        });
    }
    scrape
}

/// A scrape in the format and the encoding that the client prefers.
pub(crate) fn answer(scrape: &Scrape<'_>, headers: &HeaderMap) -> Answer {
    let format = negotiate::format(joined(headers, "accept").as_deref());
    let text = encode(scrape, format).into_bytes();
    let zip = negotiate::takes_gzip(joined(headers, "accept-encoding").as_deref());
    let body = if zip { gzip(&text) } else { text };
    let mut answer = document(StatusCode::OK, format.content_type(), Bytes::from(body));
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if zip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// The lines of a header as one list. What isn't ASCII is as good as not there.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.map(str::to_owned).reduce(|all, line| all + "," + &line)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail")
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
}
