//! Which families of their own events may be exported as, and with which buckets.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use super::{RegistryError, Service, ServiceError, ServiceSpec, Services};
use crate::engine::SinceStart;

/// What samples of a family end with.
const SUFFIXES: [&str; 5] = ["_bucket", "_sum", "_count", "_created", "_info"];

/// What begins each of the crate's own families.
const OWN: &str = "tickring_";

/// The families that `/metrics` shows of the process.
const OF_PROCESS: [&str; 5] = [
    "process_cpu_seconds",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
];

/// The longest name of a family.
const NAME_MAX: usize = 128;

/// An event that is exported as a family of its own.
#[derive(Clone, Copy)]
pub(crate) struct Exported<'a> {
    pub(crate) event: &'a str,
    pub(crate) name: &'a str,
    /// Whether the family is a histogram of durations, or else a counter.
    pub(crate) timed: bool,
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    pub(crate) help: Option<&'a str>,
    /// `None` for all bounds that there are.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    pub(crate) buckets: Option<&'a [Duration]>,
}

impl ServiceSpec {
    /// The families of their own that events are exported as.
    pub(crate) fn exported(&self) -> impl Iterator<Item = Exported<'_>> {
        let exported = self.exported_as.iter().map(|(event, name)| Exported {
            event,
            name,
            timed: self.timed.contains(event),
            help: self.help.get(event).map(String::as_str),
            buckets: self.buckets.get(event).map(Vec::as_slice),
        });
        let counted = self.counted_as.iter().map(|(event, name)| Exported {
            event,
            name,
            timed: false,
            help: None,
            buckets: None,
        });
        exported.chain(counted)
    }

    /// Checks names and buckets of events that there are.
    pub(super) fn check_exports(&self) -> Result<(), ServiceError> {
        let service = || self.name.clone();
        let not_timed = |event: &String| !self.timed.contains(event);
        if let Some(event) =
            self.buckets.keys().chain(self.counted_as.keys()).find(|e| not_timed(e))
        {
            let (event, timed) = (event.clone(), self.timed.clone());
            return Err(ServiceError::NotTimed { service: service(), event, timed });
        }
        let mut seen = HashMap::new();
        for Exported { event, name, .. } in self.exported() {
            let other = seen.insert(name, event);
            let why = fault_of_name(name).or_else(|| {
                Some(format!("event {:?} is, and a name stands for one event of a service", other?))
            });
            if let Some(why) = why {
                let (event, name) = (event.into(), name.into());
                return Err(ServiceError::BadExport { service: service(), event, name, why });
            }
        }
        let texts = self.help.keys().map(|event| (event, "a help text"));
        let described = texts.chain(self.buckets.keys().map(|event| (event, "buckets")));
        for (event, what) in described {
            if !self.exported_as.contains_key(event) {
                let (service, event) = (service(), event.clone());
                return Err(ServiceError::NotExported { service, event, what });
            }
        }
        for (event, bounds) in &self.buckets {
            if let Some(why) = fault_of_buckets(bounds) {
                return Err(ServiceError::BadBuckets {
                    service: service(),
                    event: event.clone(),
                    why,
                });
            }
        }
        Ok(())
    }
}

impl Services {
    /// Checks that a service can be added.
    pub(super) fn check_new(&self, service: &Service) -> Result<(), RegistryError> {
        if self.get(service.name()).is_some() {
            return Err(RegistryError::DuplicateService { name: service.name().into() });
        }
        self.check_exports(service)
    }

    /// Checks that no other service exports an event under the same name as another kind.
    fn check_exports(&self, service: &Service) -> Result<(), RegistryError> {
        let others = || self.iter().filter(|other| other.name() != service.name());
        for new in service.spec().exported() {
            let is_other_kind =
                |known: &Exported<'_>| known.name == new.name && known.timed != new.timed;
            let known = others()
                .find_map(|other| Some((other, other.spec().exported().find(is_other_kind)?)));
            if let Some((other, known)) = known {
                return Err(RegistryError::ExportedTwice {
                    name: new.name.into(),
                    event: [service.name().into(), new.event.into()],
                    known: [other.name().into(), known.event.into()],
                });
            }
        }
        Ok(())
    }
}

/// Why nothing can be exported under a name.
pub(crate) fn fault_of_name(name: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = |first: char| first.is_ascii_digit();
    if name.is_empty()
        || name.len() > NAME_MAX
        || !name.bytes().all(plain)
        || name.starts_with(begins)
    {
        return Some(format!(
            "a metric is named by 1 to {NAME_MAX} of A-Z a-z 0-9 _, and no digit is first"
        ));
    }
    if name.starts_with("__") {
        return Some("names that begin with __ are reserved".into());
    }
    if name.starts_with(OWN) {
        return Some(format!("names that begin with {OWN} are those of other figures"));
    }
    if OF_PROCESS.contains(&name) {
        return Some("it is the name of a figure of the process".into());
    }
    if name.ends_with("_total") {
        return Some("leave out _total, which is added to each counter".into());
    }
    let suffix = SUFFIXES.iter().find(|suffix| name.ends_with(**suffix))?;
    Some(format!("samples of other metrics end with {suffix}"))
}

/// Bounds in seconds as times, or why they can't be.
pub(crate) fn bounds_of(seconds: impl IntoIterator<Item = f64>) -> Result<Vec<Duration>, String> {
    let bound = |seconds| {
        let wrong = |_| format!("{seconds} is no time: they are seconds above zero");
        Duration::try_from_secs_f64(seconds).map_err(wrong)
    };
    seconds.into_iter().map(bound).collect()
}

