//! What one source of settings says. The flags, the environment and the file are such sources.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Args};

use crate::config::{Config, Udp};
use crate::failure::SettingsError;

/// The settings of one source; `None` where it says nothing. A new setting is a field here, with
/// its flag, a line in each function below, and what [`Settings`](crate::settings::Settings) makes
/// of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[allow(clippy::doc_markdown)] // The help is plain text.
pub(crate) struct Layer {
    /// HTTP address [default: 127.0.0.1:8003]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// The server's own service [default: admin-api]
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Also open each service's own port on loopback
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) service_ports: Option<bool>,
    /// StatsD address [default: 127.0.0.1:8125]
    #[arg(long, value_name = "ADDR")]
    pub(crate) statsd_udp: Option<SocketAddr>,
    /// Receive no StatsD over UDP
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) no_statsd: Option<bool>,
    /// Unix datagram socket to receive StatsD on
    #[arg(long, value_name = "PATH")]
    pub(crate) statsd_unix: Option<PathBuf>,
    /// Register unknown services and events
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(action = ArgAction::Set, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) auto_register: Option<bool>,
    /// Most services in total [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) max_services: Option<usize>,
    /// Most events of a service [default: 64]
    #[arg(long, value_name = "N")]
    pub(crate) max_events: Option<usize>,
}

/// What a variable must be.
const ADDRESS: &str = "an address such as 127.0.0.1:8003";
const SWITCH: &str = "true or false";
const NUMBER: &str = "a whole number";

impl Layer {
    /// What the environment says. `variable` looks a variable up by its name.
    pub(crate) fn from_environment(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, SettingsError> {
        let look_up = &variable;
        let layer = Self {
            listen: parsed(look_up, "TICKRING_LISTEN", ADDRESS)?,
            service: parsed(look_up, "TICKRING_SERVICE", "a service's name")?,
            service_ports: parsed(look_up, "TICKRING_SERVICE_PORTS", SWITCH)?,
            statsd_udp: parsed(look_up, "TICKRING_STATSD_UDP", ADDRESS)?,
            no_statsd: parsed(look_up, "TICKRING_NO_STATSD", SWITCH)?,
            statsd_unix: variable("TICKRING_STATSD_UNIX").map(PathBuf::from),
            auto_register: parsed(look_up, "TICKRING_AUTO_REGISTER", SWITCH)?,
            max_services: parsed(look_up, "TICKRING_MAX_SERVICES", NUMBER)?,
            max_events: parsed(look_up, "TICKRING_MAX_EVENTS", NUMBER)?,
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
            auto_register: statsd.auto_register,
            max_services: statsd.max_services,
            max_events: statsd.max_events,
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
            auto_register: self.auto_register.or(lower.auto_register),
            max_services: self.max_services.or(lower.max_services),
            max_events: self.max_events.or(lower.max_events),
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
fn parsed<T: FromStr>(
    variable: impl Fn(&str) -> Option<OsString>,
    name: &'static str,
    expected: &'static str,
) -> Result<Option<T>, SettingsError> {
    let Some(value) = variable(name) else { return Ok(None) };
    if let Some(Ok(parsed)) = value.to_str().map(str::parse) {
        return Ok(Some(parsed));
    }
    let value = value.to_string_lossy().into_owned();
    Err(SettingsError::Variable { name, value, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("TICKRING_SERVICE_PORTS", "true"),
            ("TICKRING_NO_STATSD", "true"),
            ("TICKRING_STATSD_UNIX", "/s"),
            ("TICKRING_AUTO_REGISTER", "false"),
            ("TICKRING_MAX_SERVICES", "2"),
            ("TICKRING_MAX_EVENTS", "3"),
        ]);
        let expected = Layer {
            listen: Some("[::1]:1".parse().unwrap()),
            service: Some("a".into()),
            service_ports: Some(true),
            statsd_udp: None,
            no_statsd: Some(true),
            statsd_unix: Some("/s".into()),
            auto_register: Some(false),
            max_services: Some(2),
            max_events: Some(3),
        };
        assert_eq!(layer.unwrap(), expected);
        assert_eq!(environment(&[]).unwrap(), Layer::default());
        assert_eq!(Layer::default().or(expected.clone()), expected);
        assert_eq!(expected.clone().or(Layer::default()), expected);
        let udp = environment(&[("TICKRING_STATSD_UDP", "127.0.0.1:1")]).unwrap();
        assert_eq!((udp.statsd_udp.unwrap().port(), udp.no_statsd), (1, Some(false)));
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
                "yes",
                "TICKRING_SERVICE_PORTS is \"yes\": it must be true or false",
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
