//! Nothing is counted or changed behind one's back.

use std::net::TcpListener;

use serde_json::Value;
use tickring::http::{Router, Server};
use tickring::{Registry, RegistryError, Service};
use tokio::runtime::Builder;

use crate::support::http::{get, read_to_end, run};
use crate::support::router::ask;

const FORGED: &str = r#"{"event":"order","count":1000000}"#;
const EVENTS: &str = "/api/v1/services/shop/events";

fn shop() -> Registry {
    let registry = Registry::new();
    registry.register(Service::builder("shop").event("order").build().unwrap()).unwrap();
    registry
}

fn orders(registry: &Registry) -> u64 {
    registry.get("shop").unwrap().meter("order").unwrap().total()
}

#[test]
fn one_order_and_six_scrapes_are_one_order() {
    let registry = shop();
    registry.get("shop").unwrap().meter("order").unwrap().record();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(Router::new(registry.clone(), "shop").unwrap());
    let server = server.listen(listener, "shop").unwrap();
    let _server = run(&mut Builder::new_current_thread(), server, address, registry.clone());
    for path in ["/metrics", "/metrics", "/api/v1/event-rate", "/health", "/sd", "/metrics"] {
        assert!(get(address, path).starts_with("HTTP/1.1 200"), "{path}");
    }
    assert!(get(address, "/api/v1/event-rate").contains("\"total_events\":1,"));
    assert_eq!(orders(&registry), 1);
}

#[test]
fn a_million_that_curl_forges_is_refused() {
    let registry = shop();
    let router = Router::new(registry.clone(), "shop").unwrap();
    let answer = ask(&router, "POST", EVENTS, FORGED);
    assert_eq!(answer.status(), 403);
    let document: Value = serde_json::from_slice(answer.body()).unwrap();
    let error = document["error"].as_str().unwrap();
    assert!(error.contains("only reads") && error.contains("accept_events"), "{error}");
    // Whether there is such a service is nobody's business.
    assert_eq!(ask(&router, "POST", "/api/v1/services/x/events", FORGED).status(), 403);
    assert_eq!(ask(&router, "GET", EVENTS, "").status(), 405);
    assert_eq!(orders(&registry), 0);
    assert_eq!(ask(&router.accept_events(), "POST", EVENTS, FORGED).status(), 202);
    assert_eq!(orders(&registry), 1_000_000);
}

#[test]
fn a_server_takes_no_events_unless_it_is_asked_to() {
    let registry = shop();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(Router::new(registry.clone(), "shop").unwrap());
    let server = server.listen(listener, "shop").unwrap();
    let server = run(&mut Builder::new_current_thread(), server, address, registry.clone());
    let mut stream = server.connect();
    let length = FORGED.len();
    let head = format!("POST {EVENTS} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n");
    std::io::Write::write_all(
        &mut stream,
        format!("{head}connection: close\r\n\r\n{FORGED}").as_bytes(),
    )
    .unwrap();
    assert!(read_to_end(&mut stream).starts_with("HTTP/1.1 403"));
    assert_eq!(orders(&registry), 0);
}

/// Whoever mounts the router doesn't have to think of it.
#[test]
fn a_page_writes_nothing_to_a_mounted_router() {
    let registry = shop();
    let router = Router::new(registry.clone(), "shop").unwrap().accept_events();
    let post = |origin: Option<&str>| {
        let mut request = hyper::Request::post(EVENTS).header("host", "shop.example");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        router.answer(&request.body(FORGED.into()).unwrap()).status()
    };
    for page in ["https://evil.example", "https://shop.example", "null"] {
        assert_eq!(post(Some(page)), 403, "{page}");
    }
    assert_eq!(orders(&registry), 0);
    assert_eq!(post(None), 202);
}

#[test]
fn a_router_for_no_registered_service_is_an_error() {
    let error = Router::new(Registry::new(), "shop").unwrap_err();
    assert_eq!(error.to_string(), "service \"shop\" is not registered, and no other service is");
    let error = Router::new(shop(), "shoop").unwrap_err();
    assert_eq!(error.to_string(), "service \"shoop\" is not registered: these are: shop");
    assert!(matches!(error, RegistryError::UnknownService { .. }));
    let many = Registry::new();
    for number in 0..22 {
        let service = Service::builder(format!("s{number}")).event("x").build().unwrap();
        many.register(service).unwrap();
    }
    let error = Router::new(many, "shop").unwrap_err().to_string();
    assert!(error.ends_with("s18, s19 and 2 more"), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::new(Router::new(shop(), "shop").unwrap());
    let error = server.listen(listener, "shoop").unwrap_err();
    assert!(error.to_string().contains("\"shoop\" is not registered"), "{error}");
}
