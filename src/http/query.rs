//! The query of a request.

use std::borrow::Cow;
use std::fmt;

/// The parameters that any route knows. Others are ignored; one that is known may come once.
#[derive(Debug, Default)]
pub(super) struct Query<'a> {
    /// The service that is asked for.
    pub(super) service: Option<Cow<'a, str>>,
    /// Whether the seconds of the window are wanted one by one.
    pub(super) series: bool,
}

/// Why a query can't be understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueryError {
    Twice(&'static str),
    NotASwitch { name: &'static str, value: String },
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(name) => write!(f, "parameter {name} is given twice: give it once"),
            Self::NotASwitch { name, value } => {
                write!(f, "parameter {name} is {value:?}: it is 0 or 1")
            }
        }
    }
}

impl<'a> Query<'a> {
    /// Reads what follows the question mark. Bytes that aren't UTF-8 become U+FFFD, which is in
    /// no service's name.
    pub(super) fn parse(query: &'a str) -> Result<Self, QueryError> {
        let (mut service, mut series) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "service" => once("service", &mut service, value)?,
                "series" => once("series", &mut series, switch("series", &value)?)?,
                _ => {}
            }
        }
        Ok(Self { service, series: series.unwrap_or(false) })
    }
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), QueryError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(QueryError::Twice(name)),
    }
}

fn switch(name: &'static str, value: &str) -> Result<bool, QueryError> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(QueryError::NotASwitch { name, value: value.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_parameters_are_decoded_and_unknown_ones_ignored() {
        let query = Query::parse("a=b&service=sports%2Ddata&series=1&&=").unwrap();
        assert_eq!(query.service.as_deref(), Some("sports-data"));
        assert!(query.series);
        let query = Query::parse("").unwrap();
        assert!(query.service.is_none() && !query.series);
        assert_eq!(Query::parse("service=%ff").unwrap().service.as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn nothing_is_guessed() {
        assert_eq!(Query::parse("service=a&service=a").unwrap_err(), QueryError::Twice("service"));
        for bad in ["series", "series=", "series=yes", "series=%ff"] {
            assert!(matches!(Query::parse(bad), Err(QueryError::NotASwitch { .. })), "{bad}");
        }
    }
}
