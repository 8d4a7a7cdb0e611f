//! What to serve: flags before environment before file before defaults.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use tickring::statsd::AutoRegister;
use tickring::{ServiceSpec, catalogue};

use crate::cli::ServeArgs;
use crate::config::{Catalogue, Config, ConfigError, File, Udp};
use crate::place::Step::{Index, Key};

/// The service that the host is itself, unless another is named.
const HOST_SERVICE: &str = "admin-api";

/// All that `serve` goes by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    /// The host's own service: one of the specs.
    pub(crate) service: String,
    pub(crate) service_ports: bool,
    pub(crate) statsd_udp: Option<SocketAddr>,
    pub(crate) statsd_unix: Option<PathBuf>,
    pub(crate) auto_register: Option<AutoRegister>,
    /// What is served; no name twice.
    pub(crate) specs: Vec<ServiceSpec>,
}

/// Why it can't be served like that.
#[derive(Debug)]
pub(crate) enum SettingsError {
    /// The file is wrong.
    Config(ConfigError),
    /// The host's own service is none of those that are served.
    UnknownService { name: String, known: Vec<String> },
    /// The service that the host is itself is no longer described.
    HostGone { name: String },
    /// Two services have one port.
    SharedPort { port: u16, services: [String; 2] },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::UnknownService { name, known } => {
                write!(f, "--service: unknown service {name:?}; there are: {}", known.join(", "))
            }
            Self::HostGone { name } => {
                write!(f, "service {name:?} is not described, and this host is it until it stops")
            }
            Self::SharedPort { port, services: [first, second] } => {
                write!(f, "port {port} is {first}'s and {second}'s: with --service-ports each ")?;
                f.write_str("service needs one of its own")
            }
        }
    }
}

impl std::error::Error for SettingsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            _ => None,
        }
    }
}

impl Settings {
    /// Reads the file, if there is one, and settles everything.
    pub(crate) fn settle(args: &ServeArgs) -> Result<Self, SettingsError> {
        let file = args.config.as_deref().map(File::read).transpose();
        let file = file.map_err(SettingsError::Config)?;
        let nothing = Config::default();
        let config = file.as_ref().map_or(&nothing, |file| &file.config);
        let (server, statsd) = (&config.server, &config.statsd);

        let statsd_udp = match (args.no_statsd, args.statsd_udp, statsd.udp) {
            (Some(true), _, _) | (None, None, Some(Udp::Off)) => None,
            (_, Some(address), _) | (_, None, Some(Udp::On(address))) => Some(address),
            _ => Some(([127, 0, 0, 1], 8125).into()),
        };
        let caps = AutoRegister::default();
        let max_services = args.max_services.or(statsd.max_services).unwrap_or(caps.max_services);
        let max_events = args.max_events.or(statsd.max_events).unwrap_or(caps.max_events);
        let caps = caps.max_services(max_services).max_events(max_events);
        let auto_register = args.auto_register.or(statsd.auto_register).unwrap_or(false);
        let service = args.service.as_ref().or(server.service.as_ref());
        let settings = Self {
            listen: args.listen.or(server.listen).unwrap_or(([127, 0, 0, 1], 8003).into()),
            service: service.map_or(HOST_SERVICE, String::as_str).into(),
            service_ports: args.service_ports.or(server.service_ports).unwrap_or(false),
            statsd_udp,
            statsd_unix: args.statsd_unix.as_ref().or(statsd.unix.as_ref()).cloned(),
            auto_register: auto_register.then_some(caps),
            specs: specs(config),
        };
        settings.check(args, file.as_ref())?;
        Ok(settings)
    }

    /// The same, if it describes the host's own service of `running` too.
    pub(crate) fn with_host_of(self, running: &Self) -> Result<Self, SettingsError> {
        if self.specs.iter().any(|spec| spec.name == running.service) {
            return Ok(self);
        }
        Err(SettingsError::HostGone { name: running.service.clone() })
    }

    fn check(&self, args: &ServeArgs, file: Option<&File>) -> Result<(), SettingsError> {
        if !self.specs.iter().any(|spec| spec.name == self.service) {
            let known = self.specs.iter().map(|spec| spec.name.clone()).collect();
            let unknown = SettingsError::UnknownService { name: self.service.clone(), known };
            return Err(match file.filter(|_| args.service.is_none()) {
                Some(file) => {
                    let what =
                        format!("the host's own service {:?} is not described", self.service);
                    SettingsError::Config(file.wrong(&[Key("server"), Key("service")], what))
                }
                None => unknown,
            });
        }
        if !self.service_ports {
            return Ok(());
        }
        for (index, spec) in self.specs.iter().enumerate() {
            let Some(port) = spec.port.filter(|&port| port != 0) else { continue };
            let same = |other: &&ServiceSpec| other.port == Some(port);
            let Some(other) = self.specs[..index].iter().find(same) else { continue };
            let services = [other.name.clone(), spec.name.clone()];
            let described = file.and_then(|file| {
                let services = &file.config.services;
                let index = services.iter().position(|service| service.name == spec.name)?;
                Some((file, index))
            });
            return Err(match described {
                Some((file, index)) => {
                    let what = format!("{port} is {}'s already", services[0]);
                    let key = [Key("service"), Index(index), Key("port")];
                    SettingsError::Config(file.wrong(&key, what))
                }
                None => SettingsError::SharedPort { port, services },
            });
        }
        Ok(())
    }
}

