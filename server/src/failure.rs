//! Why the program ends early, and with which exit code.

use std::fmt;
use std::io;
use std::process::ExitCode;

use tickring::ServiceError;

use crate::settings::SettingsError;

/// Why a command could not be carried out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for makes no sense.
    Settings(SettingsError),
    /// A service can't be built from its description.
    Service(ServiceError),
    /// A socket can't be had.
    Bind {
        /// What kind, and which address or path.
        socket: String,
        /// Who wanted it.
        wanted_by: String,
        error: io::Error,
    },
    /// Something else that the system refused.
    System { doing: &'static str, error: io::Error },
    /// A second signal came before the first was done with.
    Impatience,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_) | Self::Service(_) => ExitCode::from(2),
            Self::Bind { .. } | Self::System { .. } | Self::Impatience => ExitCode::from(1),
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
            Self::System { doing, error } => write!(f, "{doing}: {error}"),
            Self::Impatience => f.write_str("ended before it was done, by a second signal"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Settings(error) => Some(error),
            Self::Service(error) => Some(error),
            Self::Bind { error, .. } | Self::System { error, .. } => Some(error),
            Self::Impatience => None,
        }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}
