//! Events that are posted as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::fleet::{Children, Service, Target, TargetRef};

/// The most events of one entry: as many as a second of a meter can hold.
const MAX_COUNT: u64 = (1 << 40) - 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default = "one")]
    count: u64,
    /// How long each of the events took.
    duration_ms: Option<f64>,
    /// The values of its labels, by key.
    #[serde(borrow, default)]
    labels: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

const fn one() -> u64 {
    1
}

/// The events of a body. All entries are checked before any is recorded.
pub(crate) struct Batch(Vec<Checked>);

/// The events of an entry.
struct Checked {
    target: Target,
    /// Where to find the target instead, if the entry has labels. It is looked for when all entries are good:
    /// a refused body makes no child.
    child: Option<ChildOf>,
    count: u64,
    duration_ms: Option<f64>,
}

/// A family, and the values of a child.
type ChildOf = (Arc<Children>, Vec<String>);

impl Checked {
    fn record(self) {
        let Self { target, child, count, duration_ms } = self;
        let record = |target: TargetRef<'_>| match duration_ms {
            Some(ms) => target.record_ms(ms, count),
            None => target.record(count),
        };
        match child {
            Some((family, values)) => {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                family.on(&values, |child| record(child.target(target.timer.is_some())));
            }
            None => record(target.as_ref()),
        }
    }
}

impl Batch {
    /// Reads one entry or an array of them.
    pub(crate) fn parse(body: &[u8], service: &Service) -> Result<Self, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let entries = json.deserialize_any(Entries(service))?;
        json.end()?;
        Ok(Self(entries))
    }

    /// Records all events, and returns their number.
    pub(crate) fn record(self) -> u64 {
        let mut accepted = 0_u64;
        for entry in self.0 {
            accepted = accepted.saturating_add(entry.count);
            entry.record();
        }
        accepted
    }
}

struct Entries<'a>(&'a Service);

