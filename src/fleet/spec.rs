//! What a service is, as data: the same in the catalogue and in configuration files.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use super::ServiceError;
use super::family::children::Declared;
use super::family::{DEFAULT_CAP, check_keys};

/// The longest name of a service or an event.
const NAME_MAX: usize = 128;

/// What a service is, as data. [`ServiceBuilder::from`](super::ServiceBuilder) turns it into a
/// builder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServiceSpec {
    /// The name that clients send and endpoints report: 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// The port of the service's own endpoint, on the loopback address; `None` for no endpoint.
    #[serde(default)]
    pub port: Option<u16>,
    /// The group that the service belongs to, in one word.
    #[serde(default = "default_category")]
    pub category: String,
    /// What the service's `events_per_second` means.
    #[serde(default)]
    pub basis: RateBasis,
    /// The events that the service counts. A name has the same form, and may have dots between other
    /// characters, as in `request.status.200`. The service's total is the
    /// sum of their counts. There is at least one, and no name repeats.
    pub events: Vec<String>,
    /// The events that have durations: some of `events`.
    #[serde(default)]
    pub timed: Vec<String>,
    /// For each event that has labels, their keys: at most 16, in the grammar of Prometheus. Names that begin
    /// with `__` and `le`, `quantile`, `service` and `event` are reserved.
    #[serde(default)]
    pub labels: BTreeMap<String, Vec<String>>,
    /// For events that have labels, the most sets of values; 256 if it isn't set. What is past that counts
    /// under the value `other`.
    #[serde(default)]
    pub label_sets: BTreeMap<String, usize>,
    /// After how many seconds without an event a set of values makes room, 3,600 if it isn't set. It is two
    /// minutes at least.
    #[serde(default)]
    pub retire_after_seconds: Option<u64>,
    /// For each event that is exported as a family of its own in `/metrics`, the family's name without the
    /// suffixes of samples; see [`ServiceBuilder::exported_as`](super::ServiceBuilder::exported_as).
    #[serde(default)]
    pub exported_as: BTreeMap<String, String>,
    /// For timed events that are exported as a counter as well, its name; see
    /// [`ServiceBuilder::counted_as`](super::ServiceBuilder::counted_as).
    #[serde(default)]
    pub counted_as: BTreeMap<String, String>,
    /// The help texts of the families that events are `exported_as`.
    #[serde(default)]
    pub help: BTreeMap<String, String>,
    /// The buckets of those that are timed: upper bounds in seconds, which rise; see
    /// [`ServiceBuilder::buckets`](super::ServiceBuilder::buckets).
    #[serde(default, deserialize_with = "buckets")]
    pub buckets: BTreeMap<String, Vec<Duration>>,
}

/// A bound that is written in seconds.
struct Seconds(Duration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        let wrong = |_| D::Error::invalid_value(Unexpected::Float(seconds), &"seconds above zero");
        Duration::try_from_secs_f64(seconds).map(Self).map_err(wrong)
    }
}

fn buckets<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<Duration>>, D::Error> {
    let read = BTreeMap::<String, Vec<Seconds>>::deserialize(deserializer)?;
    let bounds = |bounds: Vec<Seconds>| bounds.into_iter().map(|Seconds(bound)| bound).collect();
    Ok(read.into_iter().map(|(event, of_event)| (event, bounds(of_event))).collect())
}

/// The time without an event after which a set of values makes room, unless it is set.
const RETIRE_AFTER: Duration = Duration::from_secs(3600);

fn default_category() -> String {
    "other".into()
}

/// What `events_per_second` means for a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RateBasis {
    /// Events of the last 60 s, divided by 60.
    #[default]
    Rolling,
    /// All events since the start, divided by the uptime: for services that have events only now
    /// and then.
    Lifetime,
}

impl fmt::Display for RateBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rolling => "rolling",
            Self::Lifetime => "lifetime",
        })
    }
}

