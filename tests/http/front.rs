//! What browsers, balancers and administrators ask: the front, OPTIONS, other origins, DELETE.

use bytes::Bytes;
use hyper::{HeaderMap, Request};
use serde_json::{Value, json};
use tickring::http::{Limits, Router};
use tickring::{AutoRegister, RejectionReason, Rejections, Service};

use crate::support::fleet;
use crate::support::http::start;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn router() -> Router {
    let registry = fleet::catalogue();
    registry.get("sports-data").unwrap().meter("api_call").unwrap().record_n(3);
    let broken = Service::builder("broken").source("event", || Err("no such\ntable".into()));
    registry.register(broken.build().unwrap()).unwrap();
    Router::new(registry, "admin-api").unwrap().accept_events()
}

/// Status, headers and body of the answer to a request with such headers, which has been read from `/`.
fn answer(router: &Router, request: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
    use http_body_util::BodyExt;
    let (method, uri) = request.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(uri);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (head, body) = router.handle(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), head.headers, String::from_utf8(body.to_vec()).unwrap())
    })
}

#[test]
fn browsers_get_the_page_and_others_the_table() {
    let router = router();
    for (accept, content_type) in [
        (Some(BROWSER), "text/html; charset=utf-8"),
        (Some("TEXT/HTML"), "text/html; charset=utf-8"),
        (Some("*/*"), "text/plain; charset=utf-8"),
        (Some("text/*"), "text/plain; charset=utf-8"),
        (Some("text/html;q=0"), "text/plain; charset=utf-8"),
        (Some("text/html;q=0.1, text/plain"), "text/plain; charset=utf-8"),
        (None, "text/plain; charset=utf-8"),
    ] {
        let headers: Vec<_> = accept.iter().map(|accept| ("accept", *accept)).collect();
        for method in ["GET", "HEAD"] {
            let (status, headers, body) = answer(&router, &format!("{method} /"), &headers);
            assert_eq!((status, &headers["content-type"]), (200, &content_type.parse().unwrap()));
            assert_eq!(
                (&headers["vary"], &headers["cache-control"]),
                (&"Accept".parse().unwrap(), &"no-store".parse().unwrap())
            );
            assert_eq!(method == "HEAD", body.is_empty());
        }
    }
}

#[test]
fn page_brings_a_policy_that_lets_nothing_else_in() {
    let (_, headers, body) = answer(&router(), "GET /", &[("accept", BROWSER)]);
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    for allowed in
        ["connect-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]
    {
        assert!(policy.contains(allowed), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(body.starts_with("<!doctype html>") && body.ends_with("</html>\n"));
}

#[test]
fn table_has_a_line_for_each_service() {
    let (_, _, table) = answer(&router(), "GET /", &[]);
    let lines: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..5], ["SERVICE", "STATUS", "TYPE", "EVENTS/S", "EVENTS/H"]);
    let line = |name| lines.iter().find(|line| line[0] == name).unwrap();
    let sports = line("sports-data");
    assert_eq!((sports[1], sports[2], sports[5], sports[8]), ("active", "data", "3", "-"));
    let broken = line("broken");
    assert_eq!(broken[..8], ["broken", "error", "other", "-", "-", "-", "-", "-"]);
    assert!(table.contains("failed: no such table\n"), "{table}");
    assert_eq!(lines.len(), 1 + 16 + 2);
    assert!(table.contains("1 active, 14 inactive, 1 failed of 16; as of 2"), "{table}");
}

#[test]
fn options_say_what_can_be_asked() {
    let router = router();
    for (request, allow) in [
        ("OPTIONS *", "GET, HEAD, POST, DELETE, OPTIONS"),
        ("OPTIONS /", "GET, HEAD, OPTIONS"),
        ("OPTIONS /metrics?rates=0", "GET, HEAD, OPTIONS"),
        ("OPTIONS /api/v1/services/sports-data/events", "POST, OPTIONS"),
        ("OPTIONS /api/v1/services/sports-data", "DELETE, OPTIONS"),
    ] {
        let (status, headers, body) = answer(&router, request, &[]);
        assert_eq!((status, &headers["allow"]), (200, &allow.parse().unwrap()), "{request}");
        assert!(body.is_empty());
    }
    assert_eq!(answer(&router, "OPTIONS /nowhere", &[]).0, 404);
    let (status, headers, _) = answer(&router, "PUT /", &[]);
    assert_eq!((status, &headers["allow"]), (405, &"GET, HEAD, OPTIONS".parse().unwrap()));
}

#[test]
fn options_on_a_socket_have_no_body() {
    let server = start(Limits::default());
    let asked = "OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n\
                 OPTIONS /api/v1/services/data-api/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answers = server.exchange(asked);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert_eq!(answers.matches("content-length: 0\r\n").count(), 2, "{answers}");
    let foreign =
        server.exchange("OPTIONS * HTTP/1.1\r\nhost: rebound.example\r\nconnection: close\r\n\r\n");
    assert!(foreign.starts_with("HTTP/1.1 421"), "{foreign}");
}

/// A page that has the browser ask a name that now points here (DNS rebinding).
#[test]
fn foreign_names_read_nothing_on_loopback() {
    let server = start(Limits::default());
    for path in ["/", "/openapi.json", "/api/v1/real-time-metrics", "/api/v1/services", "/metrics"]
    {
        for (host, status) in [("rebound.example:8003", "421"), ("localhost:8003", "200")] {
            let asked = format!(
                "GET {path} HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\n\
                 sec-fetch-site: same-origin\r\nconnection: close\r\n\r\n"
            );
            let answer = server.exchange(asked);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path} {host}: {answer}");
            assert!(!answer.contains("access-control"), "{answer}");
        }
    }
}

