//! The server on a real socket, with clients that behave.

use std::io::Write;
use std::net::TcpListener;

use tickring::http::{Limits, RequestCounter, Router, Server};
use tickring::{Meter, Registry, Service, ServiceBuilder, Timer};
use tokio::runtime::Builder;

use crate::support::http::{read_to_end, run, start};

#[test]
fn the_first_request_is_answered_and_counted() {
    let server = start(Limits::default());
    let answer = server.get("/api/v1/event-rate");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"service\":\"admin-api\""), "{answer}");
    assert!(answer.contains("\"total_events\":1,"), "{answer}");
}

#[test]
fn listeners_have_services_requests_count_for_host() {
    let registry = crate::support::fleet::catalogue();
    let mut server = Server::new(Router::new(registry.clone(), "admin-api").unwrap())
        .count_requests(RequestCounter::first_event_of("admin-api"));
    let mut addresses = Vec::new();
    for name in ["admin-api", "data-api", "sports-data"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        addresses.push((name, listener.local_addr().unwrap()));
        server = server.listen(listener, name).unwrap();
    }
    let mut server =
        run(&mut Builder::new_current_thread(), server, addresses[0].1, registry.clone());
    for (name, address) in addresses {
        server.address = address;
        for path in ["/api/v1/event-rate", "/health"] {
            let answer = server.get(path);
            assert!(answer.contains(&format!("\"service\":\"{name}\"")), "{answer}");
        }
        let other = server.get("/api/v1/event-rate?service=data-api");
        assert!(other.contains("\"service\":\"data-api\""), "{other}");
    }
    let total = |name| registry.get(name).unwrap().snapshot().unwrap().total();
    assert_eq!((total("admin-api"), total("data-api"), total("sports-data")), (9, 0, 0));
}

/// A server for one service, `shop`, that counts requests with this, and three requests to it.
fn served(registry: &Registry, counter: Option<RequestCounter>) {
    served_after(registry, counter, || {});
}

/// The same, after something has happened to the server that runs.
fn served_after(registry: &Registry, counter: Option<RequestCounter>, happens: impl FnOnce()) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(Router::new(registry.clone(), "shop").unwrap());
    let server = match counter {
        Some(counter) => server.count_requests(counter),
        None => server,
    };
    let server = server.listen(listener, "shop").unwrap();
    let server = run(&mut Builder::new_current_thread(), server, address, registry.clone());
    happens();
    for _ in 0..3 {
        assert!(server.get("/metrics").starts_with("HTTP/1.1 200"));
    }
}

fn shop() -> Registry {
    let registry = Registry::new();
    let shop = Service::builder("shop").event("order").timed_event("request");
    registry.register(shop.build().unwrap()).unwrap();
    registry
}

fn total(registry: &Registry) -> u64 {
    registry.get("shop").unwrap().snapshot().unwrap().total()
}

#[test]
fn requests_count_where_the_server_is_asked_to() {
    static METER: Meter = Meter::new();
    static TIMER: Timer = Timer::new();
    let registry = shop();
    let shop = registry.get("shop").unwrap();
    served(&registry, Some((&METER).into()));
    served(&registry, Some((&TIMER).into()));
    assert_eq!((METER.snapshot().total(), total(&registry)), (3, 0));
    assert_eq!(TIMER.snapshot().since_start().count(), 3);
    served(&registry, Some(shop.meter("order").unwrap().into()));
    served(&registry, Some(shop.timer("request").unwrap().into()));
    assert_eq!(shop.meter("order").unwrap().snapshot().total(), 3);
    let request = shop.timer("request").unwrap().snapshot();
    assert_eq!((request.events().total(), request.since_start().count()), (3, 3));
}

#[test]
fn counting_follows_a_service_that_is_replaced() {
    let registry = shop();
    let counter = RequestCounter::first_event_of("shop");
    served(&registry, Some(counter.clone()));
    let shop = registry.get("shop").unwrap();
    assert_eq!(shop.meter("order").unwrap().snapshot().total(), 3);
    // The order becomes timed, and another event comes first.
    let spec = Service::builder("shop").timed_event("visit").timed_event("order").build().unwrap();
    let next = ServiceBuilder::from(spec.spec().clone()).continuing(&shop).build().unwrap();
    let shop = registry.replace(next);
    served(&registry, Some(counter.clone()));
    assert_eq!(shop.timer("visit").unwrap().snapshot().since_start().count(), 3);
    assert_eq!(shop.meter("order").unwrap().snapshot().total(), 3);
    // Without the service nothing is counted, and requests are answered.
    served_after(&registry, Some(counter), || drop(registry.remove("shop")));
    assert_eq!(shop.snapshot().unwrap().total(), 6);
}

