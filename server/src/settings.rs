//! What to serve: flags outrank the environment, the environment outranks the file, and the file
//! outranks the defaults.

use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tickring::http::Limits;
use tickring::statsd::AutoRegister;
use tickring::{Forgetting, Registry, ServiceSpec, catalogue};

use crate::cli::ServeArgs;
use crate::collector::{Pace, Remote};
use crate::config::{Catalogue, Config, Described, File};
use crate::failure::SettingsError;
use crate::http_keys::{HostName, Origin, Seconds};
use crate::layer::{CONFIG, Layer, known_variables};
use crate::log::LogFormat;
use crate::place::PathSegment::{Index, Key};
use crate::values::Prefixes;

/// The server's own service, unless another is named.
const OWN_SERVICE: &str = "admin-api";
/// What clients of Datadog send about themselves to the same port.
const IGNORED: &str = "datadog.";
/// After how long without an event what was registered on first sight is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3600);
/// The time between two savings of the history.
const STATE_INTERVAL: Duration = Duration::from_secs(60);

/// Where settings come from. The file is read each time that they are settled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    pub(crate) config: Option<PathBuf>,
    pub(crate) flags: Layer,
    pub(crate) environment: Layer,
}

/// What `serve` does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    /// The server's own service: one of the specs. Requests mean it if they name no service, and
    /// its first event counts them.
    pub(crate) service: String,
    pub(crate) service_ports: bool,
    pub(crate) limits: Limits,
    /// The names to serve, if they are set.
    pub(crate) allowed_hosts: Option<Vec<HostName>>,
    /// The origins whose web pages may read.
    pub(crate) allowed_origins: Vec<Origin>,
    /// For how long an event makes its service active, if that is set.
    pub(crate) active_within: Option<Duration>,
    pub(crate) statsd_udp: Option<SocketAddr>,
    pub(crate) statsd_tcp: Option<SocketAddr>,
    pub(crate) statsd_unix: Option<PathBuf>,
    pub(crate) statsd_unix_stream: Option<PathBuf>,
    /// Lines that begin with one of these are not meant for this server.
    pub(crate) statsd_ignore: Vec<String>,
    /// The caps for registering unknown services and events; `None` to reject them.
    pub(crate) auto_register: Option<AutoRegister>,
    /// Beginnings of names, and what stands for them.
    pub(crate) statsd_rename: BTreeMap<String, String>,
    /// After how long without an event what was registered on first sight is forgotten; zero for
    /// never.
    pub(crate) forget_after: Duration,
    /// The file that keeps the history.
    pub(crate) state: Option<PathBuf>,
    /// The time between two savings of the history.
    pub(crate) state_interval: Duration,
    pub(crate) log_format: LogFormat,
    /// The services of this process. All names differ, those of the remotes included.
    pub(crate) specs: Vec<ServiceSpec>,
    /// The services elsewhere.
    pub(crate) remotes: Vec<Remote>,
    /// How they are asked.
    pub(crate) pace: Pace,
}

impl Sources {
    /// The arguments of `serve`, and the environment of this process.
    pub(crate) fn of(args: ServeArgs) -> Result<Self, SettingsError> {
        let named = env::var_os(CONFIG).filter(|name| !name.is_empty()).map(PathBuf::from);
        let config = args.config.or(named);
        let flags = Layer::from_flags(args.flags)?;
        Ok(Self { config, flags, environment: Layer::from_environment(env::var_os)? })
    }

    /// This file, and the environment of this process.
    pub(crate) fn of_file(config: PathBuf) -> Result<Self, SettingsError> {
        let environment = Layer::from_environment(env::var_os)?;
        Ok(Self { config: Some(config), flags: Layer::default(), environment })
    }

    /// The variables of this process that look like settings and are none, as messages.
    pub(crate) fn unknown_variables() -> Vec<String> {
        let known = known_variables();
        let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        names.filter_map(|name| unknown_variable(&name, &known)).collect()
    }
}

