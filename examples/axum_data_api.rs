//! data-api on axum: counts its requests by route, method and status, and times them; a feed of server-sent
//! events is a stream among them.
//!
//!     cargo run -p tickring --features http,axum --example axum_data_api -- 127.0.0.1:8006
//!     curl http://127.0.0.1:8006/api/v1/items/1
//!     curl http://127.0.0.1:8006/api/v1/feed
//!     curl 'http://127.0.0.1:8006/api/v1/event-rate?labels=1'
//!     curl http://127.0.0.1:8006/metrics

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Sse, sse::Event};
use axum::routing::get;
use futures_util::stream::{self, Stream};
use tickring::tower::{MeterLayer, RoutePattern};
use tickring::{Registry, Service};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8006".into());

    // What is counted: each request, once, under its labels; and the bytes of the answers.
    let registry = Registry::new();
    let data_api = Service::builder("data-api").timed_event("request");
    let data_api = data_api.labels(["route", "method", "status", "kind"]).build()?;
    let data_api = registry.register(data_api)?;
    let traffic = registry.register(Service::builder("data-api-traffic").event("byte").build()?)?;
    let layer = MeterLayer::labelled(&data_api, "request", RoutePattern::axum())?
        .bytes_out(traffic.meter("byte")?);

    // Where it can be read: each path that the application doesn't have is the figures'. They are only
    // read; POST gets 403. `nest_service` would put them under a prefix.
    let (all, streams) = (layer.clone(), layer.clone());
    let figures = tickring::http::Router::new(registry, "data-api")?
        .gauge("data_api_requests_in_flight", "Requests that have not ended.", move || {
            Some(all.in_flight().into())
        })
        .gauge("data_api_streams_in_flight", "Those of them that are streams.", move || {
            Some(streams.streams_in_flight().into())
        });

    // On the routes that stand before it. The figures stand behind it, so a scrape is no request of data-api.
    let app = Router::new()
        .route("/api/v1/items/{id}", get(item))
        .route("/api/v1/feed", get(feed))
        .layer(layer)
        .fallback_service(figures);
    let listener = TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn item(Path(id): Path<u32>) -> Result<String, StatusCode> {
    if id == 0 { Err(StatusCode::NOT_FOUND) } else { Ok(format!("item {id}")) }
}

async fn feed() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(0, |number| async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Some((Ok(Event::default().data(format!("item {number}"))), number + 1))
    }))
}