#[test]
fn connection_carries_requests_in_turn_or_at_once() {
    let server = start(Limits::default());
    let request = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let post = "POST /api/v1/services/data-api/events HTTP/1.1\r\nhost: localhost\r\n\
                content-length: 19\r\n\r\n{\"event\":\"request\"}";
    let last = "GET /api/v1/event-rate?service=data-api HTTP/1.1\r\nhost: localhost\r\n\
                connection: close\r\n\r\n";
    let answers = server.exchange([request.repeat(100), post.repeat(20), last.into()].concat());
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 101);
    assert_eq!(answers.matches("HTTP/1.1 202 Accepted").count(), 20);
    assert!(answers.ends_with('}') && answers.contains("\"total_events\":20,"), "{answers}");
}

#[test]
fn client_that_stopped_sending_gets_its_answer() {
    let server = start(Limits::default());
    let mut stream = server.connect();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let answer = read_to_end(&mut stream);
    assert!(answer.ends_with("{\"status\":\"live\"}"), "{answer}");
}

#[test]
fn head_has_no_body_on_the_wire() {
    let server = start(Limits::default());
    let answer = server
        .exchange("HEAD /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .to_lowercase();
    assert!(answer.contains("content-length: 17\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_server_without_a_listener_does_not_start() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let router = Router::new(shop(), "shop").unwrap();
    let served = runtime.block_on(Server::new(router).serve(async {}));
    assert_eq!(served.unwrap_err().to_string(), "there is no listener");
}

#[test]
fn idle_server_ends_at_once_and_says_goodbye() {
    let mut server = start(Limits::default());
    let mut idle = server.connect();
    idle.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut first = [0; 12];
    std::io::Read::read_exact(&mut idle, &mut first).unwrap();
    let begun = std::time::Instant::now();
    server.ended().unwrap();
    assert!(begun.elapsed() < Limits::default().drain / 2, "{:?}", begun.elapsed());
    assert!(read_to_end(&mut idle).ends_with('}'));
}

#[test]
fn servers_of_one_router_end_one_by_one() {
    let registry = shop();
    let router = Router::new(registry.clone(), "shop").unwrap();
    let start = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(router.clone()).listen(listener, "shop").unwrap();
        run(&mut Builder::new_current_thread(), server, address, registry.clone())
    };
    let (mut first, second) = (start(), start());
    assert!(first.get("/health/ready").starts_with("HTTP/1.1 200"));
    first.ended().unwrap();
    assert!(second.get("/health/ready").starts_with("HTTP/1.1 200"));
    let metrics = second.get("/metrics");
    assert!(metrics.contains("\ntickring_http_accepted_total 2\n"), "{metrics}");
}

#[test]
fn discovery_and_metrics_show_each_series_once() {
    let registry = crate::support::fleet::catalogue();
    let mut server = Server::new(Router::new(registry.clone(), "admin-api").unwrap());
    let mut first = None;
    for name in ["admin-api", "data-api", "sports-data"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        first.get_or_insert(listener.local_addr().unwrap());
        server = server.listen(listener, name).unwrap();
    }
    let mut server = run(&mut Builder::new_current_thread(), server, first.unwrap(), registry);
    let body = |answer: String| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    let told = body(server.get("/sd"));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let targets = told.as_array().unwrap();
    assert_eq!(targets.len(), 3);
    let mut series = std::collections::HashSet::new();
    let mut events = 0;
    for target in targets {
        server.address = target["targets"][0].as_str().unwrap().parse().unwrap();
        let own_ports = target["labels"]["__param_own_ports"].as_str();
        let query = own_ports.map(|value| format!("?own_ports={value}")).unwrap_or_default();
        for line in body(server.get(&format!("/metrics{query}"))).lines() {
            let Some((key, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else {
                continue;
            };
            assert!(series.insert(key.to_owned()), "{key} is scraped twice");
            events += usize::from(key.starts_with("tickring_events_total"));
        }
    }
    let expected: usize = tickring::catalogue().iter().map(|spec| spec.events.len()).sum();
    assert_eq!(events, expected);
    assert!(series.contains("tickring_http_accepted_total"));
}