impl Settings {
    /// Reads the file, if there is one, and settles everything.
    pub(crate) fn settle(sources: &Sources) -> Result<Self, SettingsError> {
        let file = sources.config.as_deref().map(File::read).transpose();
        let file = file.map_err(SettingsError::Config)?;
        let nothing = Config::default();
        let config = file.as_ref().map_or(&nothing, |file| &file.config);
        let given = sources.flags.clone().or(sources.environment.clone());
        let named_in_file = given.service.is_none();
        let layer = given.or(Layer::from_file(config));

        let udp = layer.statsd_udp.unwrap_or(([127, 0, 0, 1], 8125).into());
        let ignore = layer.statsd_ignore.unwrap_or(Prefixes(vec![IGNORED.into()]));
        let caps = AutoRegister::default();
        let max_services = layer.max_services.unwrap_or(caps.max_services);
        let max_events = layer.max_events.unwrap_or(caps.max_events);
        let caps = caps.max_services(max_services).max_events(max_events);
        let settings = Self {
            listen: layer.listen.unwrap_or(([127, 0, 0, 1], 8003).into()),
            service: layer.service.unwrap_or_else(|| OWN_SERVICE.into()),
            service_ports: layer.service_ports.unwrap_or(false),
            limits: layer.http.limits(),
            allowed_hosts: layer.http.allowed_hosts,
            allowed_origins: layer.http.allowed_origins.unwrap_or_default(),
            active_within: layer.http.active_within.map(|Seconds(time)| time),
            statsd_udp: (layer.no_statsd != Some(true)).then_some(udp),
            statsd_tcp: layer.statsd_tcp,
            statsd_unix: layer.statsd_unix,
            statsd_unix_stream: layer.statsd_unix_stream,
            statsd_ignore: ignore.0,
            statsd_rename: config.statsd.rename.clone(),
            auto_register: layer.auto_register.unwrap_or(false).then_some(caps),
            forget_after: layer.forget_after.unwrap_or(FORGET_AFTER),
            state: layer.state,
            state_interval: layer.state_interval.map_or(STATE_INTERVAL, |Seconds(time)| time),
            log_format: layer.log_format.unwrap_or_default(),
            specs: specs(config),
            remotes: remotes(config),
            pace: config.collector.pace(),
        };
        settings.check_own_service(file.as_ref().filter(|_| named_in_file))?;
        settings.check_ports(file.as_ref())?;
        Ok(settings)
    }

    /// What forgets idle events that were registered on first sight, if anything does.
    pub(crate) fn forgetting(&self, registry: &Registry) -> Option<Forgetting> {
        let caps = self.auto_register.filter(|_| !self.forget_after.is_zero())?;
        Some(Forgetting::new(registry.clone(), caps, self.forget_after))
    }

    /// How many threads the program needs beside those of its runtime: the log, the clock, one for
    /// each listener for `StatsD`, and one that saves the history.
    pub(crate) fn threads(&self) -> usize {
        let listeners = [
            self.statsd_udp.is_some(),
            self.statsd_tcp.is_some(),
            self.statsd_unix.is_some(),
            self.statsd_unix_stream.is_some(),
            self.state.is_some(),
        ];
        2 + listeners.into_iter().filter(|&there| there).count()
    }

    /// These settings, if they still describe the own service of `running`.
    pub(crate) fn with_own_service_of(self, running: &Self) -> Result<Self, SettingsError> {
        if self.specs.iter().any(|spec| spec.name == running.service) {
            return Ok(self);
        }
        Err(SettingsError::OwnServiceGone { name: running.service.clone() })
    }

    /// Whether the own service is one of the services. `file` is what names it, if not a flag or a
    /// variable does.
    fn check_own_service(&self, file: Option<&File>) -> Result<(), SettingsError> {
        if self.specs.iter().any(|spec| spec.name == self.service) {
            return Ok(());
        }
        let is_elsewhere = self.remotes.iter().any(|remote| remote.name == self.service);
        if let Some(file) = file {
            let key = [Key("server"), Key("service")];
            if is_elsewhere {
                let what = format!("the server's own service {:?} is elsewhere", self.service);
                return Err(SettingsError::Config(file.wrong(&key, what)));
            }
            let what = format!("the server's own service {:?} is not described", self.service);
            return Err(SettingsError::Config(file.wrong(&key, what)));
        }
        let known = self.specs.iter().map(|spec| spec.name.clone()).collect();
        Err(SettingsError::UnknownService { name: self.service.clone(), known })
    }

