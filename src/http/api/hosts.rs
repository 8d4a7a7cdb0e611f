//! Which names of a host are this server's, and what web pages may do.
//!
//! # Cases
//!
//! 1. *A page of another site writes.* The browser sends `Origin`, `Sec-Fetch-Site` or both with each
//!    POST and each DELETE: it gets 403. A page can make a browser send `text/plain`, a form or no type at all without
//!    asking first, but not without `Origin`. Programs send neither header. A page that is here by DNS
//!    rebinding is of the host that it asks; so it may write only if that host is an address, `localhost`
//!    or an allowed name. No page can make one of these its own.
//! 2. *A page of another site reads.* No answer permits it (CORS) unless its origin is allowed, so browsers
//!    keep the answer from the page, unless its own host's name has been made to point here (DNS rebinding). Then the
//!    request names that host. A listener on loopback can be reached under few names, so it serves
//!    these only: others get 421. Elsewhere every name can be right, unless the allowed ones are set.
//! 3. *A request that names no host.* Browsers always name one, so the case is harmless: HTTP/1.0
//!    permits it, and so does an empty `Host`. HTTP/1.1 without `Host`, with two, or with one that
//!    can't be read gets 400 (RFC 9112, 3.2).
//!
//! A router in an application that serves it by other code checks no host, unless allowed hosts are
//! set: that code knows its names. Pages of other sites write nothing there either.

use std::net::IpAddr;

use hyper::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Request, StatusCode, Version};
use mediatype::MediaType;

use super::response::Refusal;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request names as its host.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Nothing,
    Host(Authority),
}

impl Named {
    /// What the target names, or else the header.
    fn of<T>(request: &Request<T>) -> Result<Self, Refusal> {
        let bad = |why: &str| {
            let right = "a request has one, such as `Host: localhost:8003`";
            Refusal::new(StatusCode::BAD_REQUEST, format_args!("{why} Host header: {right}"))
        };
        let mut headers = request.headers().get_all(HOST).iter();
        let header = headers.next();
        if headers.next().is_some() {
            return Err(bad("more than one"));
        }
        let named = match header.map(|host| host.to_str().map(str::trim)) {
            None if request.version() == Version::HTTP_11 => return Err(bad("no")),
            None | Some(Ok("")) => Self::Nothing,
            Some(Ok(host)) => Self::Host(authority(host).ok_or_else(|| bad("unreadable"))?),
            Some(Err(_)) => return Err(bad("unreadable")),
        };
        Ok(request.uri().authority().cloned().map_or(named, Self::Host))
    }
}

/// A host with or without a port, and nothing else.
fn authority(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    let rest = text.strip_prefix(authority.host())?;
    let port = rest.strip_prefix(':').unwrap_or(rest);
    let fits = port.is_empty() || (rest.len() > port.len() && port.parse::<u16>().is_ok());
    (fits && !authority.host().is_empty()).then_some(authority)
}

/// The names under which a router is reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hosts<'a> {
    /// The listener's address, if a server of this crate serves the router.
    pub(super) listener: Option<IpAddr>,
    /// The names that were set, if any were.
    pub(super) allowed: Option<&'a [String]>,
}

