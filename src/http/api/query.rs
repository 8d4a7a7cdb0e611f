//! The query of a request.

use std::borrow::Cow;
use std::fmt;

/// The parameters that any route knows. Unknown parameters are ignored; a known one may be given
/// once.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    /// The name of the service that is asked for.
    pub(crate) service: Option<Cow<'a, str>>,
    /// Whether the document shows each second of the window.
    pub(crate) series: bool,
    /// Whether the document shows the children of events that have labels.
    pub(crate) labels: bool,
    /// Whether `/metrics` shows services that have a dedicated listener as well.
    pub(crate) own_ports: bool,
    /// Whether `/metrics` shows rates; `None` leaves it to the router.
    pub(crate) rates: Option<bool>,
}

/// Why a query was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// A parameter was given twice.
    Twice(&'static str),
    /// A parameter is neither 0 nor 1.
    NotASwitch { name: &'static str, value: String },
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(name) => write!(f, "parameter {name} is given twice: give it once"),
            Self::NotASwitch { name, value } => {
                write!(f, "parameter {name} is {value:?}: it must be 0 or 1")
            }
        }
    }
}

impl<'a> Query<'a> {
    /// Reads the text after the question mark. Bytes that aren't UTF-8 become U+FFFD, which no
    /// service has in its name.
    pub(crate) fn parse(query: &'a str) -> Result<Self, QueryError> {
        let (mut service, mut series, mut labels) = (None, None, None);
        let (mut own_ports, mut rates) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "service" => once("service", &mut service, value)?,
                "series" => switch("series", &mut series, &value)?,
                "labels" => switch("labels", &mut labels, &value)?,
                "own_ports" => switch("own_ports", &mut own_ports, &value)?,
                "rates" => switch("rates", &mut rates, &value)?,
                _ => {}
            }
        }
        let (series, own_ports) = (series.unwrap_or(false), own_ports.unwrap_or(true));
        Ok(Self { service, series, labels: labels.unwrap_or(false), own_ports, rates })
    }
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), QueryError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(QueryError::Twice(name)),
    }
}

fn switch(name: &'static str, place: &mut Option<bool>, value: &str) -> Result<(), QueryError> {
    match value {
        "0" => once(name, place, false),
        "1" => once(name, place, true),
        _ => Err(QueryError::NotASwitch { name, value: value.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_parameters_are_decoded_others_ignored() {
        let query = Query::parse("a=b&service=sports%2Ddata&series=1&&=").unwrap();
        assert_eq!(query.service.as_deref(), Some("sports-data"));
        assert!(query.series && !query.labels && query.own_ports && query.rates.is_none());
        let query = Query::parse("").unwrap();
        assert!(query.service.is_none() && !query.series);
        assert_eq!(Query::parse("service=%ff").unwrap().service.as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn switches_go_both_ways() {
        let query = Query::parse("series=0&own_ports=0&rates=0").unwrap();
        assert!(!query.series && !query.own_ports && query.rates == Some(false));
        assert_eq!(Query::parse("rates=1").unwrap().rates, Some(true));
    }

    #[test]
    fn nothing_is_guessed() {
        assert_eq!(Query::parse("service=a&service=a").unwrap_err(), QueryError::Twice("service"));
        for bad in ["series", "series=", "series=yes", "rates=%ff", "own_ports=2"] {
            assert!(matches!(Query::parse(bad), Err(QueryError::NotASwitch { .. })), "{bad}");
        }
    }
}
