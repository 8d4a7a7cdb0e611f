//! The history of a service as plain values, and its form in a file.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

use super::rings::{DAYS, HOURS, MINUTES, Rings};
use crate::fleet::event_rate::{Timestamp, as_map};

/// What `GET /api/v1/services/NAME/history` answers for a service. Serialises to that document.
///
/// All counts are exact, and as of the same second. Oldest come first. The last of each is the current one,
/// which is not over. `None` is what nothing is known of: nobody counted then.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = tickring::Registry::from_catalogue();
/// let history = tickring::History::new(registry.clone());
/// let sports = registry.get("sports-data").ok_or("it is in the catalogue")?;
/// sports.meter("api_call")?.record_n(3);
/// let document = serde_json::to_value(history.of("sports-data"))?;
/// assert_eq!(document["events"]["api_call"]["days"][29], 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ServiceHistory {
    /// The service.
    pub service: String,
    /// When the current second began, by the wall clock, in whole seconds. The current minute, hour and day
    /// are those of this time.
    pub as_of: Timestamp,
    /// Event by event, in the order of the service's spec.
    #[serde(serialize_with = "as_map")]
    pub events: Vec<(String, EventCounts)>,
}

/// The counts of one event; part of [`ServiceHistory`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventCounts {
    /// By second of the process's clock, the last 60. A restart forgets them.
    pub seconds: Vec<Option<u64>>,
    /// By minute of UTC, the last 60.
    pub minutes: Vec<Option<u64>>,
    /// By hour of UTC, the last 24.
    pub hours: Vec<Option<u64>>,
    /// By day of UTC, the last 30.
    pub days: Vec<Option<u64>>,
}

/// What a [`History`](super::History) knows, to be kept over a restart: the minutes, hours and days of each
/// event. It serialises and deserialises to itself, in any format of serde.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryState {
    pub(super) events: Vec<SavedEvent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedEvent {
    pub(super) service: String,
    pub(super) event: String,
    pub(super) described: bool,
    /// The minute of the last counts, since 1970.
    #[serde(deserialize_with = "minute")]
    minute: u64,
    #[serde(serialize_with = "list", deserialize_with = "counts")]
    minutes: [Option<u64>; MINUTES],
    #[serde(serialize_with = "list", deserialize_with = "counts")]
    hours: [Option<u64>; HOURS],
    #[serde(serialize_with = "list", deserialize_with = "counts")]
    days: [Option<u64>; DAYS],
}

impl HistoryState {
    /// How many events it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it has no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

impl SavedEvent {
    pub(super) fn new(service: &str, event: &str, described: bool, rings: &Rings) -> Self {
        let minute = rings.head();
        Self {
            service: service.into(),
            event: event.into(),
            described,
            minute,
            minutes: rings.minutes(minute),
            hours: rings.hours(minute),
            days: rings.days(minute),
        }
    }

    pub(super) fn rings(&self) -> Rings {
        Rings::from_counts(self.minute, &self.minutes, &self.hours, &self.days)
    }
}

/// The last minute of the year 9999.
const LAST_MINUTE: u64 = 253_402_300_799 / 60;

fn minute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let minute = u64::deserialize(deserializer)?;
    if minute > LAST_MINUTE {
        return Err(D::Error::custom(format_args!("minute {minute} is after the year 9999")));
    }
    Ok(minute)
}

fn list<S: Serializer>(counts: &[Option<u64>], serializer: S) -> Result<S::Ok, S::Error> {
    counts.serialize(serializer)
}

/// As many counts as there have to be.
fn counts<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[Option<u64>; N], D::Error> {
    let counts = Vec::<Option<u64>>::deserialize(deserializer)?;
    let found = counts.len();
    let wrong = |_| D::Error::custom(format_args!("{found} counts where {N} are right"));
    counts.try_into().map_err(wrong)
}