impl Hosts<'_> {
    fn check(self) -> bool {
        self.listener.is_some() || self.allowed.is_some()
    }

    /// Checks which host a request names.
    ///
    /// # Errors
    ///
    /// 400 if that can't be read, and 421 if it isn't this one.
    pub(super) fn check_host<T>(self, request: &Request<T>) -> Result<(), Refusal> {
        if !self.check() {
            return Ok(());
        }
        let Named::Host(named) = Named::of(request)? else { return Ok(()) };
        let open = self.allowed.is_none() && !self.listener.is_some_and(is_loopback);
        if open || self.is_ours(named.host()) {
            return Ok(());
        }
        let why = format_args!(
            "host {:?} is not served here: ask for localhost or this listener's address, or add \
             the name to the allowed hosts",
            named.host()
        );
        Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, why))
    }

    fn is_ours(self, host: &str) -> bool {
        if let Some(ip) = address(host)
            && (is_loopback(ip) || Some(ip) == self.listener)
        {
            return true;
        }
        is_same("localhost", host) || self.allows(host, true)
    }

    fn allows(self, host: &str, any: bool) -> bool {
        let fits = |name: &String| is_same(name, host) || (any && name == "*");
        self.allowed.unwrap_or_default().iter().any(fits)
    }

    /// Checks whether a request that writes can come from a page of another site.
    ///
    /// # Errors
    ///
    /// 403 if it does, and 415 if its body is of a type that a page can send unasked.
    pub(super) fn check_page<T>(self, request: &Request<T>) -> Result<(), Refusal> {
        let named = match Named::of(request) {
            Err(_) if !self.check() => Named::Nothing,
            named => named?,
        };
        let headers = request.headers();
        let sites = headers.get_all(FETCH_SITE).iter();
        let mut sites = sites.map(hyper::header::HeaderValue::as_bytes);
        let mut origins = headers.get_all(ORIGIN).iter();
        let own = |origin: &str| self.is_own_origin(origin, &named);
        if !sites.all(|site| matches!(site, b"same-origin" | b"none"))
            || !origins.all(|origin| origin.to_str().is_ok_and(own))
        {
            let why = "web pages can record events here only from localhost, an address or an \
                       allowed host";
            return Err(Refusal::new(StatusCode::FORBIDDEN, why));
        }
        check_type(headers)
    }

    /// Whether a page of this origin comes from here: from the host that is asked, or from one that
    /// is allowed by its name.
    fn is_own_origin(self, origin: &str, named: &Named) -> bool {
        let Some((scheme, rest)) = origin.split_once("://") else { return false };
        let Some(origin) = authority(rest) else { return false };
        let usual = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return false,
        };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(usual);
        let same = |named: &Authority| {
            is_same(named.host(), origin.host()) && port(named) == port(&origin)
        };
        // Names that DNS rebinding can't give to a page.
        let certain = |host: &str| address(host).is_some() || is_same("localhost", host);
        let here = matches!(named, Named::Host(named) if certain(named.host()) && same(named));
        here || self.allows(origin.host(), false)
    }
}

/// `curl -d` declares each body as a form. A browser does so too, but it also names the page.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(given) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let given = given.to_str().unwrap_or("?");
    let page = headers.contains_key(ORIGIN) || headers.contains_key(FETCH_SITE);
    let known = MediaType::parse(given).is_ok_and(|given| {
        let (ty, subty) = (given.ty.as_str(), given.subty.as_str());
        ty.eq_ignore_ascii_case("application")
            && (subty.eq_ignore_ascii_case("json")
                || (subty.eq_ignore_ascii_case("x-www-form-urlencoded") && !page))
    });
    if known {
        return Ok(());
    }
    let why = format_args!("content type {given:?}: events are application/json");
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why))
}

/// Whether two names are of the same host. Letters' case and a final dot don't matter, nor how an
/// address is written.
fn is_same(one: &str, other: &str) -> bool {
    let bare = |host: &str| host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    match (address(one), address(other)) {
        (Some(one), Some(other)) => one.to_canonical() == other.to_canonical(),
        (None, None) => bare(one) == bare(other),
        _ => false,
    }
}