    /// Whether the ports that will be opened differ.
    fn check_ports(&self, file: Option<&File>) -> Result<(), SettingsError> {
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
                let index = services.iter().position(|service| service.spec.name == spec.name)?;
                Some((file, index))
            });
            return Err(match described {
                Some((file, index)) => {
                    let what = format!("{port} already belongs to {}", services[0]);
                    let key = [Key("service"), Index(index), Key("port")];
                    SettingsError::Config(file.wrong(&key, what))
                }
                None => SettingsError::SharedPort { port, services },
            });
        }
        Ok(())
    }
}

/// What is wrong with a variable whose name begins as those of the program do.
fn unknown_variable(name: &str, known: &[&str]) -> Option<String> {
    if !name.starts_with("TICKRING_") || known.contains(&name) {
        return None;
    }
    let distance = |known: &&&str| strsim::damerau_levenshtein(name, known);
    let nearest = known.iter().min_by_key(distance)?;
    // More than two typing errors make another word.
    Some(match distance(&nearest) {
        0..=2 => format!("variable {name} has no meaning: did you mean {nearest}?"),
        _ => format!("variable {name} has no meaning: there are {}", known.join(", ")),
    })
}

/// The services that the file says are elsewhere.
fn remotes(config: &Config) -> Vec<Remote> {
    let remote = |described: &Described| {
        let ServiceSpec { name, category, port, basis, .. } = described.spec.clone();
        Some(Remote { name, category, port, basis, address: described.url.clone()? })
    };
    config.services.iter().filter_map(remote).collect()
}

