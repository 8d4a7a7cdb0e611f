//! The configuration file: what it may contain, and errors that say where it is wrong.

mod collector;
mod error;
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
            if file.config.services[..index].iter().any(|other| other.spec.name == service.name) {
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
        ServiceError::UnknownEvent { .. } => "timed",
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
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let parsed = File::parse(Path::new("t.toml"), text.into());
        parsed.map(|file| file.config).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            r#"
            catalogue = "replace"

            [server]
            listen = "[::1]:8003"
            service = "billing"
            service_ports = true
            log_format = "json"
            state = "/var/lib/tickring/state"

            [http]
            allowed_hosts = ["metrics.example.com"]
            max_connections = 100
            idle_timeout = 120
            drain_delay = 2.5

            [statsd]
            udp = ":9125"
            tcp = "localhost:9125"
            unix = "/run/tickring/statsd.sock"
            unix_stream = "@tickring"
            ignore = ["datadog.", "jvm."]
            forget_after = "30m"
            rename = { "envoy." = "edge." }
            auto_register = true
            max_services = 20
            max_events = 10

            [[service]]
            name = "billing"
            port = 9001
            category = "core"
            basis = "lifetime"
            events = ["invoice", "reminder"]
            timed = ["invoice"]

            [[service]]
            name = "elsewhere"
            url = "http://10.0.0.7:9001"

            [collector]
            interval = 10
            retry_delay = 0.25
            failures = 5
            "#,
        )
        .unwrap();
        assert_eq!(config.catalogue, Catalogue::Replace);
        assert_eq!(config.server.listen, Some("[::1]:8003".parse().unwrap()));
        assert_eq!(config.http.allowed_hosts.unwrap()[0].0, "metrics.example.com");
        assert_eq!(config.http.drain_delay, "2.5".parse().ok());
        assert_eq!(config.statsd.udp, Some(Udp::On("0.0.0.0:9125".parse().unwrap())));
        assert_eq!(config.statsd.tcp, Some("127.0.0.1:9125".parse().unwrap()));
        assert_eq!(config.statsd.rename["envoy."], "edge.");
        assert_eq!(config.statsd.forget_after, Some(Duration::from_secs(1800)));
        assert_eq!(config.server.log_format, Some(LogFormat::Json));
        assert_eq!(config.server.state, Some("/var/lib/tickring/state".into()));
        assert_eq!(config.services[0].spec.events, ["invoice", "reminder"]);
        assert_eq!(config.services[0].url, None);
        assert_eq!(config.services[1].url, Some("http://10.0.0.7:9001".parse().unwrap()));
        let pace = config.collector.pace();
        assert_eq!(
            (pace.interval, pace.timeout),
            (Duration::from_secs(10), Duration::from_secs(2))
        );
        assert_eq!((pace.retry_delay.as_millis(), pace.failures, pace.retries), (250, 5, 2));
        assert_eq!(parse("[statsd]\nudp = false").unwrap().statsd.udp, Some(Udp::Off));
        assert!(parse("").unwrap().services.is_empty());
    }

    /// Each error names file, line and key, and says what would be right.
    #[test]
    fn errors_say_what_is_wrong_and_where() {
        let service = "[[service]]\nname = \"a\"\nevents = [\"x\"]\n";
        for (text, expected) in [
            ("a = ", "t.toml:1: "),
            ("\n[server\n", "t.toml:2: "),
            (r#""a\nb" = 1"#, r"t.toml:1: a\nb: unknown field `a, b`, expected one of"),
            ("\n[server]\nlistne = 1", "t.toml:3: server.listne: unknown field `listne`, expected"),
            (
                "[server]\nlisten = \"x\"",
                "t.toml:2: server.listen: invalid value: string \"x\", expected an address such as",
            ),
            (
                "[server]\nlog_format = \"xml\"",
                "t.toml:2: server.log_format: unknown variant `xml`",
            ),
            (
                "[statsd]\nforget_after = \"1\"",
                "t.toml:2: statsd.forget_after: invalid value: string \"1\", expected a duration",
            ),
            ("[server]\nlisten = 8003", "t.toml:2: server.listen: invalid type: integer `8003`"),
            ("[server]\nservice_ports = 1", "t.toml:2: server.service_ports: invalid type"),
            (
                "[http]\ndrain_delay = -1",
                "t.toml:2: http.drain_delay: a time is a number of seconds from 0",
            ),
            (
                "[http]\nallowed_hosts = [\"a.example:80\"]",
                "t.toml:2: http.allowed_hosts[0]: \"a.example:80\": a host is a name or an address",
            ),
            ("[http]\nmax_connections = 0", "t.toml:2: http.max_connections: invalid value"),
            (
                "[statsd]\nudp = true",
                "t.toml:2: statsd.udp: invalid value: boolean `true`, expected an address such as",
            ),
            ("[statsd]\nudp = \"x\"", "t.toml:2: statsd.udp: invalid value: string \"x\""),
            ("[statsd]\nmax_events = -1", "t.toml:2: statsd.max_events: invalid value"),
            ("catalogue = \"both\"", "t.toml:1: catalogue: unknown variant `both`"),
            ("\ncatalogue = \"replace\"", "t.toml:2: catalogue: there is no [[service]]"),
            ("[[service]]\nname = \"a\"\n", "t.toml:1: service[0]: missing field `events`"),
            (
                "[[service]]\nname = \"a\"\nurl = \"https://a\"",
                "t.toml:3: service[0].url: \"https://a\": https is not spoken here",
            ),
            (
                &format!("{service}url = \"http://a\""),
                "t.toml:3: service[0].events: the events of a service elsewhere are its own",
            ),
            (
                &format!("{service}\n[[service]]\nname = \"a\"\nurl = \"http://a\""),
                "t.toml:6: service[1].name: there is already a service \"a\"",
            ),
            ("[collector]\ninterval = -1", "t.toml:2: collector.interval: a time is a number"),
            ("[collector]\nfailures = 0", "t.toml:2: collector.failures: invalid value"),
            (
                &format!("{service}port = 70000"),
                "t.toml:4: service[0].port: invalid value: integer `70000`, expected u16",
            ),
            (
                &format!("{service}basis = \"daily\""),
                "t.toml:4: service[0].basis: unknown variant `daily`",
            ),
            (&format!("{service}ports = 1"), "t.toml:4: service[0].ports: unknown field `ports`"),
            (
                &format!("{service}\n{service}"),
                "t.toml:6: service[1].name: there is already a service \"a\"",
            ),
            (
                &format!("{service}timed = [\"y\"]"),
                "t.toml:4: service[0].timed: unknown event \"y\": service \"a\" has: x",
            ),
            (
                "[[service]]\nevents = [\"x\"]\nname = \"a b\"",
                "t.toml:3: service[0].name: bad name \"a b\"",
            ),
            (
                "[[service]]\nname = \"a\"\nevents = []",
                "t.toml:3: service[0].events: service \"a\" has no events",
            ),
            (
                "[[service]]\nname = \"a\"\nevents = [\n\"x\",\n\"x\"]",
                "t.toml:3: service[0].events: service \"a\" names event \"x\" twice",
            ),
            (
                "[[service]]\nname = \"a\"\nevents = [\"x\", \"y/z\"]",
                "t.toml:3: service[0].events: bad name \"y/z\"",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}\n{error}\nexpected: {expected}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        let error = File::read(Path::new("no/such/file")).unwrap_err().to_string();
        assert!(error.starts_with("no/such/file: No such file"), "{error}");
    }
}
