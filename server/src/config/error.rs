//! Errors of a configuration file.

use std::fmt::{self, Write};
use std::io;
use std::path::PathBuf;

use tickring::ServiceError;

/// An error in a configuration file, and its place.
#[derive(Debug)]
pub struct ConfigError {
    pub(super) file: PathBuf,
    pub(super) line: Option<usize>,
    pub(super) key: Option<String>,
    pub(super) what: Box<What>,
}

/// The error itself.
#[derive(Debug)]
pub(crate) enum What {
    Unreadable(io::Error),
    Misread(toml::de::Error),
    Service(ServiceError),
    Other(String),
}

impl From<ServiceError> for What {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl From<String> for What {
    fn from(what: String) -> Self {
        Self::Other(what)
    }
}

impl From<&str> for What {
    fn from(what: &str) -> Self {
        Self::Other(what.into())
    }
}

impl fmt::Display for ConfigError {
    /// One line: `FILE:LINE: KEY: what is wrong`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            f.write_str(": ")?;
            // A quoted key may contain any character, but the message must stay one line.
            for c in key.chars() {
                if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
            }
        }
        match &*self.what {
            What::Unreadable(error) => write!(f, ": {error}"),
            What::Misread(error) => write!(f, ": {}", error.message().replace('\n', ", ")),
            What::Service(error) => write!(f, ": {error}"),
            What::Other(what) => write!(f, ": {what}"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.what {
            What::Unreadable(error) => Some(error),
            What::Misread(error) => Some(error),
            What::Service(error) => Some(error),
            What::Other(_) => None,
        }
    }
}
