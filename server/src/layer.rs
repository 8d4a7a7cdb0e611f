//! What one source of settings says. The flags, the environment and the file are such sources.

use std::cell::RefCell;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use crate::config::{Config, Udp};
use crate::failure::SettingsError;
use crate::http_keys::{HttpKeys, Seconds};
use crate::log::LogFormat;
use crate::values::{self, Prefixes};

/// The settings of one source; `None` where it says nothing. A new setting is a field here, with
/// its flag, a line in each function below, and what [`Settings`](crate::settings::Settings) makes
/// of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[allow(clippy::doc_markdown)] // The help is plain text.
pub(crate) struct Layer {
    /// HTTP address [default: 127.0.0.1:8003]
    #[arg(long, value_name = "ADDR", value_parser = values::address)]
    pub(crate) listen: Option<SocketAddr>,
    /// The server's own service [default: admin-api]
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Also open each service's own port on loopback
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(action = ArgAction::Set, value_parser = values::switch, value_name = "BOOL")]
    pub(crate) service_ports: Option<bool>,
    /// StatsD address [default: 127.0.0.1:8125]
    #[arg(long, value_name = "ADDR", value_parser = values::address)]
    pub(crate) statsd_udp: Option<SocketAddr>,
    /// Receive no StatsD over UDP
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(action = ArgAction::Set, value_parser = values::switch, value_name = "BOOL")]
    pub(crate) no_statsd: Option<bool>,
    /// Unix datagram socket for StatsD (or @NAME)
    #[arg(long, value_name = "PATH")]
    pub(crate) statsd_unix: Option<PathBuf>,
    /// TCP address for StatsD, a line each [default: none]
    #[arg(long, value_name = "ADDR", value_parser = values::address, hide_short_help = true)]
    pub(crate) statsd_tcp: Option<SocketAddr>,
    /// Unix stream socket for DogStatsD's frames
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub(crate) statsd_unix_stream: Option<PathBuf>,
    /// Count lines with these prefixes as ignored [default: datadog.]
    #[arg(long, value_name = "A,B", value_parser = values::prefixes, hide_short_help = true)]
    pub(crate) statsd_ignore: Option<Prefixes>,
    /// Register unknown services and events
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(action = ArgAction::Set, value_parser = values::switch, value_name = "BOOL")]
    pub(crate) auto_register: Option<bool>,
    /// Most services in total [default: 256]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(crate) max_services: Option<usize>,
    /// Most events of a service [default: 64]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(crate) max_events: Option<usize>,
    /// Forget registered ones that are idle so long; 0: never [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = values::duration, hide_short_help = true)]
    pub(crate) forget_after: Option<Duration>,
    /// Keep the history in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Seconds between two savings of the history, for tests
    #[arg(long, value_name = "TIME", hide = true)]
    pub(crate) state_interval: Option<Seconds>,
    /// Form of the log: text or json [default: text]
    #[arg(long, value_name = "FORM", hide_short_help = true)]
    pub(crate) log_format: Option<LogFormat>,
    #[command(flatten)]
    pub(crate) http: HttpKeys,
}

/// The variable that names the file.
pub(crate) const CONFIG: &str = "TICKRING_CONFIG";