#[test]
fn other_origins_read_nothing_unless_allowed() {
    let ops = ("origin", "https://ops.example:8443");
    let (_, headers, _) = answer(&router(), "GET /health", &[ops]);
    assert!(!headers.contains_key("access-control-allow-origin") && !headers.contains_key("vary"));

    let router = router().allowed_origins(["https://OPS.example:8443"]);
    for request in ["GET /health", "HEAD /metrics", "GET /nowhere", "GET /api/v1/services"] {
        let (_, headers, _) = answer(&router, request, &[ops]);
        assert_eq!(headers["access-control-allow-origin"], ops.1, "{request}");
        assert!(headers.get_all("vary").iter().any(|vary| vary == "Origin"), "{request}");
    }
    for origin in
        ["https://ops.example", "http://ops.example:8443", "null", "https://other.example"]
    {
        let (status, headers, _) = answer(&router, "GET /health", &[("origin", origin)]);
        assert!(!headers.contains_key("access-control-allow-origin"), "{origin}");
        assert_eq!((status, &headers["vary"]), (200, &"Origin".parse().unwrap()));
    }
    let (_, headers, _) =
        answer(&router, "GET /health", &[ops, ("origin", "https://other.example")]);
    assert!(!headers.contains_key("access-control-allow-origin"), "two origins");

    let asks = ("access-control-request-method", "GET");
    let (status, headers, _) = answer(&router, "OPTIONS /api/v1/services", &[ops, asks]);
    assert_eq!(
        (status, &headers["access-control-allow-methods"]),
        (200, &"GET, HEAD".parse().unwrap())
    );
    assert_eq!(headers["access-control-allow-origin"], ops.1);
    let write = "OPTIONS /api/v1/services/sports-data/events";
    let (_, headers, _) = answer(&router, write, &[ops, ("access-control-request-method", "POST")]);
    assert!(!headers.contains_key("access-control-allow-methods"), "pages of others may not write");

    let open = router.allowed_origins(["*"]);
    let (_, headers, _) = answer(&open, "GET /health", &[("origin", "null")]);
    assert_eq!(headers["access-control-allow-origin"], "*");
}

#[test]
fn services_registered_on_first_sight_can_be_deleted() {
    let registry = fleet::catalogue();
    let admit = |service, event| {
        registry.admit(service, Some(event), AutoRegister::new()).unwrap();
    };
    admit("shpo", "order");
    admit("data-api", "surprise");
    let router = Router::new(registry.clone(), "admin-api").unwrap().accept_events();
    let delete = |name: &str| {
        let (status, _, body) = answer(&router, &format!("DELETE /api/v1/services/{name}"), &[]);
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    assert_eq!(delete("shpo"), (200, json!({ "deleted": "shpo" })));
    assert!(registry.get("shpo").is_none());
    let (status, unknown) = delete("shpo");
    assert_eq!(status, 404);
    assert!(unknown["error"].as_str().unwrap().starts_with("unknown service \"shpo\": known"));
    for described in ["sports-data", "data-api"] {
        let (status, refused) = delete(described);
        let error = refused["error"].as_str().unwrap();
        assert_eq!(status, 409);
        assert!(error.contains("is described, so it is not forgotten"), "{error}");
        assert!(registry.get(described).is_some());
    }
    admit("shpo", "order");
    assert_eq!(fleet::total(&registry, "shpo", None), 0, "it counts anew");
}

#[test]
fn pages_of_other_sites_delete_nothing() {
    let server = start(Limits::default());
    server.registry.admit("shpo", None, AutoRegister::new()).unwrap();
    let delete = |headers: &str| {
        let head = "DELETE /api/v1/services/shpo HTTP/1.1\r\nhost: localhost:8003\r\nconnection: close\r\n";
        server.exchange(format!("{head}{headers}\r\n"))[9..12].to_owned()
    };
    for foreign in
        ["origin: https://example.com\r\n", "sec-fetch-site: cross-site\r\n", "origin: null\r\n"]
    {
        assert_eq!(delete(foreign), "403", "{foreign}");
    }
    assert!(server.registry.get("shpo").is_some());
    assert_eq!(delete("origin: http://localhost:8003\r\nsec-fetch-site: same-origin\r\n"), "200");
    assert_eq!(delete(""), "404");
}

#[test]
fn services_show_rejected_lines_and_the_server() {
    let rejections = Rejections::new();
    rejections.count_example(RejectionReason::UnknownEvent, b"sports-data.<b>\x1b[1m:1|c");
    let router = Router::new(fleet::catalogue(), "admin-api").unwrap().rejections(rejections);
    let (_, _, body) = answer(&router, "GET /api/v1/services", &[]);
    let document: Value = serde_json::from_str(&body).unwrap();
    let examples = document["rejected_examples"].as_object().unwrap();
    assert_eq!(examples.keys().collect::<Vec<_>>(), ["unknown_event"]);
    let [example] = examples["unknown_event"].as_array().unwrap().as_slice() else {
        panic!("{body}")
    };
    assert_eq!(example["text"], "sports-data.<b>\\x1b[1m:1|c");
    assert!(example["age_seconds"].as_f64().unwrap() >= 0.0);
    assert_eq!(document["server"]["status"], "ready");
    assert_eq!(document["server"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["server"]["connections"], json!(null), "no server of ours serves it");
}

#[test]
fn description_is_served_as_it_is() {
    let (status, headers, body) = answer(&router(), "GET /openapi.json", &[]);
    assert_eq!((status, &headers["content-type"]), (200, &"application/json".parse().unwrap()));
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["openapi"], "3.1.0");
}