/// The built-in services, if they are wanted, with those of the file in place of, or after, them.
fn specs(config: &Config) -> Vec<ServiceSpec> {
    let mut specs = match config.catalogue {
        Catalogue::Extend => catalogue().to_vec(),
        Catalogue::Replace => Vec::new(),
    };
    for described in &config.services {
        match specs.iter_mut().find(|spec| spec.name == described.name) {
            Some(spec) => spec.clone_from(described),
            None => specs.push(described.clone()),
        }
    }
    specs
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn settle(mut args: ServeArgs, text: &str) -> Result<Settings, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.toml");
        fs::write(&path, text).unwrap();
        args.config = Some(path);
        let prefix = format!("{}/", directory.path().display());
        Settings::settle(&args).map_err(|error| error.to_string().replace(&prefix, ""))
    }

    #[test]
    fn without_anything_said_the_fifteen_are_served_on_loopback() {
        let settings = Settings::settle(&ServeArgs::default()).unwrap();
        assert_eq!(settings.listen, "127.0.0.1:8003".parse().unwrap());
        assert_eq!(settings.statsd_udp, Some("127.0.0.1:8125".parse().unwrap()));
        assert_eq!((settings.service.as_str(), settings.specs.len()), ("admin-api", 15));
        assert_eq!((settings.service_ports, settings.auto_register), (false, None));
    }

    #[test]
    fn flags_go_before_the_file() {
        let text = "[server]\nlisten = \"127.0.0.1:1\"\nservice_ports = true\n[statsd]\n\
                    udp = false\nauto_register = true\nmax_events = 5";
        let settings = settle(ServeArgs::default(), text).unwrap();
        assert_eq!((settings.listen.port(), settings.service_ports), (1, true));
        assert_eq!(settings.statsd_udp, None);
        let caps = AutoRegister::new().max_events(5);
        assert_eq!(settings.auto_register, Some(caps));

        let address = "127.0.0.1:2".parse().unwrap();
        let args = ServeArgs {
            listen: Some(address),
            statsd_udp: Some(address),
            service_ports: Some(false),
            auto_register: Some(false),
            ..ServeArgs::default()
        };
        let settings = settle(args, text).unwrap();
        assert_eq!((settings.listen, settings.statsd_udp), (address, Some(address)));
        assert_eq!((settings.service_ports, settings.auto_register), (false, None));

        // Unsaid again, the file's "no" falls back to the default.
        let args = ServeArgs { no_statsd: Some(false), ..ServeArgs::default() };
        assert_eq!(settle(args, text).unwrap().statsd_udp.unwrap().port(), 8125);
        let args = ServeArgs { no_statsd: Some(true), ..ServeArgs::default() };
        assert_eq!(settle(args, "[statsd]\nudp = \"[::]:1\"").unwrap().statsd_udp, None);
    }

    #[test]
    fn a_file_extends_or_replaces_the_built_in_services() {
        let services = "[[service]]\nname = \"billing\"\nevents = [\"invoice\"]\n\
                        [[service]]\nname = \"admin-api\"\nevents = [\"call\"]\n";
        let extended = settle(ServeArgs::default(), services).unwrap().specs;
        assert_eq!(extended.len(), 16);
        assert_eq!((extended[2].name.as_str(), &*extended[2].events[0]), ("admin-api", "call"));
        assert_eq!(extended[15].name, "billing");
        let replaced = format!("catalogue = \"replace\"\n{services}");
        assert_eq!(settle(ServeArgs::default(), &replaced).unwrap().specs.len(), 2);
    }

    /// What the file that comes with the package says of itself.
    #[test]
    fn the_packaged_file_has_the_defaults_and_one_service_more() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/tickring.toml");
        let args = ServeArgs { config: Some(file.into()), ..ServeArgs::default() };
        let mut settings = Settings::settle(&args).unwrap();
        assert_eq!(settings.specs.pop().unwrap().name, "billing");
        assert_eq!(settings, Settings::settle(&ServeArgs::default()).unwrap());
    }

    #[test]
    fn the_host_must_be_a_service_and_ports_must_differ() {
        let billing = "[[service]]\nname = \"billing\"\nevents = [\"invoice\"]\nport = 8006\n";
        let error = settle(ServeArgs::default(), "[server]\nservice = \"x\"").unwrap_err();
        assert_eq!(
            error,
            "t.toml:2: server.service: the host's own service \"x\" is not described"
        );
        let alone = format!("catalogue = \"replace\"\n{billing}");
        let error = settle(ServeArgs::default(), &alone).unwrap_err();
        assert!(error.contains("\"admin-api\" is not described"), "{error}");
        let args = ServeArgs { service: Some("x".into()), ..ServeArgs::default() };
        let error = settle(args, billing).unwrap_err();
        assert!(error.starts_with("--service: unknown service \"x\"; there are: web"), "{error}");

        assert!(settle(ServeArgs::default(), billing).is_ok());
        let args = ServeArgs { service_ports: Some(true), ..ServeArgs::default() };
        let error = settle(args, billing).unwrap_err();
        assert_eq!(error, "t.toml:4: service[0].port: 8006 is data-api's already");
    }
}
