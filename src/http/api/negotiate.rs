//! What a client accepts.

use mediatype::{MediaType, MediaTypeList, Name, ReadParams};

use crate::export::exposition::Format;

/// The better of the two formats for a client with this `Accept` header. The text format is the
/// fallback: for no header, for a tie, and for who accepts neither.
pub(crate) fn format(accept: Option<&str>) -> Format {
    let accept = accept.unwrap_or("");
    let text = quality(accept, "text", "plain", "0.0.4");
    let openmetrics = quality(accept, "application", "openmetrics-text", "1.0.0");
    if openmetrics > text { Format::OpenMetrics } else { Format::Text }
}

/// The q value that the most specific matching range gives to a media type of this version, or 0
/// if none matches. Ranges that can't be read are passed over.
fn quality(accept: &str, ty: &str, subty: &str, version: &str) -> f32 {
    let ranges = MediaTypeList::new(accept).filter_map(Result::ok);
    let fits = ranges.filter_map(|range| {
        let specific = specificity(&range, ty, subty, version)?;
        Some((specific, q(range.get_param(Name::new_unchecked("q")).map(|q| q.as_str()))?))
    });
    // Of equally specific ranges the kindest counts.
    fits.max_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
        .map_or(0.0, |fit| fit.1)
}

/// How specific a range is, if the media type is in it.
fn specificity(range: &MediaType<'_>, ty: &str, subty: &str, version: &str) -> Option<u8> {
    let wanted = range.get_param(Name::new_unchecked("version"));
    let wanted = wanted.map(|wanted| wanted.unquoted_str().into_owned());
    match (range.ty.as_str(), range.subty.as_str()) {
        ("*", "*") => Some(0),
        (there, "*") if there.eq_ignore_ascii_case(ty) => Some(1),
        (there, sub) if there.eq_ignore_ascii_case(ty) && sub.eq_ignore_ascii_case(subty) => {
            match wanted {
                None => Some(2),
                Some(wanted) => (wanted == version).then_some(3),
            }
        }
        _ => None,
    }
}

/// Whether a client with this `Accept-Encoding` header takes gzip.
pub(crate) fn takes_gzip(accept_encoding: Option<&str>) -> bool {
    let mut any = false;
    for coding in accept_encoding.unwrap_or("").split(',') {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim();
        let weight = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="));
        let taken = q(weight).is_some_and(|q| q > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") => return taken,
            "*" => any = taken,
            _ => {}
        }
    }
    any
}

/// A weight from 0 to 1; 1 if there is none.
fn q(value: Option<&str>) -> Option<f32> {
    match value {
        None => Some(1.0),
        Some(value) => value.trim().parse().ok().filter(|q| (0.0..=1.0).contains(q)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_and_get() {
        // Prometheus 2.5 to 2.42, 2.55 and 3, in this order.
        let before =
            "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let two = "application/openmetrics-text;version=1.0.0;q=0.8,\
                   application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let three = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                     application/openmetrics-text;version=0.0.1;q=0.5,\
                     text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, expected) in [
            (None, Format::Text),
            (Some(""), Format::Text),
            (Some("*/*"), Format::Text),
            (Some(before), Format::Text),
            (Some(two), Format::OpenMetrics),
            (Some(three), Format::OpenMetrics),
            (Some("application/openmetrics-text"), Format::OpenMetrics),
            (Some("Application/OpenMetrics-Text; VERSION=\"1.0.0\""), Format::OpenMetrics),
            (Some("application/*"), Format::OpenMetrics),
            (Some("application/openmetrics-text;version=2.0.0"), Format::Text),
            (Some("application/openmetrics-text;q=0.4,text/plain;q=0.5"), Format::Text),
            (Some("text/plain;q=0.4,application/openmetrics-text;q=0.5"), Format::OpenMetrics),
            // The more specific range counts, not the larger weight.
            (Some("*/*,application/openmetrics-text;q=0"), Format::Text),
            (Some("text/plain;q=0,*/*;q=0.1"), Format::OpenMetrics),
            (Some("text/*;q=0.9,*/*"), Format::OpenMetrics),
            (Some("text/html"), Format::Text),
            (Some("application/openmetrics-text;q=2"), Format::Text),
            (Some(";;,,=;q,\u{e9}"), Format::Text),
        ] {
            assert_eq!(format(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn gzip_when_it_is_taken() {
        for yes in ["gzip", "deflate, GZIP", "gzip;q=0.1", "*", "br;q=1.0, *;q=0.5", "gzip; q=1"] {
            assert!(takes_gzip(Some(yes)), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "*, gzip;q=0", "identity", "gzip;q=x", "*;q=0.000"] {
            assert!(!takes_gzip(Some(no)), "{no}");
        }
        assert!(!takes_gzip(None));
    }
}