/// Why these can't be the buckets of a timed event.
pub(crate) fn fault_of_buckets(bounds: &[Duration]) -> Option<String> {
    if bounds.is_empty() {
        return Some("there are none: leave them out for all that there are".into());
    }
    let there =
        || SinceStart::default().cumulative().filter_map(|(bound, _)| bound).collect::<Vec<_>>();
    let there = there();
    if let Some(bound) = bounds.iter().find(|bound| !there.contains(bound)) {
        let mut why =
            format!("{} s is no bound by which timers count: these are", bound.as_secs_f64());
        for (index, bound) in there.iter().enumerate() {
            let _ = write!(why, "{} {}", if index == 0 { "" } else { "," }, bound.as_secs_f64());
        }
        return Some(why);
    }
    let falling = bounds.windows(2).find(|pair| pair[0] >= pair[1])?;
    let [one, next] = [falling[0], falling[1]].map(|bound| bound.as_secs_f64());
    Some(format!("{next} s comes after {one} s: each is larger than the one before"))
}

#[cfg(test)]
mod tests {
    use crate::fleet::{Registry, Service, ServiceBuilder};

    fn error(builder: ServiceBuilder) -> String {
        builder.build().unwrap_err().to_string()
    }

    #[test]
    fn names_that_would_mislead_are_refused() {
        for (name, words) in [
            ("http.requests", "a metric is named by 1 to 128 of A-Z a-z 0-9 _"),
            ("job:requests", "a metric is named by"),
            ("2xx", "no digit is first"),
            ("", "a metric is named by"),
            (&"x".repeat(129), "a metric is named by"),
            ("__name", "names that begin with __ are reserved"),
            ("tickring_events", "names that begin with tickring_ are those of other figures"),
            ("process_open_fds", "it is the name of a figure of the process"),
            ("requests_total", "leave out _total"),
            ("latency_bucket", "end with _bucket"),
            ("latency_sum", "end with _sum"),
            ("latency_count", "end with _count"),
            ("latency_created", "end with _created"),
            ("build_info", "end with _info"),
        ] {
            let error = error(Service::builder("s").event("e").exported_as(name));
            let begin = format!("event \"e\" of service \"s\" can't be exported as {name:?}: ");
            assert!(error.starts_with(&begin) && error.contains(words), "{name}: {error}");
        }
        let twice = Service::builder("s").event("a").exported_as("x").event("b").exported_as("x");
        let both = Service::builder("s").timed_event("a").exported_as("x").counted_as("x");
        for builder in [twice, both] {
            let error = error(builder);
            assert!(error.contains("event \"a\" is, and a name stands for one event"), "{error}");
        }
        Service::builder("s").event("e").exported_as("x_Total9").build().unwrap();
    }

    #[test]
    fn buckets_are_exact_or_refused() {
        let build = |bounds: &[f64]| {
            let timed = Service::builder("s").timed_event("e").exported_as("x");
            timed.buckets(bounds.iter().copied()).build()
        };
        for (bounds, words) in [
            (
                &[0.3][..],
                "0.3 s is no bound by which timers count: these are 0.000001, 0.00001, 0.0001",
            ),
            (&[0.25, f64::INFINITY], "inf is no time"),
            (&[f64::NAN], "NaN is no time"),
            (&[-0.25], "-0.25 is no time"),
            (&[0.0, 0.25], "0 s is no bound"),
            (&[0.5, 0.25], "0.25 s comes after 0.5 s: each is larger"),
            (&[0.5, 0.5], "0.5 s comes after 0.5 s"),
            (&[], "there are none"),
        ] {
            let error = build(bounds).unwrap_err().to_string();
            assert!(error.starts_with("bad buckets of event \"e\" of service \"s\": "), "{error}");
            assert!(error.contains(words), "{bounds:?}: {error}");
        }
        // Those that Prometheus' client libraries have unless told otherwise.
        build(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]).unwrap();
    }

    #[test]
    fn what_nothing_would_show_is_refused() {
        let plain = || Service::builder("s").event("e");
        let error_of = |builder| error(builder);
        assert!(
            error_of(plain().help("text")).contains("has a help text, but no family of its own")
        );
        let bare = error_of(Service::builder("s").timed_event("e").buckets([0.5]));
        assert!(bare.contains("has buckets, but no family of its own"), "{bare}");
        let counted = error_of(plain().exported_as("x").buckets([0.5]));
        assert!(counted.contains("is not timed"), "{counted}");
        let counted = error_of(plain().counted_as("x"));
        assert!(counted.contains("is not timed"), "{counted}");
        let mut spec = plain().build().unwrap().spec().clone();
        spec.exported_as.insert("f".into(), "x".into());
        assert!(spec.check().unwrap_err().to_string().contains("unknown event \"f\""));
    }

    #[test]
    fn one_name_has_one_kind_in_a_registry() {
        let registry = Registry::new();
        let counted = |name: &str| Service::builder(name).event("e").exported_as("x");
        registry.register(counted("a").build().unwrap()).unwrap();
        registry.register(counted("b").build().unwrap()).unwrap();
        let timed = Service::builder("c").timed_event("t").exported_as("x").build().unwrap();
        assert_eq!(
            registry.register(timed).unwrap_err().to_string(),
            "event \"t\" of service \"c\" can't be exported as \"x\": event \"e\" of service \"a\" is, and \
             only one of them is timed"
        );
        assert!(registry.get("c").is_none());
    }
}
