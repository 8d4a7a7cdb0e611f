//! The address of a remote service.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use serde::Deserialize;

/// Where a remote service is asked: `http://HOST[:PORT][/PREFIX]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    host: String,
    port: u16,
    /// Before the paths that are asked for; without a slash at its end.
    prefix: String,
}

impl Address {
    /// The host, without the brackets of an IPv6 address, and the port: what to connect to.
    pub(super) fn socket(&self) -> (&str, u16) {
        let host = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (host.unwrap_or(&self.host), self.port)
    }

    /// The value of the header `Host`.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The target of a request for a path, which begins with a slash.
    pub(super) fn target(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.prefix)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!("{text:?}: {what}; an address such as http://10.0.0.7:9001 is right")
        };
        let uri: Uri = text.parse().map_err(|_| wrong("it can't be read"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("https is not spoken here")),
            _ => return Err(wrong("it does not begin with http://")),
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong("it has a query or a fragment"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it has a user"));
        }
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("it has no host"))?;
        let prefix = uri.path().trim_end_matches('/');
        let port = uri.port_u16().unwrap_or(80);
        if port == 0 || authority.port().is_none() && authority.as_str().ends_with(':') {
            return Err(wrong("it has no port that can be reached"));
        }
        Ok(Self { host: host.into(), port, prefix: prefix.into() })
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_perhaps_a_prefix() {
        for (text, socket, target) in [
            ("http://10.0.0.7:9001", ("10.0.0.7", 9001), "/health"),
            ("http://weather.lan/", ("weather.lan", 80), "/health"),
            ("HTTP://[::1]:8003/api/", ("::1", 8003), "/api/health"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.socket(), &*address.target("/health")), (socket, target));
        }
        let address: Address = "http://[::1]:8003/api/".parse().unwrap();
        assert_eq!(address.to_string(), "http://[::1]:8003/api");
        assert_eq!(address.authority(), "[::1]:8003");
    }

    #[test]
    fn wrong_addresses_say_what_is_right() {
        for (text, expected) in [
            ("https://a", "https is not spoken here"),
            ("10.0.0.7:9001", "does not begin with http://"),
            ("http://", "can't be read"),
            ("http://a b", "can't be read"),
            ("http://a/?x=1", "has a query"),
            ("http://a/#x", "a fragment"),
            ("http://user:word@a/", "has a user"),
            ("http://a:0", "no port"),
            ("", "can't be read"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(error.ends_with("such as http://10.0.0.7:9001 is right"), "{error}");
        }
    }
}
