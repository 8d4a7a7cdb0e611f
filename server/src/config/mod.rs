//! The configuration file: what it may contain, and errors that say where it is wrong.

mod collector;
mod error;
mod exports;
mod service;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_path_to_error::Segment;
use tickring::{ServiceError, ServiceSpec};

pub use self::collector::CollectorKeys;
pub use self::error::ConfigError;
pub(crate) use self::error::What;
pub use self::service::Described;
pub use crate::collector::Address;
use crate::http_keys::HttpKeys;
pub use crate::log::LogFormat;
use crate::place::PathSegment::{self, Index, Key};
use crate::place::{line_at, line_of};
use crate::values;

/// The contents of a configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether the built-in services are served as well.
    pub catalogue: Catalogue,
    /// The table `[server]`.
    pub server: ServerKeys,
    /// The table `[http]`.
    pub http: HttpKeys,
    /// The table `[statsd]`.
    pub statsd: StatsdKeys,
    /// The table `[collector]`.
    pub collector: CollectorKeys,
    /// The tables `[[service]]`.
    #[serde(rename = "service")]
    pub services: Vec<Described>,
}

/// Whether the built-in services are served as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Catalogue {
    /// They are, unless the file describes a service of the same name: that one is served instead.
    #[default]
    Extend,
    /// They are not: only the services of the file are served.
    Replace,
}

/// The table `[server]`. Each key has the meaning of the flag of the same name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerKeys {
    /// The address of the HTTP listener.
    #[serde(deserialize_with = "address")]
    pub listen: Option<SocketAddr>,
    /// The server's own service.
    pub service: Option<String>,
    /// Whether each service's own port is opened as well.
    pub service_ports: Option<bool>,
    /// The file that keeps the history over a restart.
    pub state: Option<PathBuf>,
    /// The form of the log's lines.
    pub log_format: Option<LogFormat>,
}

/// The table `[statsd]`. Each key has the meaning of the flag of the same name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatsdKeys {
    /// The address of the UDP socket.
    pub udp: Option<Udp>,
    /// The address of the TCP listener.
    #[serde(deserialize_with = "address")]
    pub tcp: Option<SocketAddr>,
    /// The path of the Unix datagram socket.
    pub unix: Option<PathBuf>,
    /// The path of the Unix stream socket.
    pub unix_stream: Option<PathBuf>,
    /// What stands for the beginnings of names.
    pub rename: BTreeMap<String, String>,
    /// Lines that begin with one of these are not meant for this server.
    pub ignore: Option<Vec<String>>,
    /// Whether unknown services and events are registered.
    pub auto_register: Option<bool>,
    /// The most services in total.
    pub max_services: Option<usize>,
    /// The most events of a service.
    pub max_events: Option<usize>,
    /// After how long without an event what was registered on first sight is forgotten.
    #[serde(deserialize_with = "duration")]
    pub forget_after: Option<Duration>,
}

/// `udp = "127.0.0.1:8125"` or `udp = false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Udp {
    /// No UDP socket.
    Off,
    /// A UDP socket on this address.
    On(SocketAddr),
}

impl<'de> Deserialize<'de> for Udp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Expected;
        impl Visitor<'_> for Expected {
            type Value = Udp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}; or false", values::ADDRESS)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Udp, E> {
                let address = values::address(text);
                address.map(Udp::On).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Udp, E> {
                if on {
                    return Err(E::invalid_value(de::Unexpected::Bool(on), &self));
                }
                Ok(Udp::Off)
            }
        }
        deserializer.deserialize_any(Expected)
    }
}

/// An address, in any of the forms that the command line takes.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    written(deserializer, values::address, values::ADDRESS)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    written(deserializer, values::duration, values::DURATION)
}

/// A value that is written as a text.
fn written<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: fn(&str) -> Result<T, String>,
    expected: &'static str,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| de::Error::invalid_value(de::Unexpected::Str(&text), &expected);
    parse(&text).map(Some).map_err(wrong)
}

/// A configuration file and its contents.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    text: String,
    /// The contents.
    pub config: Config,
}