impl ServiceSpec {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            port: None,
            category: default_category(),
            basis: RateBasis::default(),
            events: Vec::new(),
            timed: Vec::new(),
            labels: BTreeMap::new(),
            label_sets: BTreeMap::new(),
            retire_after_seconds: None,
            exported_as: BTreeMap::new(),
            counted_as: BTreeMap::new(),
            help: BTreeMap::new(),
            buckets: BTreeMap::new(),
        }
    }

    /// Leaves out all events but these.
    pub(super) fn retain_events(&mut self, keep: impl Fn(&str) -> bool) {
        self.events.retain(|event| keep(event));
        self.timed.retain(|event| keep(event));
        self.labels.retain(|event, _| keep(event));
        self.label_sets.retain(|event, _| keep(event));
        self.exported_as.retain(|event, _| keep(event));
        self.counted_as.retain(|event, _| keep(event));
        self.help.retain(|event, _| keep(event));
        self.buckets.retain(|event, _| keep(event));
    }

    /// The events that something is said of.
    fn named(&self) -> impl Iterator<Item = &String> {
        let labelled = self.labels.keys().chain(self.label_sets.keys());
        let exported = self.exported_as.keys().chain(self.counted_as.keys());
        let described = self.help.keys().chain(self.buckets.keys());
        self.timed.iter().chain(labelled).chain(exported).chain(described)
    }

    /// The labels of an event, if it has any.
    pub(super) fn declared(&self, event: &str) -> Option<Declared<'_>> {
        let keys = self.labels.get(event).filter(|keys| !keys.is_empty())?;
        let retire_after = self.retire_after_seconds.map_or(RETIRE_AFTER, Duration::from_secs);
        let cap = self.label_sets.get(event).copied().unwrap_or(DEFAULT_CAP);
        Some(Declared { keys, cap, retire_after })
    }

    /// Checks what the types can't hold: the form of names, that there is an event, that no
    /// event's name repeats, that timed and labelled events are events, the names of labels, and
    /// what events are exported as. [`ServiceBuilder::build`] does it,
    /// too.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let text = "name = 'billing'\nevents = ['invoice', 'invoice']";
    /// let spec: tickring::ServiceSpec = toml::from_str(text)?;
    /// let error = spec.check().unwrap_err();
    /// assert_eq!(error.to_string(), "service \"billing\" names event \"invoice\" twice");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`ServiceBuilder::build`]: super::ServiceBuilder::build
    ///
    /// # Errors
    ///
    /// The first fault that is found.
    pub fn check(&self) -> Result<(), ServiceError> {
        check_name(&self.name)?;
        let service = || self.name.clone();
        if self.events.is_empty() {
            return Err(ServiceError::NoEvents { service: service() });
        }
        for (index, event) in self.events.iter().enumerate() {
            check_event_name(event)?;
            if self.events[..index].contains(event) {
                let event = event.clone();
                return Err(ServiceError::DuplicateEvent { service: service(), event });
            }
        }
        if let Some(unknown) = self.named().find(|event| !self.events.contains(event)) {
            return Err(ServiceError::UnknownEvent {
                service: service(),
                event: unknown.clone(),
                known: self.events.clone(),
            });
        }
        self.labels.iter().try_for_each(|(event, keys)| check_keys(&self.name, event, keys))?;
        self.check_exports()
    }
}

/// As [`check_name`]; but dots may stand between other characters.
fn check_event_name(name: &str) -> Result<(), ServiceError> {
    let bad = || ServiceError::BadName { name: name.into() };
    if name.len() > NAME_MAX {
        return Err(bad());
    }
    name.split('.').try_for_each(check_name).map_err(|_| bad())
}

/// Names appear unchanged in URLs, `StatsD` lines and labels, so they have one plain alphabet.
fn check_name(name: &str) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
        return Err(ServiceError::BadName { name: name.into() });
    }
    Ok(())
}
