//! Why a command fails, and with which exit code.

use std::fmt;
use std::io;
use std::process::ExitCode;

use tickring::ServiceError;

use crate::config::ConfigError;
use crate::state::StateError;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The settings can't be used.
    Settings(SettingsError),
    /// A service can't be built from its description.
    Service(ServiceError),
    /// A socket can't be bound.
    Bind {
        /// Its kind, and its address or path.
        socket: String,
        /// The service or the protocol that needs it.
        wanted_by: String,
        error: io::Error,
    },
    /// The state file can't be used.
    State(StateError),
    /// The system refused something else.
    System { doing: &'static str, error: io::Error },
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_) | Self::Service(_) => ExitCode::from(2),
            Self::Bind { .. } | Self::State(_) | Self::System { .. } => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::Service(error) => error.fmt(f),
            Self::Bind { socket, wanted_by, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{socket} is in use (wanted by {wanted_by})")
            }
            Self::Bind { socket, wanted_by, error } => {
                write!(f, "can't listen on {socket} (wanted by {wanted_by}): {error}")
            }
            Self::State(error) => error.fmt(f),
            Self::System { doing, error } => write!(f, "{doing}: {error}"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Settings(error) => Some(error),
            Self::Service(error) => Some(error),
            Self::State(error) => Some(error),
            Self::Bind { error, .. } | Self::System { error, .. } => Some(error),
        }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

/// Why settings can't be used.
#[derive(Debug)]
pub(crate) enum SettingsError {
    /// The file is wrong.
    Config(ConfigError),
    /// A variable of the environment has a value that can't be read.
    Variable { name: &'static str, value: String, wrong: String },
    /// Two flags, or two variables, say the opposite of each other.
    Contradiction { names: [&'static str; 2] },
    /// The server's own service is none of the services.
    UnknownService { name: String, known: Vec<String> },
    /// The server's own service is no longer described.
    OwnServiceGone { name: String },
    /// A service elsewhere has the name of one that was registered on first sight.
    TakenOnFirstSight { name: String },
    /// Two services have the same port.
    SharedPort { port: u16, services: [String; 2] },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Variable { name, value, wrong } => {
                write!(f, "{name} is {value:?}: {wrong}")
            }
            Self::Contradiction { names: [first, second] } => {
                write!(f, "{first} and {second} contradict each other: give one of them")
            }
            Self::UnknownService { name, known } => {
                write!(f, "--service: unknown service {name:?}; there are: {}", known.join(", "))
            }
            Self::OwnServiceGone { name } => {
                write!(
                    f,
                    "service {name:?} is not described, but it is this server's own service "
                )?;
                f.write_str("until the next start")
            }
            Self::TakenOnFirstSight { name } => {
                write!(
                    f,
                    "service {name:?} can't be elsewhere: it was registered here on first sight. "
                )?;
                f.write_str("It can be when it is forgotten, or after the next start")
            }
            Self::SharedPort { port, services: [first, second] } => {
                write!(
                    f,
                    "port {port} belongs to both {first} and {second}: with --service-ports "
                )?;
                f.write_str("each service needs a different port")
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
