//! What `/` answers: the page to browsers, the services as a table of text to everybody else.

use std::fmt::{self, Write};

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, StatusCode};

use super::response::{Answer, document};
use super::router::Router;
use super::scrape::weight_of;
use crate::fleet::{Consolidated, seconds};
use crate::http::page;

impl Router {
    pub(super) fn front(&self, headers: &HeaderMap) -> Answer {
        if wants_html(headers) { the_page() } else { self.table() }
    }
}

fn the_page() -> Answer {
    let mut answer = document(StatusCode::OK, "text/html; charset=utf-8", page::html());
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// Whether a client names HTML among what it accepts, as browsers do, and prefers no plain text.
pub(super) fn wants_html(headers: &HeaderMap) -> bool {
    let html = weight_of(headers, "text", "html");
    html > 0.0 && html >= weight_of(headers, "text", "plain")
}

/// Writes the services as a table, a line each, for grep and awk: no cell but the last has a space in it,
/// and `-` stands for what there is not. Lines about the whole begin with `#`.
pub(super) fn table(document: &Consolidated, out: &mut impl Write) -> fmt::Result {
    let names = document.entries().iter().map(|entry| entry.service.len());
    let width = names.max().unwrap_or(0).max("SERVICE".len());
    let types = document.entries().iter().map(|entry| entry.category.len());
    let type_width = types.max().unwrap_or(0).max("TYPE".len());
    writeln!(
        out,
        "{:width$}  {:8}  {:type_width$}  {:>12}  {:>14}  {:>16}  {:>14}  {:>12}  ERROR",
        "SERVICE", "STATUS", "TYPE", "EVENTS/S", "EVENTS/H", "TOTAL", "UPTIME_S", "LAST_AGE_S"
    )?;
    for entry in document.entries() {
        let status = entry.status().as_str();
        // A category of the configuration can be any text.
        let category = entry.category.replace(|c: char| c.is_whitespace() || c.is_control(), "_");
        let category = if category.is_empty() { "-" } else { &category };
        write!(out, "{:width$}  {status:8}  {category:type_width$}", entry.service)?;
        match entry.figures() {
            Some(figures) => write!(
                out,
                "  {:>12.3}  {:>14.1}  {:>16}  {:>14.3}",
                figures.events_per_second,
                figures.events_per_hour(),
                figures.total_events,
                seconds(figures.uptime),
            )?,
            None => write!(out, "  {:>12}  {:>14}  {:>16}  {:>14}", "-", "-", "-", "-")?,
        }
        match entry.figures().and_then(|figures| figures.last_event_age) {
            Some(age) => write!(out, "  {:>12.1}", seconds(age))?,
            None => write!(out, "  {:>12}", "-")?,
        }
        let error = entry.error().unwrap_or("-").replace(char::is_control, " ");
        writeln!(out, "  {error}")?;
    }
    let totals = document.totals();
    writeln!(
        out,
        "# {:.3} events/s, {:.1} events/h; {} active, {} inactive, {} failed of {}; as of {}",
        totals.events_per_second,
        totals.events_per_hour,
        totals.active,
        totals.inactive,
        totals.failed,
        document.entries().len(),
        document.timestamp()
    )?;
    writeln!(out, "# a browser shows this as a page; /openapi.json describes all paths")
}