impl Entries<'_> {
    /// Checks an entry. A duration for an event that is not timed is refused: it would be lost.
    fn check(&self, entry: &Entry<'_>) -> Result<Checked, String> {
        let Entry { event, count, duration_ms, labels } = entry;
        if *count > MAX_COUNT {
            return Err(format!("count {count} is too large: at most {MAX_COUNT}"));
        }
        if let Some(ms) = duration_ms.filter(|ms| *ms < 0.0) {
            return Err(format!("duration_ms {ms} is negative: an event takes 0 ms or longer"));
        }
        let meter = self.0.meter(event).map_err(|error| error.to_string())?;
        let timer = duration_ms.map(|_| self.0.timer(event)).transpose();
        let target = Target { meter, timer: timer.map_err(|error| error.to_string())? };
        let child = self.child(event, labels)?;
        Ok(Checked { target, child, count: *count, duration_ms: *duration_ms })
    }

    /// Where the events of these labels are recorded; `None` if there are no labels.
    fn child(
        &self,
        event: &str,
        labels: &BTreeMap<Cow<'_, str>, Cow<'_, str>>,
    ) -> Result<Option<ChildOf>, String> {
        if labels.is_empty() {
            return Ok(None);
        }
        let family = self.0.event(event).and_then(|event| event.children());
        let Some(family) = family else {
            return Err(format!("event {event:?} has no labels: leave out \"labels\""));
        };
        let known = family.keys();
        if let Some(unknown) =
            labels.keys().find(|key| !known.iter().any(|known| **known == ***key))
        {
            let known = known.join(", ");
            return Err(format!("unknown label {unknown:?}: event {event:?} has: {known}"));
        }
        let value = |key: &str| labels.get(key).map_or_else(String::new, ToString::to_string);
        Ok(Some((Arc::clone(family), known.iter().map(|key| value(key)).collect())))
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Vec<Checked>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry {\"event\": NAME, \"count\": N} or an array of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let entry = Entry::deserialize(MapAccessDeserializer::new(map))?;
        Ok(vec![self.check(&entry).map_err(A::Error::custom)?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut batch = Vec::new();
        loop {
            let bad = |why: &dyn fmt::Display| {
                A::Error::custom(format_args!("entry {}: {why}", batch.len()))
            };
            match seq.next_element::<Entry<'de>>() {
                Ok(Some(entry)) => match self.check(&entry) {
                    Ok(checked) => batch.push(checked),
                    Err(why) => return Err(bad(&why)),
                },
                Ok(None) => return Ok(batch),
                Err(why) => return Err(bad(&why)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn service() -> Service {
        Service::builder("sports")
            .event("call")
            .event("fetch")
            .timed_event("query")
            .build()
            .unwrap()
    }

    fn recorded(body: &str) -> Result<(u64, u64), String> {
        let service = service();
        let accepted = Batch::parse(body.as_bytes(), &service).map_err(|error| error.to_string());
        let accepted = accepted.map(Batch::record);
        let total = service.snapshot().unwrap().total();
        assert!(accepted.is_ok() || total == 0, "all or nothing");
        accepted.map(|accepted| (accepted, total))
    }

    #[test]
    fn body_has_one_entry_or_many() {
        for (body, count) in [
            (r#"{"event":"call"}"#, 1),
            (r#"{"count":3,"event":"fetch"}"#, 3),
            (r#"{"event":"c\u0061ll","count":0}"#, 0),
            (r#" [{"event":"call"},{"event":"fetch","count":41}] "#, 42),
            (r#"{"event":"query","duration_ms":12.5,"count":2}"#, 2),
            (r#"{"event":"query","duration_ms":1e300}"#, 1),
            (r#"{"event":"query","duration_ms":null}"#, 1),
            ("[]", 0),
        ] {
            assert_eq!(recorded(body), Ok((count, count)), "{body}");
        }
    }

    #[test]
    fn durations_reach_the_timer() {
        let service = service();
        let body = br#"[{"event":"query","duration_ms":12.5,"count":2},{"event":"query"}]"#;
        assert_eq!(Batch::parse(body, &service).unwrap().record(), 3);
        let query = service.timer("query").unwrap().snapshot();
        assert_eq!((query.events().total(), query.since_start().count()), (3, 2));
        assert_eq!(query.since_start().sum(), Duration::from_millis(25));
    }

    #[test]
    fn labels_are_checked_before_anything_counts() {
        let shop = Service::builder("shop").timed_event("request").labels(["route", "method"]);
        let shop = shop.event("order").build().unwrap();
        let post = |body: &str| Batch::parse(body.as_bytes(), &shop).map(Batch::record);
        let bad = r#"[{"event":"request","labels":{"route":"/"}},
                      {"event":"request","labels":{"rout":"/"}}]"#;
        let error = post(bad).unwrap_err().to_string();
        let words = "entry 1: unknown label \"rout\": event \"request\" has: route, method";
        assert!(error.contains(words), "{error}");
        let error = post(r#"{"event":"order","labels":{"route":"/"}}"#).unwrap_err().to_string();
        assert!(error.contains("event \"order\" has no labels"), "{error}");
        let error = post(r#"{"event":"request","labels":{"route":7}}"#).unwrap_err().to_string();
        assert!(error.contains("invalid type: integer `7`, expected a string"), "{error}");
        let requests = shop.timed_family::<2>("request").unwrap();
        assert_eq!(requests.family().series().len(), 1, "no child was made");

        let body = r#"[{"event":"request","count":3,"labels":{"method":"GET","route":"/a"}},
                       {"event":"request","duration_ms":2.5,"labels":{"method":"GET"}},
                       {"event":"request","labels":{}}]"#;
        assert_eq!(post(body).unwrap(), 5);
        assert_eq!(requests.family().with(["/a", "GET"]).total(), 3);
        assert_eq!(requests.with(["", "GET"]).snapshot().since_start().count(), 1);
        assert_eq!(shop.meter("request").unwrap().total(), 1);
        assert_eq!(shop.snapshot().unwrap().total(), 5);
    }

    #[test]
    fn bad_entry_is_named_and_nothing_counts() {
        for (body, words) in [
            (r#"[{"event":"call"},{"event":"cal"}]"#, "entry 1: unknown event \"cal\": service"),
            (r#"[{"event":"call","count":-1}]"#, "entry 0: invalid value: integer `-1`"),
            (r#"[{"event":"call","n":1}]"#, "entry 0: unknown field `n`, expected one of `event`,"),
            (r#"[{"event":"call"},7]"#, "entry 1: invalid type: integer `7`"),
            (r#"[{"event":"call"}"#, "EOF while parsing a list"),
            (r#"{"event":"call","count":1099511627776}"#, "too large: at most 1099511627775"),
            (r#"{"event":"call","count":1.5}"#, "invalid type: floating point `1.5`"),
            (r#"{"event":"call","event":"call"}"#, "duplicate field `event`"),
            (r#"{"count":1}"#, "missing field `event`"),
            (r#"{"event":"call","duration_ms":1}"#, "\"call\" of service \"sports\" is not timed"),
            (r#"{"event":"query","duration_ms":-1}"#, "duration_ms -1 is negative"),
            (r#"{"event":"query","duration_ms":"1"}"#, "invalid type: string \"1\", expected f64"),
            (r#"{"event":"call"} x"#, "trailing characters"),
            (r#""call""#, "expected an entry {\"event\": NAME, \"count\": N} or an array"),
            ("", "EOF"),
        ] {
            let error = recorded(body).unwrap_err();
            assert!(error.contains(words), "{body}: {error}");
        }
        let error = Batch::parse(b"{\"event\":\"\xff\"}", &service()).err().unwrap();
        assert!(error.to_string().contains("unicode"), "{error}");
    }
}
