//! What a remote service answers, and what is wrong with it.
//!
//! Two documents are understood: the event-rate document, with the seven fields that all services have or
//! with all that this program has; and `/health` of services that have nothing else. A number must be
//! finite, not negative, and of a size that can be added up.

use serde_json::{Map, Value};

/// The figures of a remote service.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) events_per_second: f64,
    pub(crate) events_per_hour: f64,
    pub(crate) total_events: u64,
    pub(crate) uptime_seconds: f64,
    /// The rest is there if the remote has it.
    pub(crate) peak_events_per_second: Option<u64>,
    pub(crate) last_event_age_seconds: Option<f64>,
    pub(crate) per_second: Option<Vec<u64>>,
}

/// The largest number: far more than anything can do, and sums of many stay finite.
const LARGEST: f64 = 1e15;
const SECONDS: usize = 60;

impl Figures {
    /// Reads an event-rate document.
    pub(crate) fn of_event_rate(body: &[u8]) -> Result<Self, String> {
        let document = object(body)?;
        if let Some(error) = document.get("error").and_then(Value::as_str) {
            return Err(format!("it has no figures: {error}"));
        }
        let events_per_second = need(number(&document, "events_per_second")?, "events_per_second")?;
        let events_per_hour = number(&document, "events_per_hour")?;
        Ok(Self {
            events_per_second,
            events_per_hour: events_per_hour.unwrap_or(events_per_second * 3600.0),
            total_events: need(count(&document, "total_events")?, "total_events")?,
            uptime_seconds: need(number(&document, "uptime_seconds")?, "uptime_seconds")?,
            peak_events_per_second: count(&document, "peak_events_per_second")?,
            last_event_age_seconds: number(&document, "last_event_age_seconds")?,
            per_second: series(&document)?,
        })
    }

    /// Reads the document of `/health` of a service, which may name itself.
    pub(crate) fn of_health(body: &[u8], service: &str) -> Result<Self, String> {
        let document = object(body)?;
        if let Some(other) =
            document.get("service").and_then(Value::as_str).filter(|&name| name != service)
        {
            return Err(format!("its /health is that of {other:?}"));
        }
        let by_minute = |document: &Map<String, Value>| {
            Ok::<_, String>(number(document, "event_rate_per_minute")?.map(|rate| rate * 60.0))
        };
        let subscription = document.get("subscription").and_then(Value::as_object);
        let found = match number(&document, "events_per_hour")? {
            Some(found) => Some(found),
            None => match by_minute(&document)? {
                Some(found) => Some(found),
                None => subscription.map(by_minute).transpose()?.flatten(),
            },
        };
        let events_per_hour = need(found, "events_per_hour")?;
        let uptime = match number(&document, "uptime_seconds")? {
            Some(seconds) => seconds,
            None => document.get("uptime").and_then(Value::as_str).and_then(uptime).unwrap_or(0.0),
        };
        Ok(Self {
            events_per_second: events_per_hour / 3600.0,
            events_per_hour,
            total_events: count(&document, "total_events")?.unwrap_or(0),
            uptime_seconds: uptime,
            ..Self::default()
        })
    }
}

/// The reason in the document of an error, if there is one.
pub(crate) fn reason(body: &[u8]) -> Option<String> {
    let document = object(body).ok()?;
    document.get("error").and_then(Value::as_str).map(str::to_owned)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(document)) => Ok(document),
        Ok(_) => Err("its answer is no JSON object".into()),
        Err(error) => Err(format!("its answer is no JSON: {error}")),
    }
}

fn need<T>(found: Option<T>, key: &str) -> Result<T, String> {
    found.ok_or_else(|| format!("its answer has no {key}"))
}

/// A number; `None` if there is none.
fn number(document: &Map<String, Value>, key: &str) -> Result<Option<f64>, String> {
    let Some(value) = document.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    let number = value.as_f64().filter(|number| (0.0..=LARGEST).contains(number));
    // Minus zero, too, is zero.
    number.map(|number| Some(number + 0.0)).ok_or_else(|| wrong(key, value, "a number from 0"))
}

fn count(document: &Map<String, Value>, key: &str) -> Result<Option<u64>, String> {
    let Some(value) = document.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    let count = value.as_u64().filter(|&count| count <= u64::MAX >> 1);
    count.map(Some).ok_or_else(|| wrong(key, value, "a whole number from 0"))
}

fn series(document: &Map<String, Value>) -> Result<Option<Vec<u64>>, String> {
    const KEY: &str = "per_second";
    let Some(value) = document.get(KEY).filter(|value| !value.is_null()) else { return Ok(None) };
    let counts = value.as_array().filter(|counts| counts.len() == SECONDS);
    let fits = |count: &Value| count.as_u64().filter(|&count| count <= u64::MAX >> 7);
    let counts = counts.and_then(|counts| counts.iter().map(fits).collect());
    counts.map(Some).ok_or_else(|| wrong(KEY, value, "60 whole numbers from 0"))
}

fn wrong(key: &str, value: &Value, right: &str) -> String {
    let shown: String = value.to_string().chars().take(40).collect();
    format!("its {key} is {shown}: {right} is right")
}