/// The built-in services, unless the file replaces them, and the services of the file that are not
/// elsewhere. One with the name of a built-in service takes its place.
fn specs(config: &Config) -> Vec<ServiceSpec> {
    let mut specs = match config.catalogue {
        Catalogue::Extend => catalogue().to_vec(),
        Catalogue::Replace => Vec::new(),
    };
    for Described { spec: described, url, .. } in &config.services {
        if url.is_some() {
            specs.retain(|spec| spec.name != described.name);
            continue;
        }
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

    fn settle(flags: Layer, text: &str) -> Result<Settings, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.toml");
        fs::write(&path, text).unwrap();
        let prefix = format!("{}/", directory.path().display());
        let sources = Sources { config: Some(path), flags, environment: Layer::default() };
        Settings::settle(&sources).map_err(|error| error.to_string().replace(&prefix, ""))
    }

    #[test]
    fn default_is_the_fifteen_services_on_loopback() {
        let settings = Settings::settle(&Sources::default()).unwrap();
        assert_eq!(settings.listen, "127.0.0.1:8003".parse().unwrap());
        assert_eq!(settings.statsd_udp, Some("127.0.0.1:8125".parse().unwrap()));
        assert_eq!((settings.service.as_str(), settings.specs.len()), ("admin-api", 15));
        assert_eq!((settings.service_ports, settings.auto_register), (false, None));
    }

    #[test]
    fn flags_outrank_the_file() {
        let text = "[server]\nlisten = \"127.0.0.1:1\"\nservice_ports = true\n[statsd]\n\
                    udp = false\nauto_register = true\nmax_events = 5";
        let settings = settle(Layer::default(), text).unwrap();
        assert_eq!((settings.listen.port(), settings.service_ports), (1, true));
        assert_eq!(settings.statsd_udp, None);
        let caps = AutoRegister::new().max_events(5);
        assert_eq!(settings.auto_register, Some(caps));

        let address = "127.0.0.1:2".parse().unwrap();
        let flags = Layer {
            listen: Some(address),
            statsd_udp: Some(address),
            no_statsd: Some(false),
            service_ports: Some(false),
            auto_register: Some(false),
            ..Layer::default()
        };
        let settings = settle(flags, text).unwrap();
        assert_eq!((settings.listen, settings.statsd_udp), (address, Some(address)));
        assert_eq!((settings.service_ports, settings.auto_register), (false, None));

        // Where a flag denies the file's "no", the address is the default one.
        let flags = Layer { no_statsd: Some(false), ..Layer::default() };
        assert_eq!(settle(flags, text).unwrap().statsd_udp.unwrap().port(), 8125);
        let flags = Layer { no_statsd: Some(true), ..Layer::default() };
        assert_eq!(settle(flags, "[statsd]\nudp = \"[::]:1\"").unwrap().statsd_udp, None);
    }

    #[test]
    fn environment_is_between_flags_and_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.toml");
        fs::write(&path, "[statsd]\nmax_events = 1\nmax_services = 1\nauto_register = true")
            .unwrap();
        let off = Layer { no_statsd: Some(true), max_events: Some(2), ..Layer::default() };
        let environment = Layer { max_services: Some(2), ..off };
        let udp = Some("127.0.0.1:2".parse().unwrap());
        let flags = Layer { statsd_udp: udp, max_services: Some(3), ..Layer::default() };
        let flags = Layer::from_flags(flags).unwrap();
        let settings = Settings::settle(&Sources { config: Some(path), flags, environment });
        let settings = settings.unwrap();
        assert_eq!(settings.statsd_udp, udp, "an address outranks a lower layer's \"no\"");
        assert_eq!(settings.auto_register, Some(AutoRegister::new().max_services(3).max_events(2)));
    }

    #[test]
    fn file_extends_or_replaces_the_built_in_services() {
        let services = "[[service]]\nname = \"billing\"\nevents = [\"invoice\"]\n\
                        [[service]]\nname = \"admin-api\"\nevents = [\"call\"]\n";
        let extended = settle(Layer::default(), services).unwrap().specs;
        assert_eq!(extended.len(), 16);
        assert_eq!((extended[2].name.as_str(), &*extended[2].events[0]), ("admin-api", "call"));
        assert_eq!(extended[15].name, "billing");
        let replaced = format!("catalogue = \"replace\"\n{services}");
        assert_eq!(settle(Layer::default(), &replaced).unwrap().specs.len(), 2);
    }

    #[test]
    fn service_elsewhere_replaces_a_built_in_one() {
        let text = "[[service]]\nname = \"sports-data\"\nurl = \"http://10.0.0.7\"\n\
                    category = \"data\"\n[[service]]\nname = \"far\"\nurl = \"http://far:1\"\n";
        let settings = settle(Layer::default(), text).unwrap();
        assert_eq!((settings.specs.len(), settings.remotes.len()), (14, 2));
        let remote = &settings.remotes[0];
        assert_eq!((&*remote.name, &*remote.category), ("sports-data", "data"));
        assert_eq!(remote.address.to_string(), "http://10.0.0.7:80");
        let own = "[server]\nservice = \"far\"\n";
        let error = settle(Layer::default(), &format!("{own}{text}")).unwrap_err();
        assert_eq!(
            error,
            "t.toml:2: server.service: the server's own service \"far\" is elsewhere"
        );
    }

    #[test]
    fn misspelt_variable_is_reported_with_the_right_one() {
        let known = known_variables();
        let report = |name| unknown_variable(name, &known);
        let expected = "variable TICKRING_LISTNE has no meaning: did you mean TICKRING_LISTEN?";
        assert_eq!(report("TICKRING_LISTNE").unwrap(), expected);
        let other = report("TICKRING_COLOUR").unwrap();
        assert!(other.contains("there are TICKRING_CONFIG, TICKRING_LISTEN, "), "{other}");
        for fine in ["TICKRING_LISTEN", "TICKRING_CONFIG", "PATH", "TICKRINGX"] {
            assert_eq!(report(fine), None);
        }
    }

    #[test]
    fn own_service_exists_and_ports_differ() {
        let billing = "[[service]]\nname = \"billing\"\nevents = [\"invoice\"]\nport = 8006\n";
        let error = settle(Layer::default(), "[server]\nservice = \"x\"").unwrap_err();
        assert_eq!(
            error,
            "t.toml:2: server.service: the server's own service \"x\" is not described"
        );
        let alone = format!("catalogue = \"replace\"\n{billing}");
        let error = settle(Layer::default(), &alone).unwrap_err();
        assert!(error.contains("\"admin-api\" is not described"), "{error}");
        let flags = Layer { service: Some("x".into()), ..Layer::default() };
        let error = settle(flags, billing).unwrap_err();
        assert!(error.starts_with("--service: unknown service \"x\"; there are: web"), "{error}");

        assert!(settle(Layer::default(), billing).is_ok());
        let flags = Layer { service_ports: Some(true), ..Layer::default() };
        let error = settle(flags, billing).unwrap_err();
        assert_eq!(error, "t.toml:4: service[0].port: 8006 already belongs to data-api");
    }
}
