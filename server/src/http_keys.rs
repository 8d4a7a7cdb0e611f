//! The limits of the HTTP server and its names. Flags, variables and the keys of the table `[http]`
//! have the same names: `--idle-timeout`, `TICKRING_IDLE_TIMEOUT`, `idle_timeout`.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use serde::de::{Deserialize, Deserializer, Error};
use tickring::http::Limits;

/// What one source says about HTTP; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[command(next_help_heading = "HTTP (times in seconds)")]
pub struct HttpKeys {
    /// Hosts to serve beside localhost and the listener's address; * for any
    #[arg(long, value_name = "NAMES", value_delimiter = ',', hide_short_help = true)]
    pub allowed_hosts: Option<Vec<HostName>>,
    /// Origins (scheme and host) whose web pages may read; * for any [default: none]
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',', hide_short_help = true)]
    pub allowed_origins: Option<Vec<Origin>>,
    /// For an event to make its service active [default: 300; on the lifetime basis 3600]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub active_within: Option<Seconds>,
    /// Most open connections, as far as file descriptors go [default: 1024]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub max_connections: Option<NonZeroUsize>,
    /// For the head of a request to arrive [default: 10]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub header_timeout: Option<Seconds>,
    /// For a connection to be idle [default: 90]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub idle_timeout: Option<Seconds>,
    /// For the body of a request to arrive [default: 10]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub body_timeout: Option<Seconds>,
    /// For a client to read nothing of its response [default: 10]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub write_timeout: Option<Seconds>,
    /// Most bytes of a request's head [default: 16384]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub header_bytes: Option<NonZeroUsize>,
    /// Most headers of a request [default: 64]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub max_headers: Option<NonZeroUsize>,
    /// Most bytes of a request's body [default: 65536]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub body_bytes: Option<NonZeroUsize>,
    /// To serve on at the end while /health/ready is 503 [default: 0]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub drain_delay: Option<Seconds>,
    /// For requests in flight to finish after that [default: 10]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub drain: Option<Seconds>,
}

impl HttpKeys {
    /// What these say, and where they say nothing, what `lower` says.
    pub(crate) fn or(self, lower: Self) -> Self {
        Self {
            allowed_hosts: self.allowed_hosts.or(lower.allowed_hosts),
            allowed_origins: self.allowed_origins.or(lower.allowed_origins),
            active_within: self.active_within.or(lower.active_within),
            max_connections: self.max_connections.or(lower.max_connections),
            header_timeout: self.header_timeout.or(lower.header_timeout),
            idle_timeout: self.idle_timeout.or(lower.idle_timeout),
            body_timeout: self.body_timeout.or(lower.body_timeout),
            write_timeout: self.write_timeout.or(lower.write_timeout),
            header_bytes: self.header_bytes.or(lower.header_bytes),
            max_headers: self.max_headers.or(lower.max_headers),
            body_bytes: self.body_bytes.or(lower.body_bytes),
            drain_delay: self.drain_delay.or(lower.drain_delay),
            drain: self.drain.or(lower.drain),
        }
    }

    /// The default limits with what these say.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        let numbers = [
            (&mut limits.max_connections, self.max_connections),
            (&mut limits.header_bytes, self.header_bytes),
            (&mut limits.max_headers, self.max_headers),
            (&mut limits.body_bytes, self.body_bytes),
        ];
        for (limit, said) in numbers {
            *limit = said.map_or(*limit, NonZeroUsize::get);
        }
        let times = [
            (&mut limits.header_timeout, self.header_timeout),
            (&mut limits.idle_timeout, self.idle_timeout),
            (&mut limits.body_timeout, self.body_timeout),
            (&mut limits.write_timeout, self.write_timeout),
            (&mut limits.drain_delay, self.drain_delay),
            (&mut limits.drain, self.drain),
        ];
        for (limit, said) in times {
            *limit = said.map_or(*limit, |Seconds(time)| time);
        }
        limits
    }
}