/// `H:MM:SS.ffffff`, after `1 day, ` or `2 days, ` where it is that long, in seconds.
fn uptime(text: &str) -> Option<f64> {
    let (days, time) = match text.split_once(", ") {
        Some((days, time)) => (days.split(' ').next()?.parse::<u32>().ok()?, time),
        None => (0, text),
    };
    let mut parts = time.split(':');
    let (hours, minutes) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
    let seconds = parts.next()?.parse::<f64>().ok().filter(|&left| (0.0..60.0).contains(&left))?;
    let whole = f64::from(days) * 86_400.0 + f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0;
    parts.next().is_none().then_some(whole + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_fields_suffice() {
        let document = br#"{"events_per_second":12.5,"events_per_hour":45000.0,"total_events":1250000,
            "uptime_seconds":86400,"service":"other-name","timestamp":"2025-01-17T10:30:00Z","window_minutes":1}"#;
        let figures = Figures::of_event_rate(document).unwrap();
        let expected = Figures {
            events_per_second: 12.5,
            events_per_hour: 45_000.0,
            total_events: 1_250_000,
            uptime_seconds: 86_400.0,
            ..Figures::default()
        };
        assert_eq!(figures, expected);
    }

    #[test]
    fn document_of_this_program_is_read_whole() {
        let service = tickring::Service::from_catalogue("data-api").unwrap();
        service.meter("request").unwrap().record_n(120);
        let document = serde_json::to_vec(&service.event_rate_with_series()).unwrap();
        let figures = Figures::of_event_rate(&document).unwrap();
        assert_eq!((figures.total_events, figures.events_per_second), (120, 2.0));
        assert_eq!(figures.peak_events_per_second, Some(120));
        assert_eq!(figures.per_second.unwrap().iter().sum::<u64>(), 120);
        assert_eq!(figures.last_event_age_seconds, Some(0.0));
    }

    #[test]
    fn health_of_other_services_is_read() {
        for (document, per_hour, uptime) in [
            (r#"{"events_per_hour":7200,"uptime_seconds":5}"#, 7200.0, 5.0),
            (r#"{"service":"x","event_rate_per_minute":2}"#, 120.0, 0.0),
            (
                r#"{"subscription":{"event_rate_per_minute":0.5},"uptime":"1:02:03.5"}"#,
                30.0,
                3723.5,
            ),
            (r#"{"events_per_hour":0,"uptime":"1 day, 0:00:01"}"#, 0.0, 86_401.0),
            (r#"{"events_per_hour":0,"uptime":"12 days, 0:00:00"}"#, 0.0, 12.0 * 86_400.0),
            (r#"{"events_per_hour":0,"uptime":"for long"}"#, 0.0, 0.0),
        ] {
            let figures = Figures::of_health(document.as_bytes(), "x").unwrap();
            assert_eq!((figures.events_per_hour, figures.uptime_seconds), (per_hour, uptime));
            assert!((figures.events_per_second - per_hour / 3600.0).abs() < 1e-12);
        }
        for (document, expected) in [
            (r#"{"service":"y","events_per_hour":1}"#, "its /health is that of \"y\""),
            (r#"{"status":"healthy"}"#, "its answer has no events_per_hour"),
            (r#"{"events_per_hour":-1}"#, "its events_per_hour is -1: a number from 0 is right"),
        ] {
            let error = Figures::of_health(document.as_bytes(), "x").unwrap_err();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = r#"{"events_per_second":1,"total_events":2,"uptime_seconds":3}"#;
        let per_hour = Figures::of_event_rate(good.as_bytes()).unwrap().events_per_hour;
        assert!((per_hour - 3600.0).abs() < 1e-9);
        for (change, to, expected) in [
            ("\"events_per_second\":1", "\"events_per_second\":NaN", "no JSON: expected value"),
            (
                "\"events_per_second\":1",
                "\"events_per_second\":1e999",
                "no JSON: number out of range",
            ),
            ("\"events_per_second\":1", "\"events_per_second\":-1", "-1: a number from 0 is right"),
            ("\"events_per_second\":1", "\"events_per_second\":1e300", "a number from 0 is right"),
            ("\"events_per_second\":1", "\"events_per_second\":\"1\"", "is \"1\": a number from 0"),
            ("\"events_per_second\":1", "\"x\":1", "has no events_per_second"),
            (
                "\"total_events\":2",
                "\"total_events\":2.5",
                "is 2.5: a whole number from 0 is right",
            ),
            ("\"total_events\":2", "\"total_events\":-2", "is -2: a whole number"),
            ("\"total_events\":2", "\"total_events\":null", "has no total_events"),
            ("}", ",\"error\":\"the source failed\"}", "it has no figures: the source failed"),
            ("}", ",\"per_second\":[1,2]}", "its per_second is [1,2]: 60 whole numbers"),
            ("{", "[{", "is no JSON"),
        ] {
            let error = Figures::of_event_rate(good.replace(change, to).as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{to}: {error}");
        }
        assert_eq!(Figures::of_event_rate(b"[]").unwrap_err(), "its answer is no JSON object");
        let deep = "[".repeat(100_000);
        assert!(Figures::of_event_rate(deep.as_bytes()).unwrap_err().contains("recursion"));
    }

    #[test]
    fn reason_of_an_error_is_found() {
        assert_eq!(reason(br#"{"error":"not now"}"#).as_deref(), Some("not now"));
        for body in ["<html>", "{}", r#"{"error":7}"#] {
            assert_eq!(reason(body.as_bytes()), None, "{body}");
        }
    }
}
