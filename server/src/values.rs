//! How the values of settings are written: the same on the command line, in variables and in the file.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

pub(crate) const ADDRESS: &str = "an address such as 127.0.0.1:8003, [::1]:8003, localhost:8003, or :8003 \
                                  for all addresses of this machine";
pub(crate) const SWITCH: &str = "true, yes, on or 1, or false, no, off or 0";
pub(crate) const DURATION: &str = "a duration such as 90s, 15m, 1h or 7d, or 0";

/// An address. `localhost` is 127.0.0.1, and an address without a host is every IPv4 address of the
/// machine.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let parsed = || {
        if let Ok(address) = text.parse() {
            return Some(address);
        }
        let (host, port) = text.rsplit_once(':')?;
        let ip = match host {
            "" => Ipv4Addr::UNSPECIFIED,
            _ if host.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST,
            _ => return None,
        };
        Some(SocketAddr::from((ip, port.parse().ok()?)))
    };
    parsed().ok_or_else(|| format!("it must be {ADDRESS}"))
}

/// Yes or no.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("it must be {SWITCH}")),
    }
}

/// A whole number of seconds, minutes, hours or days.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = || {
        if text == "0" {
            return Some(Duration::ZERO);
        }
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match &text[digits.len()..] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        digits.parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_secs)
    };
    parsed().ok_or_else(|| format!("it must be {DURATION}"))
}

/// Prefixes with commas between them. The empty text is no prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefixes(pub(crate) Vec<String>);

pub(crate) fn prefixes(text: &str) -> Result<Prefixes, String> {
    let prefixes = text.split(',').map(str::trim).filter(|prefix| !prefix.is_empty());
    let prefixes: Vec<String> = prefixes.map(str::to_owned).collect();
    // With a space between them, two would be one that nothing begins with.
    if prefixes.iter().any(|prefix| prefix.contains(char::is_whitespace)) {
        return Err("it must be prefixes with commas between them, such as datadog.,jvm.".into());
    }
    Ok(Prefixes(prefixes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_lack_numbers() {
        for (text, expected) in [
            ("127.0.0.1:1", Some("127.0.0.1:1")),
            ("[::1]:2", Some("[::1]:2")),
            ("localhost:3", Some("127.0.0.1:3")),
            (":4", Some("0.0.0.0:4")),
            ("everywhere", None),
            ("everywhere:1", None),
            ("8003", None),
            (":x", None),
            (":70000", None),
            ("", None),
        ] {
            let expected = expected.map(|expected| expected.parse().unwrap());
            assert_eq!(address(text).ok(), expected, "{text:?}");
        }
        let error = address("everywhere").unwrap_err();
        assert!(error.contains("localhost:8003, or :8003"), "{error}");
    }

    #[test]
    fn switches_have_the_usual_words() {
        for (yes, no) in [("1", "0"), ("yes", "no"), ("on", "off"), ("true", "False")] {
            assert_eq!((switch(yes), switch(no)), (Ok(true), Ok(false)));
        }
        assert!(switch("maybe").is_err() && switch("").is_err());
    }

    #[test]
    fn prefixes_have_commas_between_them() {
        let of = |text| prefixes(text).map(|prefixes| prefixes.0);
        assert_eq!(of("datadog., jvm."), Ok(vec!["datadog.".into(), "jvm.".into()]));
        assert_eq!(of(""), Ok(vec![]));
        assert!(of("datadog. jvm.").is_err());
    }

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [("0", 0), ("90s", 90), ("15m", 900), ("1h", 3600), ("2d", 172_800)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "1", "h", "-1s", "1.5h", "1 h", "99999999999999999999d", "1é"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }
}