/// An IP address as a host is written, in brackets or not.
fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts<'a>(listener: &str, allowed: Option<&'a [String]>) -> Hosts<'a> {
        Hosts { listener: listener.parse().ok(), allowed }
    }

    fn of_host(hosts: Hosts<'_>, host: &str) -> u16 {
        let request = Request::get("/").header(HOST, host).body(()).unwrap();
        hosts.check_host(&request).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    fn of_page(hosts: Hosts<'_>, headers: &[(&str, &str)]) -> u16 {
        let request = Request::post("/").header(HOST, "localhost:8003");
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let checked = hosts.check_page(&request.body(()).unwrap());
        checked.map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn loopback_listener_serves_its_names_only() {
        let loopback = hosts("127.0.0.1", None);
        for ours in [
            "localhost",
            "LocalHost:8003",
            "localhost.",
            "127.0.0.1:8003",
            "127.9.9.9",
            "[::1]:1",
            "",
        ] {
            assert_eq!(of_host(loopback, ours), 200, "{ours}");
        }
        for foreign in ["rebound.example", "rebound.example:8003", "10.0.0.1", "localhost.example"]
        {
            assert_eq!(of_host(loopback, foreign), 421, "{foreign}");
            assert_eq!(of_host(hosts("::ffff:127.0.0.1", None), foreign), 421, "{foreign}");
            assert_eq!(of_host(hosts("10.0.0.1", None), foreign), 200, "{foreign}");
            assert_eq!(of_host(hosts("", None), foreign), 200, "{foreign}");
        }
    }

    #[test]
    fn allowed_hosts_are_added_and_close_the_rest() {
        let allowed = ["metrics.example".to_owned()];
        for listener in ["127.0.0.1", "10.0.0.1", ""] {
            let hosts = hosts(listener, Some(&allowed));
            assert_eq!(of_host(hosts, "metrics.EXAMPLE:80"), 200, "{listener}");
            assert_eq!(of_host(hosts, "localhost"), 200, "{listener}");
            assert_eq!(of_host(hosts, "other.example"), 421, "{listener}");
        }
        assert_eq!(of_host(hosts("10.0.0.1", Some(&allowed)), "10.0.0.1"), 200);
        let written = ["Metrics.example.".to_owned(), "fd00::7".to_owned(), "[fd00::8]".to_owned()];
        let hosts_as_written = hosts("127.0.0.1", Some(&written));
        for ours in ["metrics.example", "metrics.example.:1", "[fd00:0::7]:80", "[fd00::8]"] {
            assert_eq!(of_host(hosts_as_written, ours), 200, "{ours}");
        }
        assert_eq!(of_host(hosts("127.0.0.1", Some(&["*".to_owned()])), "other.example"), 200);
    }

    #[test]
    fn unreadable_hosts_are_refused() {
        for bad in ["a b", "a/b", "user@localhost", "localhost:x", "localhost:99999", ":80", "[::1"]
        {
            assert_eq!(of_host(hosts("0.0.0.0", None), bad), 400, "{bad}");
        }
        let none = Request::get("/").body(()).unwrap();
        let refusal = hosts("0.0.0.0", None).check_host(&none).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        let old = Request::get("/").version(Version::HTTP_10).body(()).unwrap();
        assert!(hosts("0.0.0.0", None).check_host(&old).is_ok());
        // HTTP/2 names the host in its target.
        let newer = Request::get("https://metrics.example/").version(Version::HTTP_2);
        let allowed = ["metrics.example".to_owned()];
        let here = hosts("0.0.0.0", Some(&allowed));
        assert!(here.check_host(&newer.body(()).unwrap()).is_ok());
        assert!(hosts("", None).check_host(&none).is_ok(), "other code serves this router");
    }

    #[test]
    fn pages_of_other_sites_write_nothing() {
        let here = hosts("127.0.0.1", None);
        let json = ("content-type", "application/json; charset=utf-8");
        for foreign in [
            ("origin", "https://example.com"),
            ("origin", "null"),
            ("origin", "http://localhost:9000"),
            ("origin", "file://localhost:8003"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(of_page(here, &[foreign, json]), 403, "{foreign:?}");
        }
        for own in [("origin", "http://LOCALHOST:8003"), ("sec-fetch-site", "same-origin")] {
            assert_eq!(of_page(here, &[own, json]), 200, "{own:?}");
        }
        let allowed = ["metrics.example".to_owned(), "*".to_owned()];
        let open = hosts("127.0.0.1", Some(&allowed));
        assert_eq!(of_page(open, &[("origin", "https://metrics.example"), json]), 200);
        assert_eq!(of_page(open, &[("origin", "https://example.com"), json]), 403);
    }

    /// The browser takes such a page for one of the host that it asks.
    #[test]
    fn page_with_a_rebound_name_writes_nothing() {
        let page = |hosts: Hosts<'_>, name: &str| {
            let request = Request::post("/").header(HOST, name);
            let request = request.header(ORIGIN, format!("http://{name}"));
            let request = request.header(FETCH_SITE, "same-origin").body(()).unwrap();
            hosts.check_page(&request).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
        };
        let allowed = ["metrics.example".to_owned()];
        for listener in ["127.0.0.1", "0.0.0.0", "10.0.0.1", "::"] {
            let open = hosts(listener, None);
            assert_eq!(page(open, "rebound.example:8003"), 403, "{listener}");
            assert_eq!(page(open, "10.0.0.1:8003"), 200, "{listener}");
            assert_eq!(page(open, "[fd00::7]:8003"), 200, "{listener}");
            assert_eq!(page(open, "localhost:8003"), 200, "{listener}");
            assert_eq!(page(hosts(listener, Some(&allowed)), "metrics.example"), 200, "{listener}");
        }
        assert_eq!(page(hosts("0.0.0.0", Some(&["*".to_owned()])), "rebound.example"), 403);
    }

    #[test]
    fn events_are_json_and_curl_may_call_them_a_form() {
        let here = hosts("127.0.0.1", None);
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert_eq!((of_page(here, &[]), of_page(here, &[form])), (200, 200));
        assert_eq!(of_page(here, &[form, ("origin", "http://localhost:8003")]), 415);
        for other in
            ["text/plain", "multipart/form-data; boundary=x", "application/xml", "json", ""]
        {
            assert_eq!(of_page(here, &[("content-type", other)]), 415, "{other}");
        }
    }
}