impl Layer {
    /// What the environment says. `variable` looks a variable up by its name.
    pub(crate) fn from_environment(
        variable: impl Fn(&'static str) -> Option<OsString>,
    ) -> Result<Self, SettingsError> {
        // An empty variable is one that isn't set: a unit or a container file can't remove one.
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let layer = Self {
            listen: parsed(set, "TICKRING_LISTEN", values::address)?,
            service: parsed(set, "TICKRING_SERVICE", |name| Ok(name.to_owned()))?,
            service_ports: parsed(set, "TICKRING_SERVICE_PORTS", values::switch)?,
            statsd_udp: parsed(set, "TICKRING_STATSD_UDP", values::address)?,
            no_statsd: parsed(set, "TICKRING_NO_STATSD", values::switch)?,
            statsd_unix: set("TICKRING_STATSD_UNIX").map(PathBuf::from),
            statsd_tcp: parsed(set, "TICKRING_STATSD_TCP", values::address)?,
            statsd_unix_stream: set("TICKRING_STATSD_UNIX_STREAM").map(PathBuf::from),
            // Here the empty text has a meaning: nothing is ignored.
            statsd_ignore: parsed(&variable, "TICKRING_STATSD_IGNORE", values::prefixes)?,
            auto_register: parsed(set, "TICKRING_AUTO_REGISTER", values::switch)?,
            max_services: parsed(set, "TICKRING_MAX_SERVICES", number)?,
            max_events: parsed(set, "TICKRING_MAX_EVENTS", number)?,
            forget_after: parsed(set, "TICKRING_FORGET_AFTER", values::duration)?,
            state: set("TICKRING_STATE").map(PathBuf::from),
            state_interval: None,
            log_format: parsed(set, "TICKRING_LOG_FORMAT", |text| {
                text.parse().map_err(|_| "it must be text or json".to_owned())
            })?,
            http: http(set)?,
        };
        layer.with_one_udp(["TICKRING_STATSD_UDP", "TICKRING_NO_STATSD"])
    }

    /// The flags as they were parsed, with their contradictions found.
    pub(crate) fn from_flags(flags: Self) -> Result<Self, SettingsError> {
        flags.with_one_udp(["--statsd-udp", "--no-statsd"])
    }

    /// What a file says.
    pub(crate) fn from_file(config: &Config) -> Self {
        let (server, statsd) = (&config.server, &config.statsd);
        let (statsd_udp, no_statsd) = match statsd.udp {
            None => (None, None),
            Some(Udp::Off) => (None, Some(true)),
            Some(Udp::On(address)) => (Some(address), Some(false)),
        };
        Self {
            listen: server.listen,
            service: server.service.clone(),
            service_ports: server.service_ports,
            statsd_udp,
            no_statsd,
            statsd_unix: statsd.unix.clone(),
            statsd_tcp: statsd.tcp,
            statsd_unix_stream: statsd.unix_stream.clone(),
            statsd_ignore: statsd.ignore.clone().map(Prefixes),
            auto_register: statsd.auto_register,
            max_services: statsd.max_services,
            max_events: statsd.max_events,
            forget_after: statsd.forget_after,
            state: server.state.clone(),
            state_interval: None,
            log_format: server.log_format,
            http: config.http.clone(),
        }
    }

    /// What this layer says, and where it says nothing, what `lower` says.
    pub(crate) fn or(self, lower: Self) -> Self {
        Self {
            listen: self.listen.or(lower.listen),
            service: self.service.or(lower.service),
            service_ports: self.service_ports.or(lower.service_ports),
            statsd_udp: self.statsd_udp.or(lower.statsd_udp),
            no_statsd: self.no_statsd.or(lower.no_statsd),
            statsd_unix: self.statsd_unix.or(lower.statsd_unix),
            statsd_tcp: self.statsd_tcp.or(lower.statsd_tcp),
            statsd_unix_stream: self.statsd_unix_stream.or(lower.statsd_unix_stream),
            statsd_ignore: self.statsd_ignore.or(lower.statsd_ignore),
            auto_register: self.auto_register.or(lower.auto_register),
            max_services: self.max_services.or(lower.max_services),
            max_events: self.max_events.or(lower.max_events),
            forget_after: self.forget_after.or(lower.forget_after),
            state: self.state.or(lower.state),
            state_interval: self.state_interval.or(lower.state_interval),
            log_format: self.log_format.or(lower.log_format),
            http: self.http.or(lower.http),
        }
    }

    /// An address also means "receive `StatsD`", so that it outranks a "don't" of a lower layer.
    fn with_one_udp(mut self, names: [&'static str; 2]) -> Result<Self, SettingsError> {
        match (self.statsd_udp, self.no_statsd) {
            (Some(_), Some(true)) => return Err(SettingsError::Contradiction { names }),
            (Some(_), None) => self.no_statsd = Some(false),
            _ => {}
        }
        Ok(self)
    }
}

/// The value of a variable; `None` if it isn't set.
fn parsed<T>(
    variable: impl Fn(&'static str) -> Option<OsString>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, SettingsError> {
    let Some(value) = variable(name) else { return Ok(None) };
    // What is not UTF-8 is no value, and is shown as what it resembles.
    let text = value.to_string_lossy();
    parse(&text).map(Some).map_err(|wrong| {
        let value = text.clone().into_owned();
        SettingsError::Variable { name, value, wrong }
    })
}

/// What the environment says about HTTP.
fn http(variable: impl Fn(&'static str) -> Option<OsString>) -> Result<HttpKeys, SettingsError> {
    let variable = &variable;
    let count = |name| {
        parsed(variable, name, |text| {
            text.parse::<NonZeroUsize>().map_err(|_| "it must be a whole number from 1".to_owned())
        })
    };
    let time = |name| {
        parsed(variable, name, |text| {
            text.parse::<Seconds>()
                .map_err(|_| "it must be a number of seconds, such as 10 or 0.5".to_owned())
        })
    };
    let names = |text: &str| text.split(',').map(str::parse).collect();
    Ok(HttpKeys {
        allowed_hosts: parsed(variable, "TICKRING_ALLOWED_HOSTS", names)?,
        allowed_origins: parsed(variable, "TICKRING_ALLOWED_ORIGINS", |text| {
            text.split(',').map(str::parse).collect()
        })?,
        active_within: time("TICKRING_ACTIVE_WITHIN")?,
        max_connections: count("TICKRING_MAX_CONNECTIONS")?,
        header_timeout: time("TICKRING_HEADER_TIMEOUT")?,
        idle_timeout: time("TICKRING_IDLE_TIMEOUT")?,
        body_timeout: time("TICKRING_BODY_TIMEOUT")?,
        write_timeout: time("TICKRING_WRITE_TIMEOUT")?,
        header_bytes: count("TICKRING_HEADER_BYTES")?,
        max_headers: count("TICKRING_MAX_HEADERS")?,
        body_bytes: count("TICKRING_BODY_BYTES")?,
        drain_delay: time("TICKRING_DRAIN_DELAY")?,
        drain: time("TICKRING_DRAIN")?,
    })
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "it must be a whole number".into())
}

/// All variables that the program reads.
pub(crate) fn known_variables() -> Vec<&'static str> {
    let asked = RefCell::new(vec![CONFIG]);
    let ask = |name| {
        asked.borrow_mut().push(name);
        None
    };
    // Without a value there is nothing to be wrong.
    let _nothing = Layer::from_environment(ask);
    asked.into_inner()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::http_keys::{HostName, Origin};

    fn environment(variables: &[(&str, &str)]) -> Result<Layer, String> {
        let find = |name: &str| variables.iter().find(|(there, _)| *there == name);
        let layer = Layer::from_environment(|name| find(name).map(|(_, value)| value.into()));
        layer.map_err(|error| error.to_string())
    }

    #[test]
    fn every_variable_is_read() {
        let layer = environment(&[
            ("TICKRING_LISTEN", "[::1]:1"),
            ("TICKRING_SERVICE", "a"),
            ("TICKRING_SERVICE_PORTS", "yes"),
            ("TICKRING_NO_STATSD", "1"),
            ("TICKRING_STATSD_UNIX", "/s"),
            ("TICKRING_STATSD_TCP", "localhost:2"),
            ("TICKRING_STATSD_UNIX_STREAM", "@t"),
            ("TICKRING_STATSD_IGNORE", "a., b"),
            ("TICKRING_FORGET_AFTER", "2m"),
            ("TICKRING_STATE", "/state"),
            ("TICKRING_LOG_FORMAT", "json"),
            ("TICKRING_AUTO_REGISTER", "false"),
            ("TICKRING_MAX_SERVICES", "2"),
            ("TICKRING_MAX_EVENTS", "3"),
            ("TICKRING_ALLOWED_HOSTS", "a.example, b.example"),
            ("TICKRING_ALLOWED_ORIGINS", "https://a.example, *"),
            ("TICKRING_ACTIVE_WITHIN", "60"),
            ("TICKRING_MAX_CONNECTIONS", "4"),
            ("TICKRING_HEADER_TIMEOUT", "1"),
            ("TICKRING_IDLE_TIMEOUT", "2"),
            ("TICKRING_BODY_TIMEOUT", "3"),
            ("TICKRING_WRITE_TIMEOUT", "4"),
            ("TICKRING_HEADER_BYTES", "5"),
            ("TICKRING_MAX_HEADERS", "6"),
            ("TICKRING_BODY_BYTES", "7"),
            ("TICKRING_DRAIN_DELAY", "8"),
            ("TICKRING_DRAIN", "0.5"),
        ]);
        let time = |text: &str| text.parse().ok();
        let expected = Layer {
            listen: Some("[::1]:1".parse().unwrap()),
            service: Some("a".into()),
            service_ports: Some(true),
            statsd_udp: None,
            no_statsd: Some(true),
            statsd_unix: Some("/s".into()),
            statsd_tcp: Some("127.0.0.1:2".parse().unwrap()),
            statsd_unix_stream: Some("@t".into()),
            statsd_ignore: Some(Prefixes(vec!["a.".into(), "b".into()])),
            auto_register: Some(false),
            max_services: Some(2),
            max_events: Some(3),
            forget_after: Some(Duration::from_secs(120)),
            state: Some("/state".into()),
            state_interval: None,
            log_format: Some(LogFormat::Json),
            http: HttpKeys {
                allowed_hosts: Some(vec![
                    HostName("a.example".into()),
                    HostName("b.example".into()),
                ]),
                allowed_origins: Some(vec![Origin("https://a.example".into()), Origin("*".into())]),
                active_within: time("60"),
                max_connections: NonZeroUsize::new(4),
                header_timeout: time("1"),
                idle_timeout: time("2"),
                body_timeout: time("3"),
                write_timeout: time("4"),
                header_bytes: NonZeroUsize::new(5),
                max_headers: NonZeroUsize::new(6),
                body_bytes: NonZeroUsize::new(7),
                drain_delay: time("8"),
                drain: time("0.5"),
            },
        };
        assert_eq!(layer.unwrap(), expected);
        assert_eq!(environment(&[]).unwrap(), Layer::default());
        assert_eq!(Layer::default().or(expected.clone()), expected);
        assert_eq!(expected.clone().or(Layer::default()), expected);
        let udp = environment(&[("TICKRING_STATSD_UDP", "127.0.0.1:1")]).unwrap();
        assert_eq!((udp.statsd_udp.unwrap().port(), udp.no_statsd), (1, Some(false)));
    }

    #[test]
    fn empty_variable_is_one_that_is_not_set() {
        let empty: Vec<_> = known_variables().into_iter().map(|name| (name, "")).collect();
        let layer = environment(&empty).unwrap();
        // But an empty list is a list.
        let expected = Layer { statsd_ignore: Some(Prefixes::default()), ..Layer::default() };
        assert_eq!(layer, expected);
        assert!(known_variables().contains(&"TICKRING_LISTEN"));
    }

    #[test]
    fn wrong_variables_are_named() {
        for (name, value, expected) in [
            ("TICKRING_LISTEN", "x", "TICKRING_LISTEN is \"x\": it must be an address such as"),
            (
                "TICKRING_MAX_EVENTS",
                "-1",
                "TICKRING_MAX_EVENTS is \"-1\": it must be a whole number",
            ),
            (
                "TICKRING_SERVICE_PORTS",
                "maybe",
                "TICKRING_SERVICE_PORTS is \"maybe\": it must be true, yes, on or 1",
            ),
        ] {
            let error = environment(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let both = [("TICKRING_STATSD_UDP", "127.0.0.1:1"), ("TICKRING_NO_STATSD", "true")];
        let error = environment(&both).unwrap_err();
        assert!(error.starts_with("TICKRING_STATSD_UDP and TICKRING_NO_STATSD contradict"));
    }
}