impl File {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or something in it is wrong. The error says where.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| ConfigError {
            file: path.into(),
            line: None,
            key: None,
            what: Box::new(What::Unreadable(error)),
        })?;
        Self::parse(path, text)
    }

    /// Checks the text of a file. Error messages name `path`, which is not read.
    ///
    /// # Errors
    ///
    /// If something in the text is wrong. The error says where.
    pub fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        let parsed = toml::Deserializer::parse(&text).map_err(|error| (None, error));
        let config = parsed.and_then(|toml| {
            serde_path_to_error::deserialize(toml).map_err(|error| {
                let path = error.path().clone();
                (Some(path), error.into_inner())
            })
        });
        let config = match config {
            Ok(config) => config,
            Err((key, error)) => return Err(misread(path, &text, key.as_ref(), error)),
        };
        let file = Self { path: path.into(), text, config };
        for (index, described) in file.config.services.iter().enumerate() {
            let service = &described.spec;
            if let Err(error) = service.check() {
                let key = key_of(service, &error);
                return Err(file.wrong(&[Key("service"), Index(index), Key(key)], error));
            }
            if described.url.is_some() && described.has_events {
                let what = "the events of a service elsewhere are its own: leave this out";
                return Err(file.wrong(&[Key("service"), Index(index), Key("events")], what));
            }
            let before = &file.config.services[..index];
            if let Some((key, what)) = exports::clash(before, service) {
                return Err(file.wrong(&[Key("service"), Index(index), Key(key)], what));
            }
            if before.iter().any(|other| other.spec.name == service.name) {
                let what = format!("there is already a service {:?}", service.name);
                return Err(file.wrong(&[Key("service"), Index(index), Key("name")], what));
            }
        }
        if file.config.catalogue == Catalogue::Replace && file.config.services.is_empty() {
            let what = "there is no [[service]] to replace the built-in ones";
            return Err(file.wrong(&[Key("catalogue")], what));
        }
        Ok(file)
    }

    /// An error about a key of this file.
    pub(crate) fn wrong(&self, key: &[PathSegment<'_>], what: impl Into<What>) -> ConfigError {
        ConfigError {
            file: self.path.clone(),
            line: line_of(&self.text, key),
            key: Some(key.iter().fold(String::new(), |key, segment| match segment {
                Key(next) if key.is_empty() => (*next).into(),
                Key(next) => format!("{key}.{next}"),
                Index(index) => format!("{key}[{index}]"),
            })),
            what: Box::new(what.into()),
        }
    }
}

/// The key of a service that has caused an error.
fn key_of(service: &ServiceSpec, error: &ServiceError) -> &'static str {
    match error {
        ServiceError::BadName { name } if *name == service.name => "name",
        ServiceError::UnknownEvent { event, .. } if service.timed.contains(event) => "timed",
        ServiceError::UnknownEvent { event, .. } if service.labels.contains_key(event) => "labels",
        ServiceError::UnknownEvent { event, .. } if service.label_sets.contains_key(event) => {
            "label_sets"
        }
        ServiceError::UnknownEvent { event, .. } | ServiceError::NotExported { event, .. } => {
            exports::key_of(service, event, None)
        }
        ServiceError::BadLabel { .. } => "labels",
        ServiceError::BadExport { event, name, .. } => exports::key_of(service, event, Some(name)),
        ServiceError::NotTimed { event, .. } if !service.buckets.contains_key(event) => {
            "counted_as"
        }
        ServiceError::BadBuckets { .. } | ServiceError::NotTimed { .. } => "buckets",
        _ => "events",
    }
}

fn misread(
    file: &Path,
    text: &str,
    key: Option<&serde_path_to_error::Path>,
    error: toml::de::Error,
) -> ConfigError {
    let segments: Vec<_> = key
        .iter()
        .flat_map(|key| key.iter())
        .map_while(|segment| match segment {
            Segment::Seq { index } => Some(Index(*index)),
            Segment::Map { key } => Some(Key(key)),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    let line = error.span().map(|span| line_at(text, span.start));
    let line = line.or_else(|| line_of(text, &segments));
    let key = key.map(ToString::to_string).filter(|_| !segments.is_empty());
    ConfigError { file: file.into(), line, key, what: Box::new(What::Misread(error)) }
}

#[cfg(test)]
mod tests;
