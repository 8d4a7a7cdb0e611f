//! Routes as events, up to a cap.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Empty;
use tickring::tower::{MeterLayer, RoutePattern, Routes};
use tickring::{Meter, Registry, Service};
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{counted, get};
use crate::support::meeting::Meeting;

/// What a router leaves in a request's extensions.
#[derive(Clone)]
struct Matched(String);

fn routes(registry: &Registry) -> Routes {
    Routes::new(registry, "route", |_, extensions| {
        extensions.get::<Matched>().map(|matched| matched.0.as_str().into())
    })
    .unwrap()
}

async fn visit(layer: &MeterLayer, method: Method, route: Option<&str>) {
    let mut request = get();
    *request.method_mut() = method;
    request.extensions_mut().extend(
        route
            .map(|route| {
                let mut extensions = http::Extensions::new();
                extensions.insert(Matched(route.into()));
                extensions
            })
            .unwrap_or_default(),
    );
    let service = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let Ok(_) = layer.layer(service).oneshot(request).await;
}

#[tokio::test]
async fn routes_are_events_up_to_a_cap() {
    let registry = Registry::new();
    let requests = Arc::new(Meter::new());
    let layer = MeterLayer::new(Arc::clone(&requests)).routes(routes(&registry).cap(3));
    let service = || registry.get("route").unwrap();
    // There from the start.
    let names: Vec<_> = service().events().iter().map(|e| e.name().to_owned()).collect();
    assert_eq!(names, ["unmatched", "overflow"]);

    for route in ["/items/{id}", "/items/id", "/items/{id}", "/overflow", "/fourth", "/fifth"] {
        visit(&layer, Method::GET, Some(route)).await;
    }
    visit(&layer, Method::GET, None).await;
    let service = service();
    let counted = counted(&service);
    assert_eq!(counted.len(), 5, "{counted:?}");
    assert_eq!(counted[..3], [("unmatched", 1), ("overflow", 2), ("items_id", 2)]);
    assert!(counted[3].0.starts_with("items_id-") && counted[3].1 == 1, "{counted:?}");
    assert!(counted[4].0.starts_with("overflow-") && counted[4].1 == 1, "{counted:?}");
    assert_eq!(requests.snapshot().total(), service.snapshot().unwrap().total());
}

#[tokio::test]
async fn a_route_may_have_its_method_with_it() {
    let registry = Registry::new();
    let routes = Routes::new(&registry, "route", |method, extensions| {
        let matched = extensions.get::<Matched>()?;
        Some(format!("{method} {}", matched.0).into())
    });
    let layer = MeterLayer::new(Arc::new(Meter::new())).routes(routes.unwrap());
    visit(&layer, Method::GET, Some("/items")).await;
    visit(&layer, Method::POST, Some("/items")).await;
    let service = registry.get("route").unwrap();
    assert_eq!(counted(&service), [("GET_items", 1), ("POST_items", 1)]);
}

/// A service that is described beforehand has its routes from the start, and keeps its counts.
#[tokio::test]
async fn a_registered_service_goes_on() {
    let registry = Registry::new();
    let service = Service::builder("route").port(9001).event("items").event("unmatched").build();
    let before = registry.register(service.unwrap()).unwrap();
    let layer = MeterLayer::new(Arc::new(Meter::new())).routes(routes(&registry));
    visit(&layer, Method::GET, Some("/items")).await;
    visit(&layer, Method::GET, Some("/more")).await;
    assert_eq!(before.meter("items").unwrap().snapshot().total(), 1);
    let after = registry.get("route").unwrap();
    assert_eq!(after.spec().port, Some(9001));
    assert_eq!(counted(&after), [("items", 1), ("more", 1)]);
}

#[test]
fn threads_that_meet_a_route_at_once_share_it() {
    const ROUTES: usize = 300;
    let registry = Registry::new();
    // As many as there are: whoever is late to admit one must not take a second place.
    let routes = routes(&registry).cap(ROUTES);
    let layer = MeterLayer::new(Arc::new(Meter::new())).routes(routes);
    let meeting = Meeting::of(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for number in 0..ROUTES {
                    let route = format!("/route/{number}");
                    meeting.wait();
                    runtime.block_on(visit(&layer, Method::GET, Some(&route)));
                }
            });
        }
    });
    let service = registry.get("route").unwrap();
    let counted = counted(&service);
    assert_eq!(counted.len(), ROUTES, "{counted:?}");
    assert!(counted.iter().all(|(_, total)| *total == 2), "{counted:?}");
}

#[tokio::test]
async fn pattern_is_an_extension_or_what_a_function_finds() {
    for (pattern, counts) in [
        (RoutePattern::by(|matched: &Matched| &matched.0), [("unmatched", 1), ("items", 1)]),
        (RoutePattern::find(|_, _| Some("all".into())), [("unmatched", 0), ("all", 2)]),
        (RoutePattern::none(), [("unmatched", 2), ("overflow", 0)]),
    ] {
        let registry = Registry::new();
        assert!(format!("{pattern:?}").starts_with("RoutePattern(from "), "{pattern:?}");
        let routes = Routes::by(&registry, "route", pattern).unwrap();
        let layer = MeterLayer::new(Arc::new(Meter::new())).routes(routes);
        visit(&layer, Method::GET, Some("/items")).await;
        visit(&layer, Method::GET, None).await;
        let service = registry.get("route").unwrap();
        let counted = counted(&service);
        for (name, total) in counts {
            let found = counted.iter().find(|(event, _)| *event == name).map_or(0, |found| found.1);
            assert_eq!(found, total, "{name} in {counted:?}");
        }
    }
}
