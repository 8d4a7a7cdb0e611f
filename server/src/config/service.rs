//! The tables `[[service]]`: services of this process, and services elsewhere.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use tickring::ServiceSpec;

use crate::collector::Address;

/// What stands for the events of a service elsewhere, whose document names its own.
const EVENTS_ELSEWHERE: [&str; 1] = ["event"];

/// A table `[[service]]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Described {
    /// The service.
    pub spec: ServiceSpec,
    /// Where its figures are asked for; `None` if this process counts its events.
    pub url: Option<Address>,
    /// Whether the table names events.
    pub(super) has_events: bool,
}

/// The library reads the keys of a service. This takes out the one that is the program's own.
impl<'de> Deserialize<'de> for Described {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = Described;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table that describes a service")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Described, A::Error> {
                let mut keys = Keys { map, url: None, has_events: false, stands_in: false };
                let spec = ServiceSpec::deserialize(MapAccessDeserializer::new(&mut keys))?;
                Ok(Described { spec, url: keys.url, has_events: keys.has_events })
            }
        }
        deserializer.deserialize_map(Table)
    }
}

/// The keys of a table without `url`. With it, and without `events`, there is a key more.
struct Keys<A> {
    map: A,
    url: Option<Address>,
    has_events: bool,
    /// Whether the value of the last key is the one that stands for events elsewhere.
    stands_in: bool,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for &mut Keys<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let mut seed = Some(seed);
        while let Some(key) = self.map.next_key_seed(KeySeed(&mut seed))? {
            match key {
                Key::Url => self.url = Some(self.map.next_value()?),
                Key::Other { key, is_events } => {
                    self.has_events |= is_events;
                    return Ok(Some(key));
                }
            }
        }
        let Some(seed) = seed.filter(|_| self.url.is_some() && !self.has_events && !self.stands_in)
        else {
            return Ok(None);
        };
        self.stands_in = true;
        let key: StrDeserializer<'_, A::Error> = "events".into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        if self.stands_in {
            return seed.deserialize(SeqDeserializer::new(EVENTS_ELSEWHERE.into_iter()));
        }
        self.map.next_value_seed(seed)
    }
}

/// A key of the table, and what the library makes of it.
enum Key<K> {
    Url,
    Other { key: K, is_events: bool },
}

/// Uses the library's seed for a key that is the library's.
struct KeySeed<'a, K>(&'a mut Option<K>);

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for KeySeed<'_, K> {
    type Value = Key<K::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let key = String::deserialize(deserializer)?;
        if key == "url" {
            return Ok(Key::Url);
        }
        let is_events = key == "events";
        let seed = self.0.take().ok_or_else(|| D::Error::custom("a key follows the last one"))?;
        let key = seed.deserialize(key.into_deserializer())?;
        Ok(Key::Other { key, is_events })
    }
}