/// The name or the address of a host, without a port; or `*` for any.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct HostName(pub String);

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let label = |label: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            !label.is_empty() && label.bytes().all(fits)
        };
        let name = text.strip_suffix('.').unwrap_or(text);
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if text == "*" || bare.parse::<IpAddr>().is_ok() || name.split('.').all(label) {
            return Ok(Self(text.into()));
        }
        Err(format!("{text:?}: a host is a name or an address without a port, or *"))
    }
}

impl TryFrom<String> for HostName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The origin of a web page, as browsers write it; or `*` for any.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(pub String);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let fits = |rest: &str| {
            let (host, port) = match rest.rsplit_once(':') {
                Some((host, port)) if !port.contains(']') => (host, Some(port)),
                _ => (rest, None),
            };
            let port = port.is_none_or(|port| port.parse::<u16>().is_ok());
            port && host != "*" && host.parse::<HostName>().is_ok()
        };
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if text == "*" || rest.is_some_and(fits) {
            return Ok(Self(text.into()));
        }
        Err(format!("{text:?}: an origin is http:// or https:// and a host, or *"))
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A time in seconds, such as 10 or 0.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub Duration);

/// The longest time: a year.
const LONGEST: f64 = 366.0 * 24.0 * 3600.0;

/// The text or the number is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATime;

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time is a number of seconds from 0 to a year, such as 10 or 0.5")
    }
}

impl std::error::Error for NotATime {}

impl TryFrom<f64> for Seconds {
    type Error = NotATime;

    fn try_from(seconds: f64) -> Result<Self, NotATime> {
        let fits = (0.0..=LONGEST).contains(&seconds);
        if fits { Ok(Self(Duration::from_secs_f64(seconds))) } else { Err(NotATime) }
    }
}

impl FromStr for Seconds {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        text.parse::<f64>().map_err(|_| NotATime)?.try_into()
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_replaces_the_defaults() {
        let keys = HttpKeys {
            max_connections: NonZeroUsize::new(7),
            drain_delay: "0.5".parse().ok(),
            ..HttpKeys::default()
        };
        let lower = HttpKeys {
            max_connections: NonZeroUsize::new(8),
            idle_timeout: "120".parse().ok(),
            ..HttpKeys::default()
        };
        let limits = keys.or(lower).limits();
        assert_eq!((limits.max_connections, limits.body_bytes), (7, 64 * 1024));
        assert_eq!(limits.drain_delay, Duration::from_millis(500));
        assert_eq!(limits.idle_timeout, Duration::from_secs(120));
        assert_eq!(HttpKeys::default().limits(), Limits::default());
    }

    #[test]
    fn hosts_are_names_and_addresses_without_ports() {
        for good in ["a", "A-1.example_.com.", "10.0.0.1", "::1", "[fd00::7]", "*", " a "] {
            assert_eq!(good.parse(), Ok(HostName(good.trim().into())), "{good}");
        }
        for bad in ["", ".", "a..b", "a:80", "[::1]:80", "http://a", "a/b", "a b", "*.a", "ä"] {
            let error = bad.parse::<HostName>().unwrap_err();
            assert!(error.contains("without a port"), "{bad}: {error}");
        }
    }

    #[test]
    fn origins_are_as_browsers_write_them() {
        let good = ["https://a.example", "http://10.0.0.1:8003", "http://[::1]:80", "*"];
        for good in good {
            assert_eq!(good.parse(), Ok(Origin(good.into())), "{good}");
        }
        for bad in
            ["", "a.example", "https://", "https://a/", "https://a:b", "ftp://a", "https://*"]
        {
            let error = bad.parse::<Origin>().unwrap_err();
            assert!(error.contains("http:// or https://"), "{bad}: {error}");
        }
    }

    #[test]
    fn times_are_seconds_from_zero_to_a_year() {
        assert_eq!("0".parse(), Ok(Seconds(Duration::ZERO)));
        for bad in ["-1", "x", "", "inf", "NaN", "1e30", "10s"] {
            assert_eq!(bad.parse::<Seconds>(), Err(NotATime), "{bad}");
        }
    }
}
